/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab plan, plans: what there is to run, and what it comes to. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "harness/accel.h"
#include "harness/app.h"
#include "harness/folder.h"
#include "harness/forecast.h"
#include "harness/groups.h"
#include "harness/lab.h"
#include "harness/link.h"
#include "harness/packages.h"
#include "harness/plan_internal.h"
#include "harness/plan_shipped.h"
#include "harness/rows.h"

/* --- the plans that are shipped ------------------------------------------------ */

const char *lab_find_plan(const char *typed)
{
	static char path[4096];

	if (!access(typed, F_OK) || strchr(typed, '/') ||
	    plan_find_shipped(typed, path, sizeof(path)))
		return typed;
	return path;
}

static int is_plan(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && !strcmp(entry->d_name + n - 4, ".ini");
}

/* The first line of the file, without the mark of a comment. */
static void print_first_line(const char *path)
{
	char line[256] = "";
	FILE *f = fopen(path, "re");

	if (f && fgets(line, sizeof(line), f) && line[0] == ';')
		fputs(line + 1 + strspn(line + 1, " "), stdout);
	else
		putchar('\n');
	if (f)
		fclose(f);
}

int lab_plans(struct lab *lab)
{
	char dir[3072], path[4096], err[4096];
	struct dirent **entries;
	int n = -1;

	if (!plan_shipped_dir(dir, sizeof(dir)))
		n = scandir(dir, &entries, is_plan, alphasort);
	if (n < 0) {
		snprintf(err, sizeof(err), "no folder " PLAN_SHIPPED " beside this program: make all, or "
			 "make install");
		return lab_complain(err);
	}
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		printf("%-12.*s ", (int)strlen(entries[i]->d_name) - 4, entries[i]->d_name);
		print_first_line(path);
		free(entries[i]);
	}
	free(entries);
	return LAB_OK;
}

/* --- what a plan comes to -------------------------------------------------------- */

struct outline {
	const struct lab *lab;
	struct plan plan;
	uint64_t seed;
	struct accel accel;
	struct plan_run *runs;
	size_t n_runs;
	struct forecast forecast;
	char learnt_from[600];		/* a results folder; or "" */
	char err[2048];
};

/* Without booting anything; where that would be needed, TCG is the longer time. */
static void find_accel(struct outline *o)
{
	const struct experiment_options *e = &o->lab->experiment;
	char kernel[600], initrd[600], cache[600];
	const struct vm_config vm = { .kernel = kernel, .initrd = initrd };

	snprintf(kernel, sizeof(kernel), "%s/guest/vmlinuz", e->build);
	snprintf(initrd, sizeof(initrd), "%s/guest/initrd.img", e->build);
	snprintf(cache, sizeof(cache), "%s/accel.cache", e->build);
	if (!accel_recall(&o->accel, e->accel, &vm, cache))
		return;
	o->accel.name = "tcg";
	snprintf(o->accel.reason, sizeof(o->accel.reason), "assumed: whether KVM boots a kernel here "
		 "was not tried yet; memnet-lab doctor tries");
}

/* The times of the newest results, if they are of this accelerator. */
static void learn(struct outline *o)
{
	char dir[600], path[640], err[1024];
	struct run_row *rows;
	struct plan of;
	size_t n;

	snprintf(dir, sizeof(dir), "%s/latest", o->lab->experiment.results);
	snprintf(path, sizeof(path), "%s/plan.ini", dir);
	if (access(path, F_OK) || plan_load(&of, path, err, sizeof(err)))
		return;
	snprintf(path, sizeof(path), "%s/runs.csv", dir);
	if (runs_load(path, &rows, &n, err, sizeof(err)))
		return;
	if (!strcmp(runs_accelerator(rows, n), o->accel.name)) {
		forecast_learn(&o->forecast, &of, rows, n);
		if (o->forecast.boots.n)
			snprintf(o->learnt_from, sizeof(o->learnt_from), "%s", dir);
	}
	free(rows);
}

static int expand(struct outline *o)
{
	long n = plan_expand(&o->plan, o->seed, &o->runs);

	if (n < 0) {
		snprintf(o->err, sizeof(o->err), "out of memory");
		return n;
	}
	o->n_runs = plan_part(o->runs, n, o->lab->experiment.part);
	return 0;
}

static int outline_make(struct outline *o)
{
	const struct experiment_options *e = &o->lab->experiment;
	int ret = plan_load(&o->plan, lab_find_plan(o->lab->arguments[0]), o->err, sizeof(o->err));

	if (ret)
		return ret;
	o->seed = e->seed ? e->seed : o->plan.seed ? o->plan.seed : folder_draw_seed();
	find_accel(o);
	ret = expand(o);
	forecast_init(&o->forecast, &o->plan, o->accel.name,
		      o->lab->experiment.build);
	learn(o);
	return ret;
}

/* Its app is, not its path with all that is over it. */
static bool is_app_skipped(const struct outline *o, const struct plan_config *c)
{
	const char *build = o->lab->experiment.build;
	struct path_reasons missing;

	return *c->app && !plan_path_missing(&o->plan, c->path, build, &missing) &&
	       config_missing(&o->plan, c, build, &missing);
}

