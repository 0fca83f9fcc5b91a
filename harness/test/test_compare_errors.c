/* SPDX-License-Identifier: BSD-2-Clause */
/* How often the gate between two folders errs, on a simulated machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "harness/test/compared.h"

#define CONFIGURATIONS 3

/* A machine: lognormal scatter of a run, and a state that wanders from block to block. */
struct machine {
	uint64_t seed;
	double state;
};

static double normal(uint64_t *seed)
{
	double sum = 0;		/* of 12 uniform ones: variance 1 */

	for (int i = 0; i < 12; i++)
		sum += (mn_splitmix64(seed) >> 11) / (double)(1ULL << 53);
	return sum - 6;
}

/*
 * Rates and counts as they are here: 7 % from run to run, drift of 2 % a block that is forgotten
 * over some ten blocks, instructions to 1 %, and a run in twenty disturbed by a fifth.
 */
static size_t measured(struct machine *m, struct run_row *rows, int blocks, double slower)
{
	size_t n = 0;

	for (int b = 0; b < blocks; b++) {
		m->state = 0.9 * m->state + 0.02 * normal(&m->seed);
		for (int c = 0; c < CONFIGURATIONS; c++) {
			struct run_row *r = &rows[n++];
			bool disturbed = mn_splitmix64(&m->seed) % 20 == 0;
			double speed = exp(m->state + 0.07 * normal(&m->seed)) /
				       (disturbed ? 1.2 : 1) / slower;

			*r = made_run("memnet", "network", b);
			r->flows = c + 1;
			r->stream_bytes_per_s = 1e8 * speed;
			r->stream_bytes = 1e8;
			r->cpu_total_s = exp(0.05 * normal(&m->seed)) / speed;
			r->guest_insns_user = 2e7 * slower * exp(0.01 * normal(&m->seed));
			r->guest_insns_kernel = 1e6;
			ROW_TEXT(r->guest_insns_source, "tcg-plugin");
			r->kicks_to_host = 100 * exp(0.1 * normal(&m->seed));
			r->kicks_to_guest = 10;
			r->stream_verified_bytes = 1e8;
		}
	}
	return n;
}

/* Of @trials comparisons of two folders, one measured after the other: how many alarms. */
static int alarms(int trials, int blocks, double slower, int *conclusive)
{
	int n = 0;

	*conclusive = 0;
	for (int t = 0; t < trials; t++) {
		struct machine m = { .seed = 1000 + t };
		int code;

		n_old = measured(&m, old, blocks, 1);
		n_new = measured(&m, new, blocks, slower);
		code = compare();
		n += code == COMPARE_WORSE;
		*conclusive += code == COMPARE_OK;
	}
	return n;
}

/* Each of a comparison's twelve would raise 12 alarms in 1000 at p < 0.01, all together more. */
static void the_same_against_the_same_is_silence(void **state)
{
	int conclusive, n = alarms(200, 10, 1, &conclusive);

	print_message("A/A, 200 comparisons of 12 values: %d alarms, %d all clear\n", n,
		      conclusive);
	assert_true(n <= 2);		/* 1 % */
	assert_true(conclusive > 20);	/* silence is not had by never saying anything */
}

/* A tenth more of everything: the deterministic metric finds it each time. */
static void a_fault_of_a_tenth_is_found(void **state)
{
	int conclusive, n = alarms(20, 10, 1.1, &conclusive);

	print_message("a fault of 10 %%, 20 comparisons: %d alarms\n", n);
	assert_int_equal(n, 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, release)
	const struct CMUnitTest tests[] = {
		TEST(the_same_against_the_same_is_silence),
		TEST(a_fault_of_a_tenth_is_found),
	};

	return cmocka_run_group_tests_name("compare errors", tests, NULL, NULL);
}
