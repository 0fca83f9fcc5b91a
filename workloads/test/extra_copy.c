/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fault for a test to find. memnet-work linked with this and --wrap=memnet_send copies
 * what it sends once more in the guest; nothing else of it, and nothing that is
 * installed, knows.
 */
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet.h"
#include "workloads/wire.h"

ssize_t __real_memnet_send(struct memnet_flow *flow, const void *buf, size_t len);
ssize_t __wrap_memnet_send(struct memnet_flow *flow, const void *buf, size_t len);

ssize_t __wrap_memnet_send(struct memnet_flow *flow, const void *buf, size_t len)
{
	static _Thread_local unsigned char copy[WIRE_MAX_CHUNK];

	len = MIN(len, sizeof(copy));
	memcpy(copy, buf, len);
	return __real_memnet_send(flow, copy, len);
}
