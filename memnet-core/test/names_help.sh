# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The ground for tests of names: a guest is a network namespace with nothing in it, so what it
# resolves comes over MemNet; name servers of ours are on the host's side. Run by root, in
# namespaces: this executes the test anew within them.

if [ -z "$NAMES_INSIDE" ]; then
	command -v python3 >/dev/null || { echo "there is no python3 here"; exit 77; }
	[ "$(id -u)" = 0 ] || { echo "port 53 and mounts are root's"; exit 77; }
	unshare -nm true 2>/dev/null || { echo "no namespaces here"; exit 77; }
	NAMES_INSIDE=1 exec unshare -nm "$0" "$@"
fi

here=198.18.0.1
dns=198.18.0.53
dns6=fd00:198:18::53
silent=198.18.0.54
denied=198.18.0.55
short=198.18.0.56	# no TCP
core=$(dirname "$0")/..
[ -d "$core/preload" ] || core=$core/..
server=$core/preload/test/name_server.py
. "$core/test/started.sh"

resolv_conf() {	# LINE...: the guest's
	printf '%s\n' "$@" >"$tmp/resolv.conf"
}

asked() {	# WORDS: the lines of the server's log since nothing_asked_yet()
	tail -n +"$((before + 1))" "$tmp/dns.log" | grep -q "$1"
}

nothing_asked_yet() {
	before=$(wc -l <"$tmp/dns.log")
}

quickly() {	# SECONDS COMMAND...
	most=$1 began=$(date +%s)
	shift
	"$@"
	took=$(($(date +%s) - began))
	[ $took -le "$most" ] || fail "it took $took s"
}

case="the ground"
mount --make-rprivate /
for file in resolv.conf hosts; do
	: >"$tmp/$file"
	[ -e /etc/$file ] || { echo "there is no /etc/$file here"; exit 77; }
	mount --bind "$tmp/$file" "$(realpath /etc/$file)" || fail "no $file of our own"
done
cat >"$tmp/hosts" <<-HOSTS
	127.0.0.1 localhost
	198.18.0.9 in-hosts.test in-hosts-too
HOSTS
resolv_conf "nameserver $dns" "search test"
{
	cat <<-ZONE
		peer.test A $here
		both.test AAAA fd00:198:18::1
		both.test A $here
		alias.test CNAME peer.test
		in-hosts.test A 198.18.0.10
		empty.test ANY
		fails.test SERVFAIL
		refuses.test REFUSED
		half.test A $here
		half.test SILENT-AAAA
	ZONE
	for i in $(seq 100); do
		echo "many.test A 198.18.1.$i"
	done
} >"$tmp/zone"
busybox ip link set lo up
for a in $here $dns $silent $denied $short; do
	busybox ip addr add "$a/32" dev lo
done
busybox ip addr add $dns6/128 dev lo
cat >"$tmp/policy" <<-POLICY
	allow any $here
	allow any $dns
	allow any $dns6
	allow udp $silent
	allow udp $short
	allow any 127.0.0.0/8
	allow any ::1
POLICY
export MEMNET_AGENT="$tmp/agent"
start memnetd "$BUILD/bin/memnetd" --dir "$tmp" --vm a --size 64M --flows 64 --channels 32 \
	--policy "$tmp/policy"
memnetd=$!
until_there grep -q " 00010000 .* $tmp/a.ivshmem" /proc/net/unix
start_agent() {
	start agent "$BUILD/bin/memnet-agent" --region "server:$tmp/a.ivshmem" --socket "$tmp/agent"
	agent=$!
	until_there "$BUILD/bin/memnet-run" true
}
start_agent
start dns python3 "$server" $dns "$tmp/zone"
start dns6 python3 "$server" $dns6 "$tmp/zone"
start short python3 "$server" $short "$tmp/zone"
start silent python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('$silent', 53))
while True:
    print(len(s.recv(512)), flush=True)"
until_there python3 -c "import socket; socket.create_connection(('$dns', 53)).close()"
