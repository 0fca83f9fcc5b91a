# SPDX-License-Identifier: BSD-2-Clause
# Common to all figures. plot.sh sets: dir (results folder), out (file), format (svg or png).
#
# CSV is read by column name. An empty cell is skipped by gnuplot; a filter is
# (condition ? value : NaN). Colours are those of Okabe and Ito, which people who
# see colours differently can tell apart; meaning is never in the colour alone.

set encoding utf8
set datafile separator comma
set datafile columnheaders

# A figure of this height begins, again if one was begun already.
begin(height) = sprintf(format eq "png" ? \
	'set output; set terminal pngcairo size 1100,%d font "DejaVu Sans,11" linewidth 1.2 noenhanced; set output out' : \
	'set output; set terminal svg size 1100,%d dynamic font "DejaVu Sans,14" linewidth 1.2 noenhanced background "white"; set output out', height)
eval begin(680)

black = 0x000000; orange = 0xE69F00; sky = 0x56B4E9; green = 0x009E73
yellow = 0xF0E442; blue = 0x0072B2; vermillion = 0xD55E00; purple = 0xCC79A7; grey = 0x888888

summary = dir."/summary.csv"
gains = dir."/gains.csv"
runs = dir."/runs.csv"
power = dir."/power.csv"

# Ticks of a logarithmic axis of times in ns.
time_ticks = '("1 us" 1e3, "2 us" 2e3, "5 us" 5e3, "10 us" 1e4, "20 us" 2e4, "50 us" 5e4, "100 us" 1e5, "200 us" 2e5, '. \
	'"500 us" 5e5, "1 ms" 1e6, "2 ms" 2e6, "5 ms" 5e6, "10 ms" 1e7, "20 ms" 2e7, "50 ms" 5e7, "100 ms" 1e8, '. \
	'"200 ms" 2e8, "500 ms" 5e8, "1 s" 1e9)'

# A spin budget on two lines where it is adaptive.
spin_text(spin) = (at_ = strstrt(spin, ":"), at_ ? "adaptive\n".spin[at_ + 1:*] : spin)

rows_of(file) = int(system("wc -l < '".file."'")) - 1
max2(a, b) = a > b ? a : b
min2(a, b) = a < b ? a : b

# What every figure says of itself.
accelerator = ""; baseline = "baseline"; plan = ""; energy = "none"; git = ""
n_low = 1e9; n_high = 0
if (rows_of(summary) > 0) {
	stats summary using (accelerator = strcol("accelerator"), \
		baseline = strcol("baseline") eq "" ? baseline : strcol("baseline"), \
		plan = strcol("plan"), git = strcol("git"), \
		energy = (strcol("metric") eq "energy" && strcol("source") ne "") ? strcol("source") : energy, \
		shown = strcol("metric") eq "cpu_total" && \
			(strcol("path") eq "memnet" || strcol("path") eq strcol("baseline")), \
		n_low = shown ? min2(n_low, column("n")) : n_low, \
		n_high = shown ? max2(n_high, column("n")) : n_high, 1) nooutput
}
accelerator_text = accelerator eq "tcg" ? "TCG (emulated CPU: no reproduction of the paper's figures)" : \
	accelerator eq "kvm" ? "KVM" : "accelerator unknown"
energy_text = energy eq "model" ? "energy: MODEL (CPU time restated)" : \
	(energy eq "none" || energy eq "") ? "energy: absent" : "energy: ".energy
n_text = n_high == 0 ? "no valid run" : n_low == n_high ? sprintf("n = %d valid runs each", n_low) : \
	sprintf("n = %d to %d valid runs each", n_low, n_high)
caption = accelerator_text."   |   ".energy_text."   |   ".n_text.(plan eq "" ? "" : "   |   plan ".plan.", ".git)

# Of the hybrid scenarios one number of flows, and of memnet one spin budget, is drawn: the first.
hybrid_flows = ""; hybrid_spin = ""; any_hybrid = 0
is_hybrid(unused) = strcol("path") eq "memnet" && strcol("scenario")[1:6] eq "hybrid" && strcol("scenario") ne "hybrid-rr" && !any_hybrid
if (rows_of(summary) > 0) {
	stats summary using (is_hybrid(0) ? (any_hybrid = 1, hybrid_flows = strcol("flows"), hybrid_spin = strcol("spin")) : 0, 1) nooutput
}
is_drawn(unused) = !any_hybrid || (strcol("flows") eq hybrid_flows && (strcol("path") ne "memnet" || strcol("spin") eq hybrid_spin))
hybrid_text = (hybrid_flows eq "" || hybrid_flows eq "1" ? "" : ", ".hybrid_flows." flows").(hybrid_spin eq "" ? "" : ", spin ".hybrid_spin)

set border 3 linecolor rgb grey
set tics nomirror textcolor rgb black
set grid y linecolor rgb 0xDDDDDD linetype 1 linewidth 0.6
