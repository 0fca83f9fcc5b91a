#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# memnetd and memnet-agent as who tries them first starts them: what the defaults hold.

BUILD=${BUILD:-build}
if [ -z "$START_INSIDE" ]; then
	unshare -n true 2>/dev/null || { echo "no network namespaces here"; exit 77; }
	START_INSIDE=1 exec unshare -n "$0" "$@"
fi

. "$(dirname "$0")/started.sh"
bin=$BUILD/bin
busybox ip link set lo up
export MEMNET_AGENT="$tmp/agent"

case="without --flows there is room for 50 clients"
start memnetd "$bin/memnetd" --dir "$tmp" --vm a --allow 127.0.0.0/8
until_there test -S "$tmp/a.bell"
start agent "$bin/memnet-agent" --region "server:$tmp/a.ivshmem" --socket "$tmp/agent"
start peer "$bin/memnet-work" peer --listen 127.0.0.1:7000
until_there "$bin/memnet-run" true
until_there grep -q ':1B58 .* 0A ' /proc/net/tcp
"$bin/memnet-work" stream --transport memnet --peer 127.0.0.1:7000 --direction send --flows 50 \
	--time 200ms >"$tmp/out" 2>&1 || fail "status $?"
