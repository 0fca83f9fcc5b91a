#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Is everything here that building, testing and experimenting need? If not: as root
# with apt, install what is missing and nothing else; otherwise list it, with the
# command that installs it, and exit 1 with nothing changed.
#
# `deps.sh verify`: only what `make verify` needs.
#
# When all is there this runs no other program. DEPS_ROOT is put before the
# paths of headers and libraries, for the test.

set -u
what=${1:-build}
root=${DEPS_ROOT:-}

missing=''	# one line each, for people
packages=''	# of Debian, each once

lacks() {	# KIND NAME PACKAGE
	missing="$missing  $1 $2 (Debian: $3)
"
	case " $packages " in
	*" $3 "*) ;;
	*) packages="$packages${packages:+ }$3" ;;
	esac
}

program() {	# NAME PACKAGE
	command -v "$1" >/dev/null 2>&1 || lacks program "$1" "$2"
}

any_file() {	# FILE...	does one of them exist? Patterns that match nothing do not.
	for file in "$@"; do
		[ ! -e "$file" ] || return 0
	done
	return 1
}

header() {	# NAME PACKAGE
	any_file "$root/usr/include/$1" "$root"/usr/include/*-linux-gnu*/"$1" \
		"$root/usr/local/include/$1" || lacks header "$1" "$2"
}

library() {	# NAME PACKAGE
	any_file "$root"/usr/lib/*-linux-gnu*/"$1" "$root/usr/lib64/$1" "$root/usr/lib/$1" \
		"$root/usr/local/lib/$1" || lacks library "$1" "$2"
}

compiler() {
	command -v "${CC:-gcc}" >/dev/null 2>&1 || case ${CC:-gcc} in
	*clang*) lacks program clang clang ;;
	*) lacks program "${CC:-gcc} (or make CC=clang)" gcc ;;
	esac
}

# The package busybox is dynamic, and of no use in an initramfs of one file.
static_busybox() {
	program busybox busybox-static
	[ ! -e "$root/var/lib/dpkg/info/busybox.list" ] ||
		lacks program "busybox, statically linked" busybox-static
}

font() {
	any_file "$root"/usr/share/fonts/*/*.[to]tf "$root"/usr/share/fonts/*/*/*.[to]tf ||
		lacks font "any TrueType font" fonts-dejavu-core
}

for_verify() {
	compiler
	header stdio.h libc6-dev
	program spin spin
}

for_build() {
	compiler
	program make make
	program ld binutils
	header stdio.h libc6-dev
	header linux/perf_event.h linux-libc-dev
	header csv.h libcsv-dev
	header ini.h libinih-dev
	header jansson.h libjansson-dev
	header perfmon/pfmlib_perf_event.h libpfm4-dev
	header cmocka.h libcmocka-dev
	header seccomp.h libseccomp-dev
	header ares.h libc-ares-dev
	header nettle/sha2.h nettle-dev
	header curl/curl.h libcurl4-openssl-dev
	header microhttpd.h libmicrohttpd-dev
	header zstd.h libzstd-dev
	library libc.a libc6-dev
	library libnettle.a nettle-dev
	program qemu-system-x86_64 qemu-system-x86
	program gnuplot gnuplot-nox
	font
	program cpio cpio
	static_busybox
}

check() {
	missing='' packages=''
	case $what in
	verify)	for_verify ;;
	*)	for_build ;;
	esac
	[ -z "$missing" ]
}

install_command="apt-get install --no-install-recommends"

# What dpkg tells of each package is on stdout; errors are on stderr.
apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

# Package names have no blanks, so $packages is split on purpose.
install() {
	printf 'deps: installing %s\n' "$packages" >&2
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends $packages 2>/dev/null && return
	# No lists yet, or stale ones.
	apt update || return
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends $packages
}

check && exit 0

if command -v apt-get >/dev/null 2>&1; then
	if [ "$(id -u)" = 0 ]; then
		install && check && exit 0
		check
		printf 'deps: still missing after apt-get:\n%s' "$missing" >&2
		printf 'What apt says: %s %s\n' "$install_command" "$packages" >&2
		exit 1
	fi
	printf 'deps: missing here:\n%sAs root: apt-get update && %s %s\n' \
		"$missing" "$install_command" "$packages" >&2
else
	printf 'deps: missing here:\n%sInstall what provides these on this system; on Debian, as root: %s %s\n' \
		"$missing" "$install_command" "$packages" >&2
fi
exit 1
