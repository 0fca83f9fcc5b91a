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
# Does a row of summary.csv have a value in column $1? No field before it has a comma in it.
has() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 && at && $at != "" { found = 1; exit } END { exit !found }' "$dir/summary.csv"
}


# Figures take columns by name; a folder of an older schema lacks some.
needs_columns() {	# FILE MEND
	[ -f "$dir/$1" ] || return 0
	for column in flows spin; do
		head -n 1 "$dir/$1" | tr , '\n' | grep -qx "\"*$column\"*" && continue
		echo "plot.sh: $dir/$1 has no column $column: an older version made it; $2" >&2
		exit 1
	done
}
needs_columns runs.csv "only that version draws its figures: git checkout the commit in its column git"
needs_columns summary.csv "make it anew: memnet-lab report $1"

# What only some plans measure has a figure only there; its absence would say nothing.
figures="gains power cpu"
! grep -q '"latency_p50"' "$dir/summary.csv" || figures="$figures latency"
! has spin || figures="$figures spin"
for figure in $figures; do
	for format in svg png; do
		out=$dir/figures/$figure.$format
		gnuplot -e "dir='$dir'; out='$out.new'; format='$format'" "plots/$figure.gp"
		mv "$out.new" "$out"
	done
done
