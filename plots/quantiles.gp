# SPDX-License-Identifier: BSD-2-Clause
# How latency is distributed, as far as percentiles tell: the share of requests slower than a
# latency, the median over the runs with its 95 % interval. Between two percentiles nothing is
# known; the lines only lead the eye. A row of panels per scenario.
load "plots/common.gp"

quantiles = "latency_p50 latency_p90 latency_p99 latency_p99_9 latency_max"
about(s) = s eq "hybrid-rr" ? "hybrid-rr: beside compute" : s eq "conn" ? \
	"conn: each over a connection of its own" : "rr: nothing beside them"

# A way is a path with its spin budget. The baseline comes first.
way(unused) = strcol("path")."|".strcol("spin")
way_text(w) = (n_ = strstrt(w, "|"), w[1:n_ - 1].(n_ < strlen(w) ? " ".w[n_ + 1:*] : ""))
ways = ""; scenarios = ""; lowest = 1e18; highest = 0; most = 1000
is_latency(unused) = here(0) && place(quantiles, strcol("metric")) && column("n") > 0
if (rows_of(summary) > 0) {
	do for [p in paths] {
		stats summary using (is_latency(0) && strcol("path") eq p ? ( \
			place(ways, way(0)) ? 0 : (ways = ways." ".way(0)), \
			place(scenarios, strcol("scenario")) ? 0 : (scenarios = scenarios. \
			" ".strcol("scenario")), \
			lowest = min2(lowest, strcol("ci_low") eq "" ? column("median") : \
			column("ci_low")), \
			highest = max2(highest, strcol("ci_low") eq "" ? column("median") : \
			column("ci_high"))) : 0, 1) nooutput
	}
}
is_way(s, a, w) = here(0) && strcol("scenario") eq s && strcol("arm") eq a && way(0) eq w
n_rows = max2(words(scenarios), 1)
height = 260 + 350 * n_rows
eval begin(height)

# Ways stand a little apart, or intervals would hide each other.
apart(k) = 1.8 ** ((k - (words(ways) + 1) / 2.0) / max2(words(ways), 5))

# The longest of n requests stands for the slowest one in n.
slower(m, count) = m eq "latency_p50" ? 0.5 : m eq "latency_p90" ? 0.1 : m eq "latency_p99" ? \
	0.01 : m eq "latency_p99_9" ? 0.001 : 1.0 / count
if (words(ways) > 0) {
	stats runs using (is_valid(0) && strcol("latency_count") ne "" ? most = max2(most, \
		column("latency_count")) : 0, 1) nooutput
}

set multiplot layout n_rows,2 margins 0.11,0.955,170.0 / height,1 - 105.0 / height \
	spacing 0.06,110.0 / height
set label 1 "Distribution of latency, from percentiles; hollow: the longest of a run, one in n" \
	at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
set grid x y linecolor rgb 0xDDDDDD linetype 1 linewidth 0.6
set logscale xy
eval "set xtics font ',9' rotate by -35 ".time_ticks
slow_ticks = '("50 %% (p50)" 0.5, "10 %% (p90)" 0.1, "1 %% (p99)" 0.01, "0.1 %% (p99.9)" 0.001, '. \
	'"1 in 10^4" 1e-4, "1 in 10^5" 1e-5, "1 in 10^6" 1e-6)'
same_ticks = '("" 0.5, "" 0.1, "" 0.01, "" 0.001, "" 1e-4, "" 1e-5, "" 1e-6)'
set xlabel "latency (logarithmic)" offset 0,-0.6
do for [s in (words(scenarios) ? scenarios : "none")] {
	do for [a in arms] {
		set title words(scenarios) ? a.": ".about(s) : "" font ",11" offset 0,-0.4
		eval "set ytics font ',9' ".(a eq word(arms, 1) ? slow_ticks : same_ticks)
		set ylabel (a eq word(arms, 1) ? "slower than this (log.)" : "")
		draw = "plot NaN"; n_all = 0
		do for [k = 1:words(ways)] {
			w = word(ways, k); count = 0; n_runs = 0; steps = ""; bars = ""; ends = ""
			unset logscale; set xrange [*:*]
			set yrange [*:*]	# stats heeds the ranges
			stats runs using (is_way(s, a, w) && is_valid(0) && \
				strcol("latency_count") ne "" ? (n_runs = n_runs + 1, \
				count = count + column("latency_count")) : 0, 1) nooutput
			count = n_runs ? max2(count / n_runs, 2) : 1000
			do for [m in quantiles] {
				# Of fewer than 1000 requests that percentile is the longest.
				stats summary using (is_way(s, a, w) && (m ne "latency_p99_9" || \
					count >= 1000) && strcol("metric") eq m && \
					column("n") > 0 ? ( \
					dot = sprintf("%.9g,%.9g\n", column("median"), \
					slower(m, count) * apart(k)), \
					m eq "latency_max" ? ends = ends.dot : \
					(steps = steps.dot), n_all = n_all + 1, \
					strcol("ci_low") eq "" ? 0 : \
					(bars = bars.sprintf("%.9g,%.9g,%.9g,%.9g\n", \
					column("median"), slower(m, count) * apart(k), \
						column("ci_low"), column("ci_high")))) : \
						0, 1) nooutput
			}
			style = sprintf(" linecolor rgb %d", nth_colour(k))
			name = sprintf("$way%d_%d_%d", place(scenarios, s), place(arms, a), k)
			if (strlen(steps)) {
				eval "set print ".name."s"
				print "x,y\n".steps
				draw = draw.", ".name. \
					"s using (column('x')):(column('y')) with linespoints pointsize 1.1 linewidth 1.2". \
					sprintf(" dashtype %d pointtype %d", 1 + (k - 1) % 4, \
					nth_point(k)).style
			}
			if (strlen(bars)) {
				eval "set print ".name."b"
				print "x,y,low,high\n".bars
				draw = draw.", ".name. \
					"b using (column('x')):(column('y')):(column('low')):(column('high')) with xerrorbars ". \
					"pointtype -1 linewidth 1.2".style
			}
			if (strlen(ends)) {
				eval "set print ".name."e"
				print "x,y\n".ends
				draw = draw.", ".name. \
					"e using (column('x')):(column('y')) with points pointsize 1.1".sprintf(" pointtype %d", \
					nth_point(k) - 1).style
			}
			unset print
		}
		set logscale xy
		set yrange [0.3 / most:0.95]
		set xrange [(highest > 0 ? lowest : 1e4) / 1.5:(highest > 0 ? highest : 1e6) * 1.5]
		unset label 3
		if (n_all == 0) { set label 3 "absent" at graph 0.5,0.5 center textcolor rgb grey }
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset ylabel; unset xlabel
unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 78.0 / height
set key center center horizontal maxcols 4 samplen 2.5 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot NaN notitle, for [k = 1:words(ways)] NaN \
	with linespoints pointtype nth_point(k) dashtype 1 + (k - 1) % 4 pointsize 1.1 \
		linecolor rgb nth_colour(k) title way_text(word(ways, k))
unset multiplot