static void print_order(const struct outline *o)
{
	bool drawn = !o->lab->experiment.seed && !o->plan.seed;
	struct path_reasons missing;

	printf("\nRuns, in the order of seed %llu%s:\n", (unsigned long long)o->seed,
	       drawn ? " (drawn just now; --seed fixes it)" : "");
	for (size_t i = 0; i < o->n_runs; i++) {
		const struct plan_run *r = &o->runs[i];

		if (!i || r->boot != r[-1].boot)
			printf("  block %u, boot %u: %s%s%s%s\n", r->block, r->boot,
			       r->config->name, *r->config->spin ? ", spin " : "",
			       r->config->spin,
			       plan_path_missing(&o->plan, r->config->path,
						 o->lab->experiment.build, &missing)
			       ? " (skipped)" : "");
		printf("    %5u  %s%s\n", r->number, r->id, is_app_skipped(o, r->config) ?
		       " (skipped)" : "");
	}
}

static void print_skips(const struct outline *o)
{
	struct path_reasons missing;
	const struct path *path;
	size_t n;

	for (size_t p = 0; (path = path_at(p)); p++) {
		n = 0;
		for (size_t i = 0; i < o->n_runs; i++)
			n += o->runs[i].config->path == path;
		if (n && plan_path_missing(&o->plan, path, o->lab->experiment.build, &missing))
			printf("skipped     %zu runs of %s: %s\n", n, path->name, missing.text);
	}
}

/* Of each app, the reasons of its first run that is skipped. */
static void print_skipped_apps(const struct outline *o)
{
	struct path_reasons missing, first;

	for (size_t a = 0; a < o->plan.n_apps; a++) {
		const struct plan_app *app = &o->plan.apps[a];
		size_t n = 0;

		for (size_t i = 0; i < o->n_runs; i++) {
			const struct plan_config *c = o->runs[i].config;

			if (strcmp(c->app, app->name) || !is_app_skipped(o, c))
				continue;
			config_missing(&o->plan, c, o->lab->experiment.build, &missing);
			first = n++ ? first : missing;
		}
		if (n)
			printf("skipped     %zu runs of app %s: %s\n", n, app->name, first.text);
	}
}

static void print_time(const struct outline *o)
{
	const struct forecast *f = &o->forecast;
	double calibration = forecast_calibration_s(f);
	double left = forecast_left_s(f, o->runs, o->n_runs, NULL, 0);
	int s = calibration + left + 0.5;

	printf("time        about %d:%02d under %s (%s)\n", s / 60, s % 60, o->accel.name,
	       o->accel.reason);
	printf("            of it %.0f s calibration; a boot %.1f s and %.2f s a run beside settle, "
	       "warmup and window\n            (fixed, of hybrid-fixed), %s%s\n", calibration,
	       forecast_boot_s(f), forecast_extra_s(f),
	       o->learnt_from[0] ? "as in " : "which is assumed", o->learnt_from);
}

/* Those the plan gives, or what would be chosen now. */
static void print_cpus(const struct outline *o)
{
	struct plan plan = o->plan;
	const struct plan_key *key;
	char err[512], text[PLAN_TEXT_SIZE];

	printf("CPUs       ");
	if (plan_choose_cpus(&plan, err, sizeof(err))) {
		printf(" %s\n", err);
		return;
	}
	plan.cpus_given = true;
	for (size_t i = 0; (key = plan_key_at(i)); i++) {
		plan_key_format(&plan, key, text);
		if (key->is_cpus)
			printf(" %s = %s", key->name, text);
	}
	printf("%s\n", o->plan.cpus_given ? "" : " (chosen)");
}

static void print_package(const char *text)
{
	printf("package     %s\n", text);
}

/* False: one cannot be had. */
static bool print_packages(const struct outline *o)
{
	char why[1024];

	if (!*o->plan.packages || !packages_list(o->lab->experiment.build, o->plan.packages,
						 print_package, why, sizeof(why)))
		return true;
	printf("            without it there is no run: memnet-lab run ends with this\n");
	return false;
}

static bool is_used(const struct plan *plan, const struct plan_app *app)
{
	for (size_t i = 0; i < plan->n_configs; i++)
		if (!strcmp(plan->configs[i].app, app->name))
			return true;
	return false;
}

static void print_unused_apps(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_apps; i++)
		if (!is_used(plan, &plan->apps[i]))
			printf("unused      [app %s]: no matrix names it among its apps\n",
			       plan->apps[i].name);
}

static bool all_skipped(const struct outline *o)
{
	struct path_reasons missing;

	for (size_t i = 0; i < o->n_runs; i++)
		if (!config_missing(&o->plan, o->runs[i].config, o->lab->experiment.build, &missing))
			return false;
	return o->n_runs;
}

/* LAB_FAILED: nothing would be measured. */
static int outline_print(const struct outline *o)
{
	bool packages;

	plan_write(&o->plan, stdout);
	print_order(o);
	printf("\nruns        %zu: %zu configurations, %llu blocks\n", o->n_runs, o->plan.n_configs,
	       (unsigned long long)o->plan.repetitions);
	print_skips(o);
	print_skipped_apps(o);
	print_unused_apps(&o->plan);
	packages = print_packages(o);
	print_cpus(o);
	print_time(o);
	if (!packages)
		return lab_complain("no run can be made: a package cannot be had, see above");
	if (all_skipped(o))
		return lab_complain("no run can be made: each would be skipped, see above");
	return LAB_OK;
}

int lab_plan(struct lab *lab)
{
	struct outline *o = calloc(1, sizeof(*o));
	int status = LAB_OK;

	if (!o)
		return lab_complain("out of memory");
	o->lab = lab;
	if (outline_make(o))
		status = lab_complain(o->err);
	else
		status = outline_print(o);
	forecast_free(&o->forecast);
	free(o->runs);
	free(o);
	return status;
}
