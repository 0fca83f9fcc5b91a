/* SPDX-License-Identifier: BSD-2-Clause */
/* The sampler and energy counters: how often they are to be read, and a phase's joules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/sampler.h"
#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

/* Periodic samples so far: what is to happen between two samples does not go by the clock. */
static atomic_int n_periodic;

static int count_periodic(void *ctx, uint64_t *value)
{
	*value = n_periodic += gettid() != getpid();
	return 0;
}

static void wait_for_samples(int n)
{
	for (n += n_periodic; n_periodic < n; )
		usleep(1000);
}

static void energy_of_a_phase_comes_from_its_edges(void **state)
{
	const struct sampler_gauge gauge = { count_periodic, NULL };
	struct sampler_config config = {
		.interval_ns = 10 * NSEC_PER_MSEC, .max_samples = 10000, .max_marks = 2, .cpu = -1,
		.gauges = &gauge, .n_gauges = 1,
	};
	const struct sampler_sample *all, *begin, *end;
	struct energy_value total;
	struct energy_sum sum;
	struct energy *e;
	struct sampler *s;
	size_t count;

	fake_zone("intel-rapl:0", "package-0", 1000000);
	e = fake_open("powercap");
	config.energy = e;
	assert_int_equal(sampler_start(&s, &config), 0);
	fake_energy("intel-rapl:0", 1500000);
	begin = sampler_mark(s, 1);
	wait_for_samples(2);
	fake_energy("intel-rapl:0", 2750000);
	end = sampler_mark(s, 2);
	fake_energy("intel-rapl:0", 4000000);
	wait_for_samples(2);
	sampler_stop(s);

	all = sampler_samples(s, &count);
	assert_true(end - begin >= 2 && all + count - end >= 2);
	energy_sum_begin(e, &sum, begin->energy);
	for (const struct sampler_sample *p = begin + 1; p <= end; p++)
		energy_sum_add(e, &sum, p->energy);
	energy_total(e, &sum, 0.03, &total);
	assert_int_equal(total.quality, ENERGY_MEASURED);
	assert_true(total.joules > 1.2499 && total.joules < 1.2501);
	sampler_free(s);
	energy_close(e);
}

static void an_interval_that_could_hide_a_wrap_is_refused(void **state)
{
	struct sampler_config config = { .max_samples = 10, .max_marks = 1, .cpu = -1 };
	struct sampler *s;
	int64_t most_ns;

	fake_zone("intel-rapl:0", "package-0", 1000000);
	config.energy = fake_open("powercap");
	most_ns = energy_max_interval_ns(config.energy);	/* 655 s */
	config.interval_ns = most_ns + 1;
	assert_int_equal(sampler_start(&s, &config), -ERANGE);
	config.interval_ns = most_ns;
	assert_int_equal(sampler_start(&s, &config), 0);
	sampler_free(s);
	config.interval_ns = -1;
	assert_int_equal(sampler_start(&s, &config), -EINVAL);
	energy_close((struct energy *)config.energy);
}

static void the_default_interval_is_shortened_for_a_fast_counter(void **state)
{
	struct sampler_config config = { .max_samples = 100, .max_marks = 1, .cpu = -1 };
	struct sampler *s;
	size_t count;

	/* 4 J at 200 W are 20 ms: to be read every 10 ms. */
	fake_zone("intel-rapl:0", "package-0", 1000000);
	fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "4000000\n");
	config.energy = fake_open("powercap");
	assert_int_equal(sampler_start(&s, &config), 0);
	usleep(95000);						/* none would be due at 10 Hz */
	sampler_stop(s);
	sampler_samples(s, &count);
	assert_true(count + sampler_stats(s).lost >= 9);
	sampler_free(s);
	energy_close((struct energy *)config.energy);
}

/* 0.2 mJ at 200 W go round in 1 us, 1 uJ in less than the clock tells: no reason to spin. */
static void a_counter_too_fast_to_follow_is_not_chased(void **state)
{
	static const char *const ranges[] = { "200\n", "1\n" };
	struct sampler_config config = { .max_samples = 1000, .max_marks = 1, .cpu = -1 };
	struct sampler *s;
	size_t count;

	fake_zone("intel-rapl:0", "package-0", 0);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		fake_write("class/powercap/intel-rapl:0/max_energy_range_uj", "%s", ranges[i]);
		config.energy = fake_open("powercap");
		assert_true(sampler_default_ns(config.energy) == SAMPLER_LEAST_NS);
		assert_int_equal(sampler_start(&s, &config), 0);
		usleep(95000);
		sampler_stop(s);
		sampler_samples(s, &count);
		assert_in_range(count, 1, 50);		/* 9, but for a busy machine */
		sampler_free(s);
		energy_close((struct energy *)config.energy);
	}
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(an_interval_that_could_hide_a_wrap_is_refused),
		fake_test(the_default_interval_is_shortened_for_a_fast_counter),
		fake_test(a_counter_too_fast_to_follow_is_not_chased),
		fake_test(energy_of_a_phase_comes_from_its_edges),
	};

	return cmocka_run_group_tests_name("sampler energy", tests, NULL, NULL);
}
