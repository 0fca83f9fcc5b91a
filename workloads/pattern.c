/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"

#define STAMP_BYTES sizeof(uint64_t)

static uint64_t stamp(uint64_t seed, uint64_t block)
{
	uint64_t state = seed + block * 0x9e3779b97f4a7c15ULL;

	return mn_splitmix64(&state);
}

static uint64_t word_at(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* One to one in @word, so a wrong word cannot stay hidden behind right ones. */
static uint64_t mix(uint64_t lane, uint64_t word)
{
	lane ^= word;
	return (lane << 29 | lane >> 35) * 0x9e3779b97f4a7c15ULL;
}

/* Of one block behind its stamp; four lanes, since each waits for its multiplication. */
static struct pattern_digest digest_block(const unsigned char *block)
{
	uint64_t a = 0, b = word_at(block + 8), c = word_at(block + 16), d = word_at(block + 24);

	for (size_t at = 32; at < PATTERN_BLOCK_BYTES; at += 32) {
		a = mix(a, word_at(block + at));
		b = mix(b, word_at(block + at + 8));
		c = mix(c, word_at(block + at + 16));
		d = mix(d, word_at(block + at + 24));
	}
	return (struct pattern_digest){ { a, b, c, d } };
}

int pattern_init(struct pattern *p, uint64_t seed, size_t max_chunk)
{
	/* A chunk that begins inside the last block reaches this far. */
	size_t size = PATTERN_PERIOD_BYTES + max_chunk + PATTERN_BLOCK_BYTES;
	uint64_t state = ~seed;

	*p = (struct pattern){ .seed = seed, .max_chunk = max_chunk };
	size = (size + PATTERN_BLOCK_BYTES - 1) & ~(size_t)(PATTERN_BLOCK_BYTES - 1);
	p->bytes = aligned_alloc(PATTERN_BLOCK_BYTES, size);
	if (!p->bytes)
		return -ENOMEM;
	for (size_t at = 0; at < PATTERN_PERIOD_BYTES; at += sizeof(uint64_t)) {
		uint64_t word = mn_splitmix64(&state);

		memcpy(p->bytes + at, &word, sizeof(word));
	}
	for (size_t at = PATTERN_PERIOD_BYTES; at < size; at++)
		p->bytes[at] = p->bytes[at - PATTERN_PERIOD_BYTES];
	for (size_t page = 0; page < PATTERN_PERIOD_BLOCKS; page++)
		p->digest[page] = digest_block(p->bytes + page * PATTERN_BLOCK_BYTES);
	return 0;
}

void pattern_free(struct pattern *p)
{
	free(p->bytes);
	p->bytes = NULL;
}

const void *pattern_make(struct pattern *p, uint64_t offset, size_t len)
{
	uint64_t block = offset / PATTERN_BLOCK_BYTES;
	size_t skip = offset % PATTERN_BLOCK_BYTES;
	unsigned char *first = p->bytes + block % PATTERN_PERIOD_BLOCKS * PATTERN_BLOCK_BYTES;

	for (size_t at = 0; at < skip + len; at += PATTERN_BLOCK_BYTES) {
		uint64_t s = stamp(p->seed, block++);

		memcpy(first + at, &s, STAMP_BYTES);
	}
	return first + skip;
}

/* Where @a and @b, known to differ within @len bytes, do so first. */
static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t len)
{
	size_t at = 0;

	while (at < len && a[at] == b[at])
		at++;
	return at;
}

static bool is_whole_block(const struct pattern *p, uint64_t block, const unsigned char *buf)
{
	struct pattern_digest digest;

	if (word_at(buf) != stamp(p->seed, block))
		return false;
	digest = digest_block(buf);
	return !memcmp(&digest, &p->digest[block % PATTERN_PERIOD_BLOCKS], sizeof(digest));
}

/* The part of one block from its byte @skip on: how much of @len is right. */
static size_t compare_block(const struct pattern *p, uint64_t block, size_t skip,
			   const unsigned char *buf, size_t len)
{
	const unsigned char *page = p->bytes + block % PATTERN_PERIOD_BLOCKS * PATTERN_BLOCK_BYTES;
	size_t done = 0;

	if (skip < STAMP_BYTES) {
		uint64_t s = stamp(p->seed, block);
		const unsigned char *want = (const unsigned char *)&s + skip;

		done = MIN(STAMP_BYTES - skip, len);
		if (memcmp(buf, want, done))
			return first_difference(buf, want, done);
	}
	if (memcmp(buf + done, page + skip + done, len - done))
		done += first_difference(buf + done, page + skip + done, len - done);
	else
		done = len;
	return done;
}

size_t pattern_verify(const struct pattern *p, uint64_t offset, const void *buf, size_t len)
{
	const unsigned char *bytes = buf;
	size_t done = 0;

	while (done < len) {
		uint64_t block = (offset + done) / PATTERN_BLOCK_BYTES;
		size_t skip = (offset + done) % PATTERN_BLOCK_BYTES;
		size_t part = MIN(PATTERN_BLOCK_BYTES - skip, len - done);
		size_t good = part;

		if (part < PATTERN_BLOCK_BYTES || !is_whole_block(p, block, bytes + done))
			good = compare_block(p, block, skip, bytes + done, part);
		done += good;
		if (good < part)
			break;
	}
	return done;
}
