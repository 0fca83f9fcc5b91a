/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the QEMU that is installed takes our TCG plugin (energy/plugin). */
#ifndef HARNESS_INSNS_PLUGIN_H
#define HARNESS_INSNS_PLUGIN_H

#include <stddef.h>

#define INSNS_PLUGIN	"lib/memnet-insns.so"	/* in the build folder */

/*
 * Start a QEMU without a machine with @plugin and see its page: a fifth of a second. Leaves
 * nothing in @dir, where its files go. 0, or -errno with one line that names the mend in @why.
 */
int insns_plugin_try(const char *plugin, const char *dir, char *why, size_t why_size);

#endif
