/* SPDX-License-Identifier: BSD-2-Clause */
/* The workload that only computes: one kernel, operation after operation. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "workloads/kernels.h"
#include "workloads/progress.h"
#include "workloads/workload.h"

struct compute_options {
	const char *kernel, *progress;
	uint64_t ops;
	bool barrier;
};

#define OPTION(field) offsetof(struct compute_options, field)

static const struct option_spec options[] = {
	{ "kernel", "NAME", "sha256 (default) or matmul", option_text, OPTION(kernel) },
	{ "ops", "N", "end after N operations; else on SIGTERM", option_u64, OPTION(ops) },
	{ "progress", "FILE", "count into FILE (workloads/progress.h)", option_text,
	  OPTION(progress) },
	{ "barrier", NULL, "say `armed`, then wait for a line on stdin", NULL, OPTION(barrier) },
	{ NULL },
};

static uint64_t compute(const struct compute_kernel *k, void *state, uint64_t limit,
			struct workload_progress *progress)
{
	uint64_t ops = 0;

	while (ops < limit && !stop_requested()) {
		k->op(state);
		ops++;
		progress_set(&progress->ops, ops);
		progress_set(&progress->bytes, ops * k->bytes_per_op);
	}
	return ops;
}

static int run_kernel(const struct compute_kernel *k, void *state, const struct compute_options *o,
		      struct workload_progress *progress)
{
	char check[KERNEL_CHECK_SIZE];
	int64_t begin_ns, end_ns;
	uint64_t ops;

	k->init(state);
	progress_set(&progress->state, WORKLOAD_ARMED);
	if (!barrier_pass(o->barrier))
		return 0;
	progress_set(&progress->state, WORKLOAD_RUNNING);
	begin_ns = mn_now_ns();
	ops = compute(k, state, o->ops ? o->ops : UINT64_MAX, progress);
	end_ns = mn_now_ns();
	progress_set(&progress->state, WORKLOAD_ENDED);
	k->check(state, check);
	printf("result workload=compute kernel=%s ops=%" PRIu64 " bytes=%" PRIu64
	       " duration_ns=%" PRId64 " check=%s\n", k->name, ops, ops * k->bytes_per_op,
	       end_ns - begin_ns, check);
	return 0;
}

static const struct compute_kernel *choose_kernel(const char *name)
{
	const struct compute_kernel *k = kernel_find(name);

	if (k)
		return k;
	work_error("compute: there is no kernel '%s'; there are:", name);
	for (size_t i = 0; (k = kernel_at(i)); i++)
		fprintf(stderr, "  %-8s %s\n", k->name, k->summary);
	return NULL;
}

static int run(int argc, char **argv)
{
	struct compute_options o = { .kernel = "sha256" };
	struct workload_progress *progress;
	const struct compute_kernel *k;
	void *state;
	int ret;

	options_parse(&workload_compute, argc, argv, &o);
	k = choose_kernel(o.kernel);
	if (!k)
		return 2;
	ret = progress_open(o.progress, &progress);
	if (ret) {
		work_error("compute: --progress %s: %s", o.progress, strerror(-ret));
		return 1;
	}
	state = calloc(1, k->state_size);
	if (!state) {
		work_error("compute: no memory for kernel %s", k->name);
		return 1;
	}
	ret = run_kernel(k, state, &o, progress);
	free(state);
	return ret;
}

const struct workload workload_compute = {
	.name = "compute",
	.summary = "operations of one kernel, counted",
	.examples = "  memnet-work compute --kernel sha256 --ops 10000\n"
		    "  memnet-work compute --kernel matmul --progress /run/progress/0 --barrier\n",
	.options = options,
	.run = run,
};
