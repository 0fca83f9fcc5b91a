/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/transport.h"

#include <string.h>

#include "memnet-core/base/util.h"

static const struct transport *const transports[] = {
	&transport_socket,
	&transport_vsock,
	&transport_memnet,
};

const struct transport *transport_at(size_t i)
{
	return i < ARRAY_SIZE(transports) ? transports[i] : NULL;
}

const struct transport *transport_find(const char *name)
{
	const struct transport *t;

	for (size_t i = 0; (t = transport_at(i)); i++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}
