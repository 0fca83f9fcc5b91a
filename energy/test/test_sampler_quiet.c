/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside a window the sampler allocates nothing, and reads counters but nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/sampler.h"
#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

/*
 * Every allocation of this program, glibc's own included, comes by here. The
 * sanitizers have a malloc of their own: with them the test is skipped.
 */
static atomic_ulong n_allocations;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS	false
#else
#define COUNTS_ALLOCATIONS	true

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	n_allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	n_allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	n_allocations++;
	return __libc_realloc(p, size);
}
#endif

#define INTERVAL_NS	(20 * NSEC_PER_MSEC)

static atomic_int sampler_tid;
static atomic_ulong n_samples;		/* taken whole: the gauge is read last */

static int note_sample(void *ctx, uint64_t *value)
{
	if (gettid() != getpid()) {	/* not a mark of ours */
		sampler_tid = gettid();
		n_samples++;
	}
	return 0;
}

/* A sampler of two zones. */
static struct sampler *start_on_two_zones(struct energy **e)
{
	static const struct sampler_gauge gauge = { note_sample, NULL };
	struct sampler_config config = {
		.interval_ns = INTERVAL_NS, .max_samples = 1000, .max_marks = 2, .cpu = -1,
		.gauges = &gauge, .n_gauges = 1,
	};
	struct sampler *s;

	fake_zone("intel-rapl:0", "package-0", 1000000);
	fake_zone("intel-rapl:1", "package-1", 2000000);
	*e = fake_open("powercap");
	config.energy = *e;
	assert_int_equal(sampler_start(&s, &config), 0);
	return s;
}

static void a_window_allocates_nothing(void **state)
{
	unsigned long before = n_allocations, taken;
	void *volatile p = malloc(1);
	struct energy *e;
	struct sampler *s;

	free(p);
	if (!COUNTS_ALLOCATIONS)
		skip();
	assert_true(n_allocations == before + 1);	/* it is seen */
	s = start_on_two_zones(&e);
	usleep(2 * INTERVAL_NS / NSEC_PER_USEC);	/* what a new thread allocates is past */
	before = n_allocations;
	taken = n_samples;
	assert_non_null(sampler_mark(s, 1));
	usleep(10 * INTERVAL_NS / NSEC_PER_USEC);
	assert_non_null(sampler_mark(s, 2));
	assert_true(n_allocations == before);
	assert_true(n_samples > taken);
	sampler_free(s);
	energy_close(e);
}

/* What the sampler's thread asked of the kernel so far, and in how many samples. */
struct sampler_io {
	unsigned long reads, writes, samples;
};

static bool read_io(struct sampler_io *io)
{
	char path[64], line[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/io", sampler_tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "syscr: %lu", &io->reads);
		sscanf(line, "syscw: %lu", &io->writes);
	}
	return f && !fclose(f);
}

/* Between two samples: just behind one, long before the next. */
static struct sampler_io io_of_sampler(void)
{
	struct sampler_io io = { 0 };
	int64_t begin_ns;

	do {
		io.samples = n_samples;
		while (io.samples == n_samples)
			usleep(100);
		io.samples = n_samples;
		begin_ns = mn_now_ns();
		if (!read_io(&io))
			skip();			/* a kernel without TASK_IO_ACCOUNTING */
	} while (io.samples != n_samples || mn_now_ns() - begin_ns > INTERVAL_NS / 2);
	return io;
}

static void a_window_reads_the_counters_and_nothing_else(void **state)
{
	struct energy *e;
	struct sampler *s = start_on_two_zones(&e);
	struct sampler_io begin = io_of_sampler(), end;

	usleep(10 * INTERVAL_NS / NSEC_PER_USEC);
	end = io_of_sampler();
	assert_true(end.samples > begin.samples + 1);
	assert_int_equal(end.reads - begin.reads, 2 * (end.samples - begin.samples));
	assert_int_equal(end.writes, 0);
	sampler_free(s);
	energy_close(e);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fake_test(a_window_allocates_nothing),
		fake_test(a_window_reads_the_counters_and_nothing_else),
	};

	return cmocka_run_group_tests_name("sampler, quiet", tests, NULL, NULL);
}
