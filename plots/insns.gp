# SPDX-License-Identifier: BSD-2-Clause
# Instructions of the guest per byte of a stream, of its user mode and of its kernel: every run
# as a dot, the median with its 95 % interval. A row of panels per scenario and direction.
load "plots/common.gp"

modes = "user kernel"
metric_of(mode) = "guest_insns_".mode."_per_byte"
value_text(v) = v < 0.01 ? sprintf("%.2g", v) : v < 10 ? sprintf("%.2f", v) : sprintf("%.0f", v)
what(unused) = strcol("scenario").":".strcol("direction")

# A way is a path with its flows; of memnet one spin budget, the first.
spin = ""; spin_known = 0; rows = ""; ways = ""; lowest = 1e18; highest = 0; source = ""
is_stream(unused) = here(0) && strcol("scenario")[1:7] eq "network" && \
	(!is_memnet(0) || strcol("spin") eq spin)
way(unused) = strcol("path")."|".strcol("flows")
way_text(w) = (n_ = strstrt(w, "|"), w[1:n_ - 1].(w[n_ + 1:*] eq "1" || n_ == strlen(w) ? "" : \
	"\n".w[n_ + 1:*]." flows"))
is_counted(unused) = is_stream(0) && strcol("metric") eq "guest_insns_per_byte" && column("n") > 0
if (rows_of(summary) > 0) {
	stats summary using (here(0) && is_memnet(0) && \
		strcol("metric") eq "guest_insns_per_byte" && column("n") > 0 && \
		!spin_known ? (spin_known = 1, spin = strcol("spin")) : 0, 1) nooutput
	do for [p in paths] {
		stats summary using (is_counted(0) && strcol("path") eq p ? \
			(source = strcol("source"), \
			place(rows, what(0)) ? 0 : (rows = rows." ".what(0)), \
			place(ways, way(0)) ? 0 : (ways = ways." ".way(0))) : 0, 1) nooutput
	}
}
run_value(mode) = column("guest_insns_".mode) / column("stream_bytes")
is_run(w, a) = is_stream(0) && is_valid(0) && what(0) eq w && strcol("arm") eq a
is_metric(w, a, m) = is_stream(0) && what(0) eq w && strcol("arm") eq a && \
	strcol("metric") eq m && column("n") > 0
widen(v) = v > 0 ? (lowest = min2(lowest, v), highest = max2(highest, v)) : 0
if (words(rows) > 0) {
	stats runs using (is_stream(0) && is_valid(0) ? (widen(run_value("user")), \
		widen(run_value("kernel"))) : 0, 1) nooutput
}
n_ways = max2(words(ways), 1); n_rows = max2(words(rows), 1)
room = room_under(n_ways)
height = 200 + (340 + room) * n_rows
eval begin(height)

set multiplot layout n_rows,2 margins 0.085,0.985,(110.0 + room) / height,1 - 105.0 / height \
	spacing 0.06,(110.0 + room) / height
set label 1 "Guest instructions per byte".(source eq "" ? "" : ", counted by ".source). \
	(spin eq "" ? "" : ", spin ".spin) \
	at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
set logscale y
set ytics ("0.0001" 1e-4, "0.001" 1e-3, "0.01" 0.01, "0.03" 0.03, "0.1" 0.1, "0.3" 0.3, "1" 1, \
	"3" 3, "10" 10, "30" 30, "100" 100, "300" 300, "1000" 1000)
set xrange [0.5:n_ways + 0.5]
set xtics scale 0 font ",10"
set xtics ("" 1)
do for [k = 1:words(ways)] { set xtics add (under(n_ways, way_text(word(ways, k))) k) }
if (many(n_ways)) { set xtics rotate by 45 right }
do for [w in (words(rows) ? rows : "none")] {
	s = w[1:strstrt(w, ":") - 1]; d = w[strstrt(w, ":") + 1:*]
	do for [mode in modes] {
		set title mode eq "user" ? s.", ".direction_text(d).": user mode" : s. \
			", ".direction_text(d).": kernel" font ",11" offset 0,-0.4
		set ylabel (mode eq "user" ? "instructions per byte (log.)" : "")
		draw = "plot NaN"
		do for [a in arms] {
			n_points = 0; n_intervals = 0
			set yrange [*:*]	# stats heeds the range
			if (words(rows) > 0) {
				stats summary using (is_metric(w, a, metric_of(mode)) && \
					column("median") > 0 ? (n_points = n_points + 1, \
					n_intervals = n_intervals + (strcol("ci_low") ne "")) : \
					0, 1) nooutput
			}
			colour = sprintf(" linecolor rgb %d", arm_colour(a))
			x = sprintf("(is_metric('%s', '%s', '%s') ? place(ways, way(0)) + arm_shift('%s')", w, a, \
				metric_of(mode), a)
			y = " : NaN):(column('median'))"
			if (n_intervals) {
				draw = draw.", summary using ".x.y. \
					":(column('ci_low')):(column('ci_high'))". \
					" with yerrorbars pointtype -1 linewidth 1.6".colour
			}
			if (n_points) {
				draw = draw.sprintf(", runs using (is_run('%s', ". \
					"'%s') ? place(ways, ". \
					"way(0)) + arm_shift('%s') - 0.09 + jitter(column('block')) : NaN):", w, a, a). \
					sprintf("(run_value('%s')) with points pointtype 7 pointsize 0.45", mode).colour. \
					", summary using ". \
					x.y.sprintf(" with points pointsize 1.3 pointtype %d", \
					arm_point(a)).colour
			}
			if (n_points && n_ways <= 3) {	# else there is no room
				draw = draw.", summary using ".x.y. \
					":(value_text(column('median'))) with labels left offset 1.1,0". \
					sprintf(" font ',9' textcolor rgb %d", arm_colour(a))
			}
		}
		unset label 3
		if (highest == 0) { set label 3 "absent" at graph 0.5,0.5 center \
			textcolor rgb grey }
		set yrange [(highest > 0 ? lowest : 1) / 1.6:(highest > 0 ? highest : 10) * 1.6]
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset title; unset tics; unset border; unset grid; unset ylabel; unset logscale
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 45.0 / height
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot for [a in arms] NaN with points pointtype arm_point(a) pointsize 1.3 \
	linecolor rgb arm_colour(a) title a.": median over the runs, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one run"
unset multiplot
