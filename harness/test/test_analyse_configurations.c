/* SPDX-License-Identifier: BSD-2-Clause */
/* Which runs are of one configuration, and which path each is held against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/test/analysed.h"

static void vhost_is_the_baseline_when_it_has_a_valid_run(void **state)
{
	struct run_row rows[13];

	drifting(rows, "hybrid-saturate");
	rows[12] = made_run("virtio-vhost", "idle", 0);
	ROW_TEXT(rows[12].status, "failed");
	analyse_rows(rows, 13);
	assert_string_equal(result.baseline, "virtio-tap");
	ROW_TEXT(rows[12].status, "ok");
	analyse_rows(rows, 13);
	assert_string_equal(result.baseline, "virtio-vhost");
	analysis_release(&result);
	assert_int_equal(analyse(rows, 13, "memnet", &result), 0);
	near(must_find("hybrid-saturate", "virtio-tap", "compute_rate")->ratio,
	     (1 / 2.2 + 1 / 2.3) / 2);
}

/* A/A: of two names of one path the plain one is the baseline, unless there is a better. */
static void a_path_is_held_against_itself(void **state)
{
	struct run_row rows[12];
	size_t n = drifting(rows, "hybrid-saturate");

	for (size_t i = 0; i < n; i++)
		ROW_TEXT(rows[i].path, i & 1 ? "memnet@b" : "memnet");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "memnet");
	assert_string_equal(result.subject, "memnet@b");
	near(must_find("hybrid-saturate", "memnet@b", "compute_rate")->ratio, 2.25);
	for (size_t i = 0; i < n; i += 2)
		ROW_TEXT(rows[i].path, "virtio-tap");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
	assert_string_equal(result.subject, "memnet");	/* which was not measured */
	for (size_t i = 1; i < n; i += 2)
		ROW_TEXT(rows[i].path, "virtio-tap@again");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
	assert_string_equal(result.subject, "virtio-tap@again");
}

/* Regions are paths: each has medians of its own, and where nothing else is, ivshmem is the first. */
static void a_region_is_held_against_the_other(void **state)
{
	struct run_row rows[12];
	size_t n = drifting(rows, "hybrid-saturate");

	for (size_t i = 0; i < n; i++)
		ROW_TEXT(rows[i].path, i & 1 ? "memnet:guest-ram" : "memnet:ivshmem");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "memnet:ivshmem");
	assert_string_equal(result.subject, "memnet:guest-ram");
	assert_int_equal(must_find("hybrid-saturate", "memnet:ivshmem", "compute_rate")->n, n / 2);
	near(must_find("hybrid-saturate", "memnet:guest-ram", "compute_rate")->ratio, 2.25);
	for (size_t i = 0; i < n; i += 2)
		ROW_TEXT(rows[i].path, "virtio-tap");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
}

static void without_memnet_the_first_other_path_is_the_subject(void **state)
{
	struct run_row rows[13];
	size_t n = drifting(rows, "network");

	for (size_t i = 1; i < n; i += 2)
		ROW_TEXT(rows[i].path, i < 6 ? "virtio-user" : "passt");
	analyse_rows(rows, n);
	assert_string_equal(result.baseline, "virtio-tap");
	assert_string_equal(result.subject, "passt");
	rows[n] = made_run("memnet", "network", 0);	/* asked for, and lost */
	ROW_TEXT(rows[n].status, "failed");
	analyse_rows(rows, n + 1);
	assert_string_equal(result.subject, "memnet");
	analyse_rows(rows, 1);				/* nothing but the baseline */
	assert_string_equal(result.subject, "memnet");
}

/* Each budget against the same one under the other name: not all against the first. */
static void a_path_is_held_against_itself_budget_by_budget(void **state)
{
	struct run_row rows[24];
	size_t n = drifting(rows, "hybrid-saturate"), seen = 0;

	n += drifting(rows + n, "hybrid-saturate");
	for (size_t i = 0; i < n; i++) {
		ROW_TEXT(rows[i].path, i & 1 ? "memnet@b" : "memnet");
		ROW_TEXT(rows[i].spin, i < n / 2 ? "0" : "50us");
		if (i >= n / 2)
			rows[i].compute_ops_per_s *= i & 1 ? 6 : 3;
	}
	analyse_rows(rows, n);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "compute_rate") || strcmp(s->path, "memnet@b"))
			continue;
		seen++;
		near(s->ratio, strcmp(s->spin, "0") ? 4.5 : 2.25);
		assert_string_equal(summary_find(result.summary, result.n_summary, s, "memnet",
						 "compute_rate")->spin, s->spin);
	}
	assert_int_equal(seen, 2);
}

static void chunks_are_configurations(void **state)
{
	struct run_row rows[24];
	size_t n = drifting(rows, "network"), seen = 0;

	n += drifting(rows + n, "network");
	for (size_t i = 0; i < n; i++) {
		rows[i].chunk_bytes = i < n / 2 ? 4096 : 65536;
		if (i >= n / 2 && i & 1)
			rows[i].stream_bytes_per_s = 300;
	}
	analyse_rows(rows, n);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "network_rate") || strcmp(s->path, "memnet"))
			continue;
		assert_int_equal(s->n, 6);
		near(s->ratio, s->chunk_bytes == 4096 ? 1 : 3);
		seen++;
	}
	assert_int_equal(seen, 2);
}

