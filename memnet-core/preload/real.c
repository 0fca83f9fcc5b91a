/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/preload/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/preload/signals.h"

#define MSEC_PER_SEC 1000

static struct real functions;
static int ready;

static long missing(void)
{
	errno = ENOSYS;
	return -1;
}

static void *find(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	return found ? found : (void *)missing;
}

static const struct {
	const char *name;
	void **place;
} table[] = {
#define REAL(type, name, parameters) { #name, (void **)&functions.name },
#include "memnet-core/preload/real.def"
#undef REAL
};

/* --- epoll_pwait2() where there is none ------------------------------------------------ */

static int (*pwait2)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);
static bool pwait2_lacks;

/* Rounded up. */
static int ms_of(const struct timespec *t)
{
	if (!t)
		return -1;
	return t->tv_sec >= INT_MAX / MSEC_PER_SEC ? INT_MAX :
	       t->tv_sec * MSEC_PER_SEC + (t->tv_nsec + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
}

/* Kernels before 5.11 lack it, and filters of before refuse it: with ENOSYS, or EPERM. */
static int wait_anyhow(int epfd, struct epoll_event *events, int max,
		       const struct timespec *timeout, const sigset_t *mask)
{
	int n;

	if (!__atomic_load_n(&pwait2_lacks, __ATOMIC_RELAXED)) {
		n = pwait2(epfd, events, max, timeout, mask);
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		__atomic_store_n(&pwait2_lacks, true, __ATOMIC_RELAXED);
	}
	if (!mn_timeout_is_valid(timeout)) {
		errno = EINVAL;
		return -1;
	}
	return functions.epoll_pwait(epfd, events, max, ms_of(timeout), mask);
}

/* -------------------------------------------------------------------------------------- */

const struct real *mn_real(void)
{
	if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		return &functions;
	/* Two threads may do this at once: both write the same. */
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		*table[i].place = find(table[i].name);
	pwait2 = find("epoll_pwait2");
	functions.epoll_pwait2 = wait_anyhow;
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	return &functions;
}
