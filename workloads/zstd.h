/* SPDX-License-Identifier: BSD-2-Clause */
/* Between zstd_main.c (the pipeline), zstd_object.c, zstd_curl.c (its ways) and zstd_sink.c. */
#ifndef WORKLOADS_ZSTD_H
#define WORKLOADS_ZSTD_H

#include <stddef.h>

#define ZSTD_SLOTS	2	/* one is produced while the other leaves */

/*
 * How pieces leave. A slot is begun (where up to @room bytes go is its answer), filled, and
 * sent on its way; ended, it has arrived. All return 0 or -errno, and have said why.
 */
struct zstd_way {
	const char *name;
	int (*open)(const char *url, size_t room);
	int (*begin)(unsigned int slot, void **to);
	int (*send)(unsigned int slot, size_t bytes);
	int (*end)(unsigned int slot);
	void (*close)(void);
};

extern const struct zstd_way zstd_object, zstd_curl;

/* Take what is PUT at ADDRESS:PORT and forget it, until SIGTERM. Exit status. */
int zstd_sink(const char *address);

#endif
