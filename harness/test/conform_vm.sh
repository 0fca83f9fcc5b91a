#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# conform_vm.sh FOLDER [CASE...]: the cases, all or some named ('epoll-*'; a few, for a command
# of a plan is short), over MemNet in a VM,
# compared with what they see over the kernel's sockets (conform.sh, whose exit status it is; 2:
# it could not be tried). The peer stands on the host: a bridge on either side joins the cases
# with it, over memnet, too, but by processes of their own.

BUILD=${BUILD:-build}
here=memnet-core/conformance
[ $# -ge 1 ] || { echo "conform_vm.sh: want a folder; see the head of $0" >&2; exit 2; }
out=$1
shift
mkdir -p "$out" || exit 2
out=$(realpath "$out")
conform=$(realpath "$BUILD/bin/memnet-conform") || exit 2

cases=
for name in "$@"; do
	cases="$cases -c $name"		# in a folder with no such files
done
# Addresses as conform.sh has them. The sockets are in a folder that is the experiment's own.
cat >"$out/peer.sh" <<-PEER
	for a in 198.18.0.1/32 198.18.0.2/32 fd00:198:18::1/128 fd00:198:18::2/128; do
		busybox ip addr add \$a dev lo
	done
	"$conform" --serve /dev/shm/conform &
	exec "$conform" --bridge "\$1:\$2=/dev/shm/conform"
PEER
cat >"$out/plan.ini" <<-PLAN || exit 2
	[plan]
	name = conform
	repetitions = 1
	seed = 1
	steal_percent = 100
	idle_window = 0s
	; a program that one of the cases becomes
	packages = coreutils
	[app cases]
	command = C=/app/memnet-conform; \$C -b /p=@peer_addr@:@peer_port@ & until [ -S /p ]; do sleep .1; done; \$C -p /p$cases; :
	server = sh $out/peer.sh @peer_addr@ @peer_port@
	timeout = 1200s
	[matrix conform]
	paths = memnet
	arms = spare-core
	apps = cases
PLAN
"$BUILD/bin/memnet-lab" --build="$BUILD" --results="$out/results" --lock="$out/lock" \
	run "$out/plan.ini" >"$out/lab.log" 2>&1 || { tail -n 1 "$out/lab.log" >&2; exit 2; }
grep -q '"measure","ok"' "$out/results/latest/runs.csv" || {
	sed -n '$s/^/conform_vm.sh: /p' "$out/results/latest/runs.csv" >&2
	exit 2
}
grep -E '^[a-z0-9-]+(/[46])?: .+ = .+' \
	"$out"/results/latest/logs/b01.memnet.spare-core.app-cases.none.log >"$out/guest"
CONFORM_SEEN=$out/guest "$here/conform.sh" "$out" "$@"
