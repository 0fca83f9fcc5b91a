/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab run, resume, merge: what makes a results folder, and then its table. */
#include "harness/lab.h"
#include "harness/merge.h"

/* Run, then analyse what is there: also after an interruption there may be much. */
static int run_and_report(const struct lab *lab)
{
	char dir[512];
	int status = experiment_run(&lab->experiment, dir, sizeof(dir));
	int report = dir[0] ? lab_report(dir) : LAB_OK;

	return status ? status : report;
}

int lab_run(struct lab *lab)
{
	lab->experiment.plan = lab_find_plan(lab->arguments[0]);
	return run_and_report(lab);
}

int lab_resume(struct lab *lab)
{
	lab->experiment.resume = lab_find_folder(lab);
	return lab->experiment.resume ? run_and_report(lab) : LAB_FAILED;
}

int lab_merge(struct lab *lab)
{
	char dir[512], err[2048];

	if (merge(lab->arguments, lab->n_arguments, lab->experiment.results, dir, sizeof(dir), stderr,
		  err, sizeof(err)))
		return lab_complain(err);
	fprintf(stderr, "merged into %s\n", dir);
	return lab_report(dir);
}
