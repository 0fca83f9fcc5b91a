/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/folder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/rows.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/version.h"

#define PLAN_COPY "plan.ini"

static void format_utc(char *text, size_t size, const char *format)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, size, format, &tm);
}

void utc_now(char text[24])
{
	format_utc(text, 24, "%Y-%m-%dT%H:%M:%SZ");
}

static void path_in(const struct folder *f, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", f->dir, name);
}

static int complain(char *err, size_t errlen, int ret, const char *what)
{
	snprintf(err, errlen, "%s: %s%s", what, strerror(-ret),
		 ret == -ENOSPC ? "; free some space and resume" : "");
	return ret;
}

int folder_note(const struct folder *f, const char *format, ...)
{
	char path[600], line[512];
	va_list ap;
	int n;

	utc_now(line);
	n = strlen(line);
	line[n++] = ' ';
	va_start(ap, format);
	n += vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 2);
	line[n++] = '\n';
	path_in(f, "manifest", path, sizeof(path));
	return mn_append_file(path, line, n);
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

/* In full: what it inherits from may change or go. */
static int write_plan(const struct plan *plan, const char *path)
{
	FILE *f = fopen(path, "wxe");
	bool bad;

	if (!f)
		return -errno;
	fprintf(f, "; The plan as it is run, in full.\n\n");
	plan_write(plan, f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}

void folder_point_latest(const struct folder *f, const char *results)
{
	char link[600], temporary[620];

	snprintf(link, sizeof(link), "%s/latest", results);
	snprintf(temporary, sizeof(temporary), "%s.new", link);
	unlink(temporary);
	if (!symlink(f->dir + strlen(results) + 1, temporary) && rename(temporary, link))
		unlink(temporary);
}

/* Two experiments may begin in one second: "-2" and so on then. */
static int make_new_dir(char *dir, size_t size)
{
	size_t len = strlen(dir);

	for (int i = 2; mkdir(dir, 0755); i++)
		if (errno != EEXIST ||
		    snprintf(dir + len, size - len, "-%d", i) >= (int)(size - len))
			return -errno;
	return 0;
}

static int make_dirs(struct folder *f, const char *results, const struct plan *plan)
{
	char path[640], when[32];
	int ret = make_dir(results);

	snprintf(path, sizeof(path), "%s/%s", results, plan->name);
	if (!ret)
		ret = make_dir(path);
	format_utc(when, sizeof(when), "%Y%m%dT%H%M%SZ");
	if (snprintf(f->dir, sizeof(f->dir), "%s/%s/%s-%s", results, plan->name, when,
		     version_git) >= (int)sizeof(f->dir))
		return -ENAMETOOLONG;
	if (!ret)
		ret = make_new_dir(f->dir, sizeof(f->dir));
	path_in(f, "logs", path, sizeof(path));
	return ret ? ret : make_dir(path);
}

/* Keep what was said of a file that was opened all the same. */
static void add_repair(struct folder *f, const char *text)
{
	size_t n = strlen(f->repaired);

	if (*text)
		snprintf(f->repaired + n, sizeof(f->repaired) - n, "%s%s", n ? "; " : "", text);
}

static int open_tables(struct folder *f, char *err, size_t errlen)
{
	char path[600];

	path_in(f, "runs.csv", path, sizeof(path));
	f->runs_fd = runs_open(path, err, errlen);
	if (f->runs_fd < 0)
		return f->runs_fd;
	add_repair(f, err);
	path_in(f, "samples.csv", path, sizeof(path));
	f->samples_fd = samples_open(path, err, errlen);
	if (f->samples_fd < 0)
		return f->samples_fd;
	add_repair(f, err);
	return 0;
}

uint64_t folder_draw_seed(void)
{
	uint32_t seed = 0;

	while (!seed)
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			seed = 1;
	return seed;
}

/* The manifest's first line: what a resumption has to know. */
static int note_creation(const struct folder *f, const struct plan *plan)
{
	char runs[48] = "";

	if (f->part.last)
		snprintf(runs, sizeof(runs), " runs=%u..%u", f->part.first, f->part.last);
	return folder_note(f, "created plan=%s git=%s seed=%llu%s", plan->name, version_git,
			   (unsigned long long)f->seed, runs);
}

int folder_create(struct folder *f, const char *results, const struct plan *plan,
		  struct plan_range part, char *err, size_t errlen)
{
	char path[600];
	int ret;

	*f = (struct folder){ .runs_fd = -1, .samples_fd = -1, .seed = plan->seed, .part = part };
	if (!f->seed)
		f->seed = folder_draw_seed();
	ret = make_dirs(f, results, plan);
	if (ret) {
		complain(err, errlen, ret, f->dir);
		f->dir[0] = '\0';	/* there is none */
		return ret;
	}
	path_in(f, PLAN_COPY, path, sizeof(path));
	ret = write_plan(plan, path);
	if (!ret)
		ret = note_creation(f, plan);
	if (ret)
		return complain(err, errlen, ret, f->dir);
	return open_tables(f, err, errlen);
}

void folder_discard(struct folder *f)
{
	static const char *const made[] = {
		PLAN_COPY, "manifest", "runs.csv", "samples.csv", "environment.json",
	};
	char path[640];

	if (!f->dir[0])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		path_in(f, made[i], path, sizeof(path));
		unlink(path);
	}
	path_in(f, "logs", path, sizeof(path));
	rmdir(path);
	rmdir(f->dir);
	*strrchr(f->dir, '/') = '\0';
	rmdir(f->dir);		/* the plan's, if this was its first */
	f->dir[0] = '\0';
}

