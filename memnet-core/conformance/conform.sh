#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# conform.sh FOLDER [CASE...]: run the cases, all or those named ('epoll-*'), over the kernel's
# sockets and over MemNet, and compare. What was seen is left in FOLDER/kernel and FOLDER/memnet,
# the table goes to standard output. 0: the same, but for conformance/differences; 1: not; 2: it
# could not be tried; 3: the kernel's side is as documented, and there is no memnet-run to
# compare with.
#
# With CONFORM_SEEN=FILE the cases were run over MemNet elsewhere, in a VM, and FILE is what was
# seen there (harness/test/conform_vm.sh).
#
# All of it lives in a network namespace of its own, the peer and memnetd too. Their addresses
# stand on its loopback device, which is always there; they are none of the guest's loopback.

# The peer may be connected to, and the guest's own addresses listened at.
here=$(dirname "$0")
MEMNETD_OPTIONS=${MEMNETD_OPTIONS:---size 256M --flows 512 --channels 32 --policy $here/policy}

BUILD=${BUILD:-build}
conform=$BUILD/bin/memnet-conform
run=$BUILD/bin/memnet-run

give_up() {
	echo "conform.sh: $*" >&2
	exit 2
}

[ $# -ge 1 ] || give_up "want a folder; see the head of $0"
if [ -z "$CONFORM_INSIDE" ]; then
	[ "$(id -u)" = 0 ] && user= || user=r
	CONFORM_INSIDE=1 exec unshare "-n$user" "$0" "$@"
fi

out=$1
shift
for name in "$@"; do
	set -- "$@" --case "$name"
	shift
done

# UNIX sockets have short paths, and FOLDER may have a long one.
sockets=$(mktemp -d) || exit 2
started=
finish() {
	# shellcheck disable=SC2086	# a list
	[ -z "$started" ] || kill $started 2>/dev/null
	wait
	rm -rf "$sockets"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() {	# LOG SOCKET COMMAND...: and wait until the socket is there
	log=$1 socket=$2
	shift 2
	"$@" >"$log" 2>&1 &
	started="$! $started"
	for _ in $(seq 100); do
		[ -S "$socket" ] && return
		sleep 0.05
	done
	give_up "$1 did not begin to serve: $(tail -n 1 "$log")"
}

mkdir -p "$out" || exit 2
busybox ip link set lo up || give_up "no network namespace"
for a in 198.18.0.1/32 198.18.0.2/32 fd00:198:18::1/128 fd00:198:18::2/128; do
	busybox ip addr add $a dev lo || give_up "no address $a"
done
start "$out/peer.log" "$sockets/peer" "$conform" --serve "$sockets/peer"

"$conform" --peer "$sockets/peer" "$@" >"$out/kernel" 2>"$out/kernel.log"
status=$?
if [ -n "$CONFORM_SEEN" ]; then
	cp "$CONFORM_SEEN" "$out/memnet" || exit 2
	cat "$here/differences" "$here/differences.vm" >"$out/differences"
	awk -v some=$# -f "$here/compare.awk" "$out/differences" "$out/kernel" "$out/memnet" &&
		exit $status
	exit 1
fi
if [ ! -x "$run" ]; then
	grep -E ', not |: end = [^a]' "$out/kernel"
	echo "$(grep -c ': end = ' "$out/kernel") cases over the kernel's sockets," \
		"$(grep -c ': end = as documented' "$out/kernel") as documented; MemNet not tried:" \
		"there is no $run"
	[ $status = 0 ] || exit 1
	exit 3
fi

# shellcheck disable=SC2086	# options
start "$out/memnetd.log" "$sockets/a.ivshmem" "$BUILD/bin/memnetd" --dir "$sockets" --vm a \
	$MEMNETD_OPTIONS
start "$out/agent.log" "$sockets/agent" "$BUILD/bin/memnet-agent" \
	--region "server:$sockets/a.ivshmem" --socket "$sockets/agent"
MEMNET_AGENT=$sockets/agent "$run" "$conform" --peer "$sockets/peer" "$@" \
	>"$out/memnet" 2>"$out/memnet.log"
awk -v some=$# -f "$here/compare.awk" "$here/differences" "$out/kernel" "$out/memnet" || status=1
[ $status = 0 ] || exit 1