/* Each rate against the same rate, and each delay. */
static void links_are_configurations(void **state)
{
	struct run_row rows[36];
	size_t n = 0, seen = 0;

	for (int i = 0; i < 3; i++)
		n += drifting(rows + n, "network");
	for (size_t i = 0; i < n; i++) {
		rows[i].link_rate_bits_per_s = i < 12 ? 40000000 : 80000000;
		rows[i].link_delay_ns = i < 24 ? ABSENT_INTEGER : 1000000;
		if (i >= 12 && i & 1)
			rows[i].stream_bytes_per_s = i < 24 ? 300 : 500;
	}
	analyse_rows(rows, n);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "network_rate") || strcmp(s->path, "memnet"))
			continue;
		assert_int_equal(s->n, 6);
		near(s->ratio, s->link_rate_bits_per_s == 40000000 ? 1 :
			       s->link_delay_ns == ABSENT_INTEGER ? 3 : 5);
		assert_ptr_equal(summary_find(result.summary, result.n_summary, s, "memnet",
					      "network_rate"), s);
		seen++;
	}
	assert_int_equal(seen, 3);
}

static void more_vms_come_behind_fewer(void **state)
{
	static const char *const order[] = { "one-vm", "two-vm", "n-vm-2", "n-vm-3", "n-vm-10" };
	struct run_row rows[5];
	size_t n = 0;

	for (int i = 0; i < 5; i++) {
		rows[i] = made_run("memnet", "network", 0);
		ROW_TEXT(rows[i].topology, "%s", order[4 - i]);
	}
	analyse_rows(rows, 5);
	for (size_t i = 0; i < result.n_summary; i++)
		if (!strcmp(result.summary[i].metric, "cpu_total"))
			assert_string_equal(result.summary[i].topology, order[n++]);
	assert_int_equal(n, 5);
}

static void accelerators_are_never_compared(void **state)
{
	struct run_row rows[12];

	drifting(rows, "hybrid-saturate");
	for (int i = 1; i < 12; i += 2)
		ROW_TEXT(rows[i].accelerator, "kvm");
	analyse_rows(rows, 12);
	assert_true(isnan(must_find("hybrid-saturate", "memnet", "compute_rate")->ratio));
}

static void flows_are_configurations_of_their_own(void **state)
{
	struct run_row rows[24];
	size_t found = 0;

	drifting(rows, "network");
	drifting(rows + 12, "network");
	for (int i = 0; i < 24; i++)
		rows[i].flows = i < 12 ? 1 : 8;
	for (int i = 13; i < 24; i += 2)
		rows[i].compute_ops_per_s *= 10;
	analyse_rows(rows, 24);
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "compute_rate") || strcmp(s->path, "memnet"))
			continue;
		found++;
		assert_int_equal(s->n, 6);
		near(s->ratio, s->flows == 8 ? 22.5 : 2.25);
		assert_ptr_equal(summary_find(result.summary, result.n_summary, s, "memnet",
					      "compute_rate"), s);
	}
	assert_int_equal(found, 2);
}

static void each_spin_budget_is_held_against_the_same_baseline(void **state)
{
	static const char *const spins[] = { "0", "50us", "200us", "adaptive:50us" };
	struct run_row rows[6 + 24];
	size_t found = 0;

	for (int b = 0; b < 6; b++) {
		rows[b] = made_run("virtio-tap", "rr", b);
		rows[b].latency_p99_ns = 100;
		for (int s = 0; s < 4; s++) {
			struct run_row *r = &rows[6 + 4 * b + 3 - s];

			*r = made_run("memnet", "rr", b);
			r->latency_p99_ns = 10 * (s + 1);
			ROW_TEXT(r->spin, "%s", spins[s]);
		}
	}
	analyse_rows(rows, ARRAY_SIZE(rows));
	for (size_t i = 0; i < result.n_summary; i++) {
		const struct summary_row *s = &result.summary[i];

		if (strcmp(s->metric, "latency_p99") || strcmp(s->path, "memnet"))
			continue;
		assert_string_equal(s->spin, spins[found]);	/* by time, not by letter */
		found++;
		assert_int_equal(s->n, 6);
		near(s->median, 10 * found);
		near(s->ratio, found / 10.0);
		assert_string_equal(s->verdict, VERDICT_BETTER);
		assert_string_equal(summary_find(result.summary, result.n_summary, s, "virtio-tap",
						 "latency_p99")->spin, "");
	}
	assert_int_equal(found, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vhost_is_the_baseline_when_it_has_a_valid_run),
		cmocka_unit_test(a_path_is_held_against_itself),
		cmocka_unit_test(a_region_is_held_against_the_other),
		cmocka_unit_test(without_memnet_the_first_other_path_is_the_subject),
		cmocka_unit_test(a_path_is_held_against_itself_budget_by_budget),
		cmocka_unit_test(chunks_are_configurations),
		cmocka_unit_test(links_are_configurations),
		cmocka_unit_test(more_vms_come_behind_fewer),
		cmocka_unit_test(accelerators_are_never_compared),
		cmocka_unit_test(flows_are_configurations_of_their_own),
		cmocka_unit_test(each_spin_budget_is_held_against_the_same_baseline),
	};

	return cmocka_run_group_tests_name("configurations", tests, NULL, release);
}
