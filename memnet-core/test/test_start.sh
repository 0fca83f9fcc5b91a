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

case="a folder that is missing is named with the mend"
"$bin/memnetd" --dir "$tmp/none" --vm a 2>"$tmp/out" && fail "it starts"
grep -qF "make it (mkdir -p $tmp/none)" "$tmp/out" || fail "no mend"

case="an agent waits for memnetd"
mkdir "$tmp/late"
export MEMNET_AGENT="$tmp/late/agent"
start late "$bin/memnet-agent" --region "server:$tmp/late/a.ivshmem" --socket "$MEMNET_AGENT"
until_there grep -q 'nobody answers there' "$tmp/late.log"
start latehost "$bin/memnetd" --dir "$tmp/late" --vm a
latehost=${started%% *}
until_there "$bin/memnet-run" true
[ "$(grep -c 'nobody answers' "$tmp/late.log")" = 1 ] || fail "said more than once"

case="one whose memnetd was started anew says what to do"
kill "$latehost"
wait "$latehost"
start another "$bin/memnetd" --dir "$tmp/late" --vm a
until_there grep -q 'restart memnet-agent' "$tmp/late.log"

case="\"Try it without a VM\" works as it is written"
# shellcheck disable=SC2016	# for the other shell
{	sed -n '/^## Try it/,/^`memnetd --help`/s/^    //p' memnet-core/README.md
	echo 'status=$?'	# of the last, which is the stream
	echo 'kill $pids; wait; exit $status'
} | sed "s|/tmp/mn|$tmp/mn|g; s|build/bin|$bin|; s/:7000/:7001/; s/ &\$/ \& pids=\"\$pids \$!\"/" >"$tmp/try"
grep -q 'memnet-work stream' "$tmp/try" || fail "it is not in the README"
timeout 20 env -i PATH="$PATH" sh "$tmp/try" >"$tmp/out" 2>&1 || fail "status $?"

refused() {	# WHY OPTION...
	why=$1
	shift
	"$bin/memnetd" --dir "$tmp" --vm x "$@" 2>"$tmp/out" && fail "$*: it starts"
	grep -qF -- "$why" "$tmp/out" || fail "$*: not said: $why"
}

case="what is wrong with an option is said"
refused "--size 34603008 is no power of two; want such as 67108864" --size 33M
refused "an --arena of 107373108658176 bytes does not fit" --arena 99999G
refused "10 flows and 16 channels do not fit" --size 128K --flows 10
refused "want [2001:db8::1]:443, or 2001:db8::1:443/128" --allow 2001:db8::1:443
