#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Where resolv.conf is a link into /run, as with systemd-resolved, a courier has what it links to
# and nothing else of /run; with no more privilege than the unit memnetd@ gives memnetd.

if [ "${1:-}" != inside ]; then
	[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || { echo "wants root, to mount"; exit 77; }
	exec unshare -m "$0" inside
fi
. "$(dirname "$0")/objects_help.sh"

mkdir "$top/etc"
cp -a /etc/. "$top/etc"
mount -t tmpfs none /run
mkdir -p /run/one/resolve /run/other
echo 'nameserver 198.18.0.1' >/run/one/resolve/conf
ln -sf ../run/one/resolve/conf "$top/etc/resolv.conf"
mount --bind "$top/etc" /etc

memnetd() {
	exec setpriv --bounding-set=-dac_override,-dac_read_search \
		--inh-caps=-dac_override,-dac_read_search "$build/bin/memnetd" "$@"
}
start --arena 1M
! grep -qE 'workers (run without|are not confined)' "$top/log" ||
	{ echo "couriers are not confined here"; exit 77; }
root=/proc/$(child_of_memnetd 2)/root
is_there() { [ ! -e "$root/run/other" ] && [ -e "$root/run/one" ]; }
wait_for is_there
: >"$top/out"
find "$root/run" >"$top/err"
[ "$(wc -l <"$top/err")" = 4 ] || fails "it has more of /run"
[ "$(cat "$root/etc/resolv.conf")" = 'nameserver 198.18.0.1' ] || fails "no resolv.conf"

finish "a courier's resolv.conf"
