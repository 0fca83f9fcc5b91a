#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Apps in a real VM: those whose value is found, one that is a fixed amount of work, those with a
# server, and all the ways in which one goes wrong. What is in the guest besides busybox is
# from this host.

. "$(dirname "$0")/lab_cases.sh"

plan() {	# APPS
	cat > "$tmp/plan.ini" <<-PLAN
		[plan]
		name = apps
		repetitions = 1
		seed = 7
		steal_percent = 100
		idle_window = 0s
		settle = 20ms
		$(cat)
		[matrix m]
		paths = virtio-tap
		arms = spare-core
		apps = $1
	PLAN
}

row() {		# APP PATTERN: in the row of its run over the tap
	runs | grep '"virtio-tap"' | grep "\"app-$1\"" | grep -q "$2" ||
		fail "no '$2' in the row of $1: $(runs | grep "tap.*\"app-$1\"" | cut -c1-700)"
}

holds() {	# APP CONDITION of awk, in which at("NAME") is a column of the row of its run
	runs | grep "virtio-tap.*app-$1" | sed 's/, / /g; s/"//g' |	# a remark has commas, too
		awk -F, -v names="$(head -n 1 "$tmp/results/latest/runs.csv")" '
		function at(name) { return $column[name] }
		BEGIN { n = split(names, name, ","); while (n) { column[name[n]] = n; n-- } }
		{ exit !('"$2"') }' || fail "$1: not $2"
}

log() {		# APP LINE: in the output of its run
	grep -qxF "$2" "$tmp/results/latest/logs/b01.virtio-tap.spare-core.app-$1.none.log" ||
		fail "no line '$2' in the log of $1"
}

summary() {	# PATTERN
	grep -q "$1" "$tmp/results/latest/summary.csv" || fail "no '$1' in the summary"
}

case="what an app measures"
iperf3=$(command -v iperf3) || echo "skipped: iperf3: there is none here (Debian: iperf3)"
plan "good, cost, work, dynamic, stream, tree${iperf3:+, iperf3}" <<APPS
[app good]
command = echo armed; echo 'result status=7'; echo rate: 1 kB; echo rate: 2.5 kB; echo rate: 9 >&2
metric = ^rate: ([0-9.]+)
unit = kB/s
[app cost]
command = sh -c 'echo "took 7.25 ms" >&2'
metric = took ([0-9.]+)
unit = ms
better = lower
[app work]
command = gzip -9 </bin/busybox | wc -c; sleep 0.3
[app dynamic]
command = cmp /usr/bin/env /bin/busybox; /usr/bin/env - A=b /usr/bin/env
files = /usr/bin/env
metric = differ: char ([0-9]+)
unit = none
[app stream]
command = sleep 1 | nc @peer_addr@ @peer_port@ | wc -c
server = busybox nc -l -p @peer_port@ <$(realpath "$lab"); echo served at @peer_addr@; false
metric = ^([0-9]+)$
unit = B
[app static]
command = nc @peer_addr@ @peer_port@
server = busybox nc -l -p @peer_port@
[app tree]
command = sleep 2 | nc @peer_addr@ @peer_port@ | wc -c
server = (seq 20000000 | tail -n 1) | busybox nc -l -p @peer_port@; sleep 9
[app pipeline]
command = @bin@/memnet-zstd --by object --pieces 3 http://@peer_addr@:@peer_port@/piece
server = @bin@/memnet-zstd --sink @peer_addr@:@peer_port@
files = @bin@/memnet-zstd
metric = ^object: 3 pieces, 3145728 bytes in, ([0-9]+) out
unit = B
[app iperf3]
command = iperf3 -c @peer_addr@ -p @peer_port@ -t 1 -f k
server = iperf3 -s -1 -p @peer_port@
files = $iperf3
metric = ([0-9.]+) Kbits/sec +receiver
unit = kb/s
APPS
[ -n "$iperf3" ] || sed -i '/^files = $/d' "$tmp/plan.ini"
printf '[matrix n]\npaths = memnet\narms = spare-core\napps = %s\n' \
	"static, pipeline${iperf3:+, iperf3}" >> "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
