# SPDX-License-Identifier: BSD-2-Clause
# What a gigabyte costs, against the rate at which it moved: joules where they are measured, else
# CPU seconds. Every run, the median of each path with its 95 % interval on both axes; a row of
# panels per direction. Of memnet the first spin budget: the figure of those has all.
load "plots/common.gp"

joules = energy ne "model" && energy ne "none" && energy ne ""
cost = joules ? "energy_per_gb" : "cpu_per_gb"
run_cost(unused) = (joules ? column("energy_j") : \
	column("cpu_total_s")) / (column("stream_bytes") / 1e9)
giga_bits(bytes) = 8 * bytes / 1e9

# A way is a path, with scenario and number of flows.
way(unused) = strcol("path")."|".strcol("scenario")."|".strcol("flows")
before(text) = (b_ = strstrt(text, "|"), text[1:b_ - 1])
behind(text) = (b_ = strstrt(text, "|"), text[b_ + 1:*])

# What there is.
spin = ""; spin_known = 0; directions = ""; ways = ""; scenarios = ""; flows_list = ""
is_stream(unused) = here(0) && strcol("scenario")[1:7] eq "network" && \
	(!is_memnet(0) || strcol("spin") eq spin)
if (rows_of(summary) > 0) {
	stats summary using (here(0) && is_memnet(0) && strcol("metric") eq cost && \
		column("n") > 0 && !spin_known ? \
		(spin_known = 1, spin = strcol("spin")) : 0, 1) nooutput
	stats summary using (is_stream(0) && strcol("metric") eq cost && column("n") > 0 ? ( \
		place(directions, strcol("direction")) ? 0 : (directions = directions. \
		" ".strcol("direction")), \
		place(flows_list, strcol("flows")) ? 0 : (flows_list = flows_list. \
		" ".strcol("flows")), \
		place(scenarios, strcol("scenario")) ? 0 : (scenarios = scenarios. \
		" ".strcol("scenario")), \
		place(ways, way(0)) ? 0 : (ways = ways." ".way(0))) : 0, 1) nooutput
}
is_way(w, a, d) = is_stream(0) && way(0) eq w && strcol("arm") eq a && strcol("direction") eq d
is_metric(w, a, d, m) = is_way(w, a, d) && strcol("metric") eq m && column("n") > 0
is_run(w, a, d) = is_way(w, a, d) && is_valid(0)
n_rows = max2(words(directions), 1)
height = 240 + 330 * n_rows
eval begin(height)

set multiplot layout n_rows,2 margins 0.08,0.985,135.0 / height,1 - 105.0 / height \
	spacing 0.075,105.0 / height
set label 1 "What a gigabyte costs, against its rate".(spin eq "" ? "" : ", spin ".spin) \
	at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
set grid x y linecolor rgb 0xDDDDDD linetype 1 linewidth 0.6
set logscale xy
decades = '("0.001" 0.001, "0.002" 0.002, "0.005" 0.005, "0.01" 0.01, "0.02" 0.02, "0.05" 0.05, '. \
	'"0.1" 0.1, "0.2" 0.2, "0.5" 0.5, "1" 1, '. \
	'"2" 2, "5" 5, "10" 10, "20" 20, "50" 50, "100" 100, "200" 200, "500" 500, "1000" 1000)'