/* Who began it, seed and part stand in the manifest's first line. */
static int read_creation(struct folder *f, char *err, size_t errlen)
{
	char path[600], line[512] = "", *at = NULL;
	FILE *file;

	if (access(f->dir, F_OK))
		return complain(err, errlen, -errno, f->dir);
	path_in(f, "manifest", path, sizeof(path));
	file = fopen(path, "re");
	if (!file) {
		snprintf(err, errlen, "%s: %s; without it a folder can be neither resumed nor merged",
			 path, strerror(errno));
		return -EINVAL;
	}
	if (fgets(line, sizeof(line), file))
		at = strstr(line, " seed=");
	fclose(file);
	if (!at) {
		snprintf(err, errlen, "%s: no seed in its first line: no experiment made this folder",
			 path);
		return -EINVAL;
	}
	f->seed = strtoull(at + 6, NULL, 10);
	at = strstr(line, " git=");
	if (at)
		sscanf(at, " git=%47s", f->git);
	at = strstr(line, " runs=");
	if (at && sscanf(at, " runs=%u..%u", &f->part.first, &f->part.last) != 2)
		f->part = (struct plan_range){ 0 };
	return 0;
}

void folder_environment(const struct folder *f, unsigned int sitting, char *path, size_t size)
{
	char name[40] = "environment.json";

	if (sitting > 1)
		snprintf(name, sizeof(name), "environment-%u.json", sitting);
	path_in(f, name, path, size);
}

int folder_read_head(struct folder *f, const char *dir, struct plan *plan, char *err,
		     size_t errlen)
{
	char path[600];
	int ret;

	*f = (struct folder){ .runs_fd = -1, .samples_fd = -1 };
	if (strlen(dir) >= sizeof(f->dir))
		return complain(err, errlen, -ENAMETOOLONG, dir);
	strcpy(f->dir, dir);
	ret = read_creation(f, err, errlen);
	path_in(f, PLAN_COPY, path, sizeof(path));
	return ret ? ret : plan_load(plan, path, err, errlen);
}

static int read_rows(struct folder *f, char *err, size_t errlen)
{
	char path[600];

	path_in(f, "runs.csv", path, sizeof(path));
	return runs_load(path, &f->done, &f->n_done, err, errlen);
}

int folder_load(struct folder *f, const char *dir, struct plan *plan, char *err, size_t errlen)
{
	int ret = folder_read_head(f, dir, plan, err, errlen);

	return ret ? ret : read_rows(f, err, errlen);
}

int folder_resume(struct folder *f, const char *dir, struct plan *plan, char *err, size_t errlen)
{
	int ret = folder_read_head(f, dir, plan, err, errlen);

	if (!ret)
		ret = open_tables(f, err, errlen);
	if (ret == -EPROTO)
		snprintf(err, errlen, "%s was begun by another version (git %s), whose columns "
			 "are not those of this one (git %s); finish it with that one, or start a "
			 "new experiment", f->dir, f->git[0] ? f->git : "unknown", version_git);
	if (!ret)
		ret = read_rows(f, err, errlen);
	return ret;
}

int folder_note_resumption(const struct folder *f, char *err, size_t errlen)
{
	int ret = f->repaired[0] ? folder_note(f, "repaired %s", f->repaired) : 0;

	if (!ret)
		ret = folder_note(f, "resumed git=%s rows=%zu", version_git, f->n_done);
	return ret ? complain(err, errlen, ret, f->dir) : 0;
}

void folder_close(struct folder *f)
{
	if (f->runs_fd >= 0)
		close(f->runs_fd);
	if (f->samples_fd >= 0)
		close(f->samples_fd);
	free(f->done);
	*f = (struct folder){ .runs_fd = -1, .samples_fd = -1 };
}

/* Is @row an attempt at run @id? "ID" or "ID.attemptN". */
static bool is_attempt(const struct run_row *row, const char *id)
{
	size_t n = strlen(id);

	return !strncmp(row->run_id, id, n) &&
	       (!row->run_id[n] || !strncmp(row->run_id + n, ".attempt", 8));
}

static unsigned int count(const struct folder *f, const char *id, const char *status)
{
	unsigned int n = 0;

	for (size_t i = 0; i < f->n_done; i++)
		n += is_attempt(&f->done[i], id) &&
		     (!status || !strcmp(f->done[i].status, status));
	return n;
}

bool folder_has(const struct folder *f, const char *id)
{
	return count(f, id, "ok") || count(f, id, "invalid");
}

bool folder_skipped(const struct folder *f, const char *id)
{
	return count(f, id, "skipped");
}

unsigned int folder_attempts(const struct folder *f, const char *id)
{
	return count(f, id, NULL);
}
