/* SPDX-License-Identifier: BSD-2-Clause */
/* The workloads of a run: their command lines, and their start, as far as the barrier. */
#include "harness/run_internal.h"

#include <errno.h>
#include <stdio.h>

#include "memnet-core/base/clock.h"

int run_spawn(struct run *r, struct vm *vm, int slot, const char *command)
{
	struct guest_link *g = &vm->link;
	char text[512], line[GUEST_LINE];
	int ret;

	snprintf(text, sizeof(text), "spawn %d %s", slot, command);
	ret = guest_command(g, text, "spawned", line, sizeof(line), ANSWER_TIMEOUT_MS);
	if (ret == -EREMOTEIO)
		return run_lost(r, ret, "%s: %s", vm->guest_name, line);
	if (ret)
		return run_lost_waiting(r, vm, ret, "starting a workload");
	g->slots[slot].spawned = true;
	return 0;
}

static int spawn(struct run *r, struct vm *vm, int slot, const char *command)
{
	const char *spin = r->ctx->config->spin;
	char text[480];

	snprintf(text, sizeof(text), "%s%s memnet-work %s --progress @progress@ --barrier",
		 *spin ? "MEMNET_SPIN=" : "", spin, command);
	return run_spawn(r, vm, slot, text);
}

static int spawn_compute(struct run *r, struct vm *vm)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "compute --kernel %s", r->ctx->plan->compute);

	if (r->ctx->config->scenario->compute == LOAD_FIXED)
		snprintf(text + n, sizeof(text) - n, " --ops %llu",
			 (unsigned long long)r->ctx->targets.fixed_ops);
	return spawn(r, vm, 0, text);
}

static int spawn_stream(struct run *r, struct vm *vm)
{
	const struct run_context *ctx = r->ctx;
	char text[384];
	int n = snprintf(text, sizeof(text), "stream --transport %s --peer %s "
			 "--direction %s --flows %u --chunk %llu --seed %llu",
			 ctx->config->path->transport, vm->end.peer, ctx->config->direction,
			 ctx->config->flows,
			 (unsigned long long)plan_chunk_bytes(ctx->plan, ctx->config),
			 (unsigned long long)ctx->seed);

	if (ctx->config->scenario->stream == LOAD_PACED)
		snprintf(text + n, sizeof(text) - n, " --rate %llu --burst %lldms",
			 (unsigned long long)ctx->targets.stream_bytes_per_s,
			 (long long)(ctx->plan->burst_ns / NSEC_PER_MSEC));
	if (ctx->config->scenario->stream == LOAD_FIXED)
		snprintf(text + n, sizeof(text) - n, " --bytes %llu",
			 (unsigned long long)ctx->targets.fixed_bytes);
	return spawn(r, vm, 1, text);
}

static int spawn_exchange(struct run *r, struct vm *vm)
{
	const struct run_context *ctx = r->ctx;
	char text[384];
	bool connects = ctx->config->scenario->connects;
	int n = snprintf(text, sizeof(text), "%s --transport %s --peer %s "
			 "--request %llu --response %llu --warmup %lldns --seed %llu",
			 connects ? "conn" : "rr", ctx->config->path->transport, vm->end.peer,
			 (unsigned long long)ctx->plan->request_bytes,
			 (unsigned long long)ctx->plan->response_bytes,
			 (long long)ctx->plan->warmup_ns, (unsigned long long)ctx->seed);

	if (ctx->plan->rr_rate && !connects)
		snprintf(text + n, sizeof(text) - n, " --rate %llu",
			 (unsigned long long)ctx->plan->rr_rate);
	return spawn(r, vm, 1, text);
}

static bool is_armed(const struct guest_slot *s)
{
	return s->armed;
}

static int spawn_in(struct run *r, unsigned int i)
{
	const struct scenario *s = r->ctx->config->scenario;
	struct vm *vm = &r->ctx->vms->vm[i];
	int ret = run_computes(r, i) ? spawn_compute(r, vm) : 0;

	if (*r->ctx->config->app)
		return run_app_spawn(r, vm);
	if (ret || !run_connects(r, i))
		return ret;
	return s->stream != LOAD_NONE ? spawn_stream(r, vm) : spawn_exchange(r, vm);
}

int run_spawn_all(struct run *r)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++)
		ret = spawn_in(r, i);
	if (!ret)
		ret = run_wait_slots(r, is_armed, ARM_TIMEOUT_MS, "the workloads set up");
	return ret ? ret : run_check_slots(r, false);
}
