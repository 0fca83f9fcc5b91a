/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/folder.h"
#include "harness/groups.h"
#include "harness/host_class.h"
#include "harness/rows.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

struct part {
	struct folder folder;
	struct plan plan;
	bool *kept;		/* rows that came into the whole */
};

struct merge {
	struct part *parts;
	size_t n_parts;
	struct run_row *rows;	/* of the whole */
	size_t *from;		/* which part each is of */
	size_t n_rows;
	FILE *notes;
	char *err;
	size_t errlen;
};

#define refuse(m, ret, ...) mn_explain((m)->err, (m)->errlen, ret, __VA_ARGS__)

/* --- may they be put together? --------------------------------------------------- */

static char *plan_text(const struct plan *plan)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	plan_write(plan, f);
	fclose(f);
	return text;
}

/* The first lines that differ. */
static int compare_texts(struct merge *m, const struct part *p, const char *a, const char *b)
{
	size_t la, lb;

	for (; *a || *b; a += la + !!a[la], b += lb + !!b[lb]) {
		la = strcspn(a, "\n");
		lb = strcspn(b, "\n");
		if (la != lb || memcmp(a, b, la))
			return refuse(m, -EXDEV, "%s is of another plan than %s: '%.*s' against '%.*s'",
				      p->folder.dir, m->parts[0].folder.dir, (int)lb, b, (int)la, a);
	}
	return 0;
}

static int check_plan(struct merge *m, const struct part *p)
{
	const struct part *first = &m->parts[0];
	char *a, *b;
	int ret;

	if (p->plan.seed != first->plan.seed)
		return refuse(m, -EXDEV, "%s was run in the order of seed %llu, %s of %llu: the same "
			      "numbers of runs are other runs", p->folder.dir,
			      (unsigned long long)p->plan.seed, first->folder.dir,
			      (unsigned long long)first->plan.seed);
	a = plan_text(&first->plan);
	b = plan_text(&p->plan);
	ret = a && b ? compare_texts(m, p, a, b) : refuse(m, -ENOMEM, "out of memory");
	free(a);
	free(b);
	return ret;
}

static int check_rows(struct merge *m, const struct part *p)
{
	const struct folder *f = &p->folder;
	const struct folder *first = &m->parts[0].folder;
	const char *accelerator = runs_accelerator(f->done, f->n_done);
	const char *wanted = runs_accelerator(first->done, first->n_done);

	if (!f->n_done)
		return refuse(m, -ENODATA, "%s has no runs", f->dir);
	for (size_t i = 0; i < f->n_done; i++) {
		if (f->done[i].schema_version != SCHEMA_VERSION)
			return refuse(m, -EXDEV, "%s: its rows are of schema %lld, and this version "
				      "writes %d; merge it with the version that made it (git %s)",
				      f->dir, (long long)f->done[i].schema_version, SCHEMA_VERSION,
				      f->done[i].git);
	}
	if (*accelerator && *wanted && strcmp(accelerator, wanted))
		return refuse(m, -EXDEV, "%s was made with accelerator %s, %s with %s", f->dir,
			      accelerator, first->dir, wanted);
	return 0;
}

static int check_host(struct merge *m, const struct part *p)
{
	char a[600], b[600], why[512];
	int ret;

	folder_environment(&m->parts[0].folder, 1, a, sizeof(a));
	folder_environment(&p->folder, 1, b, sizeof(b));
	ret = host_class_compare(b, a, why, sizeof(why));
	if (ret)
		return refuse(m, ret, "%s and %s are not of one kind of host: %s", p->folder.dir,
			      m->parts[0].folder.dir, why);
	return 0;
}

