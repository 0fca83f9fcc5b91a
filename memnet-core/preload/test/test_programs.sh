#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Real programs, unmodified, under memnet-run: clients and servers, contents compared. Each is
# tried where it is installed. Guest, memnetd and peers live in a network namespace of its own;
# their address is none of loopback's.

BUILD=${BUILD:-build}
if [ -z "$PROGRAMS_INSIDE" ]; then
	unshare -n true 2>/dev/null || { echo "no network namespaces here"; exit 77; }
	PROGRAMS_INSIDE=1 exec unshare -n "$0" "$@"
fi

run=$BUILD/bin/memnet-run
here=198.18.0.1
. "$(dirname "$0")/../../test/started.sh"

stop() {	# the last one started
	kill "${started%% *}" 2>/dev/null
	wait "${started%% *}" 2>/dev/null
	started=${started#* }
}

iperf3_to() {	# COMMAND...: a client, of a server that may yet be on its way
	for _ in $(seq 100); do
		"$@" >"$tmp/out" 2>&1 && return
		grep -q 'unable to connect to server' "$tmp/out" || break
		sleep 0.05
	done
	fail "$(cat "$tmp/out")"
}

have() {
	command -v "$1" >/dev/null && return
	echo "not tried: there is no $1 here"
	return 1
}

# nginx rather lives beside than in the path of a user
PATH=$PATH:/usr/sbin:/sbin

busybox ip link set lo up
busybox ip addr add $here/32 dev lo

case="without an agent"
export MEMNET_AGENT="$tmp/agent"
"$run" true >"$tmp/out" 2>&1
[ $? = 1 ] || fail "no agent is no error"
grep -q 'no memnet-agent answers; start it, or set MEMNET_AGENT' "$tmp/out" || fail "no mend"
"$run" >"$tmp/out" 2>&1
[ $? = 64 ] || fail "no program is no error"
grep -q '^memnet-run: want a program' "$tmp/out" || fail "not told what is wanted"
"$run" --wrong true >"$tmp/out" 2>&1
[ $? = 64 ] || fail "a wrong option is no error"

case="a library that cannot be loaded"
mkdir "$tmp/bin" "$tmp/lib"
cp "$run" "$tmp/bin"
"$tmp/bin/memnet-run" true >"$tmp/out" 2>&1 && fail "no library is no error"
grep -q 'libmemnet-preload.so is not beside it; install both' "$tmp/out" || fail "no mend"
echo broken >"$tmp/lib/libmemnet-preload.so"
"$tmp/bin/memnet-run" true >"$tmp/out" 2>&1 && fail "a broken library is no error"
grep -q 'libmemnet-preload.so: .*; install what is missing' "$tmp/out" || fail "not told"

cat >"$tmp/policy" <<-POLICY
	allow any $here
	allow listen any $here
	allow listen any 0.0.0.0
	allow listen any ::
POLICY
start memnetd "$BUILD/bin/memnetd" --dir "$tmp" --vm a --size 64M --flows 64 --policy "$tmp/policy"
# listening (__SO_ACCEPTCON), not only there
until_there grep -q " 00010000 .* $tmp/a.ivshmem" /proc/net/unix
start agent "$BUILD/bin/memnet-agent" --region "server:$tmp/a.ivshmem" --socket "$tmp/agent"
until_there "$run" true

case="what cannot be run"
"$run" no-such-program >"$tmp/out" 2>&1
[ $? = 127 ] || fail "no such program: status $?"
"$run" "$tmp/policy" >"$tmp/out" 2>&1
[ $? = 126 ] || fail "no program: status $?"
"$run" sh -c 'exit 5'
[ $? = 5 ] || fail "the status is not the program's"
"$run" -- ls --version >"$tmp/out" 2>&1 || fail "its options are taken for ours: $(cat "$tmp/out")"

# What LD_PRELOAD does not get into would run, past the host's policy.
case="what cannot be helped"
refused() {	# WHY PROGRAM...
	why=$1
	shift
	"$run" "$@" >"$tmp/out" 2>&1
	[ $? = 126 ] || fail "$1: status $?"
	grep -q "$why: its network would not be MemNet" "$tmp/out" || fail "$(cat "$tmp/out")"
}
static=$BUILD/guest/init		# but where it is built with sanitizers
if [ -e "$static" ]; then
	refused "init is statically linked" "$static"
	mkdir "$tmp/path"
	cp "$static" "$tmp/path/found-along-path"
	PATH=$tmp/path:$PATH refused "/found-along-path is statically linked" found-along-path
	printf '#! %s -e\n' "$(realpath "$static")" >"$tmp/script"
	chmod +x "$tmp/script"
	refused "init is statically linked" "$tmp/script"
	[ "$("$run" --children "$BUILD/bin/memnet" --version 2>&1 | cut -c 1-6)" = memnet ] ||
		fail "--children is refused, too"
fi
cp "$(command -v ls)" "$tmp/privileged"
chown nobody "$tmp/privileged"
chmod u+s "$tmp/privileged"
refused "privileged has privileges of its own (set-user-ID, capabilities)" "$tmp/privileged"
# Of another machine (EM_S390), and of another C library.
cp "$(command -v ls)" "$tmp/foreign"
printf '\026' | dd of="$tmp/foreign" bs=1 seek=18 conv=notrunc 2>/dev/null
refused "foreign is of another machine" "$tmp/foreign"
sed 's/ld-linux-x86-64/ld-other-x86-64/' "$(command -v ls)" >"$tmp/other"
chmod +x "$tmp/other"
if ! cmp -s "$(command -v ls)" "$tmp/other"; then
	refused 'other is of another C library (.*ld-other-x86-64.so.2)' "$tmp/other"
fi

head -c 3000000 /dev/urandom >"$tmp/big"

if have python3; then
	case="a server of Python's, and its client"
	start http "$run" python3 -m http.server --directory "$tmp" --bind 0.0.0.0 8000
	until_there python3 -c "import socket; socket.create_connection(('$here', 8000))"
	"$run" python3 -c "
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen('http://$here:8000/big').read())" >"$tmp/got" ||
		fail "status $?"
	cmp "$tmp/big" "$tmp/got" || fail "other bytes"

	if have curl; then
		case="curl"
		"$run" curl -sS -m 20 "http://$here:8000/big" >"$tmp/got" || fail "status $?"
		cmp "$tmp/big" "$tmp/got" || fail "other bytes"
		"$run" curl -sS -m 20 --parallel -o "$tmp/1" -o "$tmp/2" -o "$tmp/3" \
			"http://$here:8000/big" "http://$here:8000/big" "http://$here:8000/big" \
			2>/dev/null || fail "in parallel: status $?"
		for i in 1 2 3; do
			cmp "$tmp/big" "$tmp/$i" || fail "other bytes in parallel"
		done
		"$run" curl -sS -m 20 "http://$here:9/" 2>/dev/null
		[ $? = 7 ] || fail "refused: status $?"
		"$run" curl -sS -m 20 "http://198.18.0.2:80/" 2>"$tmp/out"
		[ $? = 7 ] || fail "denied: status $?"
		grep -q 'denied: connect tcp 198.18.0.2:80' "$tmp/memnetd.log" || fail "no denial"
	fi
	stop
