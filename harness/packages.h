/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debian packages that a plan wants in its guests. harness/guest/mkpackages, of the build folder,
 * does the work; what it makes and downloads stays in PACKAGES_DIR there.
 */
#ifndef HARNESS_PACKAGES_H
#define HARNESS_PACKAGES_H

#include <stddef.h>

#define PACKAGES_DIR "packages"

/*
 * The archive of @packages, to be laid over the guest's initrd: made, unless it was before; what
 * is not on this host is downloaded. Its path in @image. 0, or -errno with one line in @why.
 */
int packages_image(const char *build, const char *packages, char *image, size_t image_size,
		   char *why, size_t size);

/*
 * Each of them, its version and where it comes from, a line for @line; nothing is made or
 * downloaded. 0, or -errno with one line in @why.
 */
int packages_list(const char *build, const char *packages, void (*line)(const char *text),
		  char *why, size_t size);

#endif
