# SPDX-License-Identifier: BSD-2-Clause
# Power over time of one typical run (median energy) per arm and path, with the run's phases.
# A measured source is a solid line; a model is a dashed line with its hatched band.
load "plots/common.gp"

roles = "baseline memnet"
phase_colour(p) = p eq "boot" ? 0xEEEEEE : p eq "settle" ? 0xF2F2F2 : p eq "warmup" ? 0xFFF3D6 : \
	p eq "window" ? 0xDDF0FA : 0xE6E6F2
seen = ""	# phases that have a background wide enough to be seen
shade(p, left, right) = p eq "" ? "" : (right - left > 0.002 * (last - first) && \
	!place(seen, p) ? (seen = seen." ".p) : seen, \
	sprintf("%g,%g,%d\n", left, right, phase_colour(p)))
from = NaN
role_colour(r) = r eq "baseline" ? vermillion : blue
is_panel(a, r) = here(0) && strcol("arm") eq a && strcol("role") eq r

scenario = ""; direction = ""; is_model = 0; first = 1e9; last = -1e9; highest = 0; any_band = 0
if (rows_of(power) > 0) {
	stats power using (!here(0) ? 0 : (scenario = strcol("scenario"), \
		direction = strcol("direction"), is_model = strcol("source") eq "model", \
		first = min2(first, column("t_s")), last = max2(last, column("t_s")), \
		highest = max2(highest, column("power_w")), \
		strcol("power_high_w") eq "" ? 0 : (any_band = 1, highest = max2(highest, \
		column("power_high_w")))), 1) nooutput
}
last = last > first ? last : 1
first = first < last ? first : 0
highest = highest > 0 ? highest * 1.1 : 1

line_style = is_model ? "dashtype (5,4)" : "dashtype 1"

set multiplot layout 2,2 margins 0.07,0.98,0.19,0.83 spacing 0.05,0.11
set label 1 "Power over time".(scenario eq "" ? "" : ", ".scenario.(direction eq "send" ? \
	", the guest sends" : direction eq "recv" ? ", the guest receives" : ""). \
	": the run of median energy of each") at screen 0.5,0.965 center font ",15"
set label 2 caption at screen 0.5,0.915 center font caption_font textcolor rgb 0x444444
set xrange [first:last]
set yrange [0:highest]
unset key
do for [a in arms] {
	do for [r in roles] {
		set title a.", ".(r eq "baseline" ? baseline : r) font ",11" offset 0,-0.4
		set ylabel (r eq "baseline" ? "W, all domains" : "")
		set xlabel (a eq word(arms, 2) ? "seconds since the begin of the window" : "")
		# A sample is the mean since the one before it: from there (left) to its own time
		# (right). Neighbouring samples of one phase share one background.
		steps = ""; shades = ""; left = NaN; n_steps = 0; phase = ""
		if (rows_of(power) > 0) {
			stats power using (is_panel(a, r) && strcol("power_w") ne "" ? \
				(right = column("t_s"), \
				left = left == left ? left : right, phase_here = strcol("phase"), \
				phase_here eq phase ? 0 : (shades = shades.shade(phase, from, \
				left), from = left, phase = phase_here), \
				steps = steps.sprintf("%g,%g,%s,%s,%s\n", left, right, \
				strcol("power_low_w"), \
					strcol("power_high_w"), strcol("power_w")), \
				left = right, n_steps = n_steps + 1) : 0, 1) nooutput
			shades = shades.shade(phase, from, left)
		}
		unset label 3
		if (n_steps < 2) {
			set label 3 "absent" at graph 0.5,0.5 center textcolor rgb grey
			plot NaN
		} else {
			set print $steps
			print "left,right,low,high,watts"
			print steps
			set print $shades
			print "left,right,colour"
			print shades
			unset print
			draw = "plot $shades ". \
				"using (column('right')):(0):(column('left')):(column('right')):(0):". \
				"(highest):(column('colour')) ".\
				"with boxxyerror fillstyle solid noborder linecolor rgb variable"
			if (any_band) {
				draw = draw. \
					", $steps using (column('right')):(column('watts')):(column('left')):(column('right')):".\
					"(column('low')):(column('high')) with boxxyerror fillstyle transparent pattern 4 noborder ". \
					"linecolor rgb role_colour(r)"
			}
			draw = draw. \
				", $steps using (column('right')):(column('watts')) with fsteps linewidth 1.8 @line_style ".\
				"linecolor rgb role_colour(r)"
			if (is_model) { set label 3 "MODEL" at graph 0.985,0.9 right front \
				font ",12" textcolor rgb role_colour(r) }
			eval draw
		}
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset xlabel; unset ylabel
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 0.09
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
shown = ""
do for [p in "boot settle warmup window drain"] { shown = shown.(place(seen, p) ? " ".p : "") }
plot for [p in shown] NaN with boxes fillstyle solid border rgb grey \
	linecolor rgb phase_colour(p) title "phase: ".p, \
	NaN with lines linewidth 1.8 @line_style linecolor rgb black \
		title is_model ? "mean power since the sample before, MODEL" : \
		"mean power since the sample before", \
	NaN with boxes fillstyle transparent pattern 4 border rgb grey linecolor rgb black \
	title any_band ? "the model's band" : ""
unset multiplot
