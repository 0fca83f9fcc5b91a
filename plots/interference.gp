# SPDX-License-Identifier: BSD-2-Clause
# What is left to each workload beside the other, of what it does alone: the median over the
# blocks with its 95 % interval, and every block as a dot. A row of panels per scenario and
# direction, with the interaction energy as a third column where there is one.
load "plots/common.gp"

metrics = "self_interference_compute self_interference_network interaction_energy"
metric_title(m) = m eq "self_interference_compute" ? "computing" : \
	m eq "self_interference_network" ? "network" : \
	"interaction energy".(energy eq "model" ? ", MODEL" : "")
what(unused) = strcol("scenario").":".strcol("direction")
rate_of(m) = m eq "self_interference_compute" ? "compute_ops_per_s" : "stream_bytes_per_s"
is_metric(w, a, m) = is_drawn(0) && what(0) eq w && strcol("arm") eq a && \
	strcol("metric") eq m && column("n") > 0
is_run(w, a) = is_drawn(0) && is_valid(0) && what(0) eq w && strcol("arm") eq a

rows = ""; columns = ""
if (rows_of(summary) > 0) {
	do for [m in metrics] {
		stats summary using (is_drawn(0) && strcol("metric") eq m && column("n") > 0 ? ( \
			place(rows, what(0)) ? 0 : (rows = rows." ".what(0)), \
			place(columns, m) ? 0 : (columns = columns." ".m)) : 0, 1) nooutput
	}
}

# What each path did alone, by block: computing has neither direction nor flows.
alone = ""
key(p, a, rest) = p."|".a."|".strcol("spin")."|".strcol("block")."|".rest
if (rows_of(runs) > 0) {
	stats runs using (!is_valid(0) ? 0 : strcol("scenario") eq "compute" ? \
		(alone = alone.entry(key(strcol("path"), strcol("arm"), "compute_ops_per_s"), \
		column("compute_ops_per_s"))) : \
		strcol("scenario") eq "network" ? \
		(alone = alone.entry(key(strcol("path"), strcol("arm"), "stream_bytes_per_s|". \
		strcol("direction")."|".strcol("flows")), \
			column("stream_bytes_per_s"))) : 0, 1) nooutput
}
alone_of(m) = value_of(alone, key(strcol("path"), strcol("arm"), \
	m eq "self_interference_compute" ? rate_of(m) : \
	rate_of(m)."|".strcol("direction")."|".strcol("flows")))
share(m) = 100 * column(rate_of(m)) / alone_of(m)
percent(m) = m eq "interaction_energy" ? 1 : 100

n_rows = max2(words(rows), 1); n_columns = max2(words(columns), 1); n_ways = max2(words(paths), 1)
room = n_ways * n_columns > 9 ? 50 : 0
height = 220 + (320 + room) * n_rows
eval begin(height)

set multiplot layout n_rows,n_columns \
	margins 0.075,0.985,(110.0 + room) / height,1 - 125.0 / height \
	spacing 0.07,(115.0 + room) / height
set label 1 "Self-interference".drawn_text.": what is left of what a workload does alone" \
	at screen 0.5,(1 - 24.0 / height) center font ",15"
set label 2 caption at screen 0.5,(1 - 54.0 / height) center font caption_font \
	textcolor rgb 0x444444
