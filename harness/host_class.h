/* SPDX-License-Identifier: BSD-2-Clause */
/* May values of two sittings be put together? By what their environment.json say. */
#ifndef HARNESS_HOST_CLASS_H
#define HARNESS_HOST_CLASS_H

#include <stddef.h>

/*
 * Are the hosts of the environments @a and @b (files) of one class: CPU, kernel, QEMU,
 * energy source, ...? 0; -EXDEV with what differs in @why; -errno with a line in @why.
 */
int host_class_compare(const char *a, const char *b, char *why, size_t why_size);

#endif
