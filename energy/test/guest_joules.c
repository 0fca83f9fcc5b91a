/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest-joules MS [SOURCE]: what a window of MS milliseconds of this machine cost, on one line for
 * each domain and the total. For the test in a VM (harness/test/test_kernel_abi.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "energy/sampler.h"
#include "memnet-core/base/clock.h"

#define MAX_DOMAINS 32

/* "uj=123": a word without a number where there is none. */
static void say_uj(const char *key, double joules)
{
	if (isnan(joules))
		printf(" %s=none", key);
	else
		printf(" %s=%.0f", key, joules * 1e6);
}

static void say_value(const char *name, int64_t window_ns, const struct energy_value *v)
{
	printf("%s source=%s quality=%s gaps=%u window_ns=%" PRId64, name, v->source,
	       energy_quality_name(v->quality), v->gaps, window_ns);
	say_uj("uj", v->joules);
	say_uj("low_uj", v->low_j);
	say_uj("high_uj", v->high_j);
	printf(" reason=%s\n", v->reason);
}

static void say_notes(const struct energy *e)
{
	const struct energy_note *note;

	for (size_t i = 0; (note = energy_note(e, i)); i++)
		printf("note %s: %s\n", note->source, note->text);
}

static int measure(const struct energy *e, int64_t window_ns)
{
	struct sampler_config config = { .max_samples = 1000, .max_marks = 2, .cpu = -1, .energy = e };
	const struct sampler_sample *s;
	struct energy_sum sums[MAX_DOMAINS];
	struct energy_check check;
	struct energy_value v;
	struct sampler *sampler;
	size_t n;

	if (energy_domain_count(e) > MAX_DOMAINS || sampler_start(&sampler, &config))
		return 1;
	sampler_mark(sampler, 1);
	printf("begun\n");
	fflush(stdout);
	mn_sleep_until_ns(mn_now_ns() + window_ns);
	sampler_mark(sampler, 2);
	sampler_stop(sampler);
	s = sampler_samples(sampler, &n);
	while (n && !s->mark)
		s++, n--;
	energy_sum_begin(e, sums, s->energy);
	for (size_t i = 1; i < n && s[i - 1].phase < 2; i++)
		energy_sum_add(e, sums, s[i].energy);
	for (size_t i = 0; i < energy_domain_count(e); i++) {
		if (energy_domain(e, i)->witness)
			continue;
		if (energy_check(e, sums, i, -1, &check) != -ENOENT)
			printf("check %s\n", check.text);
		energy_value(e, sums, i, -1, &v);
		say_value(energy_domain(e, i)->name, sums[i].end_ns - sums[i].begin_ns, &v);
	}
	energy_total(e, sums, -1, &v);
	say_value("total", sums[0].end_ns - sums[0].begin_ns, &v);
	sampler_free(sampler);
	return 0;
}

int main(int argc, char **argv)
{
	const struct energy_config config = { .source = argc > 2 ? argv[2] : NULL };
	struct energy *e;
	int ret;

	if (argc < 2 || energy_open(&e, &config))
		return 2;
	say_notes(e);
	ret = measure(e, atoi(argv[1]) * NSEC_PER_MSEC);
	energy_close(e);
	return ret;
}
