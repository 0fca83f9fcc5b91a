/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/preload/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "memnet-core/base/util.h"

static struct real functions;
static int ready;

static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

static const struct {
	const char *name;
	void **place;
} table[] = {
#define REAL(type, name, parameters) { #name, (void **)&functions.name },
#include "memnet-core/preload/real.def"
#undef REAL
};

const struct real *mn_real(void)
{
	if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		return &functions;
	/* Two threads may do this at once: both write the same. */
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		void *found = dlsym(RTLD_NEXT, table[i].name);

		*table[i].place = found ? found : (void *)missing;
	}
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	return &functions;
}
