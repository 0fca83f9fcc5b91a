/* SPDX-License-Identifier: BSD-2-Clause */
/* Which commit this was built from: "1a2b3c4", "1a2b3c4-dirty", "unknown". */
#ifndef MEMNET_BASE_VERSION_H
#define MEMNET_BASE_VERSION_H

extern const char version_git[];

#endif
