/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs that run for the host, one per slot. A slot keeps its progress
 * file after its program has ended, until the next one is started in it.
 */
#ifndef MEMNET_HARNESS_GUEST_SLOTS_H
#define MEMNET_HARNESS_GUEST_SLOTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SLOTS 8
#define LINE_SIZE 4096		/* of a line either way, with its newline */

/* Bytes of a descriptor, handed on as whole lines. fd < 0: closed. */
struct lines {
	int fd;
	size_t room, len;	/* a line of more than @room bytes comes in pieces */
	char text[LINE_SIZE + 1];
};

struct slot {
	pid_t pid;		/* and process group; 0: nothing runs */
	pid_t kept;		/* has ended, and was not waited for; 0: none */
	bool used;		/* something ran once: there are counts */
	bool armed;		/* said so, and waits for its line on stdin */
	int in;
	struct lines out, err;
	const uint64_t *progress;	/* the 64 bytes of workloads/progress.h, mapped */
};

/* Where progress counts lie in them, in 8-byte words. */
enum { PROGRESS_OPS = 1, PROGRESS_BYTES = 2 };

/*
 * Read what is there. @line gets each whole line without its newline, and what
 * is left at the end of the file.
 * False: the end was reached (the descriptor is closed then).
 */
bool lines_read(struct lines *l, void (*line)(void *context, char *text), void *context);

/*
 * Start argv in the slot, "@progress@" replaced by a file in @progress_dir; words NAME=VALUE
 * in front of the program are its environment's. It dies with us. 0, or -errno and nothing
 * has changed.
 */
int slot_spawn(struct slot *s, unsigned int number, const char *progress_dir, char **argv);

/* Give an armed program its line. */
void slot_go(struct slot *s);

#endif
