/* SPDX-License-Identifier: BSD-2-Clause */
/* What the paths over a tap device in the sandbox's network namespace have in common. */
#ifndef HARNESS_PATHS_TAP_H
#define HARNESS_PATHS_TAP_H

#include "harness/path.h"

/* By the VM's number: each has a network of its own with the host. */
#define TAP_HOST_ADDR	"198.18.%u.1"
#define TAP_PREFIX	30
#define TAP_GUEST_ADDR	"198.18.%u.2"
#define TAP_GUEST	TAP_GUEST_ADDR "/30"
#define TAP_PEER_PORT	"7000"
#define TAP_PEER	TAP_HOST_ADDR ":" TAP_PEER_PORT

void tap_missing(struct path_reasons *reasons);
int tap_path_open(struct path_end *end, const char *log, char *why, size_t size);

/* virtio-net before the tap, served by QEMU. */
int tap_add_devices(struct qemu_argv *v, const struct path_end *end);

#endif
