/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page is read several times: in write-back memory every pass but the first
 * finds it in the cache. Then it is written, each pass ended by a fence, which
 * waits until the combining buffers are empty: they hold a few lines, a page
 * does not hide in them. Of the passes the shortest counts: interrupts and a
 * hypervisor's other work only ever make one longer.
 *
 * An emulator models no cache types: everything is write-back there, and is
 * as fast as its other memory.
 */
#include "memnet-core/guest/cache_type.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

#define PASSES		16
#define LINE_BYTES	64

/*
 * A cached read takes under 1 ns, under TCG 1 to 5, plus the clock's share of a
 * pass. One that goes past the caches waits for DRAM, 60 ns and more, for a
 * device's bus several hundred, if it leaves the VM some microseconds.
 */
#define CACHED_READ_NS	20.0

/*
 * Combined writes leave as whole lines: eight for the price of one, some GB/s,
 * 1 to 5 ns for each 8 bytes. Uncached ones go one at a time, each 50 ns and more.
 */
#define COMBINED_WRITE_NS 16.0

static double time_reads(const volatile uint64_t *words, size_t n)
{
	int64_t begin_ns = mn_now_ns();

	for (size_t i = 0; i < n; i++)
		(void)words[i];
	return (double)(mn_now_ns() - begin_ns) / n;
}

static double time_writes(volatile uint64_t *words, size_t n)
{
	int64_t begin_ns = mn_now_ns();

	for (size_t i = 0; i < n; i++)
		words[i] = i;
	atomic_thread_fence(memory_order_seq_cst);
	return (double)(mn_now_ns() - begin_ns) / n;
}

int mn_cache_measure(void *scratch, size_t bytes, struct mn_cache_timing *timing)
{
	size_t words = bytes / sizeof(uint64_t);

	if (!bytes || bytes % LINE_BYTES || (uintptr_t)scratch % LINE_BYTES)
		return -EINVAL;
	for (int pass = 0; pass < PASSES; pass++) {
		double read_ns = time_reads(scratch, words);
		double write_ns = time_writes(scratch, words);

		timing->read_ns = pass ? MIN(timing->read_ns, read_ns) : read_ns;
		timing->write_ns = pass ? MIN(timing->write_ns, write_ns) : write_ns;
	}
	return 0;
}

enum mn_cache_type mn_cache_classify(const struct mn_cache_timing *timing)
{
	if (timing->read_ns < CACHED_READ_NS)
		return MN_CACHE_WRITE_BACK;
	return timing->write_ns < COMBINED_WRITE_NS ? MN_CACHE_WRITE_COMBINING : MN_CACHE_UNCACHED;
}

const char *mn_cache_type_name(enum mn_cache_type type)
{
	static const char *const names[] = {
		[MN_CACHE_WRITE_BACK] = "write-back",
		[MN_CACHE_WRITE_COMBINING] = "write-combining",
		[MN_CACHE_UNCACHED] = "uncached",
	};

	static_assert(ARRAY_SIZE(names) == MN_CACHE_TYPES, "a name for each type");
	return names[type];
}
