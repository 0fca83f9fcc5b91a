# SPDX-License-Identifier: BSD-2-Clause
# Latency of requests by path: the median and the 99th percentile of every run as a dot,
# their median over the runs with its 95 % interval. One row of panels per scenario.
load "plots/common.gp"

metrics = "latency_p50 latency_p99"
metric_title(m) = m eq "latency_p50" ? "median of a run's requests" : \
	"99th percentile of a run's requests"
about(s) = s eq "hybrid-rr" ? "hybrid-rr: beside compute" : s eq "conn" ? \
	"conn: each over a connection of its own" : "rr: nothing beside them"
time_text(ns) = ns < 1e5 ? sprintf("%.1f us", ns / 1e3) : ns < 1e7 ? sprintf("%.0f us", \
	ns / 1e3) : sprintf("%.1f ms", ns / 1e6)

# A way is a path with its spin budget. The baseline comes first.
way_here(unused) = strcol("path")."|".strcol("spin")
way_text(w) = (n_ = strstrt(w, "|"), w[1:n_ - 1].(n_ < strlen(w) ? "\n".spin_text(w[n_ + 1:*]) : \
	""))
is_metric(s, m) = here(0) && strcol("scenario") eq s && strcol("metric") eq m && column("n") > 0
ways = ""; scenarios = ""; lowest = 1e18; highest = 0
if (rows_of(summary) > 0) {
	do for [pass = 1:2] {
		stats summary using (any_ = here(0) && strcol("metric") eq "latency_p50" && \
			column("n") > 0, \
			any_ && (strcol("path") eq baseline) == (pass == 1) && \
			!place(ways, way_here(0)) ? ways = ways." ".way_here(0) : 0, \
			any_ && !place(scenarios, strcol("scenario")) ? scenarios = scenarios. \
			" ".strcol("scenario") : 0, 1) nooutput
	}
}
if (words(ways) > 0) {
	stats runs using (fits_ = is_valid(0) && strcol("latency_p50_ns") ne "", \
		fits_ ? (lowest = min2(lowest, column("latency_p50_ns")), highest = max2(highest, \
		column("latency_p99_ns"))) : 0, 1) nooutput
}
n_ways = max2(words(ways), 1)
panels = max2(words(scenarios), 1)
room = room_under(n_ways)
height = (panels > 1 ? 1080 : 680) + panels * room
eval begin(height)

set multiplot layout panels,2 margins 0.095,0.985,(130.0 + room) / height,1 - 120.0 / height \
	spacing 0.06,(140.0 + room) / height
set label 1 "Latency of requests, each waiting for its response" \
	at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
set logscale y
set xrange [0.5:n_ways + 0.5]
set xtics scale 0 font ",10"
eval "set ytics ".time_ticks
set xtics ("" 1)
do for [k = 1:words(ways)] { set xtics add (under(n_ways, way_text(word(ways, k))) k) }
if (many(n_ways)) { set xtics rotate by 45 right }
if (words(scenarios) == 0) {
	set label 3 "absent" at graph 0.5,0.5 center textcolor rgb grey
	plot NaN
}
do for [s in scenarios] {
	do for [m in metrics] {
		set title about(s)."; ".metric_title(m) font ",11" offset 0,-0.4
		set ylabel (m eq "latency_p50" ? "latency (logarithmic)" : "")
		draw = "plot NaN"
		do for [a in arms] {
			n_points = 0; n_intervals = 0
			set yrange [*:*]	# stats heeds the range
			stats summary using (is_metric(s, m) && strcol("arm") eq a ? \
				(n_points = n_points + 1, \
				n_intervals = n_intervals + (strcol("ci_low") ne "")) : \
				0, 1) nooutput
			colour = sprintf(" linecolor rgb %d", arm_colour(a))
			x = sprintf("(is_metric('%s', '%s') && strcol('arm') eq '%s' ? place(ways, way_here(0)) + ". \
				"arm_shift('%s')", s, m, a, a)
			y = " : NaN):(column('median'))"
			run = sprintf("(is_valid(0) && strcol('scenario') eq '%s' && ", s). \
				sprintf("strcol('arm') eq '%s' && strcol('%s_ns') ne '' ? ", a, \
				m). \
				sprintf("place(ways, way_here(0)) + arm_shift('%s') - 0.09 + jitter(column('block')) : ". \
				"NaN):(column('%s_ns'))", a, m)
			if (n_intervals) {
				draw = draw.", summary using ".x.y. \
					":(column('ci_low')):(column('ci_high'))". \
					" with yerrorbars pointtype -1 linewidth 1.6".colour
			}
			if (n_points) {
				draw = draw.", runs using ".run. \
					" with points pointtype 7 pointsize 0.45".colour. \
					", summary using ". \
					x.y.sprintf(" with points pointsize 1.4 pointtype %d", \
					arm_point(a)).colour
			}
			if (n_points && n_ways <= 4) {	# else there is no room
				draw = draw.", summary using ".x.y. \
					":(time_text(column('median'))) with labels left offset 1.1,0". \
					sprintf(" font ',9' textcolor rgb %d", arm_colour(a))
			}
		}
		set yrange [lowest / 1.5:highest * 2]
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset ylabel; unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 52.0 / height
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot for [a in arms] NaN with points pointtype arm_point(a) pointsize 1.4 \
	linecolor rgb arm_colour(a) title a.": median over the runs, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one run"
unset multiplot
