/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C = A x B, 48 x 48 doubles, 54 KiB in all. One element of A comes from the bits
 * of the product before, so no operation can be left out or done ahead. Plain C
 * without fused operations: the same bits on every x86-64.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "workloads/kernels.h"

#define N 48

struct matmul_state {
	double a[N][N], b[N][N], c[N][N];
	uint64_t fold;		/* of the bits of all products so far */
	uint64_t ops;
};

/* 53 random bits as a number in [0, 1). */
static double unit(uint64_t bits)
{
	return (bits >> 11) * 0x1p-53;
}

static void init(void *state)
{
	struct matmul_state *s = state;
	uint64_t seed = 2;

	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++) {
			s->a[i][j] = unit(mn_splitmix64(&seed));
			s->b[i][j] = unit(mn_splitmix64(&seed));
		}
}

static void multiply(struct matmul_state *s)
{
	memset(s->c, 0, sizeof(s->c));
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++)
			for (size_t j = 0; j < N; j++)
				s->c[i][j] += s->a[i][k] * s->b[k][j];
}

static void op(void *state)
{
	struct matmul_state *s = state;
	uint64_t bits, mix;

	multiply(s);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++) {
			memcpy(&bits, &s->c[i][j], sizeof(bits));
			s->fold = (s->fold << 7 | s->fold >> 57) ^ bits;
		}
	mix = s->fold;
	s->a[s->ops % N][s->ops / N % N] = unit(mn_splitmix64(&mix));
	s->ops++;
}

static void check(const void *state, char text[KERNEL_CHECK_SIZE])
{
	const struct matmul_state *s = state;

	snprintf(text, KERNEL_CHECK_SIZE, "%016" PRIx64, s->fold);
}

const struct compute_kernel kernel_matmul = {
	.name = "matmul",
	.summary = "one 48 x 48 product of doubles",
	.state_size = sizeof(struct matmul_state),
	.init = init,
	.op = op,
	.check = check,
};
