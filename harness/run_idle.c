/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine costs anyway: a window in which no VM, memnetd or peer is there, with
 * the sampler that all windows have. A booted VM that waits would be a wrong zero: what its
 * path does while it waits, memnetd polling for one, is a cost of the path. That is what
 * the scenario `idle` measures.
 */
#include "harness/run_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/interrupt.h"
#include "harness/rows.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define SPARE_SAMPLES	16

/* False: ctrl-C came. In steps, as a signal between the question and the sleep is not seen. */
static bool wait_until(int64_t deadline_ns)
{
	while (!interrupted() && mn_now_ns() < deadline_ns)
		mn_sleep_until_ns(MIN(deadline_ns, mn_now_ns() + SAMPLER_INTERVAL_NS));
	return !interrupted();
}

static int measure(struct run *r)
{
	const struct plan *plan = r->ctx->plan;
	bool whole = wait_until(mn_now_ns() + plan->settle_ns);
	int ret;

	if (!whole)
		return -EINTR;
	ret = run_start_sampler(r, plan->idle_ns / SAMPLER_INTERVAL_NS + SPARE_SAMPLES);
	if (ret)
		return ret;
	run_read_state(r, &r->begin);
	run_mark(r, &r->begin, PHASE_WINDOW);
	run_read_machine(r, &r->begin);
	whole = wait_until(r->begin.t_ns + plan->idle_ns);
	run_mark(r, &r->end, PHASE_DRAIN);
	run_read_machine(r, &r->end);
	run_read_state(r, &r->end);
	sampler_stop(r->sampler);
	return whole ? 0 : -EINTR;
}

int run_idle(const struct plan *plan, const struct energy *energy, struct run_row *row)
{
	const struct run_context ctx = { .plan = plan, .energy = energy };
	struct run *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->ctx = &ctx;
	r->row = row;
	ret = run_open_machine(r);
	if (!ret)
		ret = measure(r);
	if (!ret)
		run_fill_idle(r);
	sampler_free(r->sampler);
	run_close_machine(r);
	free(r);
	return ret;
}
