# SPDX-License-Identifier: BSD-2-Clause
# The gains of each path over the baseline: every block as a dot, the median with its 95 %
# interval, the paper's marks. A panel per path and direction of the stream. Where no plan asked
# for both workloads at once there are no gains: then it is rates, costs and latencies of streams
# and requests alone.
load "plots/common.gp"

of_both = "network_gain compute_gain cpu_efficiency_gain energy_efficiency_gain"
of_streams = "network_rate cpu_per_gb energy_per_gb"
of_requests = "latency_p50 latency_p99"
slots(d) = any_hybrid ? of_both : d eq "none" ? of_requests : of_streams
slot_name(m) = m eq "network_gain" ? "network\n(both unpaced)" : \
	m eq "compute_gain" ? "compute\n(equal byte rates)" : \
	m eq "cpu_efficiency_gain" ? "CPU time\n(same work)" : \
	m eq "energy_efficiency_gain" ? "energy".(energy_is_model ? ", MODEL" : "")."\n(same work)" : \
	m eq "network_rate" ? "network\n(alone)" : m eq "cpu_per_gb" ? "CPU time\n(per GB)" : \
	m eq "energy_per_gb" ? "energy".(energy_is_model ? ", MODEL" : "")."\n(per GB)" : \
	m eq "latency_p50" ? "latency\n(median)" : "latency\n(99th percentile)"
paper(m) = m eq "network_gain" ? 1.70 : m eq "compute_gain" ? 1.27 : \
	m eq "energy_efficiency_gain" ? 1.32 : NaN
is_less_better(m) = m eq "cpu_per_gb" || m eq "energy_per_gb" || place(of_requests, m)
gain_of(m, ratio) = is_less_better(m) ? 1.0 / ratio : ratio

# Rows of what has a place in the panel of path p, direction d.
is_measured(unused) = is_drawn(0) && (any_hybrid || strcol("scenario") eq "network" || \
	strcol("scenario") eq "rr")
is_panel(p, d) = is_measured(0) && strcol("path") eq p && strcol("direction") eq d
is_mark(p, d) = is_panel(p, d) && place(slots(d), strcol("metric")) && strcol("ratio") ne ""
x_of(d, m, arm) = place(slots(d), m) + (arm eq "spare-core" ? -0.17 : 0.23)

# What a run has of a metric. Blocks of streams and requests alone are in runs.csv only: keyed by
# all that a block's run of the baseline has in common with that of the path.
run_value(m) = m eq "network_rate" ? column("stream_bytes_per_s") : \
	m eq "cpu_per_gb" ? column("cpu_total_s") / column("stream_bytes") : \
	m eq "energy_per_gb" ? column("energy_j") / column("stream_bytes") : \
	m eq "latency_p50" ? column("latency_p50_ns") : column("latency_p99_ns")
key_of(m) = strcol("block")."|".strcol("arm")."|".strcol("direction")."|".m

# What there is: paths, directions, and the range of all.
subjects = ""; directions = ""
highest = 2; lowest = 0.9; energy_is_model = 0; any_unequal = 0
widen(gain) = (highest = max2(highest, gain), lowest = min2(lowest, gain))
if (rows_of(summary) > 0) {
	stats summary using (is_measured(0) && strcol("path") ne baseline && \
		place(slots(strcol("direction")), strcol("metric")) && strcol("ratio") ne "" ? ( \
		place(directions, strcol("direction")) ? 0 : \
			(directions = directions." ".strcol("direction")), \
		energy_is_model = energy_is_model || strcol("quality") eq "estimated", \
		any_unequal = any_unequal || strcol("verdict") eq "not comparable", \
		widen(gain_of(strcol("metric"), column("ratio")))) : 0, 1) nooutput
}
do for [p in paths] { if (p ne baseline && !place(bounds, p)) { subjects = subjects." ".p } }
subjects = words(subjects) ? subjects : "memnet"
directions = words(directions) ? directions : "none"

# The dots of all panels.
set print $dots
print "path,direction,arm,x,gain"
dot(p, d, arm, m, gain) = (widen(gain), \
	sprintf("%s,%s,%s,%g,%.9g\n", p, d, arm, \
		x_of(d, m, arm) - 0.09 + jitter(column("block")), gain))
