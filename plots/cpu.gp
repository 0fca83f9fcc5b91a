# SPDX-License-Identifier: BSD-2-Clause
# CPU seconds by thread class, stacked, of every path in both arms; the single runs' totals as
# dots, their median with its 95 % interval. A panel per scenario of both workloads at once; where
# no plan asked for those, per direction of the stream alone.
load "plots/common.gp"

classes = "cpu_vcpu cpu_qemu cpu_vhost cpu_memnetd cpu_helper cpu_peer"
class_name(c) = c eq "cpu_vcpu" ? (words(bounds) ? "vCPU, or without a VM the work" : "vCPU") : \
	c eq "cpu_qemu" ? "QEMU, other threads" : \
	c eq "cpu_vhost" ? "vhost" : c eq "cpu_memnetd" ? "memnetd" : \
	c eq "cpu_helper" ? "passt" : "peer"
class_colour(c) = c eq "cpu_vcpu" ? sky : c eq "cpu_qemu" ? orange : c eq "cpu_vhost" ? yellow : \
	c eq "cpu_memnetd" ? green : c eq "cpu_helper" ? blue : purple

# The stacks of a panel: all paths of an arm, then those of the other.
stacks = words(paths) > 1 ? paths : place(paths, "memnet") ? baseline." memnet" : paths." memnet"
n_stacks = words(stacks)
x_of(arm, path) = place(arms, arm) && place(stacks, path) ? place(stacks, path) + \
	(arm eq word(arms, 1) ? 0 : n_stacks + 0.5) : NaN
beside(block) = 0.33 + 0.05 * (block - 3 * floor(block / 3.0) - 1)

# A part that has room for its name has it: nobody has to go by colours.
short_name(c) = c eq "vcpu" ? "vCPU" : c eq "qemu" ? "QEMU" : c eq "helper" ? "passt" : c
name_within(unused) = column("top") - column("bottom") > 19 * highest / row_height ? \
	short_name(strcol("class")) : ""

# An empty cell is NaN, which is higher than nothing.
higher(a, b) = b > a ? b : a

# Of both workloads one direction, the same in both panels: send, or what there is.
hybrids = "hybrid-paced hybrid-fixed"
direction = ""; directions = ""
if (rows_of(summary) > 0) {
	stats summary using (is_drawn(0) && is_kind(0) ? (d_ = strcol("direction"), \
		direction = direction eq "" || d_ eq "send" ? d_ : direction, \
		place(directions, d_) ? 0 : (directions = directions." ".d_)) : 0, 1) nooutput
}
panels = any_hybrid ? hybrids : words(directions) ? directions : "none"
scenario_of(panel) = any_hybrid ? panel : "network"
direction_of(panel) = any_hybrid ? direction : panel
about(panel) = panel eq "hybrid-paced" ? "hybrid-paced: equal byte rates; " : \
	panel eq "hybrid-fixed" ? "hybrid-fixed: the same work; " : "network: as fast as each goes; "

is_panel(panel) = is_drawn(0) && strcol("scenario") eq scenario_of(panel) && \
	strcol("direction") eq direction_of(panel)
is_stack(panel, a, p) = is_panel(panel) && strcol("arm") eq a && strcol("path") eq p && \
	column("n") > 0
is_total(panel) = is_panel(panel) && strcol("metric") eq "cpu_total"
is_run(panel) = is_panel(panel) && is_valid(0)
x_here(unused) = x_of(strcol("arm"), strcol("path"))

# Many stacks want the whole width.
wide = n_stacks > 3
n_rows = wide ? words(panels) : 1
row_height = wide ? 300.0 : 421.0
height = 259 + n_rows * row_height + (n_rows - 1) * 110
eval begin(height)
set multiplot layout n_rows,words(panels) / n_rows \
	margins 0.07,0.98,150.0 / height,1 - 109.0 / height spacing 0.07,110.0 / height
set label 1 "CPU seconds by thread class".drawn_text at screen 0.5,(1 - 24.0 / height) center \
	font ",15"
set label 2 caption at screen 0.5,(1 - 58.0 / height) center font caption_font \
	textcolor rgb 0x444444
