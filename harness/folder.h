/* SPDX-License-Identifier: BSD-2-Clause */
/* A results folder: made once, never overwritten, resumed by what is in it. */
#ifndef HARNESS_FOLDER_H
#define HARNESS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/columns.h"
#include "harness/plan.h"

struct folder {
	char dir[512];
	int runs_fd, samples_fd;
	uint64_t seed;
	struct plan_range part;	/* of the plan's runs; this folder is for no others */
	char git[48];		/* what it was begun by */
	char repaired[1300];	/* what a crash left torn and was cut off; or "" */
	struct run_row *done;	/* rows of runs.csv when it was opened */
	size_t n_done;
};

/*
 * Make results/<plan>/<UTC>-<git>/ with the plan in full and a seed (the
 * plan's, else drawn). 0, or -errno with one line that names the mend in @err.
 */
int folder_create(struct folder *f, const char *results, const struct plan *plan,
		  struct plan_range part, char *err, size_t errlen);

/* results/latest -> <plan>/<UTC>-<git>, of one that was made in @results; in one step. */
void folder_point_latest(const struct folder *f, const char *results);

/* Remove one that was just made, and has no rows yet; what others put there stays. */
void folder_discard(struct folder *f);

/* A seed that is easy to type again, never 0. */
uint64_t folder_draw_seed(void);

/*
 * What an old one holds, to be looked at: seed, part, rows. @plan is read from its
 * plan.ini. folder_close() in any case.
 */
int folder_load(struct folder *f, const char *dir, struct plan *plan, char *err, size_t errlen);

/* The path of its environment.json; that of its second sitting, and so on. */
void folder_environment(const struct folder *f, unsigned int sitting, char *path, size_t size);

/* Only seed, part and plan of it; nothing is opened. */
int folder_read_head(struct folder *f, const char *dir, struct plan *plan, char *err,
		     size_t errlen);

/*
 * Open an old one to finish it. @plan is read from its plan.ini. What a crash left torn is
 * cut off; nothing else in it is touched before folder_note_resumption().
 */
int folder_resume(struct folder *f, const char *dir, struct plan *plan, char *err, size_t errlen);

/* Note in the manifest that it is gone on with, and what was repaired. 0, or -errno. */
int folder_note_resumption(const struct folder *f, char *err, size_t errlen);

/* Also after a failure of those above. */
void folder_close(struct folder *f);

/*
 * Does an attempt at run @id stand? One that is valid, or invalid after all
 * attempts; not one that failed, was interrupted or was skipped.
 */
bool folder_has(const struct folder *f, const char *id);

/* Was run @id skipped before? */
bool folder_skipped(const struct folder *f, const char *id);

/* How many attempts at run @id have a row. */
unsigned int folder_attempts(const struct folder *f, const char *id);

/* Append a line to the manifest, with the time in front. 0 or -errno. */
int folder_note(const struct folder *f, const char *format, ...)
	PRINTF_LIKE(2, 3);

/* The time now as 2026-01-31T12:00:00Z. */
void utc_now(char text[24]);

#endif
