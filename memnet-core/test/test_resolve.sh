#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# memnet_resolve(): as getaddrinfo(), and whom it asks. The guest has not even a loopback.

BUILD=${BUILD:-build}
. "$(dirname "$0")/names_help.sh"
resolve=$BUILD/memnet-core/test/resolve

gives() {	# WANTED NODE SERVICE FAMILY SOCKTYPE FLAGS [THREADS]
	wanted=$1
	shift
	unshare -n "$resolve" "$@" >"$tmp/out" 2>&1
	[ "$(cat "$tmp/out")" = "$wanted" ] || fail "$*: not $wanted"
}

ask_silent() {	# ARGUMENT...: in the background, and it waits for an answer now
	heard=$(wc -l <"$tmp/silent.log")
	unshare -n "$resolve" "$@" >"$tmp/out" 2>&1 &
	asking=$!
	until_there is_heard
}

is_heard() {
	[ "$(wc -l <"$tmp/silent.log")" -gt "$heard" ]
}

case="names of the server"
gives "$here 80 stream" peer.test 80 0 stream ""
gives "$here 80 stream" PEER.Test. 80 4 stream ""
gives "fd00:198:18::1 80 stream" both.test 80 6 stream ""
gives "$here 80 dgram; fd00:198:18::1 80 dgram" both.test 80 0 dgram ""
gives "$here 80 stream; fd00:198:18::1 80 stream" both.test 80 0 stream g
gives "$here 80 stream" both.test 80 4 stream g
gives "$here 80 stream; $here 80 dgram; $here 80 raw" peer.test 80 0 any ""
gives "$here 80 stream; $here 80 dgram; $here 80 raw" peer.test 80 0 any null
gives "$here 0 stream" peer - 0 stream ""
gives "$here 80 stream peer.test" alias.test 80 0 stream c
gives "::ffff:$here 80 stream" peer.test 80 6 stream m
gives "fd00:198:18::1 80 stream; ::ffff:$here 80 stream" both.test 80 6 stream ma

case="services"
gives "$here 53 stream; $here 53 dgram" peer.test domain 0 any ""
gives "$here 443 stream" "$here" https 0 stream ""
gives EAI_SERVICE "$here" no-such-service 0 stream ""
gives EAI_NONAME peer.test http 0 stream s

case="what is answered without a server"
nothing_asked_yet
gives "198.18.0.9 80 stream" in-hosts.test 80 0 stream ""
gives "198.18.0.9 80 stream in-hosts.test" in-hosts-too 80 4 stream c
gives "::ffff:198.18.0.9 80 stream" in-hosts-too 80 6 stream m
gives "127.0.0.1 80 stream; ::1 80 stream" localhost 80 0 stream ""
gives "127.0.0.1 80 stream" localhost 80 4 stream ""
gives "::1 80 stream" localhost. 80 6 stream ""
gives "::1 80 stream" localhost 80 6 stream m
gives "127.0.0.1 80 dgram a.LocalHost" a.LocalHost 80 4 dgram c
gives "$here 80 stream" "$here" 80 0 stream ""
gives "fd00:198:18::1 80 stream" fd00:198:18::1 80 6 stream n
gives EAI_ADDRFAMILY fd00:198:18::1 80 4 stream ""
gives EAI_NONAME peer.test 80 0 stream n
gives "127.0.0.1 80 stream" - 80 4 stream ""
gives "0.0.0.0 80 stream" - 80 4 stream p
gives EAI_NONAME - - 4 stream ""
gives EAI_NONAME "" 80 0 stream ""
gives EAI_SERVICE peer.test no-such-service 0 stream ""
asked . && fail "the server was asked"

case="errors"
gives EAI_NONAME none.test 80 0 stream ""
gives EAI_NODATA empty.test 80 0 stream ""
gives EAI_NODATA peer.test 80 6 stream ""
gives EAI_AGAIN fails.test 80 0 stream ""
gives EAI_AGAIN refuses.test 80 0 stream ""

case="an answer that is too long for a datagram"
unshare -n "$resolve" many.test 80 4 stream "" >"$tmp/out" 2>&1 || fail "status $?"
[ "$(grep -o "198.18.1.[0-9]* 80 stream" "$tmp/out" | sort -u | wc -l)" = 100 ] ||
	fail "not all addresses"

