/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory for the files of one test program, and whole files as text. */
#ifndef MEMNET_HARNESS_TEST_SCRATCH_H
#define MEMNET_HARNESS_TEST_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[64];

/* cmocka group set-up and tear-down. */
static inline int scratch_make(void **state)
{
	strcpy(scratch_dir, "/tmp/memnet-test-XXXXXX");
	return mkdtemp(scratch_dir) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch_dir);
	return system(command);
}

/* The path of @name in the directory; good until the call after the next. */
static inline const char *scratch(const char *name)
{
	static char path[2][128];
	static unsigned int turn;

	turn++;
	snprintf(path[turn % 2], sizeof(path[0]), "%s/%s", scratch_dir, name);
	return path[turn % 2];
}

/* Make the file @name of the directory hold @text. */
static inline const char *scratch_write(const char *name, const char *text)
{
	const char *path = scratch(name);
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	return path;
}

/* The text of the file @path; for free(). */
static inline char *scratch_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		abort();
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(f);
	return text;
}

#endif
