/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU's command line, option by option. */
#ifndef HARNESS_QEMU_ARGV_H
#define HARNESS_QEMU_ARGV_H

#include <stddef.h>

#include "memnet-core/base/util.h"

#define QEMU_MAX_ARGS	96

/* The network card of every machine that can have it; romfile= spares a network boot ROM. */
#define QEMU_VIRTIO_NET	"virtio-net-pci,netdev=net0,romfile="

/* An argument vector; strings and vector belong to it. */
struct qemu_argv {
	char *args[QEMU_MAX_ARGS];
	size_t n;
};

/* Add @option and its formatted value (NULL: it has none). 0 or -ENOMEM. */
int qemu_add(struct qemu_argv *v, const char *option, const char *format, ...) PRINTF_LIKE(3, 4);

void qemu_argv_free(struct qemu_argv *v);

#endif
