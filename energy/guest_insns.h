/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions a guest has executed, user and kernel apart: from the page of QEMU's
 * TCG plugin (energy/plugin), or from perf on the vCPU threads under KVM.
 *
 * Take readings at both edges of a window and let guest_insns_delta() subtract. What
 * cannot be had is no reader, with a reason; never 0. Reading allocates nothing, any thread.
 */
#ifndef MEMNET_ENERGY_GUEST_INSNS_H
#define MEMNET_ENERGY_GUEST_INSNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "energy/counters.h"

enum guest_mode { GUEST_USER, GUEST_KERNEL, GUEST_MODES };

struct guest_insns;

#define GUEST_MAX_VCPUS	31

struct guest_insns_reading {			/* since some time ago */
	size_t n;				/* perf: vCPUs; the page: 1, their sum */
	struct counter_value value[GUEST_MAX_VCPUS][GUEST_MODES];
};

/*
 * Read the page at @path, written by the QEMU of process id @writer (0: by any). 0, or
 * with a line in @why: -ENOENT: there is none; -ENODATA: too short; -EBADMSG: not such a
 * page, or not yet; -EPROTO: of another version; -ESTALE: another QEMU's; -errno.
 */
int guest_insns_open_page(struct guest_insns **out, const char *path, pid_t writer, char *why,
			  size_t why_size);

/*
 * Count with perf while the @n threads @tids run their guest. 0; -E2BIG; -errno of the first event
 * that is refused, with a line in @why: all threads and both modes, or nothing.
 */
int guest_insns_open_perf(struct guest_insns **out, const pid_t *tids, size_t n, char *why,
			  size_t why_size);
void guest_insns_close(struct guest_insns *g);

/* "tcg-plugin" or "perf-hw". */
const char *guest_insns_source(const struct guest_insns *g);

void guest_insns_read(const struct guest_insns *g, struct guest_insns_reading *r);

/* Instructions between two readings, over all vCPUs. 0; -errno: one could not be counted. */
int guest_insns_delta(const struct guest_insns_reading *begin,
		      const struct guest_insns_reading *end, enum guest_mode mode, uint64_t *insns);

/* A gauge of the sampler: all instructions so far in one mode. @ctx: a guest_insns_gauge. */
struct guest_insns_gauge {
	const struct guest_insns *from;
	enum guest_mode mode;
};
int guest_insns_gauge(void *ctx, uint64_t *insns);

#endif
