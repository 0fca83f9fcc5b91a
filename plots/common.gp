# SPDX-License-Identifier: BSD-2-Clause
# Common to all figures. plot.sh sets: dir (results folder), out (file), format (svg or png),
# topology (of summary.csv; a figure draws one).
#
# CSV is read by column name. An empty cell is skipped by gnuplot; a filter is
# (condition ? value : NaN). Colours are those of Okabe and Ito, which people who
# see colours differently can tell apart; meaning is never in the colour alone.

set encoding utf8
set datafile separator comma
set datafile columnheaders

# A figure of this height begins, again if one was begun already.
begin(height) = sprintf(format eq "png" ? \
	'set output; set terminal pngcairo size 1100,%d font "DejaVu Sans,11" linewidth 1.2 '. \
	'noenhanced; set output out' : \
	'set output; set terminal svg size 1100,%d dynamic font "DejaVu Sans,11" fontscale 1.3 '. \
	'linewidth 1.2 noenhanced background "white"; set output out', height)
eval begin(680)

black = 0x000000; orange = 0xE69F00; sky = 0x56B4E9; green = 0x009E73
yellow = 0xF0E442; blue = 0x0072B2; vermillion = 0xD55E00; purple = 0xCC79A7; grey = 0x888888

summary = dir."/summary.csv"
gains = dir."/gains.csv"
runs = dir."/runs.csv"
power = dir."/power.csv"

# Ticks of a logarithmic axis of times in ns.
time_ticks = '("1 us" 1e3, "2 us" 2e3, "5 us" 5e3, "10 us" 1e4, "20 us" 2e4, "50 us" 5e4, '. \
	'"100 us" 1e5, "200 us" 2e5, '. \
	'"500 us" 5e5, "1 ms" 1e6, "2 ms" 2e6, "5 ms" 5e6, "10 ms" 1e7, "20 ms" 2e7, "50 ms" 5e7, '. \
	'"100 ms" 1e8, '. \
	'"200 ms" 2e8, "500 ms" 5e8, "1 s" 1e9)'

# A spin budget on two lines where it is adaptive.
spin_text(spin) = (at_ = strstrt(spin, ":"), at_ ? "adaptive\n".spin[at_ + 1:*] : spin)

place(list, name) = (p_ = 0, sum [i = 1:words(list)] (word(list, i) eq name ? (p_ = i) : 0), p_)

# Arms: a colour and a mark each; dots of single runs stand a little apart.
arms = "spare-core equal-core"
arm_colour(arm) = arm eq "spare-core" ? blue : vermillion
arm_point(arm) = arm eq "spare-core" ? 5 : 9
arm_shift(arm) = arm eq "spare-core" ? -0.22 : 0.22
jitter(block) = 0.03 * (block - 4 * floor(block / 4.0) - 1.5) / 1.5

# Paths, or paths with a setting: a colour and a mark each, by their place in a list. Marks
# one lower are the same, hollow.
nth_colour(k) = (c_ = (k - 1) % 7, c_ == 0 ? vermillion : c_ == 1 ? blue : c_ == 2 ? green : \
	c_ == 3 ? orange : \
	c_ == 4 ? purple : c_ == 5 ? sky : black)
nth_point(k) = (c_ = (k - 1) % 6, c_ == 0 ? 9 : c_ == 1 ? 5 : c_ == 2 ? 7 : c_ == 3 ? 11 : \
	c_ == 4 ? 13 : 15)

# Values by a key without blanks: "key= value key= value". One that is not there is NaN.
entry(key, value) = sprintf(" %s= %.9g", key, value)
value_of(map, key) = (v_ = strstrt(map, " ".key."= "), v_ ? word(map[v_:v_ + strlen(key) + 40], \
	2) + 0.0 : NaN)

# Names under an axis: side by side, or from six on askew and on one line, which wants room.
many(n) = n > 6
under(n, name) = !many(n) || !strstrt(name, "\n") ? name : name[1:strstrt(name, "\n") - 1]. \
	" ".under(n, name[strstrt(name, "\n") + 1:*])
# A path with its region, where there is little room: "memnet:", "guest-ram".
on_two_lines(p) = strstrt(p, ":") ? p[1:strstrt(p, ":")]."\n".p[strstrt(p, ":") + 1:*] : p
room_under(n) = many(n) ? 70 : 0

rows_of(file) = int(system("wc -l < '".file."'")) - 1
max2(a, b) = a > b ? a : b
min2(a, b) = a < b ? a : b