set style fill solid 0.75 border rgb 0xFFFFFF
set xrange [0.4:2 * n_stacks + 1.2]
set ylabel "CPU seconds of the window"
unset key
seen = ""	# classes that have a part in any stack
do for [panel in panels] {
	set yrange [*:*]	# stats heeds the range of the panel before
	# The stacks: a box per class, read by name as the CSV files are.
	set print $boxes
	print "x,bottom,top,colour,class"
	highest = 0; any_part = 0; any_interval = 0; n_label = 10
	do for [a in arms] {
		do for [p in stacks] {
			bottom = 0
			do for [c in classes] {
				v = 0
				if (rows_of(summary) > 0) {
					stats summary using (is_stack(panel, a, p) && strcol("metric") eq c ? \
						v = column("median") : 0, 1) nooutput
				}
				if (v > 0) {
					seen = place(seen, c) ? seen : seen." ".c
					print sprintf("%g,%g,%g,%d,%s", x_of(a, p), bottom, bottom + v, \
						class_colour(c), place(bounds, p) && c eq "cpu_vcpu" ? \
						"work" : c[5:*])
				}
				bottom = bottom + v
				any_part = any_part || v > 0
			}
			n_label = n_label + 1
			unset label 0 + n_label
			if (bottom == 0) {
				set label 0 + n_label "absent" at x_of(a, p),graph 0.03 \
					center textcolor rgb grey
			}
			highest = max2(highest, bottom)
		}
	}
	unset print
	if (rows_of(summary) > 0) {
		stats summary using (any_interval = any_interval || (is_total(panel) && \
			strcol("ci_low") ne ""), 1) nooutput
		stats summary using (is_total(panel) ? \
			(highest = higher(highest, column("ci_high"))) : 0, 1) nooutput
	}
	if (rows_of(runs) > 0) {
		stats runs using (is_run(panel) ? \
			(highest = higher(highest, column("cpu_total_s"))) : 0, 1) nooutput
	}

	set title about(panel).direction_text(direction_of(panel)) font ",11"
	set yrange [0:(highest > 0 ? highest * 1.08 : 1)]
	eval "set xtics ('' 0) scale 0 font ',".(wide ? "9" : "10")."'"
	do for [p in stacks] {
		do for [a in arms] { set xtics add (on_two_lines(p) x_of(a, p)) }
	}
	do for [a in arms] {
		set label 4 + place(arms, a) a at x_of(a, word(stacks, 1)) + (n_stacks - 1) / 2.0, \
			graph -46.0 / row_height center
	}
	draw = "plot NaN"
	total = "(is_total(panel) ? x_here(0) : NaN):(column('median'))"
	if (any_part) {
		draw = draw.", $boxes using (column('x')):((column('bottom') + column('top')) / 2):". \
			"(column('x') - 0.27):(column('x') + 0.27):(column('bottom')):(column('top')):". \
			"(column('colour')) with boxxyerror linecolor rgb variable". \
			", $boxes using (column('x')):((column('bottom') + column('top')) / 2):". \
			"(name_within(0)) with labels center font ',8'"
	}
	if (highest > 0) {
		draw = draw.", runs using (is_run(panel) ? x_here(0) + beside(column('block')) : NaN):". \
			"(column('cpu_total_s')) with points pointtype 7 pointsize 0.45 linecolor rgb grey"
	}
	if (any_interval) {
		draw = draw.", summary using ".total.":(column('ci_low')):(column('ci_high'))". \
			" with yerrorbars pointtype -1 linewidth 1.8 linecolor rgb black"
	}
	if (highest > 0) {
		draw = draw.", summary using ".total. \
			" with points pointtype 5 pointsize 0.6 linecolor rgb black"
	}
	eval draw
	unset label 1; unset label 2; unset ylabel
}

# The key, across both panels.
unset label; unset title; unset tics; unset border; unset grid
set lmargin at screen 0.02; set rmargin at screen 0.98
set bmargin at screen 14.0 / height; set tmargin at screen 82.0 / height
set key center center horizontal maxcols 4 samplen 1.5 width 2 font ",10"
set yrange [0:1]
in_order = ""
do for [c in classes] { in_order = in_order.(place(seen, c) ? " ".c : "") }
plot for [c in in_order] NaN with boxes linecolor rgb class_colour(c) title class_name(c), \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one run, all classes", \
	NaN with points pointtype 5 pointsize 0.6 linecolor rgb black \
		title "median and 95 % interval of the total"
unset multiplot
