/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans written down in a test: loaded, or refused with a line. After cmocka.h. */
#ifndef MEMNET_HARNESS_TEST_PLAN_TEXT_H
#define MEMNET_HARNESS_TEST_PLAN_TEXT_H

#include "harness/plan.h"
#include "harness/test/scratch.h"

#define MATRIX "[matrix m]\npaths=virtio-tap,memnet\nscenarios=idle,network\n" \
	       "arms=spare-core, equal-core\ndirections=send,recv\n"

#define WIDE "[matrix w]\npaths=virtio-tap,memnet\nscenarios=idle,network,rr\n" \
	     "arms=spare-core\ndirections=send,recv\nflows=1, 8\nspin=0, 20us, adaptive:100us\n"

static char err[512];

/* Load a plan of this text. */
static inline int load(struct plan *plan, const char *text)
{
	return plan_load(plan, scratch_write("plan", text), err, sizeof(err));
}

/* In one line that has both. */
static inline void refused(const char *text, const char *line, const char *words)
{
	struct plan plan;

	assert_int_not_equal(load(&plan, text), 0);
	if (!strstr(err, line) || !strstr(err, words))
		fail_msg("'%s' lacks '%s' or '%s'", err, line, words);
	assert_null(strchr(err, '\n'));
}

#endif
