#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Experiments with several VMs at once, real ones: they pass; one of the VMs dies, or
# stops answering; memnetd dies for all; ctrl-C and kill -9 come while all run. After
# each nothing may be left on the machine.

. "$(dirname "$0")/lab_cases.sh"

plan() {	# TOPOLOGY PATHS SCENARIOS WINDOW
	cat > "$tmp/plan.ini" <<-PLAN
		[plan]
		name = selftest
		repetitions = 1
		seed = 7
		steal_percent = 100
		window = $4
		fixed = 1s
		warmup = 100ms
		settle = 20ms
		[matrix m]
		paths = $2
		scenarios = $3
		arms = equal-core
		directions = send
		topologies = $1
	PLAN
}

# Field $1 of the rows of the newest runs.csv. A comma in a sentence has a space behind it.
field() {
	awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 { gsub(/, /, " "); gsub(/"/, "", $at); print $at }' "$tmp/results/latest/runs.csv"
}

case="compute and network in VMs of their own"
plan two-vm "virtio-tap, memnet" "compute, network" 1s
run 0 run "$tmp/plan.ini"
rows 4 '"measure","ok"'
rows 4 '"measure","ok".*"equal-core","two-vm","2","[0-9]*",'
field run_id | grep -v '^idle' | grep -qv '\.two-vm' &&
	fail "a run without its topology in the name"
[ "$(grep -c '"cpu_vcpu_compute"\|"cpu_vcpu_network"' "$tmp/results/latest/summary.csv")" = 8 ] ||
	fail "no CPU time by VM"
for log in console-1 console-2 qemu-1 qemu-2 peer-1 peer-2 memnetd; do
	[ -e "$tmp/results/latest/logs/$log.log" ] || fail "no $log.log"
done
grep -q 'equal-core, two-vm: ' "$tmp/log" || fail "the table does not name the topology"
nothing_left

# What the VMs of n-vm get to do is a share, and of a fixed amount there is no fastest.
case="several VMs that do the same, each topology calibrated in its own"
plan "two-vm, n-vm" memnet "hybrid-saturate, hybrid-fixed" 1s
run 0 run "$tmp/plan.ini"
rows 4 '"measure","ok"'
rows 3 '"calibrate","ok".*"two-vm","2","[0-9]*",'
rows 3 '"calibrate","ok".*"n-vm-2","2","[0-9]*",'
[ "$(grep -c '"network_rate_min"' "$tmp/results/latest/summary.csv")" = 1 ] || fail "no slowest VM"
grep -q 'equal-core, n-vm-2: ' "$tmp/log" || fail "the table does not name the topology"
nothing_left

# Each VM's region in its own RAM; and what is left of that is nobody's, also not the next boot's.
case="several VMs with their regions in guest RAM"
plan n-vm memnet network 1s
echo "region = guest-ram, ivshmem" >> "$tmp/plan.ini"
run 0 run "$tmp/plan.ini"
rows 1 '"measure","ok".*"memnet:guest-ram".*"guest-ram","write-back","port"'
rows 1 '"measure","ok".*"memnet:ivshmem".*"ivshmem","write-back","vectors"'
field path | grep -qx memnet && fail "a row that does not tell its region"
nothing_left

case="one of two VMs dies, then the memnetd of both"
plan two-vm memnet "network, hybrid-saturate" 3s
start run "$tmp/plan.ini"
wait_stream
other=$(child vm1.bell)
daemon=$(child memnetd)
kill -9 "$(child vm2.bell)"
gone "$other" || fail "the other VM goes on"
gone "$daemon" || fail "the memnetd of both goes on"
wait_stream
kill -9 "$(child memnetd)"
finish 1
rows 1 '"failed".*QEMU of VM 2 ended (signal 9)'
rows 1 '"failed".*memnetd ended (signal 9)'
nothing_left

case="one of two guests stops answering"
start run "$tmp/plan.ini"
wait_stream
kill -STOP "$(child vm1.bell)"
finish 0
rows 1 '"failed".*the guest of VM 1 did not answer'
rows 1 '"measure","ok"'
nothing_left

case="two guests that are never ready"
run 1 run "$tmp/plan.ini" --fault=silent --ready-timeout=5000
rows 2 '"failed".*the guest of VM 1 was not ready within 5 s.*console-1.log'
nothing_left

case="ctrl-C with two VMs, and resumed"
start run "$tmp/plan.ini"
wait_stream
kill -TERM "$pid"
finish 130
rows 1 '"failed".*"interrupted"'
nothing_left
run 0 resume "$(readlink -f "$tmp/results/latest")"
rows 2 '"measure","ok"'
nothing_left

case="kill -9 with two VMs"
kill_in_mid_stream
