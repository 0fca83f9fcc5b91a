/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans are compared by what they come to: the settings one by one, the configurations as a set.
 * So comments, defaults written out, and the order of keys, lists and matrices are of no account.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plan_internal.h"
#include "memnet-core/base/util.h"

/* What changes how often and in which order it is done, not what is done. */
static bool is_of_no_account(const struct plan_key *key)
{
	static const char *const names[] = { "name", "repetitions", "seed" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], key->name))
			return true;
	return false;
}

static bool settings_differ(const struct plan *a, const struct plan *b, struct plan_difference *d)
{
	char text_a[PLAN_TEXT_SIZE], text_b[PLAN_TEXT_SIZE];
	const struct plan_key *key;

	for (size_t i = 0; (key = plan_key_at(i)); i++) {
		plan_key_format(a, key, text_a);
		plan_key_format(b, key, text_b);
		if (is_of_no_account(key) || !strcmp(text_a, text_b))
			continue;
		snprintf(d->a, sizeof(d->a), "%s = %s", key->name, text_a);
		snprintf(d->b, sizeof(d->b), "%s = %s", key->name, text_b);
		return true;
	}
	return false;
}

/* The app of the same name as @app, if its @key is another. */
static bool app_differs(const struct plan_app *app, const struct plan_key *key,
			const struct plan *other, struct plan_difference *d)
{
	const struct plan_app *b = plan_app_find(other, app->name);
	char text_a[PLAN_TEXT_SIZE], text_b[PLAN_TEXT_SIZE];

	if (!b)
		return false;
	key->format((const char *)app + key->offset, text_a);
	key->format((const char *)b + key->offset, text_b);
	if (!strcmp(text_a, text_b))
		return false;
	snprintf(d->a, sizeof(d->a), "[app %s] %s = %s", app->name, key->name, text_a);
	snprintf(d->b, sizeof(d->b), "[app %s] %s = %s", app->name, key->name, text_b);
	return true;
}

/* Apps of one name; that one plan alone runs an app, the names of its runs tell. */
static bool apps_differ(const struct plan *a, const struct plan *b, struct plan_difference *d)
{
	const struct plan_key *key;

	for (size_t i = 0; i < a->n_apps; i++)
		for (size_t k = 0; (key = plan_app_key_at(k)); k++)
			if (app_differs(&a->apps[i], key, b, d))
				return true;
	return false;
}

/* The name of a run without its block. */
static const char *name_of(const struct plan_run *run)
{
	return strchr(run->id, '.') + 1;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(name_of(a), name_of(b));
}

/* The configurations by name: the runs of one block. Their number, or -ENOMEM. */
static long configurations(const struct plan *plan, struct plan_run **runs)
{
	long n = plan_expand(plan, 1, runs);

	if (n > 0)
		n /= plan->repetitions;
	if (n > 0)
		qsort(*runs, n, sizeof(**runs), compare_names);
	return n;
}

static void note_first(char text[PLAN_DIFFERENCE_SIZE], const struct plan_run *run)
{
	if (!*text)
		snprintf(text, PLAN_DIFFERENCE_SIZE, "%s", name_of(run));
}

/* Of each the first that the other has not. */
static bool names_differ(const struct plan_run *a, long n_a, const struct plan_run *b, long n_b,
			 struct plan_difference *d)
{
	long i = 0, j = 0;

	while (i < n_a || j < n_b) {
		int order = i == n_a ? 1 : j == n_b ? -1 : compare_names(&a[i], &b[j]);

		if (order < 0)
			note_first(d->a, &a[i]);
		else if (order > 0)
			note_first(d->b, &b[j]);
		i += order <= 0;
		j += order >= 0;
	}
	return *d->a || *d->b;
}

int plan_compare(const struct plan *a, const struct plan *b, struct plan_difference *d)
{
	struct plan_run *runs_a = NULL, *runs_b = NULL;
	long n_a, n_b;
	int ret;

	*d = (struct plan_difference){ 0 };
	if (settings_differ(a, b, d) || apps_differ(a, b, d))
		return 1;
	n_a = configurations(a, &runs_a);
	n_b = n_a < 0 ? n_a : configurations(b, &runs_b);
	ret = n_b < 0 ? -ENOMEM : names_differ(runs_a, n_a, runs_b, n_b, d);
	free(runs_a);
	free(runs_b);
	return ret;
}
