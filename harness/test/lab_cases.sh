# SPDX-License-Identifier: BSD-2-Clause
#
# For test scripts that run experiments with real VMs: read in with `.` by a script
# that sets $case before each of its cases and leaves a plan in $tmp/plan.ini. Skips
# (77) where no VM can run.

BUILD=${BUILD:-build}
lab=$BUILD/bin/memnet-lab
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

[ -e "$BUILD/guest/initrd.img" ] || {
	echo "no guest image (sanitized builds boot nowhere)"
	exit 77
}
unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null ||
	{ echo "no namespaces here: run as root, or allow user namespaces"; exit 77; }
[ -r /dev/net/tun ] || { echo "/dev/net/tun cannot be opened: modprobe tun"; exit 77; }

fail() {
	echo "FAIL: $case: $*"
	sed 's/^/    /' "$tmp/log"
	exit 1
}

# Start memnet-lab in the background; its pid is in $pid.
start() {
	"$lab" --build="$BUILD" --results="$tmp/results" --accel=tcg --lock="$tmp/lock" "$@" \
		>"$tmp/log" 2>&1 &
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

child_list() {	# pids of the children of $pid whose command line has the word $1
	for c in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
		{ tr '\0' ' ' < "/proc/$c/cmdline"; } 2>/dev/null | grep -q "$1" && echo "$c"
	done
}

child() {	# the first of them
	child_list "$1" | head -n 1
}

# Wait until a peer has had some CPU time: a stream flows.
wait_stream() {
	for i in $(seq 600); do
		kill -0 "$pid" 2>/dev/null || fail "ended before a stream flowed"
		for peer in $(child_list "memnet-work peer"); do
			ticks=$(cut -d' ' -f14,15 "/proc/$peer/stat" 2>/dev/null | tr ' ' '+')
			[ "$((${ticks:-0}))" -gt 5 ] && return
		done
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
		{ tr '\0' ' ' < "$p/cmdline"; } 2>/dev/null | grep -q "$tmp/results" &&
			fail "${p#/proc/} is left"
	done
	echo "ok: $case"
}

# Run the plan; kill -9 the harness while a stream flows. All that it started ends with it.
kill_in_mid_stream() {
	start run "$tmp/plan.ini"
	wait_stream
	children=$(cat "/proc/$pid/task/$pid/children")
	for c in $children; do
		children="$children $(cat "/proc/$c/task/$c/children")"
	done
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	for c in $children; do
		gone "$c" || fail "process $c outlives the harness by 5 s"
	done
	nothing_left
}
