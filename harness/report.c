/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/report.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/groups.h"
#include "harness/metrics.h"
#include "harness/report_html.h"
#include "harness/report_internal.h"
#include "harness/rows.h"
#include "harness/table.h"

#define REPORT "report.html"

char *report_read(const struct report *r, const char *name)
{
	char path[4200], *text = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	if (getdelim(&text, &size, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* What @write prints, for free(). NULL without memory. */
static char *printed(const struct report *r, void (*write)(const struct report *r, FILE *f))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	write(r, f);
	fclose(f);
	return text;
}

/* --- sections ---------------------------------------------------------------------- */

static void print_table(const struct report *r, FILE *f)
{
	table_print(f, &r->a, r->runs, r->n_runs, false);
}

static void report_table(const struct report *r)
{
	char *text = printed(r, print_table);

	html_heading(r->out, "table", "The table");
	if (text)
		html_pre(r->out, "the table, as memnet-lab prints it", text);
	free(text);
}

/* A value that is no object; of a list each element, sentences on lines of their own. */
static void write_value(FILE *out, json_t *value)
{
	json_t *element;
	size_t i;
	char *text;

	if (json_is_string(value)) {
		html_text(out, json_string_value(value));
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, element) {
			fputs(!i ? "" : json_is_string(element) ? "<br>" : ", ", out);
			write_value(out, element);
		}
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		html_text(out, json_is_null(value) ? "absent" : text ? text : "");
		free(text);
	}
}

static void write_setting(FILE *out, const char *name, json_t *value)
{
	const char *key;
	json_t *child;

	if (json_is_object(value)) {
		json_object_foreach(value, key, child) {
			char path[256];

			snprintf(path, sizeof(path), "%s%s%s", name, *name ? ", " : "", key);
			write_setting(out, path, child);
		}
		return;
	}
	fputs("<tr><th scope=\"row\">", out);
	html_text(out, name);
	fputs("</th><td>", out);
	write_value(out, value);
	fputs("</td></tr>\n", out);
}

static void report_environment(const struct report *r)
{
	static const char *const heads[] = { "what", "value", NULL };
	char *text = report_read(r, "environment.json");
	json_t *environment = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	html_heading(r->out, "environment", "The machine");
	if (environment) {
		html_table(r->out, "the machine", heads);
		write_setting(r->out, "", environment);
		html_table_end(r->out);
	} else {
		html_element(r->out, "p", "environment.json is %s.", text ? "no JSON" : "not there");
	}
	json_decref(environment);
	free(text);
}

static void report_plan(const struct report *r)
{
	char *text = report_read(r, "plan.ini");

	html_heading(r->out, "plan", "The plan as it was run");
	if (text)
		html_pre(r->out, "plan.ini", text);
	else
		html_element(r->out, "p", "plan.ini is not there.");
	free(text);
}

/* Is it a commit of which a command line may be made? */
static bool is_commit(const char *git)
{
	size_t digits = strspn(git, "0123456789abcdef");

	return digits >= 4 && (!git[digits] || !strcmp(git + digits, "-dirty"));
}

static void report_reproduction(const struct report *r)
{
	const char *git = r->n_runs ? r->runs[0].git : "", *accel = "auto";
	char commands[512];

	html_heading(r->out, "again", "To do it again");
	if (!is_commit(git)) {
		html_element(r->out, "p", "The rows do not name the commit they were made with.");
		return;
	}
	if (*runs_accelerator(r->runs, r->n_runs))
		accel = runs_accelerator(r->runs, r->n_runs);
	snprintf(commands, sizeof(commands), "git checkout %.*s\n"
		 "cp THIS_FOLDER/plan.ini again.ini\n"
		 "make experiment PLAN=again.ini ACCEL=%s\n",
		 (int)strspn(git, "0123456789abcdef"), git, accel);
	html_pre(r->out, "commands", commands);
	if (r->runs[0].seed != ABSENT_INTEGER)
		html_element(r->out, "p", "The order of the runs and the bytes sent come from seed %lld: with "
			     "the line \"seed = %lld\" in the section [plan] both are the same again.",
			     (long long)r->runs[0].seed, (long long)r->runs[0].seed);
	if (strstr(git, "-dirty"))
		html_element(r->out, "p", "The tree had changes that are in no commit (%s): this commit "
			     "alone is not what was run.", git);
}

/* Those that a link can be made of as they are. */
static int is_linked(const struct dirent *entry)
{
	const char *name = entry->d_name;

	if (*name == '.' || !strcmp(name, REPORT) || strstr(name, ".new"))
		return 0;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return 0;
	return 1;
}

static const char *about_file(const char *name)
{
	const struct columns *columns;

	for (size_t i = 0; (columns = columns_table(i)); i++)
		if (!strncmp(name, columns->name, strlen(columns->name)) &&
		    !strcmp(name + strlen(columns->name), ".csv"))
			return columns->doc;
	return "";
}

static void report_files(const struct report *r)
{
	struct dirent **entry;
	int n = scandir(r->dir, &entry, is_linked, alphasort);

	html_heading(r->out, "files", "The files beside this page");
	fputs("<ul>\n", r->out);
	for (int i = 0; i < n; i++) {
		const char *name = entry[i]->d_name;

		fprintf(r->out, "<li><a href=\"%s\">%s</a>", name, name);
		html_printf(r->out, "%s%s", *about_file(name) ? ": " : "", about_file(name));
		fputs("</li>\n", r->out);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	fputs("</ul>\n", r->out);
}

static void print_reference(const struct report *r, FILE *f)
{
	results_reference(f);
}

static void report_reference(const struct report *r)
{
	char *text = printed(r, print_reference);

	html_heading(r->out, "reference", "What the columns mean");
	fputs("<details>\n<summary>Show the reference</summary>\n", r->out);
	if (text)
		html_markdown(r->out, text);
	fputs("</details>\n", r->out);
	free(text);
}

static void report_contents(const struct report *r)
{
	static const struct { const char *id, *text; } parts[] = {
		{ "verdict", "What came out" }, { "table", "Table" }, { "figures", "Figures" },
		{ "ratios", "Ratios" }, { "validity", "Which runs count" },
		{ "environment", "Machine" }, { "plan", "Plan" }, { "again", "Again" },
		{ "files", "Files" }, { "reference", "Columns" },
	};

	fputs("<nav aria-label=\"contents\"><ul>\n", r->out);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(r->out, "<li><a href=\"#%s\">%s</a></li>\n", parts[i].id, parts[i].text);
	fputs("</ul></nav>\n", r->out);
}

/* --- the whole --------------------------------------------------------------------- */

static void write_page(const struct report *r)
{
	static void (*const sections[])(const struct report *r) = {
		report_contents, report_verdict, report_table, report_figures, report_ratios,
		report_validity, report_environment, report_plan, report_reproduction, report_files,
		report_reference,
	};
	char title[256];

	snprintf(title, sizeof(title), "MemNet: plan %s",
		 r->n_runs && *r->runs[0].plan ? r->runs[0].plan : "without runs");
	html_begin(r->out, title);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		sections[i](r);
	html_end(r->out);
}

static int load(struct report *r, char *err, size_t errlen)
{
	char path[4200];
	int ret;

	snprintf(path, sizeof(path), "%s/runs.csv", r->dir);
	ret = runs_load(path, &r->runs, &r->n_runs, err, errlen);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "%s/summary.csv", r->dir);
	ret = summary_load(path, &r->a.summary, &r->a.n_summary, err, errlen);
	snprintf(path, sizeof(path), "%s/net.csv", r->dir);
	if (!ret && !access(path, F_OK))	/* older versions made none */
		ret = net_load(path, &r->a.net, &r->a.n_net, err, errlen);
	for (size_t i = 0; !ret && i < r->a.n_summary && !*r->a.baseline; i++)
		ROW_TEXT(r->a.baseline, "%s", r->a.summary[i].baseline);
	analysis_choose_subject(&r->a);
	return ret;
}

/* Into a file beside it first: a full disk costs no report that was whole. */
static int save(struct report *r, const char *path)
{
	char temporary[4300];
	int ret = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	r->out = fopen(temporary, "we");
	if (!r->out)
		return -errno;
	write_page(r);
	if (ferror(r->out))
		ret = -EIO;
	if (fclose(r->out))
		ret = -errno;
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret)
		unlink(temporary);
	return ret;
}

int report_write(const char *dir, char *err, size_t errlen)
{
	struct report r = { .dir = dir };
	char path[4200];
	int ret = load(&r, err, errlen);

	if (!ret) {
		snprintf(path, sizeof(path), "%s/" REPORT, dir);
		ret = save(&r, path);
		if (ret)
			snprintf(err, errlen, "%s: %s%s", path, strerror(-ret),
				 ret == -ENOSPC ? "; free some space and report again" : "");
	}
	analysis_release(&r.a);
	free(r.runs);
	return ret;
}
