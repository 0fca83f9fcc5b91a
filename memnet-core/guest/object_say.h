/* SPDX-License-Identifier: BSD-2-Clause */
/* What memnet(1) says where something fails: one line, with the mend. All return EXIT_FAILURE. */
#ifndef MEMNET_OBJECT_SAY_H
#define MEMNET_OBJECT_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "memnet-core/guest/memnet_object.h"

/* @what, a command or a file: -errno of memnet.h, memnet_object.h. */
int say_object(const char *what, int err);

/* The same, of what was asked for by that name. */
int say_name(const char *name, int err);

/* -errno of the kernel's. */
int say_file(const char *path, int err);

/* How a job of @url ended. */
int say_job(const char *url, int err, unsigned int status);

/* @bytes (0: any) for @what are not free in one piece. @may_be_less: by --max. */
int say_no_room(struct memnet_store *s, const char *what, uint64_t bytes, bool may_be_less);

/* @what has @bytes (0: nobody knows), and @room is not enough. That has been given back. */
int say_too_large(struct memnet_store *s, const char *what, uint64_t bytes, uint64_t room);

/* What @url lacks that the host would have to guess, or NULL. */
const char *url_fault(const char *url);

/* The same of one to serve at. */
const char *serve_fault(const char *url);

#endif
