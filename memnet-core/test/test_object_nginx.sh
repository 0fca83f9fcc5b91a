#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Objects that the host sends to nginx and fetches from it: the same bytes arrive, the policy
# holds, and a courier that is killed is missed for a moment only.

. "$(dirname "$0")/objects_help.sh"
# That of the machine, or else out of Debian's package, which is not installed for it.
libraries=''
if ! command -v nginx >/dev/null; then
	image=$("$(dirname "$0")/../../harness/guest/mkpackages" image "$build/packages" nginx-light \
		2>&1 | tail -n 1)
	[ -f "$image" ] || { echo "no nginx: ${image#packages: }"; exit 77; }
	mkdir "$top/image"
	cpio -idmu --quiet -D "$top/image" <"$image" 2>/dev/null
	PATH=$PATH:$top/image/usr/sbin
	libraries=$top/image/usr/lib/x86_64-linux-gnu
fi
LD_LIBRARY_PATH=$libraries nginx -V 2>&1 | grep -q http_dav_module ||
	{ echo "this nginx has no DAV: no PUT"; exit 77; }

mkdir -m 777 "$top/www" "$top/www/d" "$top/tmp"
port=$((20000 + $$ % 10000))
cat >"$top/nginx.conf" <<CONF
daemon off; master_process off; pid $top/pid; error_log $top/nginx.log;
events {}
http {
	access_log off; client_max_body_size 64m; client_body_temp_path $top/tmp;
	server {
		listen 127.0.0.1:$port;
		location / { root $top/www; dav_methods PUT DELETE; }
		location /gone { return 302 http://127.0.0.1:$port/back; }
		location /unsized { alias $top/www/file; ssi on; ssi_types *; }
		location /slow { alias $top/www/file; limit_rate 1m; }
		location /far { return 302 http://127.0.0.2:$port/back; }
	}
}
CONF
# A certificate that nobody has signed.
if openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout "$top/key" \
	-out "$top/cert" 2>/dev/null; then
	tls=$((port + 10000))
	sed -i "s|^	server {|&listen 127.0.0.1:$tls ssl; ssl_certificate $top/cert; \
		ssl_certificate_key $top/key;|" "$top/nginx.conf"
fi
LD_LIBRARY_PATH=$libraries nginx -p "$top" -e "$top/nginx.log" -c "$top/nginx.conf" 2>/dev/null &
others=$!
wait_for test -s "$top/pid"
url=http://127.0.0.1:$port

start --size 64M --arena 48M --allow "127.0.0.1:$port" --allow "127.0.0.1:${tls:-1}"
head -c 20000000 /dev/urandom >"$top/in"
: >"$top/empty"

# A file, a pipe, one that is kept and sent twice, one of no bytes.
works memnet put "$top/in" "$url/file"
cmp "$top/in" "$top/www/file" || fails "put FILE URL"
memnet put - "$url/pipe" <"$top/in" || fails "put - URL"
cmp "$top/in" "$top/www/pipe" || fails "put - URL"
works memnet ls
[ ! -s "$top/out" ] || fails "nothing of it was kept"
works memnet put --name kept "$top/in"
works memnet send kept "$url/d/one"
works memnet send kept "$url/d/two"
cmp "$top/in" "$top/www/d/two" || fails "send"
works memnet put "$top/empty" "$url/nothing"
[ -e "$top/www/nothing" ] && [ ! -s "$top/www/nothing" ] || fails "an empty object"
works memnet rm kept

works memnet get "$url/file" "$top/back"
cmp "$top/in" "$top/back" || fails "get URL FILE"
works memnet get --name back "$url/file"
memnet get back | cmp - "$top/in" || fails "get --name"
works memnet rm back
memnet get --max 30M "$url/file" | cmp - "$top/in" || fails "get --max"
memnet get "$url/nothing" | cmp - "$top/empty" || fails "get of nothing"
memnet get "http://localhost:$port/file" | cmp - "$top/in" || fails "a name is resolved"
for i in 1 2 3 4; do
	memnet get --max 8M "$url/d/one.$i" >"$top/out.$i" 2>&1 &
	pids="${pids:-} $!"
done
for pid in $pids; do wait "$pid" && fails "there is no such file"; done

# What the server, the name, the policy refuse.
refused 'HTTP status 404' memnet get "$url/none"
refused 'HTTP status 302' memnet get "$url/gone"
refused 'HTTP status 500' memnet put "$top/in" "$url/no/folder"
refused 'file: has 20000000 bytes, and there was room for 1048576; give --max 20000000 (5' \
	memnet get --max 1M "$url/file"
grep -q status "$top/err" && fails "a status that is not the reason"
refused 'unsized: has more than the 4096 bytes there was room for; give a larger --max (50331648' \
	memnet get --max 4K "$url/unsized"
works memnet put --name most --max 40M "$top/in"
works memnet put --name more "$top/in"
refused 'wants 20000000 bytes in one piece, and 10330112 are free; memnet rm' \
	memnet get "$url/file"
works memnet rm most more
refused 'http, https, ftp and sftp only' memnet get "file://localhost/etc/passwd"
refused 'http, https, ftp and sftp only' memnet get "gopher://127.0.0.1:$port/"
[ -z "${tls:-}" ] || refused 'is not one the host trusts' memnet get "https://localhost:$tls/file"
refused 'cannot resolve' memnet get "http://name.invalid/"
refused 'policy forbids' memnet get "http://127.0.0.1:$((port + 1))/file"
refused 'policy forbids' memnet put "$top/in" "http://127.0.0.2:$port/file"
refused 'policy forbids' memnet put "$top/in" "http://127.0.0.2:$port/file"
n=$(grep -c "^memnetd: a: denied: connect tcp 127.0.0.2:$port " "$top/log")
[ "$n" = 1 ] || fails "a denial is told once, not $n times"
refused 'HTTP status 302' memnet get "$url/far"
grep -q "denied: connect tcp 169" "$top/log" && fails "who was denied?"
refused 'that is no URL to the host' memnet get "http://127.0.0.1:99999/file"
[ -z "${tls:-}" ] || refused 'there is no TLS there' memnet get "https://127.0.0.1:$port/file"

# The courier dies: what it had fails, the next one does it.
kill -9 "$(child_of_memnetd 2)"
wait_for grep -q '^memnetd: a: the courier died (signal 9)' "$top/log"
again() { memnet get "$url/file" | cmp -s - "$top/in"; }
wait_for again

# The server dies: the status it had given is not the reason.
memnet get "$url/slow" >"$top/out" 2>"$top/err" &
slow=$!
wait_for grep -q "0100007F:[0-9A-F]* 0100007F:$(printf %04X $port) 01" /proc/net/tcp
sleep 0.3
kill -9 $others
wait $slow && fails "half of it came"
grep -q 'the connection broke' "$top/err" || fails "a server that dies"
grep -q status "$top/err" && fails "a status that is not the reason"

# A guest that may connect to nobody has no names resolved either: they could carry what it knows.
end
start --size 64M --arena 8M --allow "listen 127.0.0.1" --allow "udp 127.0.0.1"
refused 'policy forbids' memnet get "http://secret.invalid/"
grep -q '^memnetd: a: denied: connect tcp 0.0.0.0:0 (an object; no rule allows' "$top/log" ||
	fails "the denial is told"

finish "objects over nginx"
