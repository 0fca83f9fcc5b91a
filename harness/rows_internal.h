/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by rows.c and rows_load.c. */
#ifndef MEMNET_HARNESS_ROWS_INTERNAL_H
#define MEMNET_HARNESS_ROWS_INTERNAL_H

#include <stddef.h>

/* The whole regular file @fd, NUL-terminated behind its *len bytes; *text is for free(). */
int rows_slurp(int fd, char **text, size_t *len);

#endif
