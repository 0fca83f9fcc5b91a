#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make install into an empty DESTDIR: what is there, that it works from there, and that nothing
# else was written; then make uninstall. The guest, memnetd and the peer are in a network
# namespace of their own.

BUILD=${BUILD:-build}
if [ -z "$INSTALL_INSIDE" ]; then
	unshare -n true 2>/dev/null || { echo "no network namespaces here"; exit 77; }
	INSTALL_INSIDE=1 exec unshare -n "$0" "$@"
fi

nm "$BUILD/lib/libmemnet.a" 2>/dev/null | grep -qE ' U __(a|t|ub)san' &&
	{ echo "what has sanitizers in it is not installed"; exit 77; }
prefix=/opt/memnet
. "$(dirname "$0")/started.sh"
dest=$tmp/dest
at=$dest$prefix

run_make() {	# TARGET
	make -s BUILD="$BUILD" PREFIX=$prefix DESTDIR="$dest" "$@" >"$tmp/out" 2>&1 ||
		fail "make $*: status $?"
}

tree() {	# FOLDER: its files and how they are
	find "$1" -path "$1/.git" -prune -o -path "$1/build" -prune -o -type f \
		-printf '%P %m %s %T@\n' | sort
}

case="make install"
tree . >"$tmp/before"
run_make install
tree . >"$tmp/after"
cmp -s "$tmp/before" "$tmp/after" || fail "the sources are not what they were"
[ ! -e $prefix ] || fail "$prefix was written to, past DESTDIR"
[ "$(find "$dest" -type f | grep -vc "^$at/")" = 0 ] || fail "not all is below the prefix"
grep -rl /usr/local "$at/share/man" "$at/lib" >"$tmp/out" && fail "these name another prefix"
while read -r mode file; do
	[ "$(stat -c %a "$at/$file" 2>/dev/null)" = "$mode" ] || fail "no $file of mode $mode"
	echo "$file"
done >"$tmp/wanted" <<-FILES
	755 bin/memnetd
	755 bin/memnet
	755 bin/memnet-courier
	755 bin/memnet-agent
	755 bin/memnet-run
	755 bin/memnet-work
	755 bin/memnet-zstd
	755 bin/memnet-native
	755 bin/memnet-lab
	755 bin/memnet-energy
	644 include/memnet.h
	644 include/memnet_object.h
	644 include/memnet-core/flow_values.h
	644 lib/libmemnet.a
	644 lib/libmemnet.so.0
	644 lib/memnet-insns.so
	644 lib/memnet/libmemnet-preload.so
	644 lib/pkgconfig/memnet.pc
	644 lib/systemd/system/memnetd@.service
	644 lib/systemd/system/memnet-agent.service
	644 share/bash-completion/completions/memnet-lab
	644 share/man/man1/memnet-energy.1
	644 share/man/man1/memnet-lab.1
	644 share/man/man1/memnet-run.1
	644 share/man/man1/memnet.1
	644 share/man/man3/libmemnet.3
	644 share/man/man8/memnet-agent.8
	644 share/man/man8/memnetd.8
FILES
(cd "$at" && find . -type f -printf '%P\n') | grep -vE '^share/memnet/(plans|events)/' |
	sort >"$tmp/found"
sort "$tmp/wanted" | diff - "$tmp/found" >"$tmp/out" || fail "other files than those"
[ "$(readlink "$at/lib/libmemnet.so")" = libmemnet.so.0 ] || fail "no link for linkers"
[ "$(find "$at/share/memnet/plans" -name '*.ini' | wc -l)" -ge 10 ] || fail "no plans"
"$at/bin/memnet-lab" plans >"$tmp/out" && grep -q '^ *smoke' "$tmp/out" || fail "plans not found"

case="the daemons, confined as their units do"
busybox ip link set lo up
caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$at/lib/systemd/system/memnetd@.service" |
	tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
start memnetd setpriv --no-new-privs --bounding-set "-all,$caps" \
	"$at/bin/memnetd" --dir "$tmp" --vm a --allow 198.18.0.1
until_there grep -q " 00010000 .* $tmp/a.ivshmem" /proc/net/unix
export MEMNET_AGENT="$tmp/agent"
start agent setpriv --no-new-privs "$at/bin/memnet-agent" --region "server:$tmp/a.ivshmem" \
	--socket "$tmp/agent"
until_there "$at/bin/memnet-run" true
! grep 'workers run without' "$tmp/memnetd.log" || fail "the unit confines workers less"

case="memnet-run from there"
busybox ip addr add 198.18.0.1/32 dev lo
if command -v python3 >/dev/null; then
	start http python3 -m http.server --directory "$tmp" --bind 198.18.0.1 8000
	until_there python3 -c "import socket; socket.create_connection(('198.18.0.1', 8000))"
	unshare -n "$at/bin/memnet-run" python3 -c "
import urllib.request
urllib.request.urlopen('http://198.18.0.1:8000/')" >"$tmp/out" 2>&1 || fail "status $?"
fi

