/* SPDX-License-Identifier: BSD-2-Clause */
/* One package of 200 W in the tree of fake_sysfs.h, and windows whose readings are made by hand. */
#ifndef MEMNET_ENERGY_ONE_PACKAGE_H
#define MEMNET_ENERGY_ONE_PACKAGE_H

#include "energy/test/fake_sysfs.h"

struct energy *one_package(void);

struct energy_reading at(double t_s, uint64_t uj);

/* The value of a window of domain 0, which is the total, with these readings. */
struct energy_value window(const struct energy *e, const struct energy_reading *r, size_t n,
			   double busy_cpu_s);

#define WINDOW(e, busy, ...) ({							\
	const struct energy_reading readings_[] = { __VA_ARGS__ };		\
	window(e, readings_, ARRAY_SIZE(readings_), busy); })

/* Fail unless @v is lost in part, with these bounds but for the edges' part of them. */
void assert_gap_of(const struct energy_value *v, double limit_w, unsigned gaps, double low_j,
		   double high_j);
/* The same, of FAKE_MAX_W. */
void assert_gap(const struct energy_value *v, unsigned gaps, double low_j, double high_j);

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-6)

#endif