/* results/latest is a folder that has another name, too. */
static int check_new(struct merge *m, const struct part *p)
{
	struct stat a, b;

	if (stat(p->folder.dir, &a))
		return refuse(m, -errno, "%s: %s", p->folder.dir, strerror(errno));
	for (const struct part *q = m->parts; q < p; q++)
		if (!stat(q->folder.dir, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			return refuse(m, -EEXIST, "%s and %s are one folder: name each part once",
				      q->folder.dir, p->folder.dir);
	return 0;
}

static int load_part(struct merge *m, struct part *p, const char *dir)
{
	int ret = folder_load(&p->folder, dir, &p->plan, m->err, m->errlen);

	if (!ret)
		ret = check_new(m, p);
	if (ret)
		return ret;
	p->plan.seed = p->folder.seed;		/* given by the plan or drawn */
	ret = check_plan(m, p);
	if (!ret)
		ret = check_rows(m, p);
	if (!ret)
		ret = check_host(m, p);
	if (ret)
		return ret;
	p->kept = calloc(p->folder.n_done, sizeof(*p->kept));
	return p->kept ? 0 : refuse(m, -ENOMEM, "out of memory");
}

/* --- rows ------------------------------------------------------------------------ */

static const struct run_row *find_row(const struct merge *m, const char *id)
{
	for (size_t i = 0; i < m->n_rows; i++)
		if (!strcmp(m->rows[i].run_id, id))
			return &m->rows[i];
	return NULL;
}

/* The place in the order of the whole is another one. */
static bool same_row(const struct run_row *a, const struct run_row *b)
{
	struct run_row moved = *a;

	moved.order = b->order;
	return columns_equal(runs_columns(), &moved, b);
}

/* Else it is a calibration or an idle window: each part has its own, and counts from 1. */
static bool is_of_a_run(const struct run_row *row)
{
	return !strcmp(row->kind, "measure");
}

static void rename_in_part(const struct merge *m, struct run_row *row)
{
	size_t n = strlen(row->run_id);

	for (unsigned int part = 2; find_row(m, row->run_id); part++)
		snprintf(row->run_id + n, sizeof(row->run_id) - n, ".part%u", part);
}

static int add_row(struct merge *m, struct part *p, size_t i)
{
	struct run_row row = p->folder.done[i];
	const struct run_row *had = find_row(m, row.run_id);

	if (had && same_row(&row, had))
		return 0;
	if (had && is_of_a_run(&row))
		return refuse(m, -EEXIST, "%s of %s is also in %s, and they are not the same; merge "
			      "folders that have no run in common", row.run_id, p->folder.dir,
			      m->parts[m->from[had - m->rows]].folder.dir);
	rename_in_part(m, &row);
	row.order = m->n_rows + 1;
	m->rows[m->n_rows] = row;
	m->from[m->n_rows++] = p - m->parts;
	p->kept[i] = true;
	return 0;
}

static int add_rows(struct merge *m)
{
	size_t n = 0;
	int ret = 0;

	for (size_t p = 0; p < m->n_parts; p++)
		n += m->parts[p].folder.n_done;
	m->rows = calloc(n, sizeof(*m->rows));
	m->from = calloc(n, sizeof(*m->from));
	if (!m->rows || !m->from)
		return refuse(m, -ENOMEM, "out of memory");
	for (size_t p = 0; p < m->n_parts; p++)
		for (size_t i = 0; !ret && i < m->parts[p].folder.n_done; i++)
			ret = add_row(m, &m->parts[p], i);
	return ret;
}

/* --- the new folder -------------------------------------------------------------- */

/* Was the run of this sample kept out of part @p? They come run by run. */
static bool sample_kept(const struct part *p, const struct sample_row *s, size_t *at)
{
	const struct folder *f = &p->folder;

	for (size_t i = 0; i < f->n_done; i++, *at = (*at + 1) % f->n_done)
		if (!strcmp(f->done[*at].run_id, s->run_id))
			return p->kept[*at];
	return false;
}

static int add_samples(struct merge *m, const struct part *p, struct folder *out)
{
	struct sample_row *rows;
	char path[600];
	size_t n, kept = 0, at = 0;
	int ret;

	snprintf(path, sizeof(path), "%s/samples.csv", p->folder.dir);
	if (access(path, F_OK))
		return 0;
	ret = samples_load(path, &rows, &n, m->err, m->errlen);
	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++)
		if (sample_kept(p, &rows[i], &at))
			rows[kept++] = rows[i];
	ret = samples_append(out->samples_fd, rows, kept);
	free(rows);
	return ret ? refuse(m, ret, "%s/samples.csv: %s", out->dir, strerror(-ret)) : 0;
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char buf[8192];
	ssize_t n = 0;
	int ret = in < 0 || out < 0 ? -errno : 0;

	while (!ret && (n = read(in, buf, sizeof(buf))) > 0)
		ret = mn_write_all(out, buf, n);
	if (n < 0)
		ret = -errno;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return ret;
}

/* All of its sittings, numbered on from *number. */
static int add_environments(struct merge *m, const struct part *p, const struct folder *out,
			    unsigned int *number)
{
	char from[600], to[600];
	int ret = 0;

	for (unsigned int i = 1; !ret; i++) {
		folder_environment(&p->folder, i, from, sizeof(from));
		if (access(from, F_OK))
			return 0;
		folder_environment(out, ++*number, to, sizeof(to));
		ret = copy_file(from, to);
	}
	return refuse(m, ret, "%s: %s", to, strerror(-ret));
}

static int write_whole(struct merge *m, const char *results, char *dir, size_t dirlen)
{
	struct folder out;
	unsigned int environments = 0;
	int ret;

	ret = folder_create(&out, results, &m->parts[0].plan, (struct plan_range){ 0 }, m->err,
			    m->errlen);
	if (!ret) {
		ret = runs_append(out.runs_fd, m->rows, m->n_rows);
		if (ret)
			refuse(m, ret, "%s/runs.csv: %s", out.dir, strerror(-ret));
	}
	for (size_t i = 0; !ret && i < m->n_parts; i++) {
		ret = add_samples(m, &m->parts[i], &out);
		if (!ret)
			ret = add_environments(m, &m->parts[i], &out, &environments);
		if (!ret)
			folder_note(&out, "merged rows=%zu from=%s", m->parts[i].folder.n_done,
				    m->parts[i].folder.dir);
	}
	if (!ret)
		folder_point_latest(&out, results);
	snprintf(dir, dirlen, "%s", out.dir);
	folder_close(&out);
	return ret;
}

/* --- what is worth knowing --------------------------------------------------------- */

/* Paths are compared block by block because they ran beside each other. */
static void note_split_blocks(const struct merge *m)
{
	const struct run_row *r = m->rows;

	for (size_t i = 0; i < m->n_rows; i++)
		for (size_t j = 0; j < i && is_of_a_run(&r[i]); j++)
			if (r[j].block == r[i].block && m->from[j] != m->from[i] &&
			    is_of_a_run(&r[j])) {
				fprintf(m->notes, "block %lld is split between %s and %s: its paths did "
					"not run beside each other; parts had better end with a block\n",
					(long long)r[i].block, m->parts[m->from[j]].folder.dir,
					m->parts[m->from[i]].folder.dir);
				return;
			}
}

static void note_missing(const struct merge *m, const char *dir)
{
	const struct folder whole = { .done = m->rows, .n_done = m->n_rows };
	const struct part *first = &m->parts[0];
	struct plan_run *runs;
	long n = plan_expand(&first->plan, first->folder.seed, &runs), missing = 0;

	if (n < 0)
		return;
	for (long i = 0; i < n; i++)
		missing += !folder_has(&whole, runs[i].id) && !folder_skipped(&whole, runs[i].id);
	free(runs);
	if (missing)
		fprintf(m->notes, "%ld of %ld runs are missing; memnet-lab resume %s makes them\n",
			missing, n, dir);
}

int merge(char *const *dirs, size_t n, const char *results, char *dir, size_t dirlen, FILE *notes,
	  char *err, size_t errlen)
{
	struct merge m = { .parts = calloc(n, sizeof(*m.parts)), .notes = notes, .err = err,
			   .errlen = errlen };
	int ret = m.parts ? 0 : refuse(&m, -ENOMEM, "out of memory");

	dir[0] = '\0';
	while (!ret && m.n_parts < n) {
		m.n_parts++;
		ret = load_part(&m, &m.parts[m.n_parts - 1], dirs[m.n_parts - 1]);
	}
	if (!ret)
		ret = add_rows(&m);
	if (!ret)
		ret = write_whole(&m, results, dir, dirlen);
	if (!ret) {
		note_split_blocks(&m);
		note_missing(&m, dir);
	}
	for (size_t i = 0; i < m.n_parts; i++) {
		folder_close(&m.parts[i].folder);
		free(m.parts[i].kept);
	}
	free(m.parts);
	free(m.rows);
	free(m.from);
	return ret;
}
