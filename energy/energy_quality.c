/* SPDX-License-Identifier: BSD-2-Clause */
/* How sure a value is, in words; for those too who read values that others have measured. */
#include "energy/energy_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[ENERGY_MEASURED] = "measured", [ENERGY_ESTIMATED] = "estimated",
	[ENERGY_ABSENT] = "absent", [ENERGY_INVALID] = "invalid",
};

_Static_assert(ARRAY_SIZE(names) == ENERGY_INVALID + 1, "a name per quality");

const char *energy_quality_name(enum energy_quality quality)
{
	return names[quality];
}

enum energy_quality energy_quality_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return i;
	return ENERGY_ABSENT;
}

void energy_no_value(struct energy_value *value, enum energy_quality quality,
		     const char *fmt, ...)
{
	va_list ap;

	value->quality = quality;
	value->joules = value->low_j = value->high_j = NAN;
	va_start(ap, fmt);
	vsnprintf(value->reason, sizeof(value->reason), fmt, ap);
	va_end(ap);
}
