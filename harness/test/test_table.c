/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal table says what was found, in its width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "harness/test/printed.h"

static void it_fits_into_100_columns(void **state)
{
	ROW_TEXT(rows[0].status, "failed");
	memset(rows[0].reason, 'x', 300);
	print(ARRAY_SIZE(rows), false);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strlen(line) > 100 && !strstr(line, "xxxxxxxx"))
			fail_msg("%zu columns: %s", strlen(line), line);
		assert_true(line[strlen(line) - 1] != ' ');
	}
}

static void values_have_units_for_people(void **state)
{
	/* one block, given values: 125 MB/s are 1 Gb/s, 625 blocks of 16 KiB are 10.2 MB */
	for (size_t i = 0; i < 2; i++) {
		rows[i].stream_bytes_per_s = i ? 125e6 : 62.5e6;
		rows[i].compute_ops_per_s = 625;
		rows[i].cpu_total_s = 1.5;
		rows[i].energy_j = 12;
	}
	print(2, false);
	says("500 Mb/s    1.00 Gb/s     2.00x");
	says("10.2 MB/s    10.2 MB/s     1.00x");
	says("1.50 s       1.50 s\n");
	says("energy (model)                    12.00 J      12.00 J\n");
}

static void guest_instructions_are_shown_where_they_were_counted(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		rows[i] = made_run(i ? "memnet" : "virtio-tap", "network", 0);
		rows[i].stream_bytes = 1000;
		rows[i].cpu_total_s = 1;
	}
	print(2, false);
	says_not("guest insns");
	for (size_t i = 0; i < 2; i++) {
		rows[i].guest_insns_user = 100;
		rows[i].guest_insns_kernel = i ? 50 : 500;
		ROW_TEXT(rows[i].guest_insns_source, "tcg-plugin");
	}
	print(2, false);
	says("guest insns (tcg-plugin)     0.60 insns/B 0.15 insns/B     4.00x");
}

static void both_together_stand_beside_each_alone(void **state)
{
	static const char *const scenario[] = { "hybrid-saturate", "compute", "network", "idle" };

	for (size_t i = 0; i < 4; i++) {
		rows[i] = made_run("memnet", scenario[i], 0);
		rows[i].flows = 1;
		rows[i].energy_j = i ? 4 : 3.5;
		rows[i].compute_ops_per_s = i ? 1000 : 510;
		rows[i].stream_bytes_per_s = i ? 100 : 42;
		rows[i].cpu_total_s = 1;
	}
	print(4, false);
	says("network kept beside compute        absent         42 %");
	says("compute kept beside network        absent         51 %");
	says("interaction energy (model)         absent      -0.50 J");
	says("self_interference_compute = compute rate beside the stream / compute rate alone");
	says("spare-core send: memnet 42 %.");
	says("spare-core send: memnet -0.50 J.");
	says("MODEL: it says");
	rows[1].window_s = 2;
	ROW_TEXT(rows[0].energy_source, "a-long-source");
	for (size_t i = 1; i < 4; i++)
		ROW_TEXT(rows[i].energy_source, "a-long-source");
	print(4, false);
	says("interaction energy (a-long-source) absent       absent");
	says("memnet absent.");
	rows[4] = rows[0];
	ROW_TEXT(rows[4].path, "virtio-vhost");
	rows[5] = rows[1];
	ROW_TEXT(rows[5].path, "virtio-vhost");
	ROW_TEXT(rows[4].status, "skipped");
	ROW_TEXT(rows[5].status, "skipped");
	print(6, false);
	says_not("virtio-vhost absent");
	ROW_TEXT(rows[4].status, "invalid");
	print(6, false);
	says("virtio-vhost absent");
	print(1, false);
	says_not("kept beside");
	says_not("interaction");
}

static void what_is_kept_has_its_interval(void **state)
{
	for (int i = 0; i < 12; i++) {
		rows[i] = made_run("memnet", i % 2 ? "compute" : "hybrid-saturate", i / 2);
		rows[i].compute_ops_per_s = i % 2 ? 1000 : 500 + 10 * (i / 2);
		rows[i].cpu_total_s = 1;
	}
	print(12, false);
	says("spare-core send: memnet 52 % (50 .. 55).");
	says_not("self_interference_network");	/* no stream alone */
	says_not("interaction_energy");
}

