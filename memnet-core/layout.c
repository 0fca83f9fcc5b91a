/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/layout.h"

#include <errno.h>

#include "memnet-core/base/util.h"

int mn_geometry_check(const struct mn_geometry *g)
{
	uint64_t data;

	if (!mn_is_power_of_two(g->region_bytes) || g->region_bytes <= MN_DATA_OFFSET)
		return -EINVAL;
	if (g->flows < 1 || g->flows > MN_MAX_FLOWS)
		return -EINVAL;
	if (!mn_is_power_of_two(g->fifo_bytes) || g->fifo_bytes < MN_MIN_FIFO)
		return -EINVAL;
	if (__builtin_mul_overflow(g->fifo_bytes, 2 * (uint64_t)g->flows, &data) ||
	    data > g->region_bytes - MN_DATA_OFFSET)
		return -EINVAL;
	return 0;
}

int mn_geometry_make(uint64_t region_bytes, uint32_t flows, struct mn_geometry *g)
{
	struct mn_geometry made = { .region_bytes = region_bytes, .flows = flows };
	int ret;

	if (!flows || region_bytes <= MN_DATA_OFFSET + 2ULL * flows)
		return -EINVAL;
	made.fifo_bytes = mn_floor_power_of_two((region_bytes - MN_DATA_OFFSET) / (2ULL * flows));
	ret = mn_geometry_check(&made);
	if (!ret)
		*g = made;
	return ret;
}