case="threads of one struct memnet"
gives "$here 80 stream peer.test" alias.test 80 0 stream c 8
wanted=$(cat "$tmp/out")
unshare -n "$resolve" many.test 80 4 stream "" 4 >"$tmp/out" 2>&1 || fail "status $?"
[ "$(grep -o "198.18.1.[0-9]* 80 stream" "$tmp/out" | sort -u | wc -l)" = 100 ] ||
	fail "not all addresses"

case="a server that the policy does not allow"
resolv_conf "nameserver $denied"
quickly 2 gives "EAI_SYSTEM EACCES" peer.test 80 0 stream ""
grep -q "denied: connect udp $denied:53" "$tmp/memnetd.log" || fail "no denial"
gives "$here 80 stream" "$here" 80 0 stream ""

resolv_conf "nameserver $short"
gives "$here 80 stream" peer.test 80 0 stream ""
quickly 2 gives "EAI_SYSTEM EACCES" many.test 80 4 stream ""
resolv_conf "nameserver $short" "nameserver $denied"
quickly 2 gives "EAI_SYSTEM EACCES" many.test 80 4 stream ""

case="a server of IPv6"
resolv_conf "nameserver $dns6"
gives "$here 80 stream" peer.test 80 0 stream ""

case="the second server answers"
resolv_conf "nameserver $denied" "nameserver $dns"
quickly 2 gives "$here 80 stream" peer.test 80 0 stream ""
resolv_conf "nameserver 127.0.0.53" "nameserver $dns"
quickly 2 gives "$here 80 stream" peer.test 80 0 stream ""

case="nobody is at the server's port"
resolv_conf "nameserver $here" "nameserver $dns" "options timeout:5"
quickly 2 gives "$here 80 stream" peer.test 80 0 stream ""
resolv_conf "nameserver $here" "options timeout:5"
quickly 2 gives EAI_AGAIN peer.test 80 0 stream ""

case="a server that is silent"
resolv_conf "nameserver $silent" "options timeout:1"
quickly 4 gives EAI_AGAIN peer.test 80 0 stream ""
resolv_conf "nameserver $silent" "options timeout:1 attempts:1"
quickly 2 gives EAI_AGAIN peer.test 80 0 stream ""
resolv_conf "nameserver $denied" "nameserver $silent" "options timeout:1 attempts:1"
quickly 4 gives EAI_AGAIN peer.test 80 0 stream ""
resolv_conf "nameserver $dns" "options timeout:1 attempts:1"
quickly 2 gives "$here 80 stream" half.test 80 0 stream ""

case="the second server answers where the first is silent"
resolv_conf "nameserver $silent" "nameserver $dns" "options timeout:1"
quickly 3 gives "$here 80 stream" peer.test 80 0 stream ""

case="signals meanwhile"
ask_silent peer.test 80 0 stream ""
for _ in 1 2 3 4 5; do
	sleep 0.1
	kill -USR1 $asking || fail "it did not wait for the silent one"
done
wait $asking || fail "status $?"
[ "$(cat "$tmp/out")" = "$here 80 stream" ] || fail "another answer"

case="no server but at the guest's own loopback, which is not the host's"
start own python3 "$server" 127.0.0.1 "$tmp/zone"
until_there python3 -c "import socket; socket.create_connection(('127.0.0.1', 53)).close()"
for conf in "nameserver 127.0.0.1" "nameserver ::1" "search test"; do
	resolv_conf "$conf"
	quickly 2 gives "EAI_SYSTEM ENETUNREACH" peer.test 80 0 stream ""
done
[ ! -s "$tmp/own.log" ] || fail "the host's was asked"

case="the agent ends meanwhile"
resolv_conf "nameserver $silent" "options timeout:30"
ask_silent peer.test 80 0 stream ""
kill -KILL "$agent"
quickly 5 wait $asking
[ "$(cat "$tmp/out")" = "EAI_SYSTEM ECONNRESET" ] || fail "another answer"
start_agent

case="the host ends meanwhile"
ask_silent peer.test 80 0 stream ""
kill -KILL "$memnetd"
quickly 5 wait $asking
[ "$(cat "$tmp/out")" = "EAI_SYSTEM ECONNRESET" ] || fail "another answer"
exit 0