static void energy_is_shown_net_of_idle_too(void **state)
{
	made_net_rows(rows);
	print(4, false);
	says("energy (model)                     6.00 J       4.00 J     1.50x");
	says("energy net of idle (model)         4.00 J       2.00 J     2.00x");
	says("Net of idle: less 2.00 W, what this machine uses with no VM (0.10 of its CPUs busy;");
	says("medians of 2 of 2 windows");
	says("By the MODEL that leaves");
	says_not("no net energy");
	says("runs        2: 2 valid");
	rows[3].energy_j = 2.2;
	print(4, false);
	says("energy net of idle (model)         absent       absent    absent");
	says("2 of 2 valid runs have no net energy, for example: no idle power: idle was");
	says_not("Net of idle");	/* of what no run stands on there is no figure */
	made_net_rows(rows);
	for (size_t i = 0; i < 4; i++)
		ROW_TEXT(rows[i].energy_source, "powercap");
	print(4, false);
	says_not("By the MODEL");
	made_net_rows(rows);
	ROW_TEXT(rows[0].status, "invalid");
	ROW_TEXT(rows[3].status, "invalid");
	print(4, false);
	says("  idle        2 of 2 valid runs have no net energy");
	made_net_rows(rows);
	rows[4] = rows[3];
	rows[4].order = 5;
	ROW_TEXT(rows[3].status, "invalid");
	print(5, false);		/* tried once more */
	says("medians of 2 of 3 windows");
	made_net_rows(rows);
	print(3, false);		/* interrupted: nothing behind */
	says("none was measured");
	ROW_TEXT(rows[0].kind, "calibrate");
	print(3, false);
	says_not("net of idle");
	says_not("Net of idle");
}

static void gains_stand_beside_the_papers(void **state)
{
	print(ARRAY_SIZE(rows), false);
	says("TCG gain  95 % interval   paper (KVM)");
	says("1.70x (+70%)");
	says("1.27x (+27%)");
	says("1.32x (+32%)");
	says("spare-core: ");
	says("equal-core: ");
}

static void a_gain_bought_with_less_network_is_not_comparable(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].scenario, "hybrid-paced") && !strcmp(rows[i].path, "memnet"))
			rows[i].stream_bytes_per_s *= 0.8;
	print(ARRAY_SIZE(rows), false);
	says("not comparable");
	says("spare-core send 0.80 NOT HELD");
}

static void what_was_held_equal_is_said_whatever_the_plan_measured(void **state)
{
	for (int i = 0; i < 2; i++) {
		rows[i] = made_run(i ? "memnet" : "virtio-tap", "hybrid-fixed", 0);
		rows[i].compute_ops = 100;
		rows[i].stream_bytes = 1000;
		rows[i].cpu_total_s = 2 - i;
	}
	print(2, false);
	says("held equal  hybrid-fixed, same work (operations, bytes): spare-core send 1.00, 1.00.");
}

static void each_spin_budget_stands_beside_the_same_baseline(void **state)
{
	const char *at = NULL;

	assert_true(ARRAY_SIZE(rows) >= MADE_SPIN_RUNS(5));
	made_spin_experiment(rows, 5);
	for (size_t i = 0; i < MADE_SPIN_RUNS(5); i++) {
		bool memnet = !strcmp(rows[i].path, "memnet");

		rows[i].cpu_total_s = 0.25;
		if (strcmp(rows[i].scenario, "rr"))
			continue;
		rows[i].latency_p50_ns = !memnet ? 15000000 :
					 rows[i].spin[0] == '0' ? 150000 : 50000;
		rows[i].latency_p99_ns = 10 * rows[i].latency_p50_ns;
	}
	print(MADE_SPIN_RUNS(5), false);
	says("  network-paced, the guest sends, spin 0: the stream alone, at a fixed rate\n");
	for (size_t i = 0; i < ARRAY_SIZE(made_spins); i++) {
		char title[64];

		snprintf(title, sizeof(title), "  rr, spin %s: requests alone", made_spins[i]);
		says(title);
		assert_true(strstr(text, title) > at);
		at = strstr(text, title);
	}
	says("latency, median                   15.0 ms       150 us   100.00x");
	says("latency, median                   15.0 ms      50.0 us   300.00x");
	says("requests                          1000 /s      1000 /s     1.00x");
	says("CPU time per 1000 requests         0.25 s       0.25 s     1.00x");
	says("CPU time per GB                 2.50 s/GB    2.50 s/GB     1.00x");
	says_not("energy per");	/* a model's: says nothing that CPU time does not */
	for (size_t i = 0; i < MADE_SPIN_RUNS(5); i++)
		ROW_TEXT(rows[i].energy_quality, "measured");
	print(MADE_SPIN_RUNS(5), false);
	says("energy per 1000 requests (model)");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) <= 100 && line[strlen(line) - 1] != ' ');
}

static void flows_have_a_section_each(void **state)
{
	for (size_t i = 0; i < 4; i++)	/* one block: two arms, the baseline and memnet each */
		rows[4 + i] = rows[i];
	for (size_t i = 0; i < 8; i++) {
		rows[i].flows = i < 4 ? 1 : 8;
		rows[i].stream_bytes_per_s = i < 4 ? 125e6 : 250e6;
	}
	print(8, false);
	says("  hybrid-saturate, the guest sends: both as fast as they can\n"
	     "    network                         1.00 Gb/s    1.00 Gb/s");
	says("  hybrid-saturate, the guest sends, 8 flows: both as fast as they can\n"
	     "    network                         2.00 Gb/s    2.00 Gb/s");
}

/*
 * Two topologies of two chunks each: a section a topology, in it a title a chunk, and each
 * once; what both workloads keep is named by both.
 */
