#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Real programs, unmodified, in one guest over MemNet, the peer on the host: the apps of the
# shipped plan `programs`, which compare contents and counts themselves, and more ways of iperf3.
# What the host lacks for one of them is told; without the packages none is tried.

. "$(dirname "$0")/lab_cases.sh"

case="the packages"
iperf3="iperf3-serves-recv, iperf3-serves-four, iperf3-serves-udp"
cat >"$tmp/plan.ini" <<-PLAN
	[plan]
	inherits = $(realpath harness/plans/programs.ini)
	name = programs
	repetitions = 1
	seed = 7
	steal_percent = 100
	idle_window = 0s
	settle = 20ms
	[app iperf3-serves-recv]
	command = iperf3 -s -1 >/dev/null & curl -s --http0.9 @peer_addr@:@peer_port@
	server = iperf3 -v >&2 && busybox nc -l -p @peer_port@ -e sh -c 'sed -n q; until iperf3 -c @guest_addr@ -n 64M -R -f k; do sleep .1; done'
	metric = ([0-9.]+) Kbits/sec +receiver
	unit = kb/s
	timeout = 30s
	[app iperf3-serves-four]
	command = iperf3 -s -1 >/dev/null & curl -s --http0.9 @peer_addr@:@peer_port@
	server = iperf3 -v >&2 && busybox nc -l -p @peer_port@ -e sh -c 'sed -n q; until iperf3 -c @guest_addr@ -n 64M -P 4 -f k; do sleep .1; done'
	metric = SUM.* ([0-9.]+) Kbits/sec +receiver
	unit = kb/s
	timeout = 30s
	[app iperf3-serves-udp]
	command = iperf3 -s -1 >/dev/null & curl -s --http0.9 @peer_addr@:@peer_port@
	server = iperf3 -v >&2 && busybox nc -l -p @peer_port@ -e sh -c 'sed -n q; until iperf3 -c @guest_addr@ -u -b 20M -n 4M; do sleep .1; done'
	metric = ([0-9.]+)%\\) +receiver
	unit = % lost
	better = lower
	timeout = 30s
	; Does a wrong content fail? What is loaded is compared with something else.
	[app other-bytes]
	command = curl -sS @peer_addr@:@peer_port@/busybox | cmp - /bin/memnet-work
	server = busybox httpd -f -p @peer_port@ -h /bin
	[matrix clients]
	paths = memnet
	arms = spare-core
	apps = iperf3-send, iperf3-recv, iperf3-four, iperf3-udp, $iperf3, curl-loads, curl-four, curl-puts
	[matrix services]
	paths = memnet
	arms = spare-core
	apps = iperf3-serves, nginx-load, nginx-eight, redis, other-bytes
PLAN
"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1 || fail "no plan"
if grep -q 'without it there is no run' "$tmp/log"; then
	sed -n 's/^package *packages: //p' "$tmp/log"
	exit 77
fi

case="programs in a guest"
start run "$tmp/plan.ini"
wait "$pid"
status=$?
if [ $status != 0 ] && grep -q '^memnet-lab: packages: cannot download' "$tmp/log"; then
	sed 's/^memnet-lab: packages: //' "$tmp/log"
	exit 77
fi
[ $status = 0 ] || fail "exit status $status"
rows 15 '"measure",.*"memnet","app-'

app() {		# NAME PATTERN: in its row, which is good
	if runs | grep "\"app-$1\"" | grep -q '"skipped"'; then
		echo "not tried: $1: $(runs | sed -n "/\"app-$1\"/s/.*\"skipped\",\"\([^\"]*\)\".*/\1/p")"
		return
	fi
	runs | grep '"measure","ok"' | grep "\"app-$1\"" | grep -q "$2" ||
		fail "$1: $(runs | grep "\"app-$1\"" | cut -c1-500)" \
			"$(cat "$tmp/results/latest/logs/"*".app-$1.none"*.log)"
	echo "ok: $1"
}

for name in send recv four serves serves-recv serves-four; do
	app iperf3-$name '"[1-9][0-9.]*","kb/s","higher"'
done
for name in udp serves-udp; do		# of a flow well below what it can carry
	app iperf3-$name '"[0-4]\(\.[0-9]*\)\?","% lost","lower"'
done
for name in curl-loads curl-four curl-puts nginx-eight; do
	app $name "\"$name\",,,,"
done
app nginx-load '"[1-9][0-9.]*","1/s","higher"'
app redis '"[1-9][0-9.]*","1/s","higher"'
rows 1 '"failed".*"app-other-bytes"'
nothing_left
