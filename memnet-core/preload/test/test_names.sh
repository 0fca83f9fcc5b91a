#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Names under memnet-run.

BUILD=${BUILD:-build}
. "$(dirname "$0")/../../test/names_help.sh"
run=$BUILD/bin/memnet-run

guest() {	# COMMAND...
	unshare -n "$run" "$@"
}

# Each entry as "address port socktype canonical", or the error; "call" is getaddrinfo's arguments.
gives() {	# CALL WANTED
	guest python3 -c "
from socket import *
try:
    for family, kind, _, name, where in getaddrinfo($1):
        print(where[0], where[1], kind.name, name)
except gaierror as e:
    print([name for name in dir() if name.startswith('EAI_') and globals()[name] == e.errno][0])
" >"$tmp/out" 2>&1
	[ "$(sed 's/ *$//' "$tmp/out" | paste -sd';')" = "$2" ] || fail "getaddrinfo($1), not $2"
}

case="names of the server"
gives "'peer.test', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"
gives "'peer.test', 'domain'" "$here 53 SOCK_STREAM;$here 53 SOCK_DGRAM"
gives "'PEER.Test.', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"
gives "'both.test', 80, type=SOCK_DGRAM" "$here 80 SOCK_DGRAM;fd00:198:18::1 80 SOCK_DGRAM"
gives "'both.test', 80, AF_INET6, SOCK_STREAM" "fd00:198:18::1 80 SOCK_STREAM"
gives "'both.test', 80, AF_INET, SOCK_STREAM" "$here 80 SOCK_STREAM"
gives "'both.test', 80, 0, SOCK_STREAM, 0, AI_ADDRCONFIG" \
	"$here 80 SOCK_STREAM;fd00:198:18::1 80 SOCK_STREAM"

case="the search list"
gives "'peer', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"

case="canonical names"
gives "'alias.test', 80, 0, SOCK_STREAM, 0, AI_CANONNAME" "$here 80 SOCK_STREAM peer.test"
gives "'peer', 80, 0, SOCK_STREAM, 0, AI_CANONNAME" "$here 80 SOCK_STREAM peer.test"

case="IPv4 as IPv6"
gives "'peer.test', 80, AF_INET6, SOCK_STREAM" EAI_NODATA
gives "'peer.test', 80, AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED" "::ffff:$here 80 SOCK_STREAM"
gives "'both.test', 80, AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED" "fd00:198:18::1 80 SOCK_STREAM"
gives "'both.test', 80, AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED | AI_ALL" \
	"fd00:198:18::1 80 SOCK_STREAM;::ffff:$here 80 SOCK_STREAM"

case="an answer that is too long for a datagram"
guest getent ahostsv4 many.test >"$tmp/out" || fail "status $?"
[ "$(grep -c STREAM "$tmp/out")" = 100 ] || fail "not all addresses"

case="programs of old"
hostent() {	# NAME FAMILY WANTED: name, addresses; or h_errno's
	guest python3 -c "
from ctypes import *
from socket import AF_INET, AF_INET6, inet_ntop
class Hostent(Structure):
    _fields_ = [('name', c_char_p), ('aliases', POINTER(c_char_p)), ('family', c_int),
                ('length', c_int), ('addresses', POINTER(POINTER(c_char)))]
names = CDLL(None)
names.gethostbyname2.restype = POINTER(Hostent)
names.__h_errno_location.restype = POINTER(c_int)
found = names.gethostbyname2(b'$1', $2)
if not found:
    print('error', names.__h_errno_location().contents.value)
    exit()
h = found.contents
assert h.family == $2 and h.length == (4 if $2 == AF_INET else 16) and not h.aliases[0]
n = 0
while h.addresses[n]:
    n += 1
have = {inet_ntop($2, h.addresses[i][:h.length]) for i in range(n)}
print(h.name.decode(), *have if n < 9 else [len(have)])
" >"$tmp/out" 2>&1
	[ "$(cat "$tmp/out")" = "$3" ] || fail "gethostbyname2($1, $2), not $3"
}
hostent alias.test AF_INET "peer.test $here"
hostent peer AF_INET "peer.test $here"
hostent both.test AF_INET6 "both.test fd00:198:18::1"
hostent many.test AF_INET "many.test 100"
hostent in-hosts-too AF_INET "in-hosts.test 198.18.0.9"
hostent 198.18.0.7 AF_INET "198.18.0.7 198.18.0.7"
hostent none.test AF_INET "error 1"
hostent fails.test AF_INET "error 2"
hostent empty.test AF_INET "error 4"
guest python3 -c "
import socket
name, aliases, addresses = socket.gethostbyname_ex('many.test')
assert len(set(addresses)) == 100, addresses" >"$tmp/out" 2>&1 || fail "gethostbyname_r(): status $?"
if command -v perl >/dev/null; then
	guest perl -MSocket -e 'print inet_ntoa(inet_aton("alias.test"))' >"$tmp/out" 2>&1
	[ "$(cat "$tmp/out")" = $here ] || fail "perl"
