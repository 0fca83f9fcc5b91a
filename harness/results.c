/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/analyse.h"
#include "harness/power_series.h"
#include "harness/rows.h"
#include "harness/table.h"

struct files {
	const char *dir;
	char path[4096];
	struct run_row *runs;
	size_t n_runs;
	struct sample_row *samples;
	size_t n_samples;
	struct analysis a;
	struct power_row *power;
	size_t n_power;
};

static const char *path_of(struct files *f, const char *name)
{
	snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
	return f->path;
}

static int load(struct files *f, char *err, size_t errlen)
{
	int ret = runs_load(path_of(f, "runs.csv"), &f->runs, &f->n_runs, err, errlen);

	if (ret || access(path_of(f, "samples.csv"), F_OK))
		return ret;
	return samples_load(f->path, &f->samples, &f->n_samples, err, errlen);
}

static int compute(struct files *f, const char *baseline, char *err, size_t errlen)
{
	int ret = analyse(f->runs, f->n_runs, baseline, &f->a);

	if (!ret)
		ret = power_series(f->runs, f->n_runs, f->samples, f->n_samples, f->a.baseline,
				   f->a.subject, &f->power, &f->n_power);
	if (ret)
		snprintf(err, errlen, "%s: cannot be analysed: %s", f->dir, strerror(-ret));
	return ret;
}

static int save(struct files *f, char *err, size_t errlen)
{
	int ret = summary_save(path_of(f, "summary.csv"), f->a.summary, f->a.n_summary, err,
			       errlen);

	if (!ret)
		ret = gains_save(path_of(f, "gains.csv"), f->a.gains, f->a.n_gains, err, errlen);
	if (!ret)
		ret = net_save(path_of(f, "net.csv"), f->a.net, f->a.n_net, err, errlen);
	if (!ret)
		ret = power_save(path_of(f, "power.csv"), f->power, f->n_power, err, errlen);
	return ret;
}

int results_analyse(const char *dir, const char *baseline, FILE *table, bool colour,
		    char *err, size_t errlen)
{
	struct files f = { .dir = dir };
	int ret = load(&f, err, errlen);

	if (!ret)
		ret = compute(&f, baseline, err, errlen);
	if (!ret && table)
		table_print(table, &f.a, f.runs, f.n_runs, colour);
	if (!ret)
		ret = save(&f, err, errlen);
	analysis_release(&f.a);
	free(f.power);
	free(f.samples);
	free(f.runs);
	return ret;
}
