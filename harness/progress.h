/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress on standard error: one line rewritten on a terminal, plain lines in a log. */
#ifndef HARNESS_PROGRESS_H
#define HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	size_t total, done;
	int64_t start_ns;
	bool terminal;
};

void progress_init(struct progress *p, size_t total);

/* A VM boots, for runs over @what. */
void progress_boot(struct progress *p, const char *what);

/*
 * Run @id begins; an attempt at it has ended with @status, and @reason if that is
 * not "ok". @final: there will be no other.
 */
void progress_begin(struct progress *p, const char *id);
void progress_step(struct progress *p, const char *id, const char *status, const char *reason,
		   bool final);

/* @n runs over @what could not be made: @status, @reason. */
void progress_unmade(struct progress *p, size_t n, const char *what, const char *status,
		     const char *reason);

/* Leave the terminal's line empty for what is printed next. */
void progress_clear(struct progress *p);

#endif
