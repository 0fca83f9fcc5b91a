#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# harness/deps.sh in made-up systems: complete ones, ones that lack something, with and without apt.

set -u
deps=$(cd "$(dirname "$0")/.." && pwd)/deps.sh
shell=$(command -v sh)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
failures=0

# A system in which nothing is missing. Its programs only note that they were run.
make_system() {
	rm -rf "${top:?}/sysroot" "${top:?}/bin" "$top/log"
	mkdir -p "$top/bin" "$top/sysroot/usr/lib/x86_64-linux-gnu" "$top/sysroot/var/lib/dpkg/info" \
		"$top/sysroot/usr/share/fonts/truetype/dejavu"
	: >"$top/log"
	for name in gcc make ld qemu-system-x86_64 gnuplot cpio busybox; do
		make_program "$name" "echo $name \"\$*\" >>'$top/log'"
	done
	for name in stdio.h linux/perf_event.h csv.h ini.h jansson.h perfmon/pfmlib_perf_event.h \
			cmocka.h seccomp.h ares.h nettle/sha2.h curl/curl.h microhttpd.h zstd.h; do
		mkdir -p "$(dirname "$top/sysroot/usr/include/$name")"
		: >"$top/sysroot/usr/include/$name"
	done
	: >"$top/sysroot/usr/lib/x86_64-linux-gnu/libc.a"
	: >"$top/sysroot/usr/lib/x86_64-linux-gnu/libnettle.a"
	: >"$top/sysroot/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
}

make_program() {	# NAME BODY
	printf '#!%s\n%s\n' "$shell" "$2" >"$top/bin/$1"
	chmod +x "$top/bin/$1"
}

# Apt that notes its words, and on "install" runs BODY.
make_apt() {	# UID BODY
	make_program id "echo $1"
	make_program apt-get "echo apt-get \"\$*\" >>'$top/log'
case \"\$*\" in *' install '*) $2 ;; esac"
}

run() {	# [verify]
	env -i ${compiler:+CC="$compiler"} PATH="$top/bin" DEPS_ROOT="$top/sysroot" \
		"$shell" "$deps" "$@" >"$top/out" 2>&1
	status=$?
}

fails() {
	failures=$((failures + 1))
	printf 'FAILED: %s: %s (status %s); it said:\n' "$theme" "$1" "$status"
	cat "$top/out"
}

expect_status() {
	[ "$status" = "$1" ] || fails "status should be $1"
}

expect_said() {
	grep -qF -- "$1" "$top/out" || fails "does not say '$1'"
}

expect_log() {
	grep -qE -- "$1" "$top/log" || fails "never ran '$1': $(cat "$top/log")"
}

theme="a complete system costs no process and no word"
make_system
run
expect_status 0
[ ! -s "$top/out" ] || fails "should be silent"
[ ! -s "$top/log" ] || fails "ran programs: $(cat "$top/log")"

theme="each missing thing is named with its package"
while read -r thing package; do
	make_system
	rm "$top/$thing"
	run
	expect_status 1
	expect_said "$package"
	expect_said "apt-get install --no-install-recommends $package"
done <<END
bin/gcc gcc
bin/ld binutils
bin/qemu-system-x86_64 qemu-system-x86
bin/gnuplot gnuplot-nox
bin/cpio cpio
bin/busybox busybox-static
sysroot/usr/include/stdio.h libc6-dev
sysroot/usr/include/linux/perf_event.h linux-libc-dev
sysroot/usr/include/csv.h libcsv-dev
sysroot/usr/include/ini.h libinih-dev
sysroot/usr/include/jansson.h libjansson-dev
sysroot/usr/include/perfmon/pfmlib_perf_event.h libpfm4-dev
sysroot/usr/include/cmocka.h libcmocka-dev
sysroot/usr/include/seccomp.h libseccomp-dev
sysroot/usr/include/ares.h libc-ares-dev
sysroot/usr/include/nettle/sha2.h nettle-dev
sysroot/usr/include/curl/curl.h libcurl4-openssl-dev
sysroot/usr/include/microhttpd.h libmicrohttpd-dev
sysroot/usr/include/zstd.h libzstd-dev
sysroot/usr/lib/x86_64-linux-gnu/libc.a libc6-dev
sysroot/usr/lib/x86_64-linux-gnu/libnettle.a nettle-dev
sysroot/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf fonts-dejavu-core
END

theme="the compiler asked for is the one that must be there"
make_system
mv "$top/bin/gcc" "$top/bin/clang"
compiler=clang
run
expect_status 0
compiler=
run
expect_status 1
expect_said "make CC=clang"

theme="a dynamic busybox will not do"
make_system
: >"$top/sysroot/var/lib/dpkg/info/busybox.list"
run
expect_status 1
expect_said busybox-static

theme="one package that gives two missing things is asked for once"
make_system
rm "$top/sysroot/usr/include/nettle/sha2.h" "$top/sysroot/usr/lib/x86_64-linux-gnu/libnettle.a"
run
expect_said "--no-install-recommends nettle-dev"
! grep -q 'nettle-dev nettle-dev' "$top/out" || fails "asks twice"

theme="verify needs the model checker and the compiler, and the build does not need it"
make_system
rm "$top/bin/cpio"
run verify
expect_status 1
expect_said "apt-get install --no-install-recommends spin"
make_program spin :
run verify
expect_status 0

theme="without root apt is named and not run"
make_system
rm "$top/bin/cpio"
make_apt 1000 'exit 1'
run
expect_status 1
expect_said "As root: apt-get update && apt-get install --no-install-recommends cpio"
! grep -q apt-get "$top/log" || fails "ran apt-get"

theme="root with apt gets just what is missing"
make_system
rm "$top/sysroot/usr/include/csv.h"
make_apt 0 ": >'$top/sysroot/usr/include/csv.h'"
run
expect_status 0
expect_log 'apt-get .*install -y --no-install-recommends libcsv-dev$'
! grep -q ' update' "$top/log" || fails "updated the lists for no reason"

theme="empty package lists are fetched first"
make_system
rm "$top/sysroot/usr/include/csv.h"
make_apt 0 "while read -r line; do
	case \$line in *' update'*) : >'$top/sysroot/usr/include/csv.h'; exit 0 ;; esac
done <'$top/log'; exit 100"
run
expect_status 0
expect_log 'apt-get .*update$'

theme="an installation that does not help is an error"
make_system
rm "$top/sysroot/usr/include/csv.h"
make_apt 0 'exit 0'
run
expect_status 1
expect_said "still missing after apt-get"
expect_said csv.h

[ "$failures" = 0 ] && echo "deps: all as expected"
[ "$failures" = 0 ]
