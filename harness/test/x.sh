#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The harness tests itself, with real VMs: experiments that pass, whose guest is
# silent or hangs, that lose their peer or their QEMU, that are interrupted and
# killed, and resumed. After each nothing may be left on the machine.

BUILD=${BUILD:-build}
lab=$BUILD/bin/memnet-lab
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

[ -e "$BUILD/guest/initrd.img" ] || { echo "no guest image (sanitized builds boot nowhere)"; exit 77; }
unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null ||
	{ echo "no namespaces here: run as root, or allow user namespaces"; exit 77; }
[ -r /dev/net/tun ] || { echo "/dev/net/tun cannot be opened: modprobe tun"; exit 77; }

fail() {
	echo "FAIL: $case: $*"
	sed 's/^/    /' "$tmp/log"
	exit 1
}

plan() {	# SCENARIOS WINDOW
	cat > "$tmp/plan.ini" <<-PLAN
		[plan]
		name = selftest
		repetitions = 1
		seed = 7
		steal_percent = 100
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

# Start memnet-lab in the background; its pid is in $pid.
start() {
	"$lab" --build="$BUILD" --results="$tmp/results" --accel=tcg "$@" >"$tmp/log" 2>&1 &
	pid=$!
}

finish() {	# WANTED-STATUS
	wait "$pid"
	status=$?
	[ "$status" = "$1" ] || fail "exit status $status, not $1"
}

run() {		# WANTED-STATUS ARGUMENT...
	want=$1
	shift
	start "$@"
	finish "$want"
}

runs() {	# the newest runs.csv without its header
	sed 1d "$tmp/results/latest/runs.csv"
}

rows() {	# WANTED-NUMBER PATTERN: rows of the newest runs.csv that match
	n=$(runs | grep -c "$2")
	[ "$n" = "$1" ] || fail "$n rows match '$2', not $1: $(runs | cut -c1-400)"
}

child() {	# pid of the child of $pid whose command line has the word $1
	for c in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
		tr '\0' ' ' < "/proc/$c/cmdline" | grep -q "$1" && echo "$c" && return
	done
}

# Wait until the peer has had some CPU time: a stream flows.
wait_stream() {
	for i in $(seq 600); do
		kill -0 "$pid" 2>/dev/null || fail "ended before a stream flowed"
		peer=$(child "memnet-work peer")
		if [ -n "$peer" ]; then
			ticks=$(cut -d' ' -f14,15 "/proc/$peer/stat" 2>/dev/null | tr ' ' '+')
			[ "$((${ticks:-0}))" -gt 5 ] && return
		fi
		sleep 0.05
	done
	fail "no stream after 30 s"
}

# Does process $1 end within 5 s? A zombie has ended; its new parent may take its time.
gone() {
	for i in $(seq 100); do
		case $(sed -n 's/^State:\t//p' "/proc/$1/status" 2>/dev/null) in
		""|Z*) return 0 ;;
		esac
		sleep 0.05
	done
	return 1
}

links_before=$(ls /sys/class/net)
shm_before=$(ls /dev/shm)

nothing_left() {
	[ "$(ls /sys/class/net)" = "$links_before" ] || fail "a network device is left"
	[ "$(ls /dev/shm)" = "$shm_before" ] || fail "a file in /dev/shm is left"
	for p in /proc/[0-9]*; do
		tr '\0' ' ' < "$p/cmdline" 2>/dev/null | grep -q "$tmp/results" && fail "${p#/proc/} is left"
	done
	echo "ok: $case"
}

# What a path needs may be absent here: then its rows say so, and that is all there is to see.
path_case() {	# PATH
	case="path $1"
	plan "network, rr" 500ms
	sed -i "s/^paths = .*/paths = $1/; s/^directions = .*/directions = send, recv/" "$tmp/plan.ini"
	run 0 run "$tmp/plan.ini"
	if runs | grep -q '"skipped"'; then
		rows 3 '"measure","skipped"'
		echo "skipped: path $1: $(runs | sed -n '1s/.*"skipped","\([^"]*\)".*/\1/p')"
	else
		rows 3 '"measure","ok"'
	fi
	nothing_left
}

path_case virtio-user

