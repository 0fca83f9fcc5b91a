/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes an archive the kernel unpacks as an initramfs: "newc", see its
 * Documentation/driver-api/early-userspace/buffer-format.rst. All belongs to root and is of 1970.
 */
#ifndef HARNESS_CPIO_H
#define HARNESS_CPIO_H

#include <stddef.h>
#include <stdio.h>

struct cpio {
	FILE *out;		/* the caller's; what it has written is told by its error flag */
	char **names;		/* of all there is in it */
	size_t n;
};

/* Begin behind what @out has; cpio_end() in any case. */
void cpio_begin(struct cpio *c, FILE *out);

/*
 * Add the file @path, absolute, with the folders it is in. What is in it already is left
 * as it is. 0 or -ENOMEM.
 */
int cpio_add(struct cpio *c, const char *path, unsigned int mode, const void *data, size_t size);

/* The same, with the contents and the mode of the host's file @path. 0 or -errno. */
int cpio_add_file_as(struct cpio *c, const char *path, const char *name);

static inline int cpio_add_file(struct cpio *c, const char *path)
{
	return cpio_add_file_as(c, path, path);
}

void cpio_end(struct cpio *c);

#endif
