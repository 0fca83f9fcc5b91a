# SPDX-License-Identifier: BSD-2-Clause
# Compute rate against network rate, both workloads at once: every run, the median of each path
# with its 95 % interval on both axes. A row of panels per scenario and direction. hybrid-fixed is
# not here: there both rates are one duration restated.
load "plots/common.gp"

about(s) = s eq "hybrid-saturate" ? "both as fast as they go" : "a stream of fixed rate"
giga_bits(bytes) = 8 * bytes / 1e9
what(unused) = strcol("scenario").":".strcol("direction")
is_rate(w, a, p, m) = is_drawn(0) && what(0) eq w && strcol("arm") eq a && strcol("path") eq p && \
	strcol("metric") eq m && column("n") > 0
is_run(w, a, p) = is_drawn(0) && is_valid(0) && what(0) eq w && strcol("arm") eq a && \
	strcol("path") eq p

rows = ""
if (rows_of(summary) > 0) {
	do for [s in "hybrid-saturate hybrid-paced"] {
		stats summary using (is_drawn(0) && strcol("scenario") eq s && \
			strcol("metric") eq "network_rate" && column("n") > 0 && \
			!place(rows, what(0)) ? rows = rows." ".what(0) : 0, 1) nooutput
	}
}
n_rows = max2(words(rows), 1)
key_height = max2(60, 18 * ceil(2 * words(paths) / 3.0))	# two marks of each path
height = 180 + key_height + 300 * n_rows
eval begin(height)

set multiplot layout n_rows,2 margins 0.075,0.985,(70.0 + key_height) / height,1 - 105.0 / height \
	spacing 0.075,105.0 / height
set label 1 "Compute against network".drawn_text at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
set grid x y linecolor rgb 0xDDDDDD linetype 1 linewidth 0.6
set xlabel "network, Gb/s"
set format y "%.0f"
unset key
do for [w in (words(rows) ? rows : "none")] {
	s = w[1:strstrt(w, ":") - 1]; d = w[strstrt(w, ":") + 1:*]
	do for [a in arms] {
		set ylabel (a eq word(arms, 1) ? "compute, operations per second" : "")
		set title words(rows) ? a.": ".s.(d eq "" ? "" : ", ".direction_text(d)). \
			"; ".about(s) : "" font ",10" offset 0,-0.4
		set xrange [*:*]; set yrange [*:*]	# stats heeds the ranges of the panel before
		draw = "plot NaN"; right = 0; top = 0
		do for [p in paths] {
			x = NaN; y = NaN; x_low = NaN; y_low = NaN; n_runs = 0
			stats summary using (is_rate(w, a, p, "network_rate") ? \
				(x = column("median"), x_low = column("ci_low"), \
				x_high = column("ci_high")) : is_rate(w, a, p, "compute_rate") ? \
				(y = column("median"), \
				y_low = column("ci_low"), y_high = column("ci_high")) : \
				0, 1) nooutput
			stats runs using (is_run(w, a, p) ? (n_runs = n_runs + 1, \
				right = max2(right, column("stream_bytes_per_s")), \
				top = max2(top, column("compute_ops_per_s"))) : 0, 1) nooutput
			style = sprintf(" linecolor rgb %d pointtype %d", path_colour(p), \
				path_point(p))
			if (n_runs) {
				draw = draw.sprintf(", runs using (is_run('%s', '%s', ". \
					"'%s') ? giga_bits(column('stream_bytes_per_s')) : ". \
					"NaN):", w, a, p). \
					"(column('compute_ops_per_s')) with points pointsize 0.8 ". \
					"linewidth 0.8".style[1:strstrt(style, " pointtype") - 1]. \
					sprintf(" pointtype %d", path_point(p) - 1)
			}
			if (x_low == x_low && y_low == y_low) {
				draw = draw.sprintf( \
					", '+' using (%.9g):(%.9g):(%.9g):(%.9g):(%.9g):(%.9g) every ::0::0 with xyerrorbars ". \
					"linewidth 1.4 pointsize 0", \
					giga_bits(x), y, giga_bits(x_low), giga_bits(x_high), \
					y_low, y_high).style
				right = max2(right, x_high); top = max2(top, y_high)
			}
			if (x == x && y == y) {
				draw = draw.sprintf( \
					", '+' using (%.9g):(%.9g) every ::0::0 with points pointsize 1.5", giga_bits(x), y).style
			}
		}
		set xrange [0:(right > 0 ? giga_bits(right) * 1.1 : 1)]
		set yrange [0:(top > 0 ? top * 1.12 : 1)]
		unset label 3
		set xtics nomirror textcolor rgb black; set ytics nomirror textcolor rgb black
		if (right == 0) { unset xtics; unset ytics; set label 3 "absent" at graph 0.5,0.5 \
			center textcolor rgb grey }
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset ylabel; unset xlabel
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 1.0 * key_height / height
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot NaN notitle, for [p in paths] NaN with points pointtype path_point(p) pointsize 1.5 \
	linecolor rgb path_colour(p) title p.": median, 95 % interval", \
	for [p in paths] NaN with points pointtype path_point(p) - 1 pointsize 0.8 linewidth 0.8 \
	linecolor rgb path_colour(p) title p.": one run"
unset multiplot
