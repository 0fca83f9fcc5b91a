# SPDX-License-Identifier: BSD-2-Clause
# What polling before a sleep is worth and costs: the 99th percentile of latency, and the cost
# of requests and of bytes, against the spin budget; a row of panels per arm. Every run as a
# dot, the median with its 95 % interval; the baseline, which has no budget, as a line. The
# cost is in joules where they are measured, else in CPU seconds.
load "plots/common.gp"

joules = energy ne "model" && energy ne "none" && energy ne ""
metrics = "latency_p99 ".(joules ? "energy_per_1000_requests energy_per_gb" : \
	"cpu_per_1000_requests cpu_per_gb")
is_latency(m) = m eq "latency_p99"
scenario_of(m) = m[strlen(m) - 1:*] eq "gb" ? "network-paced" : "rr"
metric_title(m) = is_latency(m) ? "rr, 99th percentile" : scenario_of(m) eq "rr" ? \
	"rr, per 1000 requests" : "paced stream, per GB"
metric_unit(m) = is_latency(m) ? "latency (logarithmic)" : joules ? "joules" : \
	"CPU seconds, guest and host"

# The same of a run as the metrics of summary.csv are.
run_cost(unused) = joules ? column("energy_j") : column("cpu_total_s")
run_value(m) = is_latency(m) ? column("latency_p99_ns") : scenario_of(m) eq "rr" ? \
	run_cost(0) / (column("requests") / 1e3) : \
	run_cost(0) / (column("stream_bytes") / 1e9)
is_run(m, a, path) = is_valid(0) && strcol("scenario") eq scenario_of(m) && \
	strcol("arm") eq a && strcol("path") eq path
is_metric(m, a, path) = here(0) && strcol("metric") eq m && \
	strcol("scenario") eq scenario_of(m) && strcol("arm") eq a && strcol("path") eq path && \
	column("n") > 0 && is_shown(0)

# One direction and number of flows, the first there is; budgets in the order of summary.csv.
spins = ""; direction_shown = ""; flows_shown = ""
is_budget(m) = here(0) && strcol("path") eq "memnet" && strcol("spin") ne "" && \
	strcol("metric") eq m && column("n") > 0
if (rows_of(summary) > 0) {
	do for [m in metrics] {
		stats summary using (is_budget(m) && !place(spins, strcol("spin")) ? \
			spins = spins." ".strcol("spin") : 0, \
			is_budget(m) && scenario_of(m) eq "network-paced" && flows_shown eq "" ? \
			(flows_shown = strcol("flows"), \
			direction_shown = strcol("direction")) : 0, 1) nooutput
	}
}
is_shown(unused) = strcol("scenario") eq "rr" || (strcol("flows") eq flows_shown && \
	strcol("direction") eq direction_shown)
n_spins = max2(words(spins), 1)
eval begin(860)

set multiplot layout 2,3 margins 0.085,0.985,0.155,0.85 spacing 0.075,0.13
set label 1 "What polling before a sleep is worth and costs" at screen 0.5,0.97 center font ",15"
set label 2 caption at screen 0.5,0.93 center font caption_font textcolor rgb 0x444444
unset key
set xrange [0.5:n_spins + 0.5]
set xtics scale 0 font ",10"
set xtics ("" 1)
do for [k = 1:words(spins)] {
	set xtics add (spin_text(word(spins, k)) k)
}
do for [a in arms] {
	do for [m in metrics] {
		set title a.": ".metric_title(m).(scenario_of(m) eq "network-paced" && \
			direction_shown eq "recv" ? ", received" : "") font ",11" offset 0,-0.4
		set ylabel metric_unit(m)
		set xlabel (a eq word(arms, 2) ? "spin budget of guest and host" : "") offset 0,-0.8
		set yrange [*:*]	# stats heeds the range of the panel before
		unset logscale y; set ytics auto
		lowest = 1e18; highest = 0; n_points = 0; n_intervals = 0; base = NaN
		base_low = NaN; base_high = NaN
		if (words(spins) > 0) {
			stats summary using (is_metric(m, a, baseline) ? (base = column("median"), \
				strcol("ci_low") ne "" ? (base_low = column("ci_low"), \
				base_high = column("ci_high")) : 0) : 0, \
				is_metric(m, a, "memnet") && strcol("spin") ne "" ? \
				(n_points = n_points + 1, \
				n_intervals = n_intervals + (strcol("ci_low") ne "")) : \
				0, 1) nooutput
			stats runs using (is_run(m, a, "memnet") && is_shown(0) ? \
				(lowest = min2(lowest, run_value(m)), \
				highest = max2(highest, run_value(m))) : 0, 1) nooutput
		}
		if (base == base) { highest = max2(highest, base_high == base_high ? base_high : \
			base); lowest = min2(lowest, base) }
		if (is_latency(m) && n_points > 0) {
			set logscale y
			eval "set ytics ".time_ticks
			set yrange [lowest / 1.5:highest * 1.5]
		} else {
			set yrange [0:(highest > 0 ? highest * 1.12 : 1)]
		}
		unset label 3; unset arrow 1; unset object 1
		draw = "plot NaN"
		if (n_points == 0) { set label 3 "absent" at graph 0.5,0.5 center \
			textcolor rgb grey }
		if (base == base && n_points > 0) {
			set arrow 1 from 0.5,base to n_spins + 0.5,base nohead \
				linecolor rgb vermillion linewidth 1.6 dashtype 2
			if (base_low == base_low) {
				set object 1 rectangle from 0.5,base_low to n_spins + 0.5,base_high fillcolor rgb vermillion \
					fillstyle transparent solid 0.12 noborder behind
			}
		}
		x = "(is_metric('".m."', '".a. \
			"', 'memnet') && strcol('spin') ne '' ? place(spins, strcol('spin')) : NaN)"
		if (n_intervals) {
			draw = draw.", summary using ".x. \
				":(column('median')):(column('ci_low')):(column('ci_high'))". \
				" with yerrorbars pointtype -1 linewidth 1.6 linecolor rgb blue"
		}
		if (n_points) {
			draw = draw.", runs using (is_run('".m."', '".a. \
				"', 'memnet') && strcol('spin') ne '' && is_shown(0) ? ". \
				"place(spins, strcol('spin')) - 0.16 + jitter(column('block')) : ". \
				"NaN):(run_value('".m."'))". \
				" with points pointtype 7 pointsize 0.45 linecolor rgb blue". \
				", summary using ".x. \
				":(column('median')) with points pointtype 5 pointsize 1.3 linecolor rgb blue"
		}
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset arrow; unset object; unset title; unset tics; unset border; unset grid
unset xlabel; unset ylabel
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 0.07
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot NaN with points pointtype 5 pointsize 1.3 linecolor rgb blue \
	title "memnet: median, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb blue title "one run", \
	NaN with lines linewidth 1.6 dashtype 2 linecolor rgb vermillion title baseline. \
	": median, 95 % interval"
unset multiplot
