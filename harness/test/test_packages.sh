#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Debian packages for the guest: installed ones and downloaded ones with their libraries, made
# once; and each way in which they cannot be had, in one line. apt is a stand-in of ours, so that
# no network is needed.

BUILD=${BUILD:-build}
script=harness/guest/mkpackages
lab=$BUILD/bin/memnet-lab
command -v dpkg-query >/dev/null && command -v dpkg-deb >/dev/null ||
	{ echo "no dpkg here"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
cache=$tmp/cache

fail() {
	echo "FAIL: $case: $*"
	sed 's/^/    /' "$tmp/log"
	exit 1
}

make() {	# WANTED-STATUS PACKAGE...; the path of the image is in $image
	want=$1
	shift
	PATH=$tmp/bin:$PATH $script image "$cache" "$@" >"$tmp/log" 2>&1
	status=$?
	[ "$status" = "$want" ] || fail "status $status, not $want"
	image=$(tail -n 1 "$tmp/log")
}

says() {
	tail -n 1 "$tmp/log" | grep -q "^packages: .*$1" || fail "the last line does not say '$1'"
}

holds() {
	cpio -t --quiet <"$image" | grep -qx "$1" || fail "there is no $1 in the image"
}

# Two packages of one source: the first has a program that wants a library nobody installed.
mkdir -p "$tmp/bin" "$tmp/debs"
deb() {		# NAME DEPENDS; its files are in $tmp/NAME
	mkdir -p "$tmp/$1/DEBIAN" "$tmp/$1/usr/share/doc/$1"
	echo "read me" >"$tmp/$1/usr/share/doc/$1/README"
	printf '%s\n' "Package: $1" "Version: 1.0-1" "Source: mn-source (1.0)" "Architecture: all" \
		"Maintainer: nobody" "Description: of a test" ${2:+"Depends: $2"} \
		>"$tmp/$1/DEBIAN/control"
	cp "$tmp/$1/DEBIAN/control" "$tmp/debs/$1"
	dpkg-deb --root-owner-group -b "$tmp/$1" "$tmp/debs/$1.deb" >/dev/null 2>&1
}
mkdir -p "$tmp/mn-program/usr/bin" "$tmp/mn-relative/etc" "$tmp/libmn-odd/usr/lib"
echo 'int odd(void) { return 0; }' >"$tmp/odd.c"
echo 'int odd(void); int main(void) { return odd(); }' >"$tmp/main.c"
cc -shared -fPIC -Wl,-soname,libmn-odd.so.1 -o "$tmp/libmn-odd/usr/lib/libmn-odd.so.1" "$tmp/odd.c" &&
	cc -o "$tmp/mn-program/usr/bin/mn-program" "$tmp/main.c" \
		"$tmp/libmn-odd/usr/lib/libmn-odd.so.1" || { echo "no compiler here"; exit 77; }
echo yes >"$tmp/mn-relative/etc/mn-relative"
deb libmn-odd
sed -i 's/^Source:.*/Source: another/' "$tmp/debs/libmn-odd"
deb mn-relative
deb mn-program "libmn-odd (>= 1.0), mn-relative | mn-nobody"
cat >"$tmp/bin/apt-cache" <<APT
#!/bin/sh
for name; do :; done
cat "$tmp/debs/\$name" 2>/dev/null
APT
cat >"$tmp/bin/apt-get" <<APT
#!/bin/sh
for name; do :; done
[ ! -e "$tmp/offline" ] || { echo "E: Temporary failure resolving" >&2; exit 100; }
echo "\$name" >>"$tmp/downloads"
cp "$tmp/debs/\${name%=*}.deb" .
APT
chmod +x "$tmp/bin/apt-cache" "$tmp/bin/apt-get"

case="an installed package"
PATH=$tmp/bin:$PATH $script list "$cache" sed mn-program >"$tmp/log" 2>&1 || fail "status $?"
grep -q '^sed [^ ]* (installed here)$' "$tmp/log" || fail "sed is not told"
grep -qx 'mn-program 1.0-1 (to be downloaded)' "$tmp/log" || fail "mn-program is not told"
[ ! -e "$cache" ] || fail "to list makes something"
make 0 sed
holds '\(usr/\)\?bin/sed'
holds '.*/libc.so.6'
holds '.*/ld-linux[^/]*'
holds etc/passwd
holds '.*/libgcc_s.so.1'		# which libc opens by itself
cpio -t --quiet <"$image" | grep -q share/doc && fail "what is to be read is there"
first=$image
ls -i "$image" >"$tmp/inode"
make 0 sed
ls -i "$image" | cmp -s - "$tmp/inode" || fail "it is made twice"
[ ! -e "$tmp/downloads" ] || fail "it was downloaded"
make 0 dash sed
holds '\(usr/\)\?bin/dash'
cpio -t --quiet <"$image" | grep -qE '(^|/)bin/sh$' && fail "the guest's shell is another"

case="packages that have to be downloaded"
make 0 mn-program sed
[ "$image" != "$first" ] || fail "one image for two lists"
holds usr/bin/mn-program
holds etc/mn-relative			# of the same source
holds 'usr/lib/libmn-odd.so.1'		# its program names it
holds '\(usr/\)\?bin/sed'
sort "$tmp/downloads" | tr '\n' ' ' >"$tmp/log"
grep -qx 'libmn-odd=1.0-1 mn-program=1.0-1 mn-relative=1.0-1 ' "$tmp/log" || fail "downloads"
touch "$tmp/offline"
rm "$image"
make 0 mn-program sed			# without a network: of the cache
PATH=$tmp/bin:$PATH $script list "$cache" mn-program >"$tmp/log" 2>&1
grep -qx 'mn-program 1.0-1 (downloaded before)' "$tmp/log" || fail "where from?"

case="what cannot be had"
make 1 sed no-such-package
says 'no package no-such-package here or in apt.s lists: apt-cache search .* apt-get update'
rm -rf "$cache/mn-program"
make 1 mn-program
says 'cannot download mn-program 1.0-1 (E: Temporary failure resolving): is there a network'
[ ! -e "$cache/mn-program" ] || fail "half a package is left"
rm "$tmp/offline"
make 0 mn-program
rm -rf "$cache"
chmod 500 "$tmp"
[ "$(id -u)" = 0 ] || { make 1 sed; says 'give another build folder'; }
chmod 700 "$tmp"
mkdir "$cache"
cat >"$tmp/full.sh" <<-FULL
	mount -t tmpfs -o size=200k none "$cache" && $script image "$cache" sed
FULL
if unshare -rm true 2>/dev/null; then
	unshare -rm sh "$tmp/full.sh" >"$tmp/log" 2>&1 && fail "a full disk is no error"
	says 'is the disk full (df '
fi
ls "$cache" | grep -q . && fail "something is left in the cache: $(ls "$cache")"

case="memnet-lab says them"
[ -x "$lab" ] || { echo "skipped: no memnet-lab"; exit 0; }
plan() {
	printf '[plan]\nrepetitions = 1\nseed = 1\npackages = %s\n[matrix m]\n%s\n%s\n%s\n' "$1" \
		"paths = virtio-tap" "scenarios = network" "arms = spare-core" >"$tmp/plan.ini"
	echo "directions = send" >>"$tmp/plan.ini"
}
plan "sed, grep"
"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1 || fail "no plan"
grep -q '^packages = sed, grep$' "$tmp/log" || fail "not among the keys"
grep -q '^package     sed [0-9].* (installed here)$' "$tmp/log" || fail "no line of sed"
grep -q '^package     grep [0-9].* (installed here)$' "$tmp/log" || fail "no line of grep"
plan "sed no-such-package"
"$lab" --build="$BUILD" plan "$tmp/plan.ini" >"$tmp/log" 2>&1
[ $? = 1 ] || fail "not status 1"
grep -q "no run can be made: a package cannot be had" "$tmp/log" || fail "not why"
grep -q '^package     packages: there is no package no-such-package' "$tmp/log" || fail "no reason"
[ -e "$BUILD/guest/initrd.img" ] || { echo "skipped: run: no guest image"; exit 0; }
"$lab" --build="$BUILD" --results="$tmp/results" --lock="$tmp/lock" run "$tmp/plan.ini" \
	>"$tmp/out" 2>"$tmp/log" && fail "it runs"
grep -c . "$tmp/log" | grep -qx 1 || fail "not one line"
grep -q 'there is no package no-such-package here' "$tmp/log" || fail "not told"
[ -z "$(ls "$tmp/results/plan" 2>/dev/null)" ] || fail "a folder is left"
exit 0