unset key
set xrange [0.5:n_ways + 0.5]
set xtics scale 0 font ",10"
set xtics ("" 1)
do for [k = 1:words(paths)] { set xtics add (word(paths, k) k) }
if (room) { set xtics rotate by 45 right }
do for [w in (words(rows) ? rows : "none")] {
	s = w[1:strstrt(w, ":") - 1]; d = w[strstrt(w, ":") + 1:*]
	do for [m in (words(columns) ? columns : word(metrics, 1))] {
		set title metric_title(m)."\n".s.(d eq "" ? "" : ", ".direction_text(d)) \
			font ",10" offset 0,-0.4
		set ylabel (m eq "interaction_energy" ? "joules" : "% of alone")
		draw = "plot NaN"; lowest = 0; highest = (m eq "interaction_energy" ? 0 : 100)
		n_all = 0
		set yrange [*:*]	# stats heeds the range
		do for [a in arms] {
			n_points = 0; n_intervals = 0; n_dots = 0
			if (words(rows) > 0) {
				stats summary \
					using (is_metric(w, a, m) ? (n_points = n_points + 1, \
					v_here = percent(m) * column("median"), \
					lowest = min2(lowest, v_here), highest = max2(highest, \
					v_here), \
					strcol("ci_low") eq "" ? 0 : \
					(n_intervals = n_intervals + 1, \
					lowest = min2(lowest, percent(m) * column("ci_low")), \
					highest = max2(highest, \
					percent(m) * column("ci_high")))) : 0, 1) nooutput
			}
			if (n_points && m ne "interaction_energy") {
				stats runs using (is_run(w, a) ? (v_here = share(m), \
					v_here == v_here ? (n_dots = n_dots + 1, \
					highest = max2(highest, v_here)) : 0) : 0, 1) nooutput
			}
			n_all = n_all + n_points
			colour = sprintf(" linecolor rgb %d", arm_colour(a))
			x = sprintf("(is_metric('%s', '%s', '%s') ? place(paths, strcol('path')) + arm_shift('%s')", \
				w, a, m, a)
			y = sprintf(" : NaN):(percent('%s') * column('median'))", m)
			if (n_dots) {
				draw = draw.sprintf(", runs using (is_run('%s', ". \
					"'%s') ? place(paths, ". \
					"strcol('path')) + arm_shift('%s') - 0.09 + jitter(column('block')) : NaN):", w, a, a). \
					sprintf("(share('%s')) with points pointtype 7 pointsize 0.45", m).colour
			}
			if (n_intervals) {
				draw = draw.", summary using ". \
					x.y.sprintf(":(percent('%s') * column('ci_low')):(percent('%s') * column('ci_high'))", m, m). \
					sprintf(" with yerrorbars pointtype -1 linewidth 1.6 dashtype %d", \
					m eq "interaction_energy" && energy eq "model" ? 2 : 1).colour
			}
			if (n_points) {
				draw = draw.", summary using ". \
					x.y.sprintf(" with points pointsize 1.4 pointtype %d", \
					arm_point(a) - (m eq "interaction_energy" && \
					energy eq "model" ? 1 : 0)).colour
			}
		}
		unset label 3; unset arrow 1
		set ytics nomirror textcolor rgb black
		if (n_all == 0) { unset ytics; set label 3 "absent" at graph 0.5,0.5 center \
			textcolor rgb grey }
		reference = m eq "interaction_energy" ? 0 : 100
		set arrow 1 from 0.5,reference to n_ways + 0.5,reference nohead \
			linecolor rgb grey dashtype 2
		margin = highest > lowest ? 0.08 * (highest - lowest) : 1
		set yrange [(lowest < 0 ? lowest - margin : 0):highest + margin]
		eval draw
		unset label 1; unset label 2
	}
}

# The key, across all panels.
unset label; unset arrow; unset title; unset tics; unset border; unset grid; unset ylabel
set lmargin at screen 0.02; set rmargin at screen 0.98; set bmargin at screen 0.01
set tmargin at screen 45.0 / height
set key center center horizontal maxcols 4 samplen 1.8 width 2 font ",10"
set xrange [0:1]
set yrange [0:1]
plot for [a in arms] NaN with points pointtype arm_point(a) pointsize 1.4 \
	linecolor rgb arm_colour(a) title a.": median, 95 % interval", \
	NaN with points pointtype 7 pointsize 0.45 linecolor rgb grey title "one block", \
	NaN with lines linecolor rgb grey dashtype 2 title "no interference", \
	NaN with points pointtype 4 pointsize 1.4 linecolor rgb grey \
	title (place(columns, "interaction_energy") && energy eq "model" ? \
	"hollow, dashed: MODEL" : "")
unset multiplot