# What every figure says of itself.
here(unused) = strcol("topology") eq topology
is_bound(unused) = strcol("accelerator") eq "none"	# it has no VM, and is compared with none
accelerator = ""; bounds = ""; baseline = "baseline"; plan = ""; energy = "none"; git = ""
n_low = 1e9; n_high = 0
if (rows_of(summary) > 0) {
	stats summary using (is_bound(0) ? accelerator : (accelerator = strcol("accelerator")), \
		is_bound(0) && here(0) && column("n") > 0 && !place(bounds, strcol("path")) ? \
		bounds = bounds." ".strcol("path") : 0, \
		baseline = strcol("baseline") eq "" ? baseline : strcol("baseline"), \
		plan = strcol("plan"), git = strcol("git"), \
		energy = (strcol("metric") eq "energy" && strcol("source") ne "") ? \
		strcol("source") : energy, \
		shown = here(0) && strcol("metric") eq "cpu_total" && \
			column("n") + column("n_invalid") + column("n_failed") > 0, \
		n_low = shown ? min2(n_low, column("n")) : n_low, \
		n_high = shown ? max2(n_high, column("n")) : n_high, 1) nooutput
}
accelerator_text = accelerator eq "tcg" ? \
	"TCG (emulated CPU: no reproduction of the paper's figures)" : \
	accelerator eq "kvm" ? "KVM" : words(bounds) ? "no VM" : "accelerator unknown"
bound_text = words(bounds) ? "   |  ".bounds.": no VM, a bound".(accelerator eq "tcg" ? \
	", not to be set beside TCG" : "") : ""
energy_text = energy eq "model" ? "energy: MODEL (CPU time restated)" : \
	(energy eq "none" || energy eq "") ? "energy: absent" : "energy: ".energy
n_text = n_high == 0 ? "no valid run" : n_low == n_high ? sprintf("n = %d valid runs each", \
	n_low) : \
	sprintf("n = %d to %d valid runs each", n_low, n_high)
caption = accelerator_text.bound_text."   |   ".energy_text."   |   ".n_text.(topology eq "one-vm" || \
	topology eq "" ? "" : "   |   ".topology).(plan eq "" ? "" : "   |   plan ".plan.", ".git)
# A plan may have a long name.
caption_font = strlen(caption) > 200 ? ",7" : strlen(caption) > 170 ? ",8" : ",10"

# Both workloads at once are drawn, or where no plan asked for that, streams alone; of them one
# number of flows and one chunk, and of memnet one spin budget, also of its requests: the first.
is_hybrid(unused) = strcol("scenario")[1:6] eq "hybrid" && strcol("scenario") ne "hybrid-rr"
is_memnet(unused) = strcol("path")[1:6] eq "memnet"
any_hybrid = 0
drawn_flows = ""; drawn_chunk = ""; drawn_spin = ""; any_drawn = 0; any_spin = 0
request_spin = ""; any_request = 0
is_request(unused) = here(0) && strcol("scenario") eq "rr"
is_kind(unused) = here(0) && (any_hybrid ? is_hybrid(0) : strcol("scenario") eq "network")
if (rows_of(summary) > 0) {
	stats summary using (any_hybrid = any_hybrid || (here(0) && is_hybrid(0)), 1) nooutput
	stats summary using (is_kind(0) && !any_drawn ? (any_drawn = 1, \
		drawn_flows = strcol("flows"), drawn_chunk = strcol("chunk_bytes")) : 0, 1) nooutput
	stats summary using (is_kind(0) && is_memnet(0) && !any_spin ? (any_spin = 1, \
		drawn_spin = strcol("spin")) : 0, 1) nooutput
	stats summary using (is_request(0) && is_memnet(0) && !any_request ? (any_request = 1, \
		request_spin = strcol("spin")) : 0, 1) nooutput
}
is_drawn(unused) = is_request(0) ? !is_memnet(0) || strcol("spin") eq request_spin : \
	here(0) && (!is_memnet(0) || !any_spin || strcol("spin") eq drawn_spin) && (!any_drawn || \
	(strcol("flows") eq drawn_flows && strcol("chunk_bytes") eq drawn_chunk))
drawn_text = (drawn_flows eq "" || drawn_flows eq "1" ? "" : ", ".drawn_flows." flows"). \
	(drawn_chunk eq "" ? "" : sprintf(", chunk %g KiB", drawn_chunk / 1024.0)). \
	(drawn_spin eq "" ? "" : ", spin ".drawn_spin)

# Paths with valid runs: the baseline first, then memnet, then the others.
paths = ""
if (rows_of(summary) > 0) {
	do for [pass = 1:3] {
		stats summary using (p__ = strcol("path"), \
			(p__ eq baseline ? 1 : p__ eq "memnet" ? 2 : 3) == pass && here(0) && \
			column("n") > 0 && !place(paths, p__) ? \
			paths = paths." ".p__ : 0, 1) nooutput
	}
}
path_colour(p) = nth_colour(place(paths, p))
path_point(p) = nth_point(place(paths, p))
direction_text(d) = d eq "send" ? "the guest sends" : d eq "recv" ? "the guest receives" : ""
is_valid(unused) = here(0) && strcol("kind") eq "measure" && strcol("status") eq "ok"

set border 3 linecolor rgb grey
set tics nomirror textcolor rgb black
set grid y linecolor rgb 0xDDDDDD linetype 1 linewidth 0.6
