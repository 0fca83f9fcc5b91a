/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab run, resume, merge: what makes a results folder, and then its table. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "harness/lab.h"
#include "harness/merge.h"
#include "harness/results.h"
#include "memnet-core/base/explain.h"

static int analyse(const char *dir)
{
	char err[1024];

	if (results_analyse(dir, NULL, stdout, mn_has_colour(STDOUT_FILENO), err, sizeof(err)))
		return lab_complain(err);
	return LAB_OK;
}

/* Run, then analyse what is there: also after an interruption there may be much. */
static int run_and_report(const struct lab *lab)
{
	char dir[512];
	int status = experiment_run(&lab->experiment, dir, sizeof(dir));
	int report = dir[0] ? analyse(dir) : LAB_OK;

	return status ? status : report;
}

int lab_run(struct lab *lab)
{
	lab->experiment.plan = lab_find_plan(lab->arguments[0]);
	return run_and_report(lab);
}

/* Where the link points to: the link itself goes on to the next experiment. */
static int find_latest(const struct lab *lab, char *dir, size_t size)
{
	const char *results = lab->experiment.results;
	char link[600], target[512];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/latest", results);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0) {
		fprintf(stderr, "memnet-lab: %s: %s; there is nothing to resume, unless in another "
			"folder: --results=DIR\n", link, strerror(errno));
		return LAB_FAILED;
	}
	target[n] = '\0';
	snprintf(dir, size, "%s/%s", results, target);
	return LAB_OK;
}

int lab_resume(struct lab *lab)
{
	char dir[1200];

	lab->experiment.resume = lab->n_arguments ? lab->arguments[0] : dir;
	if (!lab->n_arguments && find_latest(lab, dir, sizeof(dir)))
		return LAB_FAILED;
	return run_and_report(lab);
}

int lab_merge(struct lab *lab)
{
	char dir[512], err[2048];

	if (merge(lab->arguments, lab->n_arguments, lab->experiment.results, dir, sizeof(dir), stderr,
		  err, sizeof(err)))
		return lab_complain(err);
	fprintf(stderr, "merged into %s\n", dir);
	return analyse(dir);
}
