/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as a whole at the edges of a window, whether there is a VM or not. */
#include "harness/run_internal.h"

#include "memnet-core/base/clock.h"

int run_open_machine(struct run *r)
{
	int ret = cputime_host_open(&r->host, "/proc");

	r->host_open = !ret;
	if (!ret)
		ret = cputime_host_open(&r->host_gauge, "/proc");
	r->gauge_open = r->host_open && !ret;
	return ret;
}

void run_close_machine(struct run *r)
{
	if (r->host_open)
		cputime_host_close(&r->host);
	if (r->gauge_open)
		cputime_host_close(&r->host_gauge);
}

void run_mark(struct run *r, struct edge *e, enum run_phase phase)
{
	const struct sampler_sample *sample = sampler_mark(r->sampler, phase);

	e->t_ns = sample ? sample->t_ns : mn_now_ns();
}

void run_read_machine(struct run *r, struct edge *e)
{
	const struct plan *plan = r->ctx->plan;
	struct cputime_host vcpu = { 0 }, host = { 0 }, both = { 0 };
	cpu_set_t cpus;

	CPU_OR(&cpus, &plan->vcpu_cpus, &plan->host_cpus);
	e->host_error = cputime_host_read(&r->host, NULL, &e->host) ||
			cputime_host_read(&r->host, &plan->vcpu_cpus, &vcpu) ||
			cputime_host_read(&r->host, &plan->host_cpus, &host) ||
			cputime_host_read(&r->host, &cpus, &both);
	e->vcpu_steal_ns = vcpu.steal_ns;
	e->host_steal_ns = host.steal_ns;
	e->threads_ns = both.busy_ns - both.interrupt_ns;
}

void run_read_state(const struct run *r, struct edge *e)
{
	const struct plan *plan = r->ctx->plan;
	cpu_set_t cpus;

	CPU_OR(&cpus, &plan->vcpu_cpus, &plan->host_cpus);
	host_state_read("/sys", &cpus, &e->state);
}
