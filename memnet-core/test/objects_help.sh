# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For the tests of memnet(1): memnetd and memnet-agent on this machine, and what a shell expects.

set -u
build=$(cd "${BUILD:-build}" && pwd)
PATH=$build/bin:$PATH
top=$(mktemp -d)
chmod 755 "$top"
export MEMNET_AGENT="$top/agent.sock"
failures=0
memnetd='' agent='' others=''

start_agent() {
	memnet-agent --region "server:$top/a.ivshmem" --socket "$MEMNET_AGENT" 2>>"$top/log" &
	agent=$!
}

start() {	# MEMNETD'S OPTIONS...
	: >"$top/log"
	memnetd --dir "$top" "$@" --vm a 2>>"$top/log" &
	memnetd=$!
	wait_for test -S "$top/a.bell"
	start_agent
	wait_for grep -q 'memnet-agent: attached' "$top/log"
}

end() {
	for pid in $agent $memnetd $others; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	agent='' memnetd='' others=''
}
trap 'end; rm -rf --one-file-system "$top"' EXIT

child_of_memnetd() {	# NUMBER, in order of start
	cut -d' ' -f"$1" "/proc/$memnetd/task/$memnetd/children"
}

wait_for() {
	tries=0
	until "$@" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "never: $*"; cat "$top/log"; exit 1; }
		sleep 0.05
	done
}

fails() {
	failures=$((failures + 1))
	echo "FAILED: $*; it said:"
	cat "$top/out" "$top/err"
}

run() {
	"$@" >"$top/out" 2>"$top/err"
	status=$?
}

works() {	# COMMAND...
	run "$@"
	[ "$status" = 0 ] || fails "$*: status $status"
}

refused() {	# WORDS COMMAND...
	words=$1
	shift
	run "$@"
	[ "$status" = 1 ] || fails "$*: status $status"
	grep -qF -- "$words" "$top/err" || fails "$*: does not say '$words'"
	[ "$(wc -l <"$top/err")" = 1 ] || fails "$*: says more than a line"
}

finish() {	# THEME
	[ "$failures" = 0 ] && echo "$1: everything is as it should be"
	exit "$failures"
}
