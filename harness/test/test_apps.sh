#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Apps in a real VM: one whose value is found, one that is a fixed amount of work, and all the
# ways in which one goes wrong. What is in the guest besides busybox is from this host.

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
		paths = memnet
		arms = spare-core
		apps = $1
	PLAN
}

row() {		# APP PATTERN: in the row of its run
	runs | grep "\"app-$1\"" | grep -q "$2" ||
		fail "no '$2' in the row of $1: $(runs | grep "app-$1" | cut -c1-700)"
}

log() {		# APP LINE: in the output of its run
	grep -qxF "$2" "$tmp/results/latest/logs/b01.memnet.spare-core.app-$1.none.log" ||
		fail "no line '$2' in the log of $1"
}

case="what an app measures"
plan "good, cost, work, dynamic" <<'APPS'
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
APPS
run 0 run "$tmp/plan.ini"
rows 4 '"measure","ok"'
row good '"app-good","good","2.5","kB/s","higher",'	# the last line of standard output
row cost '"app-cost","cost","7.25","ms","lower",'	# standard error, where that has none
row work '"app-work","work",,,,'
runs | grep app-work | tr -d '"' | awk -F, -v names="$(head -n 1 "$tmp/results/latest/runs.csv")" '
	BEGIN { split(names, name, ","); for (i in name) at[name[i]] = i }
	{ exit !($at["window_s"] > 0.3 && $at["window_s"] < 20 && $at["cpu_vcpu_s"] > 0.01 &&
		 $at["guest_user_s"] > 0.01) }' || fail "window or CPU time are not the work's"
row dynamic '"app-dynamic","dynamic","[0-9]*","none","higher",'
log good "$(sed -n 's/^command = echo armed/$ echo armed/p' "$tmp/plan.ini")"
log good 'result status=7'
log good '2> rate: 9'
log dynamic 'A=b'
grep -q '"app-good",.*"app_score","kB/s","workload","measured","1","2.5"' \
	"$tmp/results/latest/summary.csv" || fail "no summary of the value"
grep -q '"app-work",.*"duration","s","host-clock","measured"' "$tmp/results/latest/summary.csv" ||
	fail "no summary of the duration"
grep -q 'value, lower is better .* 7.25 ms' "$tmp/log" || fail "not in the table"
nothing_left

case="what goes wrong with an app"
plan "nosuch, status, nomatch, slow, stubborn, killed, shell, absent, good" <<'APPS'
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
command = trap '' TERM; sleep 100 & echo $! >/run/stubborn; while :; do sleep 100; done
timeout = 300ms
[app killed]
command = sh -c 'kill -9 $$'
[app shell]
command = echo "unterminated
[app absent]
command = no-such-program
files = /bin/no-such-program
[app good]
command = [ -e "/proc/$(cat /run/stubborn || echo none)/status" ] && exit 9; echo 5
metric = ^(5)$
unit = 1
APPS
run 0 run "$tmp/plan.ini"
row nosuch '"failed","the command ended with status 127: .*no-such-program: not found"'
row status '"failed","the command ended with status 3: it is broken"'
row nomatch "\"invalid\",\"the metric 'rate: .*' found no number in .* is 'rate: none'\""
rows 1 '"app-nomatch"'					# once: it would find none again
row slow '"failed","the command did not end within 0.5 s, the app.s timeout"'
log slow begun						# what it had written all the same
row stubborn '"failed","the command did not end within 0.3 s, the app.s timeout"'
row killed '"failed","the command ended with status 137 (signal 9)'
row shell '"failed","the command ended with status 2: .*unterminated quoted string"'
row absent '"skipped","the app absent needs /bin/no-such-program (No such file .*): install'
row good '"ok",.*"good","5","1"'			# after all of them, in the same VM
nothing_left

case="what is to be skipped is told"
"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1 || fail "no plan"
grep -q 'app-absent.none (skipped)' "$tmp/log" || fail "not in the order"
grep -q 'skipped     1 runs of app absent: .*no-such-program' "$tmp/log" || fail "no reason"
grep -qF "command = trap '' TERM; sleep 100" "$tmp/log" || fail "no command"
nothing_left
