/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/kernels.h"

#include <string.h>

#include "memnet-core/base/util.h"

static const struct compute_kernel *const kernels[] = {
	&kernel_sha256,
	&kernel_matmul,
};

const struct compute_kernel *kernel_at(size_t i)
{
	return i < ARRAY_SIZE(kernels) ? kernels[i] : NULL;
}

const struct compute_kernel *kernel_find(const char *name)
{
	const struct compute_kernel *k;

	for (size_t i = 0; (k = kernel_at(i)); i++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}