dots = ""
if (any_hybrid && rows_of(gains) > 0) {
	stats gains using (is_measured(0) && place(of_both, strcol("metric")) ? (dots = dots. \
		dot(strcol("path"), strcol("direction"), strcol("arm"), strcol("metric"), \
		column("gain"))) : 0, 1) nooutput
}
if (!any_hybrid && rows_of(runs) > 0) {
	do for [m in of_streams." ".of_requests] {
		bases = ""
		is_of(m) = is_measured(0) && is_valid(0) && !is_bound(0) && \
			place(slots(strcol("direction")), m)
		stats runs using (is_of(m) && strcol("path") eq baseline ? \
			(bases = bases.entry(key_of(m), run_value(m))) : 0, 1) nooutput
		stats runs using (is_of(m) && strcol("path") ne baseline ? ( \
			g_ = gain_of(m, run_value(m) / value_of(bases, key_of(m))), \
			g_ > 0 ? (dots = dots.dot(strcol("path"), strcol("direction"), \
			strcol("arm"), m, g_)) : 0) : 0, 1) nooutput
	}
}
print dots
unset print

one = words(subjects) == 1
n_columns = one ? 1 : words(directions)
n_rows = one ? words(directions) : words(subjects)
row_height = n_rows == 1 ? 460.0 : n_rows == 2 ? 280.0 : 200.0
height = 250 + n_rows * row_height + (n_rows - 1) * 100
eval begin(height)
set multiplot layout n_rows,n_columns margins 0.065,0.975,150.0 / height,1 - 100.0 / height \
	spacing 0.04,100.0 / height
set label 1 (one ? word(subjects, 1) : "Each path")." against ".baseline.drawn_text. \
	": how many times better" at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
