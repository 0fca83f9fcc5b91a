/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the FIFO share. */
#ifndef MEMNET_TEST_FIFO_HELP_H
#define MEMNET_TEST_FIFO_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/layout.h"
#include "memnet-core/mirror.h"

/* @fd: an eventfd. */
static inline void ring(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* @bytes of memory twice in a row, as a FIFO of a region has them. */
static inline void *mirrored(size_t bytes)
{
	int fd = memfd_create("test", 0);
	void *base = NULL;

	assert_int_equal(ftruncate(fd, MN_PAGE + bytes), 0);
	assert_int_equal(mn_map_mirrored(&base, fd, MN_PAGE, bytes), 0);
	close(fd);
	return base;
}

#endif