fi

if have iperf3; then
	# a server for each: between two tests it closes its listener, on whatever came meanwhile
	for how in "" -R "-P 4" "-u -b 50M"; do
		case="iperf3, the client: $how"
		start iperf iperf3 -s -1 -B $here -p 5201
		# shellcheck disable=SC2086	# options
		iperf3_to "$run" iperf3 -c $here -n 8M $how
		stop
	done
	for how in "" -R "-P 4"; do
		case="iperf3, the server: $how"
		start iperf "$run" iperf3 -s -1 -p 5202
		# shellcheck disable=SC2086
		iperf3_to iperf3 -c $here -p 5202 -n 8M $how
		stop
	done
fi

if have redis-server && have redis-cli; then
	case="redis"
	start redis "$run" redis-server --port 6400 --bind 0.0.0.0 --protected-mode no --save '' \
		--dir "$tmp"
	until_there redis-cli -h $here -p 6400 ping
	for i in $(seq 200); do
		echo "set key$i value$i"
	done | redis-cli -h $here -p 6400 >/dev/null
	[ "$(redis-cli -h $here -p 6400 get key117)" = value117 ] || fail "not what was set"
	[ "$(redis-cli -h $here -p 6400 dbsize)" = 200 ] || fail "not as many as were set"
	redis-cli -h $here -p 6400 bgsave >/dev/null	# forks
	until_there test -s "$tmp/dump.rdb"
	[ "$("$run" redis-cli -h $here -p 6400 get key9)" = value9 ] || fail "over both"
	redis-benchmark -h $here -p 6400 -c 20 -n 4000 -t set,get -q >"$tmp/out" 2>&1 ||
		fail "redis-benchmark: status $?"
	stop
fi

if have nginx && have curl; then
	mkdir "$tmp/www"
	cp "$tmp/big" "$tmp/www/big"
	for workers in 1 3; do
		case="nginx with $workers workers"
		cat >"$tmp/nginx.conf" <<-NGINX
			pid $tmp/nginx.pid; error_log $tmp/nginx.log; daemon off; user root;
			worker_processes $workers;
			events { worker_connections 128; }
			http {
				access_log off; sendfile on; root $tmp/www;
				client_body_temp_path $tmp; proxy_temp_path $tmp;
				fastcgi_temp_path $tmp; uwsgi_temp_path $tmp; scgi_temp_path $tmp;
				server { listen $here:$((8080 + workers)); }
			}
		NGINX
		start nginx "$run" nginx -c "$tmp/nginx.conf"
		until_there curl -s -m 5 "http://$here:$((8080 + workers))/big"
		for _ in 1 2 3 4; do
			curl -s -m 20 "http://$here:$((8080 + workers))/big" | cmp - "$tmp/big" ||
				fail "other bytes"
		done
		stop
	done
fi
exit 0