case="a program of its library"
cat >"$tmp/program.c" <<-'PROGRAM'
	#include <memnet.h>
	#include <netdb.h>
	#include <stdio.h>
	#include <string.h>

	int main(void)
	{
		struct memnet_facts facts;
		struct addrinfo *list;
		struct memnet *m;
		int ret = memnet_open(&m);

		if (ret) {
			fprintf(stderr, "%s\n", strerror(-ret));
			return 1;
		}
		memnet_read_facts(m, &facts);
		ret = memnet_resolve(m, "localhost", "domain", NULL, &list);
		printf("%s, %d %d %d, %s\n", facts.provider, MN_BIND_REUSEADDR,
		       MN_OPTION_NODELAY, MN_LISTENER, ret ? gai_strerror(ret) : "resolved");
		if (!ret)
			freeaddrinfo(list);
		memnet_detach(m);
		return 0;
	}
PROGRAM
config() {
	PKG_CONFIG_SYSROOT_DIR="$dest" PKG_CONFIG_PATH="$at/lib/pkgconfig" pkg-config "$@" memnet
}
compile() {	# OUTPUT ARGUMENT...: nothing of the tree is on its path
	out=$1
	shift
	(cd "$tmp" && ${CC:-cc} -Wall -Wextra -Wstrict-prototypes -Werror -std=c11 \
		-D_GNU_SOURCE -o "$out" program.c "$@") >"$tmp/out" 2>&1 || fail "$out: status $?"
}
says() {	# COMMAND...
	"$@" >"$tmp/out" 2>&1 || fail "status $?"
	grep -qx 'server, 1 1 2, resolved' "$tmp/out" || fail "other words"
}
if command -v pkg-config >/dev/null; then
	[ "$(config --variable=prefix)" = "$at" ] || [ "$(config --variable=prefix)" = $prefix ] ||
		fail "prefix: $(config --variable=prefix)"
	# shellcheck disable=SC2046	# words
	compile shared $(config --cflags --libs)
	says env LD_LIBRARY_PATH="$at/lib" "$tmp/shared"
	# shellcheck disable=SC2046
	compile static -static $(config --static --cflags --libs)
	says "$tmp/static"
fi
printf '#include <memnet_object.h>\n#include <memnet.h>\n' >"$tmp/header.c"
${CC:-cc} -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$at/include" "$tmp/header.c" \
	>"$tmp/out" 2>&1 || fail "the headers do not stand alone"
if command -v g++ >/dev/null; then
	printf 'int main() { return memnet_open(0) + memnet_store_open(0, 0); }\n' |
		cat "$tmp/header.c" - >"$tmp/header.cc"
	g++ -Wall -Wextra -Werror -I"$at/include" -o "$tmp/c++" "$tmp/header.cc" "$at/lib/libmemnet.a" \
		>"$tmp/out" 2>&1 || fail "the headers are not C++'s, too"
fi
sed -n '/^#include/,/^\.Ed/{/^\.Ed/!{s/\\e/\\/g;p}}' "$at/share/man/man3/libmemnet.3" >"$tmp/example.c"
${CC:-cc} -Wall -Wextra -Werror -I"$at/include" -o "$tmp/example" "$tmp/example.c" \
	"$at/lib/libmemnet.a" -lcares >"$tmp/out" 2>&1 || fail "the example of libmemnet(3)"
nm -D --defined-only "$at/lib/libmemnet.so.0" | grep -vE ' (T memnet_|A LIBMEMNET_0)' >"$tmp/out" &&
	fail "the library has other names than memnet_*"

case="the units"
if command -v systemd-analyze >/dev/null; then
	mkdir "$tmp/units"
	for unit in "$at"/lib/systemd/system/*.service; do
		sed "s|^ExecStart=|&$dest|" "$unit" >"$tmp/units/${unit##*/}"
	done
	systemd-analyze verify --man=no "$tmp"/units/*.service >"$tmp/out" 2>&1 || fail "status $?"
	[ ! -s "$tmp/out" ] || fail "it has something to say"
fi

case="make uninstall"
run_make uninstall
[ -z "$(find "$dest" ! -type d)" ] || fail "left: $(find "$dest" ! -type d)"
[ -z "$(find "$dest" -name '*memnet*' ! -path "$at")" ] || fail "a folder of ours is left"

case="LIBDIR"
make -s BUILD="$BUILD" PREFIX=/usr LIBDIR=/usr/lib/a-triplet DESTDIR="$tmp/other" install \
	>"$tmp/out" 2>&1 || fail "status $?"
[ -e "$tmp/other/usr/lib/a-triplet/libmemnet.so" ] || fail "libraries elsewhere"
[ -e "$tmp/other/usr/lib/memnet/libmemnet-preload.so" ] || fail "memnet-run would not find its own"
grep -qx 'libdir=${prefix}/lib/a-triplet' "$tmp/other/usr/lib/a-triplet/pkgconfig/memnet.pc" ||
	fail "memnet.pc says otherwise"
exit 0