row good '"ok",.*"good","2.5","kB/s","higher",'	# the last line of standard output
row cost '"ok",.*"cost","7.25","ms","lower",'	# or of standard error
row work '"ok",.*"work",,,,'
holds work 'at("window_s") > 0.3 && at("window_s") < 20'
holds work 'at("cpu_vcpu_s") > 0.01 && at("guest_user_s") > 0.01'
row dynamic '"ok",.*"dynamic","[0-9]*","none","higher",'
row stream "\"ok\",.*\"stream\",\"$(stat -Lc %s "$lab")\",\"B\""
row tree '"ok"'
holds tree 'at("cpu_peer_s") > 0.1'				# of the server's children
[ -z "$iperf3" ] || row iperf3 '"ok",.*"iperf3","[1-9][0-9.]*","kb/s","higher"'
# By memnet-run where it can; and what it cannot help does not go by the machine's tap.
rows 1 '"failed".*"memnet","app-static"'
rows 1 '"ok",.*"memnet","app-pipeline",.*"pipeline","[1-9][0-9]*","B"'	# sent by the host
[ -z "$iperf3" ] || rows 1 '"ok",.*"memnet","app-iperf3",.*"iperf3","[1-9][0-9.]*","kb/s","higher"'
log good "$(sed -n 's/^command = echo armed/$ echo armed/p' "$tmp/plan.ini")"
log good 'result status=7'
log good '2> rate: 9'
log dynamic 'A=b'
grep -qx 'served at 198.18.0.1' "$tmp"/results/latest/logs/b01.*app-stream.none.server.log ||
	fail "no log of the server"
summary '"app-good",.*"app_score","kB/s","workload","measured","1","2.5"'
summary '"app-work",.*"duration","s","host-clock","measured"'
grep -q 'value, lower is better .* 7.25 ms' "$tmp/log" || fail "not in the table"
nothing_left

case="what goes wrong with an app"
plan "nosuch, status, nomatch, slow, stubborn, killed, shell, absent, unbuilt, deaf, ends, none, good" <<'APPS'
[app nosuch]
command = no-such-program --x
[app status]
command = echo fine; echo 'it is broken' >&2; exit 3
[app nomatch]
command = echo 'rate: none'; echo; head -c 3 /dev/zero
metric = rate: ([0-9]+)
unit = B/s
[app slow]
command = echo begun; sleep 100
timeout = 500ms
[app stubborn]
command = trap '' TERM; while :; do sleep 100; done
timeout = 300ms
[app killed]
command = sh -c 'kill -9 $$'
[app shell]
command = echo "unterminated
[app absent]
command = no-such-program
files = /bin/no-such-program
[app unbuilt]
command = @bin@/no-such-program
files = @bin@/no-such-program
[app deaf]
command = echo never
server = sleep 30; echo @peer_port@
timeout = 300ms
[app ends]
command = echo never
server = echo no port @peer_port@ for me >&2; exit 4
[app none]
command = nc @peer_addr@ @peer_port@
server = no-such-server -p @peer_port@
[app good]
command = echo 5
metric = ^(5)$
unit = 1
APPS
run 0 run "$tmp/plan.ini"
row nosuch '"failed","the command ended with status 127: .*no-such-program: not found"'
row status '"failed","the command ended with status 3: it is broken"'
row nomatch "\"invalid\",\"the metric 'rate: .*' found no number in .* is 'rate: none'"
rows 1 '"app-nomatch"'					# once: it would find none again
row slow '"failed","the command did not end within 0.5 s, the app.s timeout"'
log slow begun						# what it had written all the same
row stubborn '"failed","the command did not end within 0.3 s, the app.s timeout"'
row killed '"failed","the command ended with status 137 (signal 9)'
row shell '"failed","the command ended with status 2: .*unterminated quoted string"'
row absent '"skipped","the app absent needs /bin/no-such-program (No such file .*): install'
row unbuilt "\"skipped\",\"the app unbuilt needs $(realpath "$BUILD")/bin/no-such-program .*: make all"
row deaf '"failed","nothing listens at port 7000 0.3 s after the server was started'
row ends '"failed","the server ended (exit status 4) before it listened at port 7000; see its log'
row none '"skipped","there is no program no-such-server here for the server of the app none'
row good '"ok",.*"good","5","1"'
nothing_left

case="what is to be skipped is told"
"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1 || fail "no plan"
grep -q 'app-absent.none (skipped)' "$tmp/log" || fail "not in the order"
grep -q 'skipped     1 runs of app absent: .*no-such-program' "$tmp/log" || fail "no reason"
grep -qF "command = trap '' TERM; while" "$tmp/log" || fail "no command"
nothing_left
