/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by rows.c and rows_load.c. */
#ifndef MEMNET_HARNESS_ROWS_INTERNAL_H
#define MEMNET_HARNESS_ROWS_INTERNAL_H

#include <stddef.h>

#include "memnet-core/base/util.h"

/* snprintf() for error texts, which may be cut off. */
void rows_say(char *err, size_t errlen, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The whole regular file @fd, NUL-terminated behind its *len bytes; *text is for free(). */
int rows_slurp(int fd, char **text, size_t *len);

#endif
