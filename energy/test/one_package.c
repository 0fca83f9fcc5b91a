/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/test/one_package.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"

struct energy *one_package(void)
{
	struct energy *e;

	fake_zone("intel-rapl:0", "package-0", 0);
	e = fake_open("powercap");
	assert_int_equal(energy_domain_count(e), 1);
	return e;
}

struct energy_reading at(double t_s, uint64_t uj)
{
	return (struct energy_reading){ .t_ns = t_s * NSEC_PER_SEC, .raw = uj };
}

struct energy_value window(const struct energy *e, const struct energy_reading *r, size_t n,
			   double busy_cpu_s)
{
	struct energy_value v, total;
	struct energy_sum sum;

	energy_sum_begin(e, &sum, &r[0]);
	for (size_t i = 1; i < n; i++)
		energy_sum_add(e, &sum, &r[i]);
	energy_value(e, &sum, 0, busy_cpu_s, &v);
	energy_total(e, &sum, busy_cpu_s, &total);
	assert_int_equal(total.quality, v.quality);
	assert_int_equal(total.gaps, v.gaps);
	return v;
}

/* These are what the counter tells; 2 ms at the limit and 100 uJ are for the edges. */
void assert_gap_of(const struct energy_value *v, double limit_w, unsigned gaps, double low_j,
		   double high_j)
{
	double edges_j = 0.002 * 1.5 * limit_w + 100e-6;

	assert_int_equal(v->quality, ENERGY_INVALID);
	assert_int_equal(v->gaps, gaps);
	assert_true(isnan(v->joules));
	close_to(v->low_j, MAX(0.0, low_j - edges_j));
	close_to(v->high_j, high_j + edges_j);
	assert_true(strlen(v->reason) > 0);
}

void assert_gap(const struct energy_value *v, unsigned gaps, double low_j, double high_j)
{
	assert_gap_of(v, FAKE_MAX_W, gaps, low_j, high_j);
}
