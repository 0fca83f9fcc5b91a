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

# Figures take columns by name; a folder of an older schema lacks some.
needs_columns() {	# FILE MEND
	[ -f "$dir/$1" ] || return 0
	for column in flows spin chunk_bytes; do
		head -n 1 "$dir/$1" | tr , '\n' | grep -qx "\"*$column\"*" && continue
		echo "plot.sh: $dir/$1 has no column $column: an older version made it; $2" >&2
		exit 1
	done
}
needs_columns runs.csv \
	"only that version draws its figures: git checkout the commit in its column git"
needs_columns summary.csv "make it anew: memnet-lab report $1"

# The topologies, each once; the column is the third, and no field before it has a comma in it.
topologies=$(awk -F, 'NR > 1 { gsub("\"", "", $3); if ($3 != "" && !seen[$3]++) print $3 }' \
	"$dir/summary.csv")
first=$(echo "${topologies:-one-vm}" | head -n 1)

# Is there a valid run behind a value of metric $2 in scenario $1, topology $3? $4 is "spin": with
# a spin budget.
measured() {
	awk -F, -v scenario="^($1)\$" -v metric="^($2)\$" -v topology="$3" -v which="$4" '
		{ line = ""; n = split($0, part, "\"")	# a verdict may have a comma within its quotes
		  for (i = 1; i <= n; i++) { if (i % 2 == 0) gsub(",", ";", part[i]); line = line part[i] }
		  $0 = line }
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == "spin") at = i }
		NR > 1 { if ($3 == topology && $1 ~ scenario && $5 ~ metric && $9 > 0 &&
			(which != "spin" || $at != "")) { found = 1; exit } }
		END { exit !found }' "$dir/summary.csv"
}

drawn=
draw() {	# FIGURE TOPOLOGY
	name=$1$([ "$2" = "$first" ] || echo "-$2")
	for format in svg png; do
		out=$dir/figures/$name.$format
		gnuplot -e "dir='$dir'; out='$out.new'; format='$format'; topology='$2'" \
			"plots/$1.gp" </dev/null
		mv "$out.new" "$out"
	done
	drawn="$drawn $name"
}

# Figure, scenarios and metrics without which there is none: what only some plans measure has a
# figure only there; its absence would say nothing.
table='
gains		network|hybrid-[spf].*	cpu_total
tradeoff	hybrid-(saturate|paced)	compute_rate
interference	hybrid-.*		self_interference_.*|interaction_energy
cpu		network|hybrid-(paced|fixed)	cpu_total
cost		network|network-paced	cpu_per_gb
insns		network|network-paced	guest_insns_per_byte
latency		.*			latency_p50
quantiles	.*			latency_p50
power		hybrid-[spf].*		cpu_total
spin		rr|network-paced	latency_p99|cpu_per_.*	spin
drift		.*			compute_rate|network_rate|latency_p50|app_score|app_cost
'
figures=
while read -r figure scenario metric which; do
	[ "$figure" ] || continue
	figures="$figures $figure"
	for topology in ${topologies:-$first}; do
		! measured "$scenario" "$metric" "$topology" "$which" || draw "$figure" "$topology"
	done
done <<TABLE
$table
TABLE

# What was drawn before, by an older version or of other rows, and not now: of the names that
# figures have, with a topology or without. Any other file is somebody's own.
for file in "$dir"/figures/*.svg "$dir"/figures/*.png; do
	name=$(basename "${file%.*}")
	figure=${name%-*-vm}
	figure=${figure%-*-vm-[0-9]}
	case " $drawn " in *" $name "*) continue ;; esac
	case " $figures " in *" $figure "*) rm -f "$file" ;; esac
done
