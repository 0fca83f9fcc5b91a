# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
#
# For tests that start daemons and servers: a folder $tmp, what runs in the background and its
# logs there; all of it ends with the test. $case is what is being tried.

tmp=$(mktemp -d) || exit 1
started=
finish() {
	# shellcheck disable=SC2086	# a list
	[ -z "$started" ] || kill $started 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAIL: $case: $*"
	tail -n 8 "$tmp"/*.log "$tmp"/out "$tmp"/*/memnet 2>/dev/null
	exit 1
}

start() {	# LOG COMMAND...
	log=$1
	shift
	"$@" >"$tmp/$log.log" 2>&1 &
	started="$! $started"
}

until_there() {	# a command, for at most 5 s
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	fail "$* does not come true"
}
