/* SPDX-License-Identifier: BSD-2-Clause */
/* What vfio-echo in the guest and vfio-ring on the host share: the first page of BAR2. */
#ifndef MEMNET_TEST_VFIO_PAGE_H
#define MEMNET_TEST_VFIO_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

struct vfio_page {
	/* Written by the host, before it rings. */
	_Atomic uint32_t h_use_vectors;	/* let vectors 0 to this - 1 signal, the rest nobody */
	_Atomic uint32_t h_end;
	/* Written by the guest, before it rings back. */
	_Atomic uint32_t g_vectors;	/* the device has, by vfio */
	_Atomic uint32_t g_rings;	/* signals since the last answer */
	_Atomic uint64_t g_mask;	/* of the vectors they came by */
};

#endif
