/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of a stream, made from a seed, so that both ends know every byte
 * and making it costs the sender nearly nothing. A leaf: no I/O, no clock.
 *
 *	stream  | block 0 | block 1 | ... | block 256 | block 257 | ...
 *	body      page 0    page 1          page 256    page 0          (pseudo-random)
 *	stamp     S(0)      S(1)            S(256)      S(257)          (8 bytes in front)
 *
 * Blocks are 4 KiB. Bodies repeat every 257 blocks: 257 is prime, so a shift by a
 * power of two, or a lap of a ring read twice, meets another page. The stamp in
 * the first 8 bytes of a block comes from the seed and the block's number, so
 * whole blocks that were swapped or repeated by exactly a period show as well.
 *
 * Whole blocks are verified by a digest of their 64-bit words, held against that
 * of the page: it reads the received bytes once and nothing else, and takes no
 * vector instructions, which in an emulated guest is several times as fast as
 * memcmp(). A single wrong word always changes it; more damage escapes by a chance
 * of 2^-64. (Plain sums are faster still and were tried: two flips of a word's top
 * bit escape them.) Parts of blocks are compared byte by byte.
 */
#ifndef MEMNET_WORKLOADS_PATTERN_H
#define MEMNET_WORKLOADS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_BLOCK_BYTES 4096
#define PATTERN_PERIOD_BLOCKS 257
#define PATTERN_PERIOD_BYTES ((size_t)PATTERN_PERIOD_BLOCKS * PATTERN_BLOCK_BYTES)

struct pattern_digest {
	uint64_t lane[4];
};

struct pattern {
	uint64_t seed;
	unsigned char *bytes;	/* one period, and its beginning again for a chunk that wraps */
	size_t max_chunk;
	struct pattern_digest digest[PATTERN_PERIOD_BLOCKS];	/* of each page, without stamp */
};

/* 0 or -ENOMEM. The memory is written, hence present, afterwards. */
int pattern_init(struct pattern *p, uint64_t seed, size_t max_chunk);
void pattern_free(struct pattern *p);

/*
 * The @len <= max_chunk bytes of the stream from @offset on, in one piece;
 * owned by @p and valid until the next call for it.
 */
const void *pattern_make(struct pattern *p, uint64_t offset, size_t len);

/* How many of the @len bytes at @buf, read at @offset, are right before the first wrong one. */
size_t pattern_verify(const struct pattern *p, uint64_t offset, const void *buf, size_t len);

#endif
