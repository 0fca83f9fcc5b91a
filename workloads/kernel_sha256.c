/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 of 16 KiB blocks; each begins with the digest of the one before. */
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "workloads/kernels.h"

#define BLOCK_BYTES 16384

struct sha256_state {
	uint8_t digest[SHA256_DIGEST_SIZE];
	uint8_t block[BLOCK_BYTES];
};

static void init(void *state)
{
	struct sha256_state *s = state;
	uint64_t seed = 1;

	for (size_t i = 0; i < BLOCK_BYTES; i++)
		s->block[i] = mn_splitmix64(&seed);
}

static void op(void *state)
{
	struct sha256_state *s = state;
	struct sha256_ctx ctx;

	memcpy(s->block, s->digest, sizeof(s->digest));
	sha256_init(&ctx);
	sha256_update(&ctx, sizeof(s->block), s->block);
	sha256_digest(&ctx, sizeof(s->digest), s->digest);
}

static void check(const void *state, char text[KERNEL_CHECK_SIZE])
{
	const struct sha256_state *s = state;

	for (size_t i = 0; i < sizeof(s->digest); i++)
		snprintf(text + 2 * i, 3, "%02x", s->digest[i]);
}

const struct compute_kernel kernel_sha256 = {
	.name = "sha256",
	.summary = "one 16 KiB block hashed by libnettle",
	.bytes_per_op = BLOCK_BYTES,
	.state_size = sizeof(struct sha256_state),
	.init = init,
	.op = op,
	.check = check,
};
