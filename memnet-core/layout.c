/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/layout.h"

#include <errno.h>

#include "memnet-core/base/util.h"

/* What data begins behind, and what it ends before. */
static bool is_frame(const struct mn_geometry *g)
{
	return mn_is_power_of_two(g->region_bytes) &&
	       g->channels >= 1 && g->channels <= MN_MAX_CHANNELS &&
	       g->flows >= 1 && g->flows <= MN_MAX_FLOWS &&
	       g->arena_bytes % MN_PAGE == 0 && g->arena_bytes < g->region_bytes &&
	       mn_arena_offset(g) > mn_data_offset(g);
}

int mn_geometry_check(const struct mn_geometry *g)
{
	uint64_t data;

	if (!is_frame(g))
		return -EINVAL;
	if (!mn_is_power_of_two(g->fifo_bytes) || g->fifo_bytes < MN_MIN_FIFO)
		return -EINVAL;
	if (__builtin_mul_overflow(g->fifo_bytes, 2 * (uint64_t)g->flows, &data) ||
	    data > mn_arena_offset(g) - mn_data_offset(g))
		return -EINVAL;
	return 0;
}

int mn_geometry_make(struct mn_geometry *g)
{
	struct mn_geometry made = *g;
	uint64_t each;
	int ret;

	if (!is_frame(g))
		return -EINVAL;
	each = (mn_arena_offset(g) - mn_data_offset(g)) / (2ULL * g->flows);
	if (!each)
		return -EINVAL;
	made.fifo_bytes = mn_floor_power_of_two(each);
	ret = mn_geometry_check(&made);
	if (!ret)
		*g = made;
	return ret;
}