set xlabel "network, Gb/s (logarithmic)"
unset key
do for [d in (words(directions) ? directions : "none")] {
	do for [a in arms] {
		set ylabel (a eq word(arms, 1) ? (joules ? "joules per GB (log.)" : \
			"CPU seconds per GB (log.)") : "")
		set title words(directions) ? a.": ".direction_text(d) : "" font ",11" offset 0,-0.4
		unset logscale
		eval "set xtics ".decades
		eval "set ytics ".decades
		set xrange [*:*]; set yrange [*:*]	# stats heeds the ranges of the panel before
		draw = "plot NaN"; left = 1e18; right = 0; bottom = 1e18; top = 0; n_labels = 0
		unset label 3
		do for [k = 1:40] { unset label 100 + k }
		do for [w in ways] {
			p = before(w); s = before(behind(w)); flows = behind(behind(w))
			x = NaN; y = NaN; x_low = NaN; y_low = NaN; n_runs = 0
			stats summary using (is_metric(w, a, d, "network_rate") ? \
				(x = column("median"), x_low = column("ci_low"), \
				x_high = column("ci_high")) : is_metric(w, a, d, cost) ? \
				(y = column("median"), \
				y_low = column("ci_low"), y_high = column("ci_high")) : \
				0, 1) nooutput
			stats runs using (is_run(w, a, d) ? (n_runs = n_runs + 1, \
				left = min2(left, column("stream_bytes_per_s")), \
				right = max2(right, column("stream_bytes_per_s")), \
				bottom = min2(bottom, run_cost(0)), \
				top = max2(top, run_cost(0))) : 0, 1) nooutput
			colour = sprintf(" linecolor rgb %d", path_colour(p))
			# The first number of flows is filled, others hollow with their number beside them.
			point = path_point(p) - (flows eq word(flows_list, 1) || \
				words(flows_list) == 0 ? 0 : 1)
			if (n_runs) {
				draw = draw.sprintf(", runs using (is_run('%s', '%s', ". \
					"'%s') ? giga_bits(column('stream_bytes_per_s')) : ". \
					"NaN):(run_cost(0))", w, a, d). \
					sprintf(" with points pointsize 0.5 linewidth 0.8 pointtype %d", path_point(p) - 1).colour
			}
			if (x_low == x_low && y_low == y_low) {
				draw = draw.sprintf( \
					", '+' using (%.9g):(%.9g):(%.9g):(%.9g):(%.9g):(%.9g) every ::0::0 with xyerrorbars ". \
					"linewidth 1.4 pointsize 0", \
					giga_bits(x), y, giga_bits(x_low), giga_bits(x_high), \
					y_low, y_high).colour
			}
			if (x == x && y == y) {
				draw = draw.sprintf( \
					", '+' using (%.9g):(%.9g) every ::0::0 with points pointsize 1.5 linewidth 1.4 pointtype %d", \
					giga_bits(x), y, point).colour
				# Many marks leave room for the less usual only.
				if (words(ways) <= 6 ? words(flows_list) > 1 || \
					words(scenarios) > 1 : words(scenarios) > 1 && \
					s eq "network-paced") {
					n_labels = n_labels + 1
					beside = (words(scenarios) > 1 && s eq "network-paced" ? \
						"paced " : "").(words(flows_list) > 1 && \
						words(ways) <= 6 ? \
						flows.(flows eq "1" ? " flow" : " flows") : "")
					if (flows eq word(flows_list, 1)) {
						set label 100 + n_labels beside at giga_bits(x),y right offset -0.8,-0.8 font ",9" \
							textcolor rgb path_colour(p)
					} else {
						set label 100 + n_labels beside at giga_bits(x),y left offset 0.8,0.8 font ",9" \
							textcolor rgb path_colour(p)
					}
				}
			}
		}
		set logscale xy
		if (right > 0) {
			# Wide enough for some ticks.
			aside = max2(1.7, sqrt(8.0 * left / right))
			above = max2(1.6, sqrt(8.0 * bottom / top))
			set xrange [giga_bits(left) / aside:giga_bits(right) * aside]
			set yrange [bottom / above:top * above]
		} else {
			set xrange [0.1:10]; set yrange [0.1:10]; unset xtics; unset ytics
			set label 3 "absent" at graph 0.5,0.5 center textcolor rgb grey
		}
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset ylabel; unset xlabel
unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 60.0 / height
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot NaN notitle, for [p in paths] NaN with points pointtype path_point(p) pointsize 1.5 \
	linecolor rgb path_colour(p) title p.": median, 95 % interval", \
	NaN with points pointtype 4 pointsize 0.5 linecolor rgb grey \
	title "small, hollow: one run", \
	NaN with points pointtype 4 pointsize 1.5 linecolor rgb grey \
	title (words(flows_list) > 1 ? "large, hollow: more flows" : "")
unset multiplot