set logscale y
set yrange [lowest / 1.15:highest * (one ? 1.25 : 2.5)]
set ytics ("0.01" 0.01, "0.02" 0.02, "0.05" 0.05, "0.1" 0.1, "0.2" 0.2, "0.5" 0.5, "1" 1, \
	"2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128) font ",10"
if (highest / lowest < 30) {
	set ytics add ("0.3" 0.3, "0.7" 0.7, "1.5" 1.5, "3" 3, "6" 6, "12" 12)
}

# A value is beside its mark, or above its interval where panels are narrow. Beside it, no line
# goes through it: neither the paper's nor that of no difference.
near = 9 / row_height * log(highest * 1.25 / (lowest / 1.15))
off_line(gain, line) = abs(log(gain / line)) >= near ? gain : \
	line * exp(gain < line ? -near : near)
value_y(gain, line) = off_line(line == line ? off_line(gain, line) : gain, 1)
value_text(gain, unequal) = one ? sprintf("%.2f", gain).(unequal > 0 ? " (n.c.)" : "") : \
	(unequal > 0 ? "n.c.\n" : "\n").sprintf("%.2f", gain)
value_place = one ? "left offset 1.1,0" : "center offset 0,1.8"
do for [p in subjects] {
	do for [d in directions] {
		list = slots(d)
		set xrange [0.5:words(list) + 0.5]
		set ylabel (d eq word(directions, 1) || one ? "gain (log.)" : "")
		what = d eq "none" ? (any_hybrid ? "" : "requests") : direction_text(d)
		set title (one ? "" : p.(what eq "" ? "" : ": ")).what font ",11" offset 0,-0.5
		eval "set xtics scale 0 font ',".(one ? "11" : "9")."'"
		set xtics ("" 0)
		set arrow 1 from 0.5,1 to words(list) + 0.5,1 nohead linecolor rgb grey dashtype 2
		do for [k = 1:4] { unset label 10 + k; unset arrow 20 + k }
		do for [k = 1:words(list)] {
			m = word(list, k); n_here = 0
			has_paper = p eq "memnet" && paper(m) == paper(m)
			set xtics add (slot_name(m).(one && has_paper ? sprintf( \
				"\npaper %+.0f %%%% (%.2f)", 100 * (paper(m) - 1), paper(m)) : "") k)
			if (rows_of(summary) > 0) {
				stats summary using (is_mark(p, d) && strcol("metric") eq m ? \
					(n_here = n_here + 1) : 0, 1) nooutput
			}
			if (!n_here) {
				set label 10 + k "absent" at k,1 center offset 0,-0.6 textcolor rgb grey
			}
			if (has_paper) {
				set arrow 20 + k from k - 0.42,paper(m) to k + 0.42,paper(m) \
					nohead linecolor rgb black linewidth 1.6 dashtype 4
			}
		}
		# Gnuplot warns of a plot without points, so only what is there becomes part of
		# the command.
		draw = "plot NaN"
		do for [a in arms] {
			do for [model = 0:1] {
				marks = ""; n_intervals = 0
				if (rows_of(summary) > 0) {
					stats summary using (is_mark(p, d) && strcol("arm") eq a && \
						(strcol("quality") eq "estimated") == model ? ( \
						m = strcol("metric"), e_ = gain_of(m, column("ratio_ci_low")), \
						f_ = gain_of(m, column("ratio_ci_high")), \
						g_ = gain_of(m, column("ratio")), has_ = e_ == e_, \
						n_intervals = n_intervals + has_, \
						marks = marks.sprintf("%g,%.9g,%.9g,%.9g,%.9g,%d\n", \
						x_of(d, m, a), g_, \
						value_y(g_, p eq "memnet" ? paper(m) : NaN), \
						has_ ? min2(e_, f_) : g_, has_ ? max2(e_, f_) : g_, \
						strcol("verdict") eq "not comparable")) : 0, 1) nooutput
				}
				if (marks eq "") { continue }
				block = sprintf("$marks_%s_%d", a[1:5], model)
				eval "set print ".block
				print "x,gain,value,low,high,unequal"
				print marks
				unset print
				colour = sprintf(" linecolor rgb %d", arm_colour(a))
				if (n_intervals) {
					draw = draw.", ".block." using (column('x')):(column('gain')):". \
						"(column('low')):(column('high')) with yerrorbars pointtype -1". \
						" linewidth 1.6 dashtype ".(model ? "2" : "1").colour
				}
				draw = draw.", ".block." using (column('x')):(column('gain'))". \
					" with points pointsize 1.5 linewidth 1.6".colour. \
					sprintf(" pointtype %d", arm_point(a) - model). \
					", ".block." using (column('x')):". \
					"(column(one ? 'value' : 'high')):". \
					"(value_text(column('gain'), column('unequal')))". \
					" with labels ".value_place." font ',9'". \
					sprintf(" textcolor rgb %d", arm_colour(a))
			}
			n_dots = 0
			is_dot(p, d, a) = strcol("path") eq p && strcol("direction") eq d && strcol("arm") eq a
			if (strlen(dots)) {
				stats $dots using (is_dot(p, d, a) ? (n_dots = n_dots + 1) : 0, 1) nooutput
			}
			if (n_dots) {
				draw = draw.sprintf(", $dots using (is_dot('%s', '%s', '%s') ? ", p, d, a). \
					"column('x') : NaN):(column('gain')) with points pointtype 7". \
					sprintf(" pointsize 0.45 linecolor rgb %d", arm_colour(a))
			}
		}
		eval draw
		unset label 1; unset label 2
	}
}

# The key, below all panels.
unset label; unset arrow; unset title; unset tics; unset border; unset grid; unset ylabel
unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98
set bmargin at screen 5.0 / height; set tmargin at screen 70.0 / height
set key center center horizontal maxcols 3 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot for [a in arms] NaN with points pointtype arm_point(a) pointsize 1.5 \
		linecolor rgb arm_colour(a) title a.": median, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one block", \
	NaN with points pointtype 4 pointsize 1.5 linecolor rgb grey \
		title energy_is_model ? "hollow, dashed: MODEL" : "", \
	NaN with lines linecolor rgb black linewidth 1.6 dashtype 4 \
		title any_hybrid && place(subjects, "memnet") ? "paper (KVM, 2016)" : "", \
	NaN with lines linecolor rgb grey dashtype 2 title "no difference", \
	NaN with dots linecolor rgb 0xFFFFFF \
		title any_unequal ? "n.c.: not comparable, what had to be equal was not" : ""
unset multiplot
