/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of memnet-lab: a line each, and the small ones. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "harness/doctor.h"
#include "harness/gate.h"
#include "harness/lab.h"
#include "harness/metrics.h"
#include "harness/report.h"
#include "harness/results.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

#define THRESHOLDS "results/thresholds.csv"
#define MARGINS "results/margins.csv"

int lab_complain(const char *err)
{
	fflush(stdout);		/* what was found so far stands before it */
	fprintf(stderr, "memnet-lab: %s\n", err);
	return LAB_FAILED;
}

int lab_end(const struct lab_command *command, int status)
{
	bool bad = ferror(stdout);
	char err[128];

	errno = EIO;		/* of an error that was before, and says no more */
	bad |= fflush(stdout) != 0;
	if (!bad)
		return status;
	snprintf(err, sizeof(err), "standard output: %s", strerror(errno));
	lab_complain(err);
	if (status)
		return status;
	return command && command->unsaid ? command->unsaid : LAB_FAILED;
}

/* What the link points to: the link itself goes on to the next experiment. */
const char *lab_find_folder(const struct lab *lab)
{
	static char dir[1200];
	const char *results = lab->experiment.results;
	char link[600], target[512], err[1400];
	ssize_t n;

	if (lab->n_arguments)
		return lab->arguments[0];
	snprintf(link, sizeof(link), "%s/latest", results);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0) {
		snprintf(err, sizeof(err), "%s: %s; name a results folder, or where they are: "
			 "--results=DIR", link, strerror(errno));
		lab_complain(err);
		return NULL;
	}
	target[n] = '\0';
	snprintf(dir, sizeof(dir), "%s/%s", results, target);
	return dir;
}

int lab_report(const char *dir)
{
	char err[1024];

	if (results_analyse(dir, NULL, stdout, mn_has_colour(STDOUT_FILENO), err, sizeof(err)) ||
	    report_write(dir, err, sizeof(err)))
		return lab_complain(err);
	return LAB_OK;
}

static int report(struct lab *lab)
{
	const char *dir = lab_find_folder(lab);

	return dir ? lab_report(dir) : LAB_FAILED;
}

static int check(struct lab *lab)
{
	const char *dir = lab_find_folder(lab);
	char summary[1300], err[1024];
	int ret;

	if (!dir)
		return GATE_INCONCLUSIVE;
	snprintf(summary, sizeof(summary), "%s/summary.csv", dir);
	ret = gate_run(summary, THRESHOLDS, stdout, mn_has_colour(STDOUT_FILENO), err, sizeof(err));
	if (ret >= 0)
		return ret;
	lab_complain(err);
	return GATE_INCONCLUSIVE;
}

static int compare(struct lab *lab)
{
	char err[1024];
	int ret;

	lab->comparison.old_dir = lab->arguments[0];
	lab->comparison.new_dir = lab->arguments[1];
	lab->comparison.margins = MARGINS;
	ret = compare_folders(&lab->comparison, stdout, mn_has_colour(STDOUT_FILENO), err,
			      sizeof(err));
	if (ret >= 0)
		return ret;
	lab_complain(err);
	return COMPARE_UNDECIDED;
}

static int doctor(struct lab *lab)
{
	return doctor_run(lab->experiment.build, stdout);
}

static int columns(struct lab *lab)
{
	results_reference(stdout);
	return LAB_OK;
}

#define RUNNING (LAB_BIT(LAB_ACCEL) | LAB_BIT(LAB_WAIT) | LAB_BIT(LAB_LOCK) | \
		 LAB_BIT(LAB_FAULT) | LAB_BIT(LAB_READY_TIMEOUT))
#define ORDER (LAB_BIT(LAB_SEED) | LAB_BIT(LAB_RUNS))

static const struct lab_command commands[] = {
	{ "run", "PLAN", "Carry out a plan, analyse it, print its table", 1, 1, RUNNING | ORDER,
	  "PLAN is a file, or the name of one that `memnet-lab plans` lists. Nothing is\n"
	  "overwritten: each experiment makes a results folder. With --runs a part of the\n"
	  "plan is made; the seed, which decides the order, must be given then, and be the\n"
	  "same for all parts.\n",
	  "  memnet-lab run smoke\n"
	  "  memnet-lab run harness/plans/paper.ini --accel=tcg\n"
	  "  memnet-lab run paper --seed=7 --runs=1..126\n", lab_run },
	{ "resume", "[DIR]", "Finish an interrupted experiment", 0, 1, RUNNING,
	  "Without DIR the newest. Runs that failed or are missing are made, the others\n"
	  "stay as they are. A last row that a crash tore is cut off first.\n",
	  "  memnet-lab resume\n"
	  "  memnet-lab resume results/paper/20260131T120000Z-1a2b3c4\n", lab_resume },
	{ "merge", "DIR DIR...", "Put parts of a plan together in a new results folder", 2, INT_MAX,
	  0,
	  "The parts (run --runs) must be of one plan, seed, schema, accelerator and kind\n"
	  "of host; what differs is named. Every attempt is kept, and the environment of\n"
	  "each part. The parts stay as they are.\n",
	  "  memnet-lab merge results/paper/20260131T1*\n", lab_merge },
	{ "plan", "PLAN", "Tell what a plan comes to: its settings, its runs, its time", 1, 1,
	  LAB_BIT(LAB_ACCEL) | ORDER,
	  "Nothing is run. What a boot takes, and a run beside its phases, is taken from\n"
	  "the newest results of the same accelerator, else assumed. Exit status: 1 also when no\n"
	  "run can be made: each would be skipped, or a package of the plan cannot be had.\n",
	  "  memnet-lab plan paper\n"
	  "  memnet-lab plan my.ini --seed=7 --runs=1..42\n", lab_plan },
	{ "plans", NULL, "List the plans that are shipped", 0, 0, 0, NULL,
	  "  memnet-lab plans\n", lab_plans },
	{ "report", "[DIR]", "Analyse a results folder again: its table, its report.html", 0, 1, 0,
	  "Without DIR the newest. Of a folder that cannot be written the table is printed all\n"
	  "the same.\n",
	  "  memnet-lab report\n"
	  "  memnet-lab report results/paper/20260131T120000Z-1a2b3c4\n", report },
	{ "check", "[DIR]", "Hold a results folder against results/thresholds.csv", 0, 1, 0,
	  "Without DIR the newest.\n"
	  "Exit status: 0 all is well, 1 a regression, 2 nothing can be said, 77 no threshold is for\n"
	  "what was measured.\n",
	  "  memnet-lab check\n", check, GATE_INCONCLUSIVE },
	{ "compare", "OLD NEW", "Tell whether anything is worse in NEW than in OLD", 2, 2,
	  LAB_BIT(LAB_AA) | LAB_BIT(LAB_DETERMINISTIC),
	  "Both are results folders. Exit status: 0 nothing is worse, 1 a regression, 2 inconclusive,\n"
	  "77 nothing can be compared.\n",
	  "  memnet-lab compare results/paper/20260131T120000Z-1a2b3c4 results/latest\n", compare,
	  COMPARE_UNDECIDED },
	{ "doctor", NULL, "Tell what works on this machine, and what mends the rest", 0, 0, 0,
	  "Exit status: 1 when no experiment can run.\n", "  memnet-lab doctor\n", doctor },
	{ "columns", NULL, "Print the reference of all columns, as markdown", 0, 0, 0, NULL,
	  "  memnet-lab columns > results/COLUMNS.md\n", columns },
};

const struct lab_command *lab_command_at(size_t i)
{
	return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}
