#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Does the gate find a fault that is there? Two experiments with real VMs, the second with
# a guest that copies its bytes once more (workloads/test/extra_copy.c): `memnet-lab compare` has
# to call that a regression and name the guest's instructions per byte. It also has to be
# silent about the first against itself, and refuse what is of another plan.

. "$(dirname "$0")/lab_cases.sh"
[ -e "$BUILD/guest/test-copy.img" ] || { echo "no guest image with the fault"; exit 77; }

# Six blocks are the least an interval needs; one may be lost.
cat > "$tmp/plan.ini" <<-PLAN
	[plan]
	name = fault
	repetitions = 7
	steal_percent = 100
	window = 1s
	warmup = 100ms
	settle = 20ms
	guest_insns = yes
	[matrix m]
	paths = memnet
	scenarios = network
	arms = spare-core
	directions = send
PLAN

measure() {	# BUILD-FOLDER NAME
	case="the experiment $2"
	run 0 run "$tmp/plan.ini" --build="$1" --results="$tmp/$2"
	valid=$(grep -c '"measure","ok"' "$tmp/$2/latest/runs.csv")
	[ "$valid" -lt 6 ] || return 0
	[ "$valid" -gt 0 ] || fail "no run is valid"
	echo "$valid of 7 runs of $2 are valid, six are needed: this machine is too busy"
	exit 77
}

compare() {	# WANTED-STATUS OLD NEW OPTION...
	want=$1 old=$2 new=$3
	shift 3
	"$lab" compare "$tmp/$old/latest" "$tmp/$new/latest" "$@" >"$tmp/log" 2>&1
	status=$?
	[ "$status" = "$want" ] || fail "compare $old $new $*: exit status $status, not $want"
}

# The same build but for the guest's image.
mkdir -p "$tmp/build/guest"
ln -s "$(realpath "$BUILD/bin")" "$(realpath "$BUILD/lib")" "$tmp/build/"
ln -s "$(realpath "$BUILD/guest/vmlinuz")" "$tmp/build/guest/vmlinuz"
ln -s "$(realpath "$BUILD/guest/test-copy.img")" "$tmp/build/guest/initrd.img"

measure "$BUILD" old
measure "$tmp/build" new

case="what compare says"

for option in "" --deterministic; do
	compare 1 old new $option
	grep -q '^REGRESSION .*: guest_insns_per_byte ' "$tmp/log" ||
		fail "a regression, but not of guest_insns_per_byte"
done
cat "$tmp/log"
compare 0 old old --deterministic
sed -i 's/"guest_kernel": .*/"guest_kernel": "another",/' "$tmp/new/latest/environment.json"
compare 77 old new
grep -q "^differs .*guest_kernel: .* and 'another'" "$tmp/log" ||
	fail "it does not say what differs"
sed -i 's/^window = 1s/window = 2s/' "$tmp/new/latest/plan.ini"
compare 77 old new
grep -q "^differs .*plan: 'window = 1s' and 'window = 2s'" "$tmp/log" ||
	fail "it does not say what differs"
echo "an extra copy is found and named; the same against the same is silence"
