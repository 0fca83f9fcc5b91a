/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "harness/provenance.h"
#include "harness/rows.h"

#define SITTING_S 3600	/* apart by more are two sittings */

struct loaded {
	const char *dir;
	struct run_row *rows;
	size_t n;
};

/* OLD, NEW, A/A: the last may have no folder, and then has no rows. */
enum { OLD, NEW, AA, FOLDERS };

static int load(struct loaded *l, char *err, size_t errlen)
{
	char path[4096];

	if (!l->dir)
		return 0;
	snprintf(path, sizeof(path), "%s/runs.csv", l->dir);
	return runs_load(path, &l->rows, &l->n, err, errlen);
}

/* Two versions of the software may mean different things by one column. */
static bool same_schema(const struct loaded *a, const struct loaded *b, FILE *out)
{
	if (!a->n || !b->n || a->rows[0].schema_version == b->rows[0].schema_version)
		return true;
	fprintf(out, "differs       schema_version: %lld and %lld\n",
		(long long)a->rows[0].schema_version, (long long)b->rows[0].schema_version);
	return false;
}

/* 1: @b may be compared with OLD, 0: not, and @out says why; or -errno. */
static int check_pair(const struct loaded *old, const struct loaded *b, FILE *out,
		      bool *same_host, char *err, size_t errlen)
{
	struct provenance p;
	int ret = provenance_compare(old->dir, b->dir, out, &p, err, errlen);

	if (ret)
		return ret;
	*same_host &= p.same_host;
	if (same_schema(old, b, out) && p.same_experiment)
		return 1;
	fprintf(out, "%s and %s are not of one experiment: nothing was comparable\n", old->dir,
		b->dir);
	return 0;
}

static int check_all(const struct loaded *l, FILE *out, bool *same_host, char *err, size_t errlen)
{
	int ret = check_pair(&l[OLD], &l[NEW], out, same_host, err, errlen);

	if (ret == 1 && l[AA].dir)
		ret = check_pair(&l[OLD], &l[AA], out, same_host, err, errlen);
	return ret;
}

/* Seconds since the epoch of "2026-01-31T12:00:00Z"; -1: no such text. */
static time_t utc_seconds(const char *text)
{
	struct tm tm = { 0 };

	return strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? timegm(&tm) : -1;
}

/* When the first and the last run of a folder began; false: the rows do not say. */
static bool time_span(const struct loaded *l, time_t *first, time_t *last)
{
	bool found = false;

	for (size_t i = 0; i < l->n; i++) {
		time_t t = utc_seconds(l->rows[i].start_utc);

		if (t < 0)
			continue;
		*first = found ? MIN(*first, t) : t;
		*last = found ? MAX(*last, t) : t;
		found = true;
	}
	return found;
}

/* What a machine does between two sittings, the halves of neither show. */
static void warn_of_two_sittings(const struct loaded *old, const struct loaded *new, FILE *out)
{
	time_t old_first, old_last, new_first, new_last, apart;

	if (!time_span(old, &old_first, &old_last) || !time_span(new, &new_first, &new_last))
		return;
	apart = MAX(new_first - old_last, old_first - new_last);
	if (apart > SITTING_S)
		fprintf(out, "note          measured %.1f h apart: what the machine did in between "
			"looks like a change; measure OLD again and give that with --aa, or "
			"compare with --deterministic\n", apart / 3600.0);
}

static bool are_one_folder(const struct loaded *a, const struct loaded *b)
{
	struct stat sa, sb;

	return !stat(a->dir, &sa) && !stat(b->dir, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

static int compare_loaded(const struct loaded *l, const struct margin_row *margins,
			  size_t n_margins, bool deterministic_only, FILE *out, bool colour)
{
	struct compare_input in = {
		.old = l[OLD].rows, .n_old = l[OLD].n, .new = l[NEW].rows, .n_new = l[NEW].n,
		.aa = l[AA].rows, .n_aa = l[AA].n, .margins = margins, .n_margins = n_margins,
		.deterministic_only = deterministic_only,
	};
	struct comparison c;
	int ret = compare_rows(&in, &c);

	if (ret)
		return ret;
	ret = comparison_print(&c, out, colour);
	comparison_release(&c);
	return ret;
}

static int compare_if_one_experiment(const struct compare_options *o, const struct loaded *l,
				     const struct margin_row *margins, size_t n_margins,
				     FILE *out, bool colour, char *err, size_t errlen)
{
	bool same_host = true;
	int ret = check_all(l, out, &same_host, err, errlen);

	if (ret < 0)
		return ret;
	if (!ret)
		return COMPARE_NOTHING;
	if (are_one_folder(&l[OLD], &l[NEW]))
		fprintf(out, "note          OLD and NEW are one folder: there is no change to find\n");
	if (same_host && !l[AA].dir && !o->deterministic_only)
		warn_of_two_sittings(&l[OLD], &l[NEW], out);
	if (!same_host)
		fprintf(out, "of two hosts: only what is deterministic is compared\n");
	return compare_loaded(l, margins, n_margins, o->deterministic_only || !same_host, out,
			      colour);
}

int compare_folders(const struct compare_options *o, FILE *out, bool colour,
		    char *err, size_t errlen)
{
	struct loaded l[FOLDERS] = {
		[OLD] = { o->old_dir }, [NEW] = { o->new_dir }, [AA] = { o->aa_dir },
	};
	struct margin_row *margins = NULL;
	size_t n_margins;
	int ret = margins_load(o->margins, &margins, &n_margins, err, errlen);

	if (!ret)
		ret = compare_check_margins(margins, n_margins, err, errlen);
	for (int i = 0; i < FOLDERS && !ret; i++)
		ret = load(&l[i], err, errlen);
	if (!ret)
		ret = compare_if_one_experiment(o, l, margins, n_margins, out, colour, err, errlen);
	free(margins);
	for (int i = 0; i < FOLDERS; i++)
		free(l[i].rows);
	return ret;
}
