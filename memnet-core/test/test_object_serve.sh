#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Objects that the host serves: whole, in ranges, over IPv4 and IPv6, where the policy lets it,
# for as long as memnet serve runs.

. "$(dirname "$0")/objects_help.sh"
command -v curl >/dev/null || { echo "no curl here"; exit 77; }

port=$((30000 + $$ % 10000))
url=http://127.0.0.1:$port
start --size 128M --arena 64M --allow "listen 127.0.0.1:$port" --allow "listen [::1]:$port" \
	--allow "listen 127.0.0.1:81"
head -c 5000000 /dev/urandom >"$top/in"
: >"$top/empty"

refused 'there is no object' memnet serve "$url"
works memnet put --name one "$top/in"
works memnet put --name 'a%20b' "$top/in"
works memnet put --name nothing "$top/empty"
refused 'No such file' memnet serve "$url" two
refused 'policy forbids' memnet serve "http://127.0.0.1:$((port + 1))" one
refused 'policy forbids' memnet serve "http://0.0.0.0:$port" one
refused 'serves' memnet serve "https://127.0.0.1:$port" one
refused 'want an address of the host' memnet serve "http://localhost:$port" one
refused 'want a name of 1 to 63' memnet serve "$url" "$(printf %064d 0)"
grep -q "^memnetd: a: denied: listen tcp 127.0.0.1:$((port + 1)) " "$top/log" || fails "denial"
# As root, where couriers are not confined, it serves there.
if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 81 ] &&
	! grep -qE 'workers (run without|are not confined)' "$top/log"; then
	refused 'not permitted' memnet serve http://127.0.0.1:81 one
	grep -q 'denied: listen tcp 127.0.0.1:81 (the policy allows it, but .* low ports' \
		"$top/log" || fails "a low port"
fi

serve() {	# URL [NAME...]
	memnet serve "$@" >"$top/served" 2>"$top/err" &
	serving=$!
	others="$others $serving"
	lines=$(($# > 1 ? $# - 1 : 3))
	served() { [ "$(wc -l <"$top/served")" = $lines ]; }
	wait_for served
}

fetch() {	# URL CURL'S OPTIONS...: the body in $top/body, the status in $code
	at=$1
	shift
	code=$(curl -gsS --max-time 10 -o "$top/body" -D "$top/out" -w '%{http_code}' "$@" "$at" \
		2>"$top/err")
}

is() {	# STATUS FIRST BYTES: that part of the object
	[ "$code" = "$1" ] || fails "$at: $code, not $1"
	tail -c +$(($2 + 1)) "$top/in" | head -c "$3" | cmp -s - "$top/body" || fails "$at: bytes"
}

has() {
	grep -qi "^$1" "$top/out" || fails "$at: no $1"
}

head -c 24000000 /dev/urandom >"$top/large.in"
serve "$url"
fetch "$url/one" && is 200 0 5000000
has 'Accept-Ranges: bytes'
fetch "$url/one" -r 0-0 && is 206 0 1
has 'Content-Range: bytes 0-0/5000000'
fetch "$url/one" -r 1000000-2999999 && is 206 1000000 2000000
has 'Content-Range: bytes 1000000-2999999/5000000'
fetch "$url/one" -r 4999990- && is 206 4999990 10
fetch "$url/one" -r -7 && is 206 4999993 7
fetch "$url/one" -r -6000000 && is 206 0 5000000
fetch "$url/one" -r 4999999-99999999999999999 && is 206 4999999 1
fetch "$url/one" -r 5000000- && [ "$code" = 416 ] || fails "behind the end: $code"
has 'Content-Range: bytes \*/5000000'
fetch "$url/one" -r -0 && [ "$code" = 416 ] || fails "no bytes: $code"
for odd in 5-4 1-2,4-5 x- -- - 1-x '+1-2' 1-2-3 18446744073709551616-; do
	fetch "$url/one" -H "Range: bytes=$odd"
	case $odd:$code in
	18*:416 | *:200) ;;
	*) fails "a range of $odd: $code" ;;
	esac
done
fetch "$url/one" -r 1-2 -H 'If-Range: "x"' && is 200 0 5000000
fetch "$url/one" -I && [ "$code" = 200 ] || fails "HEAD: $code"
has 'Content-Length: 5000000'
fetch "$url/a%2520b" && is 200 0 5000000
fetch "$url/nothing" && [ "$code" = 200 ] && [ ! -s "$top/body" ] || fails "nothing: $code"
fetch "$url/nothing" -r 0- && [ "$code" = 416 ] || fails "a range of nothing: $code"
fetch "$url/two" && [ "$code" = 404 ] || fails "two: $code"
fetch "$url/" && [ "$code" = 404 ] || fails "/: $code"
fetch "$url/one" -T "$top/in" && [ "$code" = 405 ] || fails "PUT: $code"
fetch "$url/one" -X DELETE && [ "$code" = 405 ] || fails "DELETE: $code"

# Removed, it is served on: who serves has it open. And twice it is not.
works memnet rm one
fetch "$url/one" && is 200 0 5000000
works memnet put --name one "$top/in"
refused 'somebody else serves there' memnet serve "$url" one

# It ends with its process, also for who is in the middle of it; the others go on.
whole=$serving
works memnet put --name large "$top/large.in"
serve "$url" large
curl -sS --limit-rate 2M -o "$top/slow" "$url/large" 2>"$top/slow.err" &
slow=$!
wait_for test -s "$top/slow"
kill $serving
wait $serving 2>/dev/null
is_cut() { ! kill -0 $slow; }
wait_for is_cut
wait $slow && fails "a slow reader got all of what was served no more"
fetch "$url/large" && [ "$code" = 404 ] || fails "large is served on: $code"
fetch "$url/one" && is 200 0 5000000
kill $whole
wait $whole 2>/dev/null
is_closed() { ! curl -s -o /dev/null "$url/one"; }
wait_for is_closed

serve "http://[::1]:$port/" one
if fetch "http://[::1]:$port/one"; then
	is 200 0 5000000
fi
kill -9 "$(child_of_memnetd 2)"
told() { grep -q 'what moves objects on the host died' "$top/err"; }
wait_for told

finish "served objects"
