/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `compute` computes. A kernel is one file with one such table and one line
 * in kernels.c. Same operations give the same check on every machine.
 */
#ifndef MEMNET_WORKLOADS_KERNELS_H
#define MEMNET_WORKLOADS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define KERNEL_CHECK_SIZE 65	/* hexadecimal digits and a NUL, at most */

struct compute_kernel {
	const char *name, *summary;
	uint64_t bytes_per_op;		/* 0 where it has no meaning */
	size_t state_size;		/* of what the three functions share; given zeroed */
	void (*init)(void *state);
	void (*op)(void *state);	/* one operation; no system call */
	void (*check)(const void *state, char text[KERNEL_CHECK_SIZE]);	/* depends on every op */
};

extern const struct compute_kernel kernel_sha256, kernel_matmul;

/* NULL: no kernel of that name. */
const struct compute_kernel *kernel_find(const char *name);

/* The @i-th kernel, NULL after the last. */
const struct compute_kernel *kernel_at(size_t i);

#endif