static void topologies_and_chunks_stand_each_once(void **state)
{
	static const char *const scenario[] = { "hybrid-saturate", "network" };
	static const char *const topology[] = { "one-vm", "n-vm-2" };
	size_t n = 0;

	for (size_t i = 0; i < 16; i++) {
		struct run_row *r = &rows[n++];

		*r = made_run(i & 1 ? "memnet" : "virtio-tap", scenario[i >> 1 & 1], 0);
		ROW_TEXT(r->topology, "%s", topology[i >> 2 & 1]);
		r->flows = 1;
		r->chunk_bytes = i & 8 ? 65536 : 4096;
		r->stream_bytes_per_s = 125e6 * (i >> 1 & 1 ? 2 : 1);
		r->cpu_total_s = 1;
		if (i >> 2 & 1)
			r->stream_bytes_per_s_min = 1e6;
	}
	print(n, false);
	says_once("\nspare-core, one-vm: the vCPU has a core");
	says_once("\nspare-core, n-vm-2: the vCPU has a core");
	assert_int_equal(count("  network, the guest sends, 4 KiB a call: the stream alone\n"), 2);
	assert_int_equal(count("  hybrid-saturate, the guest sends, 64 KiB a call: both"), 2);
	assert_int_equal(count("    of it, slowest VM "), 4);
	assert_int_equal(count("    network kept beside compute "), 4);
	unwrap();
	says("spare-core one-vm send 4 KiB: memnet 50 %, virtio-tap 50 %; "
	     "spare-core one-vm send 64 KiB: memnet 50 %, virtio-tap 50 %; "
	     "spare-core n-vm-2 send 4 KiB: memnet 50 %, virtio-tap 50 %; "
	     "spare-core n-vm-2 send 64 KiB: memnet 50 %, virtio-tap 50 %.");
}

/* Of requests of several VMs there is no latency, but a slowest one. */
static void requests_of_several_vms_have_their_slowest(void **state)
{
	rows[0] = made_run("memnet", "rr", 0);
	ROW_TEXT(rows[0].topology, "n-vm-2");
	ROW_TEXT(rows[0].direction, "none");
	rows[0].cpu_total_s = 1;
	rows[0].requests = rows[0].request_rate_per_s = 1000;
	rows[0].request_rate_per_s_min = 400;
	rows[0].request_rate_per_s_max = 600;
	print(1, false);
	says("of it, slowest VM                  absent       400 /s");
	says("of it, fastest VM                  absent       600 /s");
	says_not("latency, median");
}

/* Connections are requests with the time of their connects beside. */
static void connections_have_their_connects(void **state)
{
	rows[0] = made_run("memnet", "conn", 0);
	ROW_TEXT(rows[0].direction, "none");
	rows[0].cpu_total_s = 2;
	rows[0].requests = rows[0].request_rate_per_s = 500;
	rows[0].latency_p50_ns = 900000;
	rows[0].latency_p99_ns = 2000000;
	rows[0].connect_p50_ns = 600000;
	rows[0].connect_p99_ns = 1500000;
	print(1, false);
	says("conn: connections alone, each for one request and its response");
	says("connections                        absent       500 /s");
	says("connect, median                    absent       600 us");
	says("connect, 99 of 100 within          absent      1500 us");
	says("until the answer, median           absent       900 us");
	says("until it, 99 of 100 within         absent      2000 us");
	says("CPU time per 1000 of them          absent       4.00 s");
}

static void colours_are_for_terminals_only(void **state)
{
	print(ARRAY_SIZE(rows), false);
	says_not("\033");
	print(ARRAY_SIZE(rows), true);
	says("\033[32m");
}

static void without_energy_or_valid_runs_it_says_absent(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ROW_TEXT(rows[i].energy_source, "none");
		ROW_TEXT(rows[i].energy_quality, "absent");
		rows[i].energy_j = NAN;
		if (!strcmp(rows[i].path, "memnet"))
			ROW_TEXT(rows[i].status, "failed");
	}
	print(ARRAY_SIZE(rows), false);
	says("Absent: this machine gives no energy counter");
	says("network                          ");
	says("absent");
	says("42 failed");
	says("Each value stands on 0 to 7 valid runs");
	says("42 x failed: no reason given");
	print(0, false);
	says("No run was measured");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, make_rows)
	const struct CMUnitTest tests[] = {
		TEST(it_fits_into_100_columns),
		TEST(values_have_units_for_people),
		TEST(guest_instructions_are_shown_where_they_were_counted),
		TEST(both_together_stand_beside_each_alone),
		TEST(what_is_kept_has_its_interval),
		TEST(energy_is_shown_net_of_idle_too),
		TEST(gains_stand_beside_the_papers),
		TEST(a_gain_bought_with_less_network_is_not_comparable),
		TEST(what_was_held_equal_is_said_whatever_the_plan_measured),
		TEST(each_spin_budget_stands_beside_the_same_baseline),
		TEST(flows_have_a_section_each),
		TEST(topologies_and_chunks_stand_each_once),
		TEST(requests_of_several_vms_have_their_slowest),
		TEST(connections_have_their_connects),
		TEST(colours_are_for_terminals_only),
		TEST(without_energy_or_valid_runs_it_says_absent),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, release);
}
