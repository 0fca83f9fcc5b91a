#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Objects by FTP, SFTP and HTTPS, of vsftpd, OpenSSH and nginx: the same bytes arrive, who is not
# whom the host trusts gets and gives none, and a server that hangs holds up nobody.
#
# The servers are taken from Debian's packages without being installed, and run in a folder
# that is their root; what the host trusts is a copy of its /etc, to be seen in here alone.

here=$(dirname "$0")
if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] && unshare -mnpf true 2>/dev/null || { echo "wants root, to mount"; exit 77; }
	image=$("$here/../../harness/guest/mkpackages" image "${BUILD:-build}/packages" \
		nginx-light openssh-server openssl vsftpd 2>&1 | tail -n 1)
	[ -f "$image" ] || { echo "no servers: ${image#packages: }"; exit 77; }
	# With what is left of sessions when it ends.
	exec unshare -mnpf --kill-child --mount-proc "$0" inside "$image"
fi
. "$here/objects_help.sh"
busybox ip link set lo up

# --- the servers --------------------------------------------------------------

root=$top/root
mkdir -p "$root/dev" "$root/run/sshd" "$root/run/vsftpd/empty" "$root/keys" "$root/tmp" \
	"$root/srv/www" "$root/srv/ftp" "$root/home/guest"
