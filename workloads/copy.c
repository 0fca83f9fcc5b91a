/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How fast this machine copies memory: no stream whose bytes were copied once can
 * be honestly faster. It is a bound, so it takes what favours the copy: buffers
 * that stay in a cache, apart by an odd number of pages (emulated TLBs alias
 * otherwise), and the fastest of 16 parts.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "workloads/workload.h"

#define BUFFER_BYTES (64 << 10)
#define APART_BYTES (BUFFER_BYTES + 5 * 4096)
#define PARTS 16

struct copy_options {
	uint64_t bytes;
};

static const struct option_spec options[] = {
	{ "bytes", "N", "how much to copy (default 512M, at least 1M)", option_bytes,
	  offsetof(struct copy_options, bytes) },
	{ NULL },
};

static int64_t copy_part_ns(unsigned char *from, unsigned char *to, uint64_t copies)
{
	int64_t begin_ns = mn_now_ns();

	for (uint64_t i = 0; i < copies; i++) {
		memcpy(to, from, BUFFER_BYTES);
		__asm__ volatile("" : : "r"(to), "r"(from) : "memory");
	}
	return mn_now_ns() - begin_ns;
}

static int run(int argc, char **argv)
{
	struct copy_options o = { .bytes = 512 << 20 };
	int64_t total_ns = 0, best_ns = INT64_MAX;
	uint64_t copies, part_bytes;
	unsigned char *memory;
	int parts;

	options_parse(&workload_copy, argc, argv, &o);
	copies = o.bytes / PARTS / BUFFER_BYTES;
	if (!copies) {
		work_error("copy: --bytes %" PRIu64 " is too little to time: give 1M or more",
			   o.bytes);
		return 2;
	}
	part_bytes = copies * BUFFER_BYTES;
	memory = malloc(APART_BYTES + BUFFER_BYTES);
	if (!memory) {
		work_error("copy: no memory");
		return 1;
	}
	memset(memory, 1, APART_BYTES + BUFFER_BYTES);
	for (parts = 0; parts < PARTS && !stop_requested(); parts++) {
		int64_t ns = copy_part_ns(memory, memory + APART_BYTES, copies);

		total_ns += ns;
		best_ns = MIN(best_ns, MAX(ns, 1));
	}
	if (parts)
		printf("result workload=copy bytes=%" PRIu64 " duration_ns=%" PRId64
		       " bytes_per_s=%" PRIu64 "\n", parts * part_bytes, total_ns,
		       (uint64_t)((double)part_bytes * NSEC_PER_SEC / best_ns));
	free(memory);
	return 0;
}

const struct workload workload_copy = {
	.name = "copy",
	.summary = "memory copied: the bound no stream can pass (bytes_per_s: of the fastest 16th)",
	.examples = "  memnet-work copy --bytes 1G\n",
	.options = options,
	.run = run,
};
