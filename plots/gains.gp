# SPDX-License-Identifier: BSD-2-Clause
# The gains: every block as a dot, the median with its 95 % interval, the paper's marks.
# One panel per direction of the stream that was measured.
load "plots/common.gp"

metrics = "network_gain compute_gain cpu_efficiency_gain energy_efficiency_gain"
paper(m) = m eq "network_gain" ? 1.70 : m eq "compute_gain" ? 1.27 : m eq "energy_efficiency_gain" ? 1.32 : NaN

x_here(arm) = place(metrics, strcol("metric")) + (arm eq "spare-core" ? -0.17 : 0.23)
model_point(arm, model) = arm_point(arm) - model
is_arm(d, arm) = is_drawn(0) && strcol("path") eq "memnet" && strcol("arm") eq arm && strcol("direction") eq d && \
	place(metrics, strcol("metric")) > 0
is_model(yes) = (strcol("quality") eq "estimated") == yes
value_text(v, verdict) = sprintf("%.2f", v).(verdict eq "not comparable" ? " (n.c.)" : "")

# What there is: directions, per direction and metric; and the range of all.
directions = ""; seen = ""
highest = 2; lowest = 0.9; energy_is_model = 0; any_unequal = 0
if (rows_of(gains) > 0) {
	stats gains using (!is_drawn(0) ? 0 : (d = strcol("direction"), what = d.":".strcol("metric"), \
		place(directions, d) ? 0 : (directions = directions." ".d), \
		strcol("path") eq "memnet" && !place(seen, what) ? seen = seen." ".what : 0, \
		energy_is_model = energy_is_model || strcol("quality") eq "estimated", \
		highest = max2(highest, column("gain")), lowest = min2(lowest, column("gain"))), 1) nooutput
	stats summary using (any_unequal = any_unequal || strcol("verdict") eq "not comparable", 1) nooutput
}
directions = directions eq "" ? "none" : directions
panels = words(directions)
if (panels > 1) { eval begin(980) }

set multiplot layout panels,1 margins 0.065,0.975,0.19,0.87 spacing 0,0.11
set label 1 "memnet against ".baseline.hybrid_text.": how many times better" at screen 0.5,0.965 center font ",15"
set label 2 caption at screen 0.5,0.92 center font caption_font textcolor rgb 0x444444
unset key
set logscale y
set ylabel "gain (logarithmic)"
set yrange [lowest / 1.15:highest * 1.25]
set ytics ("0.1" 0.1, "0.2" 0.2, "0.3" 0.3, "0.5" 0.5, "0.7" 0.7, "1" 1, "1.5" 1.5, "2" 2, "3" 3, "4" 4, \
	"6" 6, "8" 8, "12" 12, "16" 16, "24" 24, "50" 50, "100" 100)
set xrange [0.5:4.5]
set xtics ("network\n(both unpaced)" 1, "compute\n(equal byte rates)" 2, \
	"CPU time\n(same work)" 3, "energy".(energy_is_model ? ", MODEL" : "")."\n(same work)" 4) scale 0
set arrow 1 from 0.5,1 to 4.5,1 nohead linecolor rgb grey dashtype 2
do for [k = 1:4] {
	if (paper(word(metrics, k)) == paper(word(metrics, k))) {
		set arrow 20 + k from k - 0.42,paper(word(metrics, k)) to k + 0.42,paper(word(metrics, k)) \
			nohead linecolor rgb black linewidth 1.6 dashtype 4
		set label 30 + k sprintf("paper %+.0f %% (%.2f)", 100 * (paper(word(metrics, k)) - 1), paper(word(metrics, k))) \
			at k - 0.42,paper(word(metrics, k)) left font ",9" offset 0,-0.6
	}
}

do for [d in directions] {
	set title direction_text(d) font ",11" offset 0,-0.5
	do for [k = 1:4] {
		unset label 10 + k
		if (!place(seen, d.":".word(metrics, k))) { set label 10 + k "absent" at k,1 center offset 0,-0.6 textcolor rgb grey }
	}
	# Gnuplot warns of a plot without points, so only what is there becomes part of the command.
	draw = "plot NaN"
	do for [a in arms] {
		colour = sprintf(" linecolor rgb %d", arm_colour(a))
		do for [model = 0:1] {
			n_points = 0; n_intervals = 0
			if (rows_of(summary) > 0) {
				stats summary using (is_arm(d, a) && is_model(model) && column("n") > 0 ? (n_points = n_points + 1, \
					n_intervals = n_intervals + (strcol("ci_low") ne "")) : 0, 1) nooutput
			}
			x = sprintf("(is_arm('%s', '%s') && is_model(%d) ? x_here('%s')", d, a, model, a)
			y = " : NaN):(column('median'))"
			if (n_intervals) {
				draw = draw.", summary using ".x.y.":(column('ci_low')):(column('ci_high'))". \
					" with yerrorbars pointtype -1 linewidth 1.6 dashtype ".(model ? "2" : "1").colour
			}
			if (n_points) {
				draw = draw.", gains using ".x." - 0.09 + jitter(column('block')) : NaN):(column('gain'))". \
					" with points pointtype 7 pointsize 0.45".colour. \
					", summary using ".x.y." with points pointsize 1.5 linewidth 1.6".colour. \
					sprintf(" pointtype %d", model_point(a, model)). \
					", summary using ".x.y.":(value_text(column('median'), strcol('verdict')))". \
					sprintf(" with labels left offset 1.1,0 font ',9' textcolor rgb %d", arm_colour(a))
			}
		}
	}
	eval draw
	unset label 1; unset label 2
}

# The key, below all panels.
unset label; unset arrow; unset title; unset tics; unset border; unset grid; unset ylabel; unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01; set tmargin at screen 0.1
set key center center horizontal maxcols 3 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot for [a in arms] NaN with points pointtype arm_point(a) pointsize 1.5 linecolor rgb arm_colour(a) title a.": median, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one block", \
	NaN with points pointtype 4 pointsize 1.5 linecolor rgb grey title energy_is_model ? "hollow, dashed: MODEL" : "", \
	NaN with lines linecolor rgb black linewidth 1.6 dashtype 4 title "paper (KVM, 2016)", \
	NaN with lines linecolor rgb grey dashtype 2 title "no difference", \
	NaN with dots linecolor rgb 0xFFFFFF title any_unequal ? "n.c.: not comparable, what had to be equal was not" : ""
unset multiplot
