/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/spin.h"

#include <errno.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

#define FIRST_BUDGET_NS	(10 * NSEC_PER_USEC)	/* KVM's halt_poll_ns_grow_start */

int mn_spin_parse(const char *text, struct mn_spin *s)
{
	static const char adaptive[] = "adaptive:";
	struct mn_spin parsed = { 0 };
	int ret = 0;

	if (!strncmp(text, adaptive, sizeof(adaptive) - 1)) {
		parsed.adaptive = true;
		text += sizeof(adaptive) - 1;
	}
	if (strcmp(text, "0"))
		ret = mn_parse_duration_ns(text, &parsed.max_ns);
	if (!ret && parsed.max_ns > NSEC_PER_SEC)
		ret = -ERANGE;
	if (ret)
		return ret;
	parsed.budget_ns = parsed.adaptive ? 0 : parsed.max_ns;
	*s = parsed;
	return 0;
}

void mn_spin_waited(struct mn_spin *s, int64_t waited_ns)
{
	if (!s->adaptive)
		return;
	if (waited_ns <= s->max_ns)
		s->budget_ns = MIN(MAX(2 * s->budget_ns, (int64_t)FIRST_BUDGET_NS), s->max_ns);
	else
		s->budget_ns /= 2;
}

struct mn_spin *mn_spin_own(const struct mn_spin *configured)
{
	static __thread struct mn_spin own;

	if (own.max_ns != configured->max_ns || own.adaptive != configured->adaptive)
		own = *configured;
	return &own;
}
