/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest measures the rate of its TSC as it boots, against an emulated timer. On a
 * busy host QEMU is not there when that timer is due, and the guest's clock then runs
 * several times too fast for as long as it lives. Under TCG the guest's TSC is the
 * host's, so the host, which can measure it well, tells the rate.
 */
#include "harness/host_tsc.h"

#include <stdint.h>

#include "memnet-core/base/clock.h"

#define SPAN_NS	(50 * NSEC_PER_MSEC)
#define TRIES	50

#if defined(__x86_64__)
#include <x86intrin.h>

struct moment {
	int64_t ns;
	uint64_t tsc;
};

/* Both clocks at once: of some tries the one that took the shortest. */
static struct moment take_moment(void)
{
	struct moment best = { 0 };
	int64_t shortest = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t before = mn_now_ns(), took;
		uint64_t tsc = __rdtsc();

		took = mn_now_ns() - before;
		if (took < shortest) {
			shortest = took;
			best = (struct moment){ before + took / 2, tsc };
		}
	}
	return best;
}

unsigned int host_tsc_khz(void)
{
	static unsigned int khz;
	struct moment begin, end;

	if (khz)
		return khz;
	begin = take_moment();
	mn_sleep_until_ns(begin.ns + SPAN_NS);
	end = take_moment();
	khz = (double)(end.tsc - begin.tsc) / (end.ns - begin.ns) * 1e6 + 0.5;
	return khz;
}
#else
unsigned int host_tsc_khz(void)
{
	return 0;
}
#endif
