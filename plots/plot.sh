#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Draw all figures of a results folder, from its CSV files alone.
#   plots/plot.sh RESULTS_DIR        makes RESULTS_DIR/figures/*.svg and *.png
set -eu

if [ $# -ne 1 ] || [ ! -f "$1/summary.csv" ]; then
	echo "usage: plots/plot.sh RESULTS_DIR (a folder with summary.csv, as make experiment leaves)" >&2
	exit 2
fi
command -v gnuplot >/dev/null || {
	echo "plot.sh: gnuplot is missing; install it: apt-get install gnuplot-nox fonts-dejavu-core" >&2
	exit 1
}

dir=$(realpath "$1")
case $dir in *\'*|*\\*)
	echo "plot.sh: gnuplot cannot take a quote or backslash in a path: $dir; move the folder" >&2
	exit 1
esac
cd "$(dirname "$0")/.."
mkdir -p "$dir/figures"
trap 'rm -f "$dir"/figures/*.new' EXIT
export LC_ALL=C.UTF-8
for figure in gains power cpu; do
	for format in svg png; do
		out=$dir/figures/$figure.$format
		gnuplot -e "dir='$dir'; out='$out.new'; format='$format'" "plots/$figure.gp"
		mv "$out.new" "$out"
	done
done
