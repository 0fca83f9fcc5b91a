# SPDX-License-Identifier: BSD-2-Clause
# Values over the order of runs, each over the median of its own configuration: drift is a slope,
# an outlier stands off. An invalid run is hollow; one without a value is a cross at the bottom.
# A panel per kind of value.
load "plots/common.gp"

values = "compute_rate network_rate latency_p50 app_score app_cost"
column_of(v) = v eq "compute_rate" ? "compute_ops_per_s" : v eq "network_rate" ? \
	"stream_bytes_per_s" : v eq "latency_p50" ? "latency_p50_ns" : "app_value"
value_title(v) = v eq "compute_rate" ? "compute rate" : v eq "network_rate" ? "network rate" : \
	v eq "latency_p50" ? "median latency" : v eq "app_score" ? \
	"apps' metrics, higher is better" : "apps' metrics, lower is better"

# The medians that runs are held against; text without blanks.
configuration(value) = strcol("path")."|".strcol("scenario")."|".strcol("direction"). \
	"|".strcol("flows")."|".strcol("spin")."|".strcol("arm")."|".value
medians = ""; kinds = ""
if (rows_of(summary) > 0) {
	stats summary using (here(0) && place(values, strcol("metric")) && column("n") > 0 && \
		column("median") > 0 ? ( \
		medians = medians.entry(configuration(strcol("metric")), column("median")), \
		place(kinds, strcol("metric")) ? 0 : (kinds = kinds." ".strcol("metric"))) : \
		0, 1) nooutput
}
ordered = ""
do for [v in values] { if (place(kinds, v)) { ordered = ordered." ".v } }
is_run(path, ok) = here(0) && strcol("kind") eq "measure" && strcol("path") eq path && \
	(strcol("status") eq "ok") == ok && \
	strcol("status") ne "skipped"
deviation(v) = column(column_of(v)) / value_of(medians, configuration(v))

# The ends of all axes.
begins = 1e9; ends = -1e9
if (rows_of(runs) > 0) {
	stats runs using (here(0) && strcol("kind") eq "measure" && \
		strcol("status") ne "skipped" ? ( \
		begins = min2(begins, column("order")), ends = max2(ends, column("order"))) : \
		0, 1) nooutput
}
ends = ends >= begins ? ends : 1
begins = begins <= ends ? begins : 0

n_rows = max2(words(ordered), 1)
any_hollow = 0
height = 200 + 230 * n_rows
eval begin(height)
set multiplot layout n_rows,1 margins 0.075,0.985,120.0 / height,1 - 95.0 / height \
	spacing 0,62.0 / height
set label 1 "Values over the order of runs" at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
fine_ticks = '("0.5" 0.5, "0.6" 0.6, "0.7" 0.7, "0.8" 0.8, "0.9" 0.9, "1" 1, "1.1" 1.1, '. \
	'"1.25" 1.25, "1.5" 1.5, "2" 2)'
coarse_ticks = '("0.01" 0.01, "0.02" 0.02, "0.05" 0.05, "0.1" 0.1, "0.2" 0.2, "0.5" 0.5, "1" 1, '. \
	'"2" 2, "5" 5, "10" 10, "20" 20, "50" 50, "100" 100)'
do for [v in (words(ordered) ? ordered : "none")] {
	unset logscale; set xrange [*:*]; set yrange [*:*]	# stats heeds the ranges
	lowest = 0.9; highest = 1.1; n_all = 0
	draw = "plot NaN"
	do for [p in paths] {
		do for [ok = 0:1] {
			n_here = 0
			stats runs using (is_run(p, ok) ? (d_ = deviation(v), \
				d_ > 0 ? (n_here = n_here + 1, \
				lowest = min2(lowest, d_), highest = max2(highest, d_)) : 0) : \
				0, 1) nooutput
			if (n_here) {
				draw = draw.sprintf(", runs using (is_run('%s', ". \
					"%d) ? column('order') : ". \
					"NaN):(deviation('%s')) with points", p, ok, v). \
					sprintf(" pointsize %g linewidth 1.2 pointtype %d linecolor rgb %d", ok ? 0.7 : 1.1, \
					path_point(p) - !ok, path_colour(p))
			}
			n_all = n_all + n_here
			any_hollow = any_hollow || (n_here && !ok)
		}
	}
	lost = 0
	if (words(paths) > 0) {
		stats runs using (here(0) && strcol("kind") eq "measure" && \
			strcol("status") eq "failed" ? lost = lost + 1 : 0, 1) nooutput
	}
	set logscale y
	span = highest / lowest
	eval "set ytics font ',9' ".(span > 2.5 ? coarse_ticks : fine_ticks)
	bottom = lowest / span ** 0.1
	set yrange [lowest / span ** (lost ? 0.16 : 0.08):highest * span ** 0.08]
	if (lost) {
		draw = draw. \
			", runs using (here(0) && strcol('kind') eq 'measure' && strcol('status') eq 'failed' ? ". \
			"column('order') : NaN):(bottom)". \
			" with points pointtype 2 pointsize 0.8 linecolor rgb black"
	}
	set xrange [begins - 1:ends + 1]
	set title value_title(v) font ",11" offset 0,-0.5
	set ylabel "over the median"
	set xlabel (v eq word(ordered, words(ordered)) ? "order of the run" : "")
	set arrow 1 from (begins - 1),1 to (ends + 1),1 nohead linecolor rgb grey dashtype 2
	unset label 3
	if (n_all == 0) {
		set label 3 "absent" at graph 0.5,0.5 center textcolor rgb grey
		set title ""
	}
	eval draw
	unset label 1; unset label 2
}

# The key, across all panels.
unset label; unset arrow; unset title; unset tics; unset border; unset grid; unset ylabel
unset xlabel; unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 55.0 / height
set key center center horizontal maxcols 5 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot NaN notitle, for [p in paths] NaN with points pointtype path_point(p) pointsize 0.9 \
	linecolor rgb path_colour(p) title p, \
	NaN with points pointtype 4 pointsize 1.1 linecolor rgb grey title any_hollow ? \
	"hollow: invalid, in no median" : "", \
	NaN with points pointtype 2 pointsize 0.8 linecolor rgb black title lost ? \
	"cross: failed" : "", \
	NaN with lines linecolor rgb grey dashtype 2 title "median of its configuration"
unset multiplot
