/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/shape.h"

#include <math.h>

#include "memnet-core/base/util.h"

#define LOG_C	0.368953
#define FAN_R	1.4

static double linear(double u)
{
	return u;
}

static double logarithmic(double u)
{
	return log1p(u / LOG_C) / log1p(1 / LOG_C);
}

static double fan(double u)
{
	return 2 * u - pow(u, FAN_R);
}

static const struct {
	const char *name;
	double (*f)(double u);
} shapes[] = {
	[SHAPE_LINEAR] = { "linear", linear },
	[SHAPE_LOGARITHMIC] = { "logarithmic", logarithmic },
	[SHAPE_FAN] = { "fan", fan },
};

_Static_assert(ARRAY_SIZE(shapes) == POWER_SHAPES, "a function per shape");

double power_shape(enum power_shape shape, double u)
{
	return shapes[shape].f(u);
}

const char *power_shape_name(enum power_shape shape)
{
	return shapes[shape].name;
}