fi

case="what is answered without a server"
nothing_asked_yet
gives "'in-hosts.test', 80, type=SOCK_STREAM" "198.18.0.9 80 SOCK_STREAM"
gives "'in-hosts-too', 80, AF_INET, SOCK_STREAM" "198.18.0.9 80 SOCK_STREAM"
gives "'localhost', 80, AF_INET, SOCK_STREAM" "127.0.0.1 80 SOCK_STREAM"
gives "'$here', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"
gives "'fd00:198:18::1', 80, type=SOCK_STREAM" "fd00:198:18::1 80 SOCK_STREAM"
gives "'peer.test', 80, 0, SOCK_STREAM, 0, AI_NUMERICHOST" EAI_NONAME
gives "None, 80, AF_INET, SOCK_STREAM" "127.0.0.1 80 SOCK_STREAM"
gives "None, 80, AF_INET, SOCK_STREAM, 0, AI_PASSIVE" "0.0.0.0 80 SOCK_STREAM"
gives "'peer.test', 'no-such-service'" EAI_SERVICE
gives "'peer.test', 80, 77" EAI_FAMILY
gives "'', 80" EAI_NONAME
asked . && fail "the server was asked"

case="errors"
gives "'none.test', 80" EAI_NONAME
gives "'empty.test', 80" EAI_NODATA
gives "'fails.test', 80" EAI_AGAIN
gives "'refuses.test', 80" EAI_AGAIN
guest getent ahosts "$(printf '%064d' 0).test" >"$tmp/out"
[ $? = 2 ] || fail "a label that is too long: status $?"

case="many threads, and children"
guest python3 -c "
import os, socket, threading
wrong = []
def resolve(n):
    for _ in range(n):
        if socket.getaddrinfo('alias.test', 80, type=socket.SOCK_STREAM)[0][4][0] != '$here':
            wrong.append(1)
resolve(1)  # Python's import of its codec takes a lock, which a child would have for ever
threads = [threading.Thread(target=resolve, args=(20,)) for _ in range(8)]
for t in threads: t.start()
for _ in range(5):
    pid = os.fork()
    if not pid:
        resolve(3)
        os._exit(len(wrong) > 0)
    wrong += [1] if os.waitpid(pid, 0)[1] else []
for t in threads: t.join()
exit(len(wrong))
" >"$tmp/out" 2>&1 || fail "status $?"

case="curl, by name"
if command -v curl >/dev/null; then
	head -c 300000 /dev/urandom >"$tmp/big"
	start http python3 -m http.server --directory "$tmp" --bind $here 8000
	until_there curl -s -m 5 "http://$here:8000/big"
	guest curl -sS -m 20 http://alias.test:8000/big >"$tmp/got" 2>"$tmp/out" || fail "status $?"
	cmp "$tmp/big" "$tmp/got" || fail "other bytes"
	guest curl -sS -m 20 http://none.test:8000/big >"$tmp/out" 2>&1
	[ $? = 6 ] || fail "no such name: status $?"
fi

case="a server that the policy does not allow"
resolv_conf "nameserver $denied"
quickly 2 gives "'peer.test', 80" EAI_AGAIN
grep -q "denied: connect udp $denied:53" "$tmp/memnetd.log" || fail "no denial"

case="a server of IPv6"
resolv_conf "nameserver $dns6"
gives "'peer.test', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"

case="the second server answers"
resolv_conf "nameserver $denied" "nameserver $dns"
quickly 2 gives "'peer.test', 80, type=SOCK_STREAM" "$here 80 SOCK_STREAM"

case="a server that is silent"
resolv_conf "nameserver $silent" "options timeout:1"
quickly 4 gives "'peer.test', 80" EAI_AGAIN
resolv_conf "nameserver $silent" "options timeout:1 attempts:1"
quickly 2 gives "'peer.test', 80" EAI_AGAIN

case="a server at the guest's own loopback"
resolv_conf "nameserver 127.0.0.1"
quickly 2 gives "'peer.test', 80" EAI_AGAIN
# shellcheck disable=SC2016	# it is expanded there
unshare -n sh -c '
	busybox ip link set lo up
	python3 "$1" 127.0.0.1 "$2" >/dev/null &
	pid=$!
	for _ in $(seq 50); do
		python3 -c "import socket; socket.create_connection((\"127.0.0.1\", 53))" 2>/dev/null &&
			break
		sleep 0.1
	done
	"$3" getent ahostsv4 peer.test
	kill $pid' - "$server" "$tmp/zone" "$run" >"$tmp/out" 2>&1
grep -q "^$here *STREAM" "$tmp/out" || fail "not the guest's own resolver"
exit 0
