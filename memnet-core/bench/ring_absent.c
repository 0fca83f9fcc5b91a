/* SPDX-License-Identifier: BSD-2-Clause */
/* Built in place of ring_dpdk.c where pkg-config knows no libdpdk. */
#include "memnet-core/bench/ring.h"

const struct mn_arm *const ring_dpdk, *const ring_dpdk_bell;
