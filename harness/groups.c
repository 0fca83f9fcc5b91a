/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

/* Names that are not to be sorted by letter; others come last, n-vm-2 before n-vm-10. */
static size_t place(const char *name)
{
	static const char *const order[] = {
		"idle", "compute", "network", "network-paced", "rr", "conn", "hybrid-rr",
		"hybrid-saturate", "hybrid-paced", "hybrid-fixed",
		"spare-core", "equal-core", "one-vm", "two-vm", "none", "send", "recv",
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(order) && strcmp(order[i], name))
		i++;
	return i;
}

static int compare_words(const void *a, const void *b)
{
	size_t i = place(a), j = place(b);

	return i != j ? (i > j) - (i < j) : strverscmp(a, b);
}

static int compare_counts(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* "20us": its time; "adaptive:20us": the same, behind all that are not; "": in front. */
static int64_t spin_place(const char *spin)
{
	static const char adaptive[] = "adaptive:";
	bool is_adaptive = !strncmp(spin, adaptive, strlen(adaptive));
	int64_t ns = *spin ? 0 : -1;

	mn_parse_duration_ns(is_adaptive ? spin + strlen(adaptive) : spin, &ns);
	return is_adaptive ? INT64_MAX / 2 + ns : ns;
}

static int compare_spins(const void *a, const void *b)
{
	int64_t x = spin_place(a), y = spin_place(b);

	return x != y ? (x > y) - (x < y) : strcmp(a, b);
}

#define KEY(field) offsetof(struct run_row, field)

static const struct {
	size_t offset;
	int (*compare)(const void *a, const void *b);
} key[] = {
	{ KEY(scenario), compare_words },
	{ KEY(direction), compare_words },
	{ KEY(arm), compare_words },
	{ KEY(topology), compare_words },
	{ KEY(accelerator), compare_words },
	{ KEY(flows), compare_counts },
	{ KEY(chunk_bytes), compare_counts },
	{ KEY(link_rate_bits_per_s), compare_counts },
	{ KEY(link_delay_ns), compare_counts },
	{ KEY(path), compare_words },
	{ KEY(spin), compare_spins },
};

#define PATH_KEYS 2	/* the last ones: the path, and the spin budget that belongs to it */

static int compare_keys(const struct run_row *a, const struct run_row *b, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++) {
		int order = key[i].compare((const char *)a + key[i].offset,
					   (const char *)b + key[i].offset);

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

bool run_is_idle(const struct run_row *row)
{
	return !strcmp(row->kind, "idle");
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

bool group_same(const struct group *a, const struct group *b)
{
	return !compare_keys(a->row[0], b->row[0], ARRAY_SIZE(key));
}

bool spins_agree(const char *a, const char *b)
{
	return !*a || !*b || !strcmp(a, b);
}

bool group_same_but_path(const struct group *a, const struct group *b)
{
	return !compare_keys(a->row[0], b->row[0], ARRAY_SIZE(key) - PATH_KEYS) &&
	       spins_agree(a->row[0]->spin, b->row[0]->spin);
}

bool group_is_part(const struct group *part, const struct group *both, const char *scenario)
{
	const struct run_row *p = part->row[0], *b = both->row[0];

	if (strcmp(p->scenario, scenario) || strcmp(p->path, b->path) ||
	    strcmp(p->spin, b->spin) || strcmp(p->arm, b->arm) ||
	    strcmp(p->topology, b->topology) || strcmp(p->accelerator, b->accelerator) ||
	    p->link_rate_bits_per_s != b->link_rate_bits_per_s ||
	    p->link_delay_ns != b->link_delay_ns)
		return false;
	return !strcmp(p->direction, "none") ||
	       (!strcmp(p->direction, b->direction) && p->flows == b->flows &&
		p->chunk_bytes == b->chunk_bytes);
}

const char *runs_accelerator(const struct run_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].accelerator, ACCELERATOR_NONE))
			return rows[i].accelerator;
	return "";
}

const char *runs_bound(const struct run_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(rows[i].accelerator, ACCELERATOR_NONE) && run_is_ok(&rows[i]))
			return rows[i].path;
	return NULL;
}

static void describe_link(const struct run_row *row, char text[LINK_TEXT_SIZE])
{
	size_t n = snprintf(text, LINK_TEXT_SIZE, "a link");

	if (row->link_rate_bits_per_s > 0)
		n += snprintf(text + n, LINK_TEXT_SIZE - n, " of %g Mbit/s",
			      row->link_rate_bits_per_s / 1e6);
	if (row->link_delay_ns > 0)
		snprintf(text + n, LINK_TEXT_SIZE - n, " with %g ms each way",
			 row->link_delay_ns / 1e6);
}

const char *runs_link(const struct run_row *rows, size_t n, char text[LINK_TEXT_SIZE])
{
	size_t i = 0;

	text[0] = '\0';
	while (i < n && rows[i].link_rate_bits_per_s <= 0 && rows[i].link_delay_ns <= 0)
		i++;
	if (i < n)
		describe_link(&rows[i], text);
	return text;
}
