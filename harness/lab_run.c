/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab run, resume. */
#include <unistd.h>

#include "harness/lab.h"
#include "harness/results.h"
#include "memnet-core/base/explain.h"

/* Run, then analyse what is there: also after an interruption there may be much. */
static int run_and_report(const struct lab *lab)
{
	char dir[512], err[1024];
	int status = experiment_run(&lab->experiment, dir, sizeof(dir));

	if (dir[0] && results_analyse(dir, NULL, stdout, mn_has_colour(STDOUT_FILENO), err,
				      sizeof(err))) {
		lab_complain(err);
		return status ? status : LAB_FAILED;
	}
	return status;
}

int lab_run(struct lab *lab)
{
	char path[4096];

	lab->experiment.plan = lab_find_plan(lab->arguments[0], path);
	return run_and_report(lab);
}

int lab_resume(struct lab *lab)
{
	lab->experiment.resume = lab->arguments[0];
	return run_and_report(lab);
}
