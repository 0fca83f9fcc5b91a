#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Experiments over a plan's link, with real VMs: its rate is kept over every path that can run
# here, of streams either way and of an app with its server; runs that cannot go over one, or
# whose delay this kernel cannot make, are skipped with the reason; whatever ends the experiment,
# nothing is left. What netem makes of a delay is tried in a VM (test_link_kernel.c).

. "$(dirname "$0")/lab_cases.sh"

plan() {	# PATHS SCENARIOS DIRECTIONS; settings and apps on stdin
	cat > "$tmp/plan.ini" <<-PLAN
		[plan]
		name = link
		repetitions = 1
		seed = 7
		steal_percent = 100
		idle_window = 0s
		window = 2s
		warmup = 500ms
		settle = 20ms
		$(cat)
		[matrix m]
		paths = $1
		scenarios = $2
		arms = equal-core
		directions = $3
	PLAN
}

# Columns $2 ... of the rows of the newest runs.csv that match $1, by spaces. In sentences a
# comma has a space behind it.
field() {
	pattern=$1
	shift
	awk -F, -v names="$*" -v pattern="$pattern" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(names, name, " ") }
		NR > 1 && $0 ~ pattern {
			gsub(/, /, " ")
			gsub(/"/, "")
			for (i = 1; i <= n; i++) printf "%s%s", $at[name[i]], i < n ? " " : "\n"
		}' "$tmp/results/latest/runs.csv"
}

"$lab" --build="$BUILD" doctor >"$tmp/log" 2>&1
grep -q '^PASS *link\|plans can have a link_rate' "$tmp/log" || {
	sed -n '/ link /p' "$tmp/log"
	exit 77
}
netem=$(grep -c '^PASS *link' "$tmp/log")

# Of 40 Mbit/s TCP has 38.2, the rest is headers. Two VMs share it.
case="a rate is kept over every path"
plan "virtio-tap, virtio-user, vsock, memnet, native" network "send, recv" <<-'PLAN'
	link_rate = 40Mbit
PLAN
printf '[matrix n]\npaths = memnet\nscenarios = network\narms = equal-core\ndirections = send
topologies = n-vm\nflows = 2\n' >> "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
rows 9 '"measure","ok"'
rows 2 '"skipped",".*vsock has no network that the plan.s link could be between'
[ "$(field '"measure","ok"' run_id | wc -l)" = 9 ] || fail "not all ran"
field '"measure","ok"' run_id stream_bytes_per_s link_rate_bits_per_s > "$tmp/rates"
awk '{ printf "%s %.2f Mbit/s\n", $1, $2 * 8 / 1e6 }' "$tmp/rates"
awk '$2 * 8 < 35e6 || $2 * 8 > 40e6 || $3 != 40000000 { exit 1 }' "$tmp/rates" ||
	fail "not the link's rate: $(cat "$tmp/rates")"
grep -q 'was a link of 40 Mbit/s, the same' "$tmp/log" || fail "the table does not tell of the link"
nothing_left

# 1 MB at 8 Mbit/s, less a burst. Neither nc ends before the other has all.
case="an app and its server have the link between them"
plan virtio-tap compute none <<-'PLAN'
	link_rate = 8Mbit
	[app stream]
	command = head -c 1000000 /dev/zero | nc @peer_addr@ @peer_port@
	server = echo served at @peer_addr@; sleep 9 | busybox nc -l -p @peer_port@ >/dev/null
PLAN
sed -i -e 's/^scenarios = .*/apps = stream/' -e '/^directions/d' "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
rows 1 '"ok",.*"stream",'
awk -v s="$(field app-stream window_s)" 'BEGIN { exit !(s > 0.85 && s < 3) }' ||
	fail "it took $(field app-stream window_s) s"
grep -qx 'served at 198.19.0.2' "$tmp"/results/latest/logs/*.server.log || fail "served elsewhere"
nothing_left

case="without a link nothing of it is there"
plan virtio-tap network send </dev/null
run 0 run "$tmp/plan.ini"
rows 1 '"measure","ok"'
awk -v b="$(field '"measure"' stream_bytes_per_s)" 'BEGIN { exit !(b * 8 > 45e6) }' ||
	fail "only $(field '"measure"' stream_bytes_per_s) bytes/s"
[ -z "$(field '"measure"' link_rate_bits_per_s link_delay_ns | tr -d ' ')" ] || fail "a link in the row"
nothing_left

case="a delay"
plan "virtio-tap, memnet" rr send <<-'PLAN'
	link_rate = 40Mbit
	link_delay = 20ms
PLAN
if [ "$netem" = 1 ]; then
	run 0 run "$tmp/plan.ini"
	field '"measure","ok"' latency_p50_ns > "$tmp/trips"
	[ "$(awk '$1 > 40e6 && $1 < 60e6' "$tmp/trips" | wc -l)" = 2 ] ||
		fail "not 40 ms and a little: $(cat "$tmp/trips")"
else
	"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1 && fail "a plan of nothing"
	grep -q 'skipped     1 runs of memnet: this kernel has no netem, .*: modprobe sch_netem' \
		"$tmp/log" || fail "not told beforehand"
	run 0 run "$tmp/plan.ini"
	rows 2 '"skipped","this kernel has no netem, which a plan.s link_delay needs: modprobe sch_netem'
	echo "not tried here: this kernel has no netem"
fi
nothing_left

case="ctrl-C with a link, and resumed"
plan memnet network send <<-'PLAN'
	link_rate = 4Gbit
PLAN
start run "$tmp/plan.ini"
wait_stream
kill -TERM "$pid"
finish 130
nothing_left
run 0 resume "$(readlink -f "$tmp/results/latest")"
rows 1 '"measure","ok"'
nothing_left

case="kill -9 with a link"
kill_in_mid_stream
