#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The harness tests itself, with real VMs: experiments that pass, whose guest is
# silent or hangs, that lose their peer or their QEMU, that are interrupted and
# killed, and resumed. After each nothing may be left on the machine.

. "$(dirname "$0")/lab_cases.sh"

plan() {	# SCENARIOS WINDOW
	cat > "$tmp/plan.ini" <<-PLAN
		[plan]
		name = selftest
		repetitions = 1
		seed = 7
		steal_percent = 100
		idle_window = 200ms
		window = $2
		warmup = 100ms
		settle = 20ms
		[matrix m]
		paths = memnet
		scenarios = $1
		arms = spare-core
		directions = send
	PLAN
}

case="an experiment that passes"
plan "idle, hybrid-saturate" 300ms
run 0 run "$tmp/plan.ini"
rows 2 '"measure","ok"'
runs | head -1 | grep -q '"1","1",,"idle",' || fail "no idle window before the boot"
runs | tail -1 | grep -q '"[0-9]*","1","idle",' || fail "no idle window behind it"
[ "$(wc -l < "$tmp/results/latest/net.csv")" = 3 ] || fail "not a net energy for each run"

grep -q '"accelerator": "tcg"' "$tmp/results/latest/environment.json" || fail "no environment"
[ -s "$tmp/results/latest/summary.csv" ] || fail "no summary"
nothing_left

case="requests, connections, and eight flows both ways"
plan "network, rr, hybrid-rr, conn" 500ms
sed -i 's/^paths = .*/paths = virtio-tap, memnet/
	s/^directions = .*/directions = send, recv\nflows = 8/' "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
rows 10 '"measure","ok"'
rows 4 '"measure","ok",.*"network","\(send\|recv\)","8",,'
rows 4 '"measure","ok",.*rr","none","1",,'
rows 2 '"measure","ok",.*"conn","none","1",,'
grep -q 'latency_p99.*"virtio-tap","[0-9.]*"' "$tmp/results/latest/summary.csv" ||
	fail "no ratio of latencies"
for metric in request_rate connect_p50 connect_p99 cpu_per_1000_requests; do
	grep -q "^\"conn\".*\"$metric\".*\"virtio-tap\",\"[0-9.]*\"" \
		"$tmp/results/latest/summary.csv" || fail "no ratio of $metric of connections"
done
nothing_left

