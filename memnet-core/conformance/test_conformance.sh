#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Over the kernel's sockets each case sees what Linux documents; over MemNet, where there is a
# memnet-run, the same. And memnet-conform and the comparison themselves: what ends as no case
# should is told, and what differs is found.

BUILD=${BUILD:-build}
here=memnet-core/conformance
conform=$BUILD/bin/memnet-conform
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export BUILD

fail() {
	echo "FAIL: $case: $*"
	[ ! -s "$tmp/log" ] || grep -vE ' same$| differs: ' "$tmp/log" | sed 's/^/    /'
	exit 1
}

unshare -nr true 2>/dev/null || { echo "no network namespaces here"; exit 77; }

case="the list"
"$conform" --list >"$tmp/list" || fail "status $?"
cases=$(wc -l <"$tmp/list")
[ "$(sort -u "$tmp/list" | wc -l)" = "$cases" ] || fail "a name stands there twice"
[ "$(sed 's|/.*||' "$tmp/list" | sort -u | wc -l)" -ge 250 ] || fail "where are the cases?"
[ "$("$conform" --list --case 'epoll-*' | grep -c '^epoll-')" -ge 30 ] || fail "no pattern"
"$conform" --case no-such >"$tmp/log" 2>&1
[ $? = 2 ] || fail "no such case is no error"
grep -q 'no such case; --list' "$tmp/log" || fail "no such case is not told"

case="how a case may end"
ends() {	# CASE END STATUS
	"$conform" --case "$1" >"$tmp/log" 2>&1
	[ $? = "$3" ] || fail "$1: another status than $3"
	grep -qx "$1: end = $2" "$tmp/log" || fail "$1: no end '$2'"
}
ends meta-fine "as documented" 0
ends meta-crash "crashed, SIGSEGV" 1
ends meta-hang "hung, killed after 10 s" 1
ends meta-nothing "saw nothing" 1
ends meta-wrong wrong 1
grep -qx "meta-wrong: close(700) = -1 EBADF, not 0" "$tmp/log" || fail "no observation"
grep -qx "meta-wrong: close(700) = -1 EBADF" "$tmp/log" || fail "NULL wants anything"
ends meta-wrong-child wrong 1
ends meta-unable wrong 1
grep -q "1 + 1" "$tmp/log" && fail "it went on"
ends connect-refused/4 wrong 1		# no peer

case="the comparison"
cat >"$tmp/kernel" <<-'SEEN'
	alike/4: one = 1
	alike/4: two = 2
	alike/4: end = as documented
	other: f() = 1
	other: f() = 1
	other: end = as documented
	meant: f() = 1
	meant: end = as documented
	ended: end = as documented
SEEN
sed -e '1{h;d};2{G}' -e '4d' -e 's/^meant: f() = 1/meant: f() = 2/' "$tmp/kernel" >"$tmp/memnet"
printf '# a line\nmeant\tthe reason\n' >"$tmp/differences"
compare() {	# WANTED STATUS
	awk -f $here/compare.awk "$tmp/differences" "$tmp/kernel" "$tmp/memnet" >"$tmp/log" 2>&1
	[ $? = "$1" ] || fail "another status than $1"
}
has() {		# a line, of single spaces
	tr -s ' ' <"$tmp/log" | grep -qxF "$1" || fail "no line '$1'"
}
compare 1
has "alike/4 as documented as documented same"
has "other as documented as documented DIFFERS"
has " kernel: f() = 1"
has "meant as documented as documented differs: the reason"
has "4 cases: 2 same, 1 differ as listed, 1 faults"
echo "other: f() = 1" >>"$tmp/memnet"
compare 0
echo "other: more = 1" >>"$tmp/memnet"
compare 1
has " memnet: more = 1"
sed -i '/more/d; s/^ended: .*/ended: end = crashed, SIGSEGV/' "$tmp/memnet"
compare 1
has "ended as documented crashed, SIGSEGV DIFFERS"
sed -i '/^ended/d' "$tmp/memnet"
compare 1
has "ended as documented NOT RUN ON BOTH"
cp "$tmp/kernel" "$tmp/memnet"
compare 1
has "meant as documented as documented SAME, though listed as different"
printf 'gone\twhy\n' >"$tmp/differences"
compare 1
has "gone: listed as different, but there is no such case"

case="both sides, with a memnet-run that changes nothing"
mkdir -p "$tmp/build/bin"
ln -s "$(realpath "$BUILD")"/bin/* "$tmp/build/bin"
rm -f "$tmp/build/bin/memnet-run"
# shellcheck disable=SC2016	# it is expanded there
printf '#!/bin/sh\n[ -S "$MEMNET_AGENT" ] && exec "$@"\n' >"$tmp/build/bin/memnet-run"
chmod +x "$tmp/build/bin/memnet-run"
BUILD=$tmp/build $here/conform.sh "$tmp/both" connect-refused >"$tmp/log" 2>&1
status=$?
[ $status = 0 ] || fail "status $status"
has "connect-refused/6 as documented as documented same"
grep -q "2 same, 0 differ as listed" "$tmp/log" || fail "no table"

case="all"
$here/conform.sh "$tmp/all" >"$tmp/log" 2>&1
status=$?
[ "$(grep -c ': end = as documented$' "$tmp/all/kernel")" = "$cases" ] ||
	fail "not all $cases are as documented over the kernel's sockets"
grep -vE '^[a-z0-9-]+(/[46])?: .+ = .+' "$tmp/all/kernel" && fail "these are no observations"
case $status in
0)	tail -n 1 "$tmp/log" ;;
3)	echo "skipped: MemNet: there is no $BUILD/bin/memnet-run to compare with" ;;
*)	fail "status $status" ;;
esac
echo "ok: $cases cases"
