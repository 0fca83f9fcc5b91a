/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/groups.h"

#include <stdlib.h>
#include <string.h>

#define KEY(field) offsetof(struct run_row, field)
static const size_t key[] = {
	KEY(scenario), KEY(direction), KEY(arm), KEY(topology), KEY(accelerator),
	KEY(path),	/* last: group_same_but_path() */
};

/* Names that are not to be sorted by letter; unknown ones come last. */
static size_t place(const char *name)
{
	static const char *const order[] = {
		"idle", "compute", "network", "hybrid-saturate", "hybrid-paced", "hybrid-fixed",
		"spare-core", "equal-core", "none", "send", "recv",
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(order) && strcmp(order[i], name))
		i++;
	return i;
}

static int compare_field(const struct run_row *a, const struct run_row *b, size_t offset)
{
	const char *x = (const char *)a + offset, *y = (const char *)b + offset;
	size_t i = place(x), j = place(y);

	return i != j ? (i > j) - (i < j) : strcmp(x, y);
}

static int compare_keys(const struct run_row *a, const struct run_row *b, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++) {
		int order = compare_field(a, b, key[i]);

		if (order)
			return order;
	}
	return 0;
}

static int compare_rows(const void *p, const void *q)
{
	const struct run_row *a = *(const struct run_row *const *)p;
	const struct run_row *b = *(const struct run_row *const *)q;
	int order = compare_keys(a, b, ARRAY_SIZE(key));

	if (order)
		return order;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

bool run_is_ok(const struct run_row *row)
{
	return !strcmp(row->status, "ok");
}

size_t group_corrupt(const struct group *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += !strcmp(g->row[i]->stream_content, "bad");
	return n;
}

size_t group_count(const struct group *g, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += !strcmp(g->row[i]->status, status);
	return n;
}

size_t groups_make(const struct run_row *rows, size_t n, const struct run_row **sorted,
		   struct group *groups)
{
	size_t measured = 0, n_groups = 0;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].kind, "measure"))
			sorted[measured++] = &rows[i];
	if (measured)
		qsort(sorted, measured, sizeof(*sorted), compare_rows);
	for (size_t i = 0; i < measured; i++) {
		if (!i || compare_keys(sorted[i - 1], sorted[i], ARRAY_SIZE(key)))
			groups[n_groups++] = (struct group){ .row = &sorted[i] };
		groups[n_groups - 1].n++;
	}
	return n_groups;
}

bool group_same_but_path(const struct group *a, const struct group *b)
{
	return !compare_keys(a->row[0], b->row[0], ARRAY_SIZE(key) - 1);
}
