#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Cases of the conformance suite over MemNet in a VM see what they see over the kernel's sockets:
# some of them here, all of them with `make conform-vm`. And what differs is found.

. "$(dirname "$0")/lab_cases.sh"

cases_in_vm() {	# FOLDER CASE...; the status is in $status
	BUILD=$BUILD "$(dirname "$0")/conform_vm.sh" "$@" >"$tmp/log" 2>&1
	status=$?
}

case="over MemNet in a VM"
cases_in_vm "$tmp/vm" 'connect-*' 'poll-*' 'epoll-*' '*-exec*' '*cancelled' '*loopback*'
grep -qE 'cannot download|there is no package' "$tmp/log" && { tail -n 1 "$tmp/log"; exit 77; }
n=$(sed -n '$s/ cases: .*//p' "$tmp/log")
[ "${n:-0}" -ge 100 ] || fail "only $n cases, status $status"
grep -q '^[0-9]* cases: [0-9]* same, 4 differ as listed, ' "$tmp/log" || fail "no table"
if [ $status = 1 ]; then	# on a busy machine some come too late: is it so again?
	again=$(sed -n 's/ .* DIFFERS$//p' "$tmp/log")
	echo "once more: $again"
	# shellcheck disable=SC2086 # names have no blanks
	cases_in_vm "$tmp/again" ${again:-connect-refused}
fi
[ $status = 0 ] || fail "status $status"
echo "ok: $n cases"

case="a difference"
sed 's/^\(connect-refused.4: end = \).*/\1wrong/' "$tmp/vm/guest" >"$tmp/other"
BUILD=$BUILD CONFORM_SEEN=$tmp/other memnet-core/conformance/conform.sh "$tmp/vm" connect-refused \
	>"$tmp/log" 2>&1 && fail "it is not found"
tr -s ' ' <"$tmp/log" | grep -qx 'connect-refused/4 as documented wrong DIFFERS' || fail "untold"
echo "ok: $case"
