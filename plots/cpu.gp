# SPDX-License-Identifier: BSD-2-Clause
# CPU seconds by thread class, stacked, of baseline and memnet in both arms; the single
# runs' totals as dots, their median with its 95 % interval.
load "plots/common.gp"

scenarios = "hybrid-paced hybrid-fixed"
about(s) = s eq "hybrid-paced" ? "hybrid-paced: equal byte rates" : "hybrid-fixed: the same work"
classes = "cpu_vcpu cpu_qemu cpu_vhost cpu_memnetd cpu_helper cpu_peer"
class_name(c) = c eq "cpu_vcpu" ? "vCPU" : c eq "cpu_qemu" ? "QEMU, other threads" : c eq "cpu_vhost" ? "vhost" : \
	c eq "cpu_memnetd" ? "memnetd" : c eq "cpu_helper" ? "passt" : "peer"
class_colour(c) = c eq "cpu_vcpu" ? sky : c eq "cpu_qemu" ? orange : c eq "cpu_vhost" ? yellow : c eq "cpu_memnetd" ? green : c eq "cpu_helper" ? blue : purple
path_of(k) = k % 2 ? baseline : "memnet"
arm_of(k) = k <= 2 ? "spare-core" : "equal-core"
x_of(k) = k + (k > 2 ? 0.5 : 0)
x_named(arm, path) = arm eq "spare-core" ? (path eq baseline ? 1 : path eq "memnet" ? 2 : NaN) : \
	(path eq baseline ? 3.5 : path eq "memnet" ? 4.5 : NaN)
beside(block) = 0.33 + 0.05 * (block - 3 * floor(block / 3.0) - 1)

# A part that has room for its name has it: nobody has to go by colours.
name_within(unused) = column("top") - column("bottom") > 0.045 * highest ? (strcol("class") eq "vcpu" ? "vCPU" : \
	strcol("class") eq "qemu" ? "QEMU" : strcol("class")) : ""

# An empty cell is NaN, which is higher than nothing.
higher(a, b) = b > a ? b : a

# One direction, the same in both panels: send, or what there is.
direction = ""
if (rows_of(summary) > 0) {
	stats summary using (d_ = strcol("direction"), \
		here(0) && strcol("scenario")[1:6] eq "hybrid" && (direction eq "" || d_ eq "send") ? direction = d_ : 0, 1) nooutput
}

is_direction(d) = direction eq "" || d eq direction
is_class(s, k, c) = strcol("scenario") eq s && strcol("arm") eq arm_of(k) && strcol("path") eq path_of(k) && \
	strcol("metric") eq c && is_drawn(0) && is_direction(strcol("direction")) && column("n") > 0
is_total(s) = is_drawn(0) && strcol("scenario") eq s && strcol("metric") eq "cpu_total" && is_direction(strcol("direction"))
is_run(s) = is_drawn(0) && strcol("scenario") eq s && strcol("kind") eq "measure" && strcol("status") eq "ok" && \
	is_direction(strcol("direction"))

set multiplot layout 1,2 margins 0.07,0.98,0.22,0.84 spacing 0.07
set label 1 "CPU seconds by thread class".hybrid_text at screen 0.5,0.965 center font ",15"
set label 2 caption at screen 0.5,0.915 center font caption_font textcolor rgb 0x444444
set style fill solid 0.75 border rgb 0xFFFFFF
set xrange [0.4:5.2]
set xtics scale 0
set ylabel "CPU seconds of the window"
unset key
do for [s in scenarios] {
	set yrange [*:*]	# stats heeds the range of the panel before
	# The stacks: a box per class, read by name as the CSV files are.
	set print $boxes
	print "x,bottom,top,colour,class"
	highest = 0; any_interval = 0
	do for [k = 1:4] {
		bottom = 0
		do for [c in classes] {
			v = 0
			if (rows_of(summary) > 0) {
				stats summary using (is_class(s, k, c) ? v = column("median") : 0, 1) nooutput
			}
			if (v > 0) { print sprintf("%g,%g,%g,%d,%s", x_of(k), bottom, bottom + v, class_colour(c), c[5:*]) }
			bottom = bottom + v
		}
		unset label 10 + k
		if (bottom == 0) { set label 10 + k "absent" at x_of(k),graph 0.03 center textcolor rgb grey }
		highest = max2(highest, bottom)
	}
	unset print
	if (rows_of(summary) > 0) {
		stats summary using (any_interval = any_interval || (is_total(s) && strcol("ci_low") ne ""), 1) nooutput
		stats summary using (is_total(s) ? (highest = higher(highest, column("ci_high"))) : 0, 1) nooutput
	}
	if (rows_of(runs) > 0) {
		stats runs using (is_run(s) ? (highest = higher(highest, column("cpu_total_s"))) : 0, 1) nooutput
	}

	set title about(s).(direction eq "send" ? "; the guest sends" : direction eq "recv" ? "; the guest receives" : "") font ",11"
	set yrange [0:(highest > 0 ? highest * 1.08 : 1)]
	set xtics (baseline 1, "memnet" 2, baseline 3.5, "memnet" 4.5) font ",10"
	set label 5 "spare-core" at 1.5,graph -0.11 center
	set label 6 "equal-core" at 4,graph -0.11 center
	draw = "plot NaN"
	total = "(is_total(s) ? x_named(strcol('arm'), strcol('path')) : NaN):(column('median'))"
	if (highest > 0) {
		draw = draw.", $boxes using (column('x')):((column('bottom') + column('top')) / 2):(column('x') - 0.27):(column('x') + 0.27):". \
			"(column('bottom')):(column('top')):(column('colour')) with boxxyerror linecolor rgb variable". \
			", $boxes using (column('x')):((column('bottom') + column('top')) / 2):(name_within(0)) with labels center font ',8'". \
			", runs using (is_run(s) ? x_named(strcol('arm'), strcol('path')) + beside(column('block')) : NaN):(column('cpu_total_s'))". \
			" with points pointtype 7 pointsize 0.45 linecolor rgb grey"
	}
	if (any_interval) {
		draw = draw.", summary using ".total.":(column('ci_low')):(column('ci_high'))". \
			" with yerrorbars pointtype -1 linewidth 1.8 linecolor rgb black"
	}
	if (highest > 0) { draw = draw.", summary using ".total." with points pointtype 5 pointsize 0.6 linecolor rgb black" }
	eval draw
	unset label 1; unset label 2; unset ylabel
}

# The key, across both panels.
unset label; unset title; unset tics; unset border; unset grid
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.02; set tmargin at screen 0.12
set key center center horizontal maxcols 4 samplen 1.5 width 2 font ",10"
set yrange [0:1]
plot for [c in classes] NaN with boxes linecolor rgb class_colour(c) title class_name(c), \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one run, all classes", \
	NaN with points pointtype 5 pointsize 0.6 linecolor rgb black title "median and 95 % interval of the total"
unset multiplot