# What a path needs may be absent here: then its rows say so, and that is all there is to see.
path_case() {	# PATH DIRECTIONS
	case="path $1"
	plan "network, rr" 500ms
	sed -i "s/^paths = .*/paths = $1/; s/^directions = .*/directions = $2/" "$tmp/plan.ini"
	run 0 run "$tmp/plan.ini"
	n=$(echo "rr, $2" | wc -w)
	if runs | grep -q '"skipped"'; then
		rows "$n" '"measure","skipped"'
		echo "skipped: path $1: $(runs | sed -n '1s/.*"skipped","\([^"]*\)".*/\1/p')"
	else
		rows "$n" '"measure","ok"'
	fi
	nothing_left
}

path_case virtio-user "send, recv"
# What it has for the guest when it is told to stop, Debian 12's may keep for more than 5 s.
path_case passt send

# Field $1 of the measured rows of the newest runs.csv. A comma in a sentence has a space behind it.
measured() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		/"measure"/ { gsub(/, /, " "); gsub(/"/, "", $at); print $at }' "$tmp/results/latest/runs.csv"
}

# No VM: no boot, and of what its programs use of their CPU nothing is lost, also of a fixed
# amount of work, at whose end they end. How much they get is up to who else is here.
case="without a VM"
plan "compute, hybrid-fixed, hybrid-paced" 500ms
sed -i 's/^paths = .*/paths = native/; s/^window/fixed = 500ms\npace = 40Mbit\n&/' "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
rows 3 '"measure","ok"'
[ "$(measured stream_target_bytes_per_s | grep .)" = 5000000 ] || fail "another pace than the plan's"
[ "$(measured accelerator | sort -u)" = none ] || fail "accelerators: $(measured accelerator)"
[ -z "$(measured cpu_qemu_s)$(measured cpu_memnetd_s)$(measured guest_user_s)" ] ||
	fail "CPU time of what is not there"
for i in 1 2 3; do
	window=$(measured window_s | sed -n ${i}p) cpu=$(measured cpu_vcpu_s | sed -n ${i}p)
	awk "BEGIN { exit !($cpu > 0.2 * $window && $cpu < 1.03 * $window) }" ||
		fail "$cpu s of CPU in a window of $window s"
done
nothing_left

# Kill the process $1 with signal $2; the programs under memnet-native end too.
kill_under_native() {
	native=$(child memnet-native)
	programs=$(cat "/proc/$native/task/$native/children")
	[ "$programs" ] || fail "memnet-native has no program"
	kill "-$2" "$1"
	for program in $programs; do
		gone "$program" || { kill -9 "$program"; fail "program $program goes on"; }
	done
}

case="without a VM: memnet-native dies, ctrl-C and resumed, kill -9"
plan "hybrid-saturate" 1500ms
sed -i 's/^paths = .*/paths = native/; s/^directions.*/directions = send, recv/' "$tmp/plan.ini"
start run "$tmp/plan.ini"
wait_stream
kill_under_native "$(child memnet-native)" KILL
finish 0
rows 1 '"failed".*memnet-native ended (signal 9)'
rows 1 '"measure","ok"'
nothing_left
start run "$tmp/plan.ini"
wait_stream
kill_under_native "$pid" INT
finish 130
rows 1 '"failed".*"interrupted"'
nothing_left
run 0 resume
rows 2 '"measure","ok"'
nothing_left
kill_in_mid_stream

# A memnetd that writes down its spin budget and starts the real one without it.
case="spin budgets"
mkdir -p "$tmp/build/bin"
ln -s "$(realpath "$BUILD")/guest" "$tmp/build/guest"
for program in memnet-work memnet-native; do
	ln -s "$(realpath "$BUILD")/bin/$program" "$tmp/build/bin/$program"
done
cat > "$tmp/build/bin/memnetd" <<-MEMNETD
	#!/bin/bash
	args=()
	while [ \$# -gt 0 ]; do
		case \$1 in
		--spin)	echo "\$2" >> "$tmp/spins"; shift 2 ;;
		*)	args+=("\$1"); shift ;;
		esac
	done
	exec "$(realpath "$BUILD")/bin/memnetd" "\${args[@]}"
MEMNETD
chmod +x "$tmp/build/bin/memnetd"
plan "rr" 300ms
echo 'spin = 0, adaptive:50us' >> "$tmp/plan.ini"
run 0 run "$tmp/plan.ini" --build="$tmp/build"
rows 1 '"measure","ok",.*"rr","none","1","0",'
rows 1 '"measure","ok",.*"rr","none","1","adaptive:50us",'
[ "$(sort -u "$tmp/spins" | tr '\n' ' ')" = "0 adaptive:50us " ] ||
	fail "memnetd got: $(cat "$tmp/spins")"
nothing_left

# One plugin that QEMU takes, and one that it does not: then the runs go on without.
case="guest instructions"
mkdir -p "$tmp/build/lib"
cp "$BUILD/lib/memnet-insns.so" "$tmp/build/lib/"
plan "network" 300ms
sed -i 's/^seed.*/&\nguest_insns = yes/' "$tmp/plan.ini"
run 0 run "$tmp/plan.ini" --build="$tmp/build"
if grep -q 'not counted' "$tmp/log"; then
	echo "no plugins here: $(grep 'not counted' "$tmp/log")"
else
	rows 1 '"measure","ok",.*"[1-9][0-9]*","[1-9][0-9]*","tcg-plugin",,'
	grep -q '"guest_insns_per_byte",.*"tcg-plugin","measured"' "$tmp/results/latest/summary.csv" ||
		fail "none per byte"
fi
nothing_left
echo nonsense > "$tmp/build/lib/memnet-insns.so"
run 0 run "$tmp/plan.ini" --build="$tmp/build"
rows 1 '"measure","ok",.*,,,,"QEMU does not take the plugin: '
grep -q 'insns_per_byte' "$tmp/results/latest/summary.csv" && fail "a figure from nothing"
nothing_left

case="a guest that is never ready"
plan "idle, hybrid-saturate" 300ms
run 1 run "$tmp/plan.ini" --fault=silent --ready-timeout=4000
rows 2 '"failed".*not ready within 4 s'
grep -q 'no run was valid' "$tmp/log" || fail "does not say so"
nothing_left

case="a guest that stops answering"
run 1 run "$tmp/plan.ini" --fault=hang
rows 2 '"failed".*did not answer'
nothing_left

case="a peer that dies"
plan "network, hybrid-saturate" 1500ms
start run "$tmp/plan.ini"
wait_stream
kill -9 "$(child "memnet-work peer")"
finish 0
rows 1 '"failed".*the peer ended (signal 9)'
rows 1 '"measure","ok"'
nothing_left

case="a QEMU that dies"
start run "$tmp/plan.ini"
wait_stream
kill -9 "$(child qemu-system)"
finish 0
rows 1 '"failed".*QEMU ended (signal 9)'
rows 1 '"measure","ok"'
nothing_left

case="a memnetd that dies"
start run "$tmp/plan.ini"
wait_stream
kill -9 "$(child memnetd)"
finish 0
rows 1 '"failed".*memnetd ended (signal 9)'
rows 1 '"measure","ok"'
nothing_left

case="two at once"
before=$(ls "$tmp/results/selftest" | wc -l)
start run "$tmp/plan.ini"
first=$pid
wait_stream
start run "$tmp/plan.ini"
finish 75
grep -q "process $first of user $(id -u), since .*: $tmp/plan.ini; .* --wait" "$tmp/log" ||
	fail "not who and what"
start run "$tmp/plan.ini" --wait
sleep 0.3
kill -INT "$pid"
finish 130
grep -q "waiting: .*process $first" "$tmp/log" || fail "does not say what it waits for"
start run "$tmp/plan.ini" --wait
second=$pid
sleep 0.3
kill -9 "$first"
wait "$first" 2>/dev/null
pid=$second
finish 0
[ "$(ls "$tmp/results/selftest" | wc -l)" = "$((before + 2))" ] ||
	fail "who was refused left a folder"
nothing_left

case="ctrl-C, and resumed"
start run "$tmp/plan.ini"
wait_stream
kill -TERM "$pid"
finish 130
grep -q 'memnet-lab resume ' "$tmp/log" || fail "does not name the mend"
rows 1 '"failed".*"interrupted"'
nothing_left
run 0 resume
rows 2 '"measure","ok"'
nothing_left

case="kill -9, and resumed"
kill_in_mid_stream
dir=$(readlink -f "$tmp/results/latest")
before=$(runs | grep -c '"measure","ok"')
printf '"3","torn' >> "$dir/runs.csv"
run 0 resume "$dir"
grep -q 'cut off a torn last row of 9 bytes' "$tmp/log" || fail "does not say what it cuts off"
rows 2 '"measure","ok"'
grep -q "$((2 - before)) of them missing\|2 runs;" "$tmp/log" || fail "ran more than was missing"
run 0 resume "$dir"
rows 2 '"measure","ok"'
nothing_left

case="two parts, merged"
plan "idle, hybrid-saturate" 300ms
sed -i 's/^repetitions.*/repetitions = 2/' "$tmp/plan.ini"
run 0 run "$tmp/plan.ini" --runs=1..2
rows 2 '"b01\..*"measure","ok"'
first=$(readlink -f "$tmp/results/latest")
run 0 run "$tmp/plan.ini" --runs=3..4
rows 2 '"b02\..*"measure","ok"'
run 0 resume "$tmp/results/latest"	# a part stays one
rows 2 '"measure","ok"'
second=$(readlink -f "$tmp/results/latest")
"$lab" --results="$tmp/results" merge "$first" "$second" >"$tmp/log" 2>&1 || fail "no merge"
rows 4 '"measure","ok"'
for folder in "$first" "$second"; do
	# all but their order; idle windows, of which each part has its own, get other names
	grep '"measure"' "$folder/runs.csv" | cut -d, -f 4,5,7-50 > "$tmp/rows"
	n=$(runs | grep '"measure"' | cut -d, -f 4,5,7-50 | grep -cFxf "$tmp/rows")
	[ "$n" = "$(wc -l < "$tmp/rows")" ] || fail "other rows"
done
grep -q missing "$tmp/log" && fail "what is missing?"
[ -e "$tmp/results/latest/environment-2.json" ] || fail "an environment is lost"
run 0 resume "$tmp/results/latest"
rows 4 '"measure","ok"'
before=$(ls "$tmp/results/selftest" | wc -l)
run 1 run "$tmp/plan.ini" --runs=9..10
grep -q 'no boot begins there' "$tmp/log" || fail "runs that are none"
[ "$(ls "$tmp/results/selftest" | wc -l)" = "$before" ] || fail "a folder for no runs"
nothing_left

case="resumed on another machine"
sed -i 's/"cpu": ".*"/"cpu": "another"/' "$tmp/results/latest/environment.json"
before=$(ls -l --full-time "$tmp/results/latest/")
run 1 resume
grep -q "another kind of host: cpu is '.*' against 'another'; finish it there" "$tmp/log" ||
	fail "not why"
[ "$(ls -l --full-time "$tmp/results/latest/")" = "$before" ] || fail "something is left in the folder"
[ "$(wc -l < "$tmp/log")" = 1 ] || fail "more than one line"
nothing_left

case="mistakes"
run 1 run "$tmp/no-such.ini"
grep -q 'no-such.ini: No such file' "$tmp/log" || fail "the plan is not named"
run 64 run "$tmp/plan.ini" --accel=warp
grep -q 'accel=warp: want auto|kvm|tcg' "$tmp/log" || fail "the accelerator is not named"
run 1 resume "$tmp"
grep -q "$tmp/manifest: No such file" "$tmp/log" || fail "the folder is not named"
nothing_left