cpio -idmu --quiet -D "$root" <"$2" 2>"$top/err" || { cat "$top/err"; exit 1; }
: >"$root/dev/null"	# that it is a file does no harm
chmod 666 "$root/dev/null"
mkdir -m 777 "$root/srv/www/in" "$root/srv/ftp/in"
chmod 1777 "$root/tmp"
chown 1000 "$root/home/guest"
inside() { PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"; }
# The shell is a program that is there: no more is asked of it.
cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0::/root:/bin/sh
nobody:x:65534:65534::/:/bin/sh
sshd:x:101:65534::/run/sshd:/bin/sh
ftp:x:102:65534::/srv/ftp:/bin/sh
guest:x:1000:1000::/home/guest:/usr/lib/openssh/sftp-server
PASSWD
printf '%s\n' root:x:0: nogroup:x:65534: guest:x:1000: >"$root/etc/group"

cat >"$root/keys/sshd.conf" <<'CONF'
HostKey /keys/host
UsePAM no
PasswordAuthentication yes
Subsystem sftp internal-sftp
PidFile none
CONF
# Who says he is nobody has a password all the same.
cat >"$root/keys/vsftpd.conf" <<'CONF'
background=NO
listen=YES
anonymous_enable=YES
anon_root=/srv/ftp
secure_email_list_enable=YES
email_password_file=/keys/passwords
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
seccomp_sandbox=NO
pasv_min_port=30000
pasv_max_port=30099
secure_chroot_dir=/run/vsftpd/empty
CONF
echo secret >"$root/keys/passwords"
cat >"$root/keys/nginx.conf" <<'CONF'
daemon off; master_process off; pid /run/nginx.pid; error_log /dev/null; user root root;
events {}
http {
	access_log off; client_max_body_size 64m; client_body_temp_path /tmp/body;
	server {
		listen 80; listen 443 ssl; listen 444 ssl;
		ssl_certificate /keys/cert; ssl_certificate_key /keys/key;
		location / { root /srv/www; dav_methods PUT; }
	}
}
CONF

make_keys() {
	subject="-addext subjectAltName=DNS:server.test -subj /CN=server.test"
	inside openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 2 -keyout keys/ca.key \
		-out keys/ca || return
	# shellcheck disable=SC2086	# a list
	inside openssl req -newkey rsa:2048 -nodes $subject -keyout keys/key -out keys/request &&
		inside openssl x509 -req -in keys/request -CA keys/ca -CAkey keys/ca.key -days 2 \
			-copy_extensions copy -out keys/cert || return
	inside ssh-keygen -q -t ed25519 -N '' -f keys/host || return
	inside ssh-keygen -q -t ed25519 -N '' -f keys/other || return
	secret=$(inside openssl passwd -6 secret) || return
	printf '%s\n' 'root:*:1::::::' 'sshd:*:1::::::' 'ftp:*:1::::::' "guest:$secret:1::::::" \
		>"$root/etc/shadow"
}
make_keys >"$top/err" 2>&1 || { cat "$top/err"; exit 1; }

serve() {	# PORT COMMAND...
	port=$1
	shift
	inside "$@" >>"$top/servers" 2>&1 &
	others="$others $!"
	answers() { busybox netstat -ltn | grep -q ":$port "; }
	wait_for answers
}
servers() {
	serve 22 /usr/sbin/sshd -D -e -f /keys/sshd.conf
	serve 21 /usr/sbin/vsftpd /keys/vsftpd.conf
	serve 443 /usr/sbin/nginx -e /dev/null -c /keys/nginx.conf
}

# --- what the host trusts -------------------------------------------------------

mkdir "$top/etc"
cp -a /etc/. "$top/etc"
mkdir -p "$top/etc/ssl/certs" "$top/etc/ssh"
echo '127.0.0.1 localhost server.test other.test' >"$top/etc/hosts"
rm -f "$top/etc/ssh/ssh_known_hosts"
mount --bind "$top/etc" /etc

head -c 20000000 /dev/urandom >"$top/in"
: >"$top/empty"
: >"$top/log"
servers

# --- strangers -----------------------------------------------------------------

start --size 128M --arena 96M --allow 127.0.0.1
sftp=sftp://guest:secret@127.0.0.1
refused 'is not one the host trusts' memnet put "$top/in" "$sftp/home/guest/one"
grep -q '^memnetd: a: denied: connect tcp 127.0.0.1:22 (an object; .*ssh_known_hosts' "$top/log" ||
	fails "the log does not say why"
sed 's/^/127.0.0.1 /' "$root/keys/other.pub" >"$top/etc/ssh/ssh_known_hosts"
refused 'is not one the host trusts' memnet put "$top/in" "$sftp/home/guest/one"
[ ! -e "$root/home/guest/one" ] || fails "a stranger got an object"
refused 'is not one the host trusts' memnet put "$top/in" "https://server.test/in/one"
grep -q '^memnetd: a: denied: connect tcp 127.0.0.1:443 (an object; .*update-ca-cert' "$top/log" ||
	fails "the log does not say why"

# Those that come to be trusted are, without a new courier; also by the hash of a name.
sed 's/^/127.0.0.1 /' "$root/keys/host.pub" >"$root/keys/known"
inside ssh-keygen -q -H -f keys/known >"$top/out" 2>"$top/err" || fails "ssh-keygen -H"
cp "$root/keys/known" "$top/etc/ssh/ssh_known_hosts"
cat "$root/keys/ca" >>"$top/etc/ssl/certs/ca-certificates.crt"
works memnet put "$top/in" "$sftp/home/guest/one"
works memnet put "$top/in" https://server.test/in/one

# --- all of them ----------------------------------------------------------------

works memnet put --name kept "$top/in"

both_ways() {	# URL FILE: of a folder, and the same folder here
	works memnet send kept "$1/one"
	cmp "$top/in" "$2/one" || fails "send $1"
	works memnet put "$top/empty" "$1/nothing"
	[ -e "$2/nothing" ] && [ ! -s "$2/nothing" ] || fails "an empty object to $1"
	works memnet put "$top/empty" "$1/one"
	[ ! -s "$2/one" ] || fails "an object in the place of another, at $1"
	works memnet send kept "$1/one"
	works memnet get "$1/one" "$top/back"
	cmp "$top/in" "$top/back" || fails "get $1/one"
	memnet get "$1/nothing" | cmp - "$top/empty" || fails "get $1/nothing"
	refused 'has 20000000 bytes, and there was room for 1048576' memnet get --max 1M "$1/one"
	sends=
	for i in 1 2 3 4 5 6 7 8; do
		memnet send kept "$1/at-once.$i" >"$top/out" 2>&1 &
		sends="$sends $!"
	done
	for pid in $sends; do wait "$pid" || fails "eight at once, to $1"; done
	for i in 1 2 3 4 5 6 7 8; do cmp "$top/in" "$2/at-once.$i" || fails "$i of eight, to $1"; done
	rm "$2"/*
}
both_ways https://server.test/in "$root/srv/www/in"
both_ways ftp://ftp:secret@127.0.0.1/in "$root/srv/ftp/in"
both_ways "$sftp/home/guest" "$root/home/guest"
both_ways "$sftp/~" "$root/home/guest"

# The name is another's, by the same certificate.
refused 'is not one the host trusts' memnet get https://other.test/in/one

# What is no file, and what a server refuses.
for url in ftp://ftp:secret@127.0.0.1 "$sftp/home"; do
	refused 'name the file in it' memnet get "${url%/home}"
	refused 'name the file in it' memnet get "$url/"
	refused 'name the file in it' memnet get "$url/in%2F"
	refused 'name the file in it' memnet send kept "$url/in/"
	refused 'No such file' memnet get "$url/none"
	refused 'the server refused' memnet send kept "$url/one"
	refused 'refused its user or password' memnet get "$(echo "$url" | sed s/secret/no/)/in"
	refused 'that is no URL to the host' memnet get "$url/in%0d%0aDELE%20in"
	refused 'that is no URL to the host' memnet get "$url/in%00"
done
refused 'that is no URL to the host' memnet get "ftp://ftp:secret@127.0.0.1/in;type=d"
refused 'that is no URL to the host' memnet get "ftp://ftp:secret@127.0.0.1/one%3Btype=a"

# A server that hangs, here at a pipe, holds up nobody else, nor the end of who asked.
mkfifo -m 666 "$root/home/guest/pipe"
memnet get "$sftp/home/guest/pipe" >"$top/hung" 2>&1 &
hung=$!
hangs() { busybox netstat -tn | grep -q ':22 .*ESTABLISHED'; }
wait_for hangs
sleep 0.5
works timeout 2 memnet send kept https://server.test/in/one
works timeout 5 memnet send kept "$sftp/home/guest/one"
kill $hung
wait $hung 2>/dev/null
is_let_go() { ! hangs; }
wait_for is_let_go
works timeout 2 memnet send kept https://server.test/in/one
grep 'the courier died' "$top/log" && fails "the courier was to live"
end

# Where FTP has its data is judged as well.
servers
start --size 32M --arena 24M --allow 127.0.0.1:21
refused 'policy forbids' memnet put "$top/in" ftp://ftp:secret@127.0.0.1/in/one
grep -q '^memnetd: a: denied: connect tcp 127.0.0.1:300[0-9][0-9] ' "$top/log" ||
	fails "the denial is told"

finish "objects over FTP, SFTP and HTTPS"
