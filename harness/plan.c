/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan is a [plan] section of settings (plan_values.c) and any number of [app NAME]
 * (plan_apps.c) and [matrix NAME] sections (plan_lists.c). Every key is in one of their three
 * tables; nothing else is accepted.
 *
 * `inherits = FILE` in [plan], a file beside this one or the name of a shipped plan, takes the
 * settings of another plan over, its apps but for those of the same name, and its matrices
 * unless the file has some of its own. It is looked for first, wherever in [plan] it stands,
 * because the file's own keys must come after those of the other.
 */
#include "harness/plan.h"

#include <errno.h>
#include <ini.h>
#include <libgen.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/plan_internal.h"
#include "harness/plan_shipped.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/util.h"

#define INHERITS "inherits"
#define MAX_DEPTH 4
#define MAX_KEYS 32

/* A file that is being read, because @child inherits from it. */
struct parser {
	struct plan *plan;
	const char *path;
	const struct parser *child;
	dev_t dev;
	ino_t ino;
	char section[64];
	char inherits[512];
	struct plan_matrix *matrix;	/* of this section; or */
	struct plan_app *app;		/* both NULL: it is [plan], or none yet */
	bool own_matrices;
	uint32_t own_apps;		/* those of this file, by bit */
	uint32_t seen;			/* keys of this section so far, by bit */
	char *err;
	size_t errlen;
};

/* --- keys -------------------------------------------------------------------- */

static int complain(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Keep what is wrong; its line comes from ini_parse(), which this makes fail. */
static int complain(struct parser *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->err, p->errlen, format, ap);
	va_end(ap);
	return 0;
}

static const char *plan_key_name(size_t i)
{
	if (plan_key_at(i))
		return plan_key_at(i)->name;
	return i && plan_key_at(i - 1) ? INHERITS : NULL;
}

static const char *app_key_name(size_t i)
{
	return plan_app_key_at(i) ? plan_app_key_at(i)->name : NULL;
}

static const char *list_name(size_t i)
{
	return plan_list_at(i) ? plan_list_at(i)->name : NULL;
}

/* The number of the key called @name, from 0. -1 after a line about one that is none, or twice. */
static int find_key(struct parser *p, const char *name, const char *(*name_at)(size_t i))
{
	const char *names[MAX_KEYS], *meant;
	size_t n = 0;

	for (; n < MAX_KEYS && (names[n] = name_at(n)); n++) {
		if (strcmp(names[n], name))
			continue;
		if (p->seen & 1u << n) {
			/* also two sections of one name in a row: inih does not tell them apart */
			complain(p, "%s is set twice in [%s]", name, p->section);
			return -1;
		}
		p->seen |= 1u << n;
		return n;
	}
	meant = mn_nearest(name, names, n);
	if (meant)
		complain(p, "unknown key '%s' in [%s]; did you mean '%s'?", name, p->section, meant);
	else
		complain(p, "unknown key '%s' in [%s]; harness/plans/ shows them", name, p->section);
	return -1;
}

static int plan_value(struct parser *p, const char *name, const char *value)
{
	int i = find_key(p, name, plan_key_name);
	const struct plan_key *key = i < 0 ? NULL : plan_key_at(i);

	if (!key)
		return i >= 0;		/* `inherits` was seen to before */
	if (plan_key_parse(p->plan, key, value))
		return complain(p, "%s = %s: want %s", name, value, key->want);
	return 1;
}

static int app_value(struct parser *p, const char *name, const char *value)
{
	int i = find_key(p, name, app_key_name);

	return i >= 0 && !plan_app_parse(p->app, plan_app_key_at(i), value, p->err, p->errlen);
}

static int matrix_list(struct parser *p, const char *name, const char *value)
{
	int i = find_key(p, name, list_name);

	return i >= 0 &&
	       !plan_list_parse(p->matrix, plan_list_at(i), value, p->err, p->errlen) &&
	       !plan_app_check(p->plan, p->matrix, p->err, p->errlen);
}

/* --- sections ---------------------------------------------------------------- */

/* The lists @m cannot do without, and does: "paths, scenarios, ...", or "". */
static const char *lacking_lists(const struct plan_matrix *m, char text[PLAN_TEXT_SIZE])
{
	const struct plan_list *list;
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; (list = plan_list_at(i)); i++)
		if (plan_list_lacks(m, list))
			n += snprintf(text + n, PLAN_TEXT_SIZE - n, "%s%s", n ? ", " : "", list->name);
	return text;
}

/* Then nothing in it is of no account either. */
static int end_matrix(struct parser *p)
{
	const struct plan_matrix *m = p->matrix;
	const struct plan_list *list;
	char lacking[PLAN_TEXT_SIZE];

	if (*lacking_lists(m, lacking))
		return complain(p, "[%s] lacks %s%s", p->section, lacking,
				m->n_apps || m->n_scenarios ? "" :
				"; apps may stand in the place of scenarios");
	for (size_t i = 0; (list = plan_list_at(i)); i++) {
		if (list->used && plan_list_count(m, list) && !list->used(m))
			return complain(p, "[%s] sets %s, but %s", p->section, list->name,
					list->unused);
	}
	for (size_t i = 0; m->n_apps && i < m->n_topologies; i++)
		if (m->topologies[i] != topology_at(0))
			return complain(p, "[%s]: apps run in %s alone; give them another matrix",
					p->section, topology_at(0)->name);
	return 1;
}

/* A matrix or an app is whole when its section ends. */
static int end_section(struct parser *p)
{
	int ok = p->matrix ? end_matrix(p) :
		 p->app ? !plan_app_end(p->app, p->err, p->errlen) : 1;

	p->matrix = NULL;
	p->app = NULL;
	return ok;
}

static int begin_app(struct parser *p, const char *name)
{
	uint32_t bit;

	p->app = plan_app_begin(p->plan, name, p->err, p->errlen);
	if (!p->app)
		return 0;
	bit = 1u << (p->app - p->plan->apps);
	if (p->own_apps & bit)
		return complain(p, "[%s] is there twice", p->section);
	p->own_apps |= bit;
	return 1;
}

static int begin_section(struct parser *p, const char *section)
{
	struct plan *plan = p->plan;

	snprintf(p->section, sizeof(p->section), "%s", section);
	p->seen = 0;
	if (!strcmp(section, "plan"))
		return 1;
	if (!strncmp(section, "app ", 4))
		return begin_app(p, section + 4);
	if (strncmp(section, "matrix", 6))
		return complain(p, "unknown section [%s]: want [plan] or [matrix NAME] or "
				"[app NAME]", section);
	if (!p->own_matrices)
		plan->n_matrices = 0;
	p->own_matrices = true;
	if (plan->n_matrices == PLAN_MAX_MATRICES)
		return complain(p, "more than %d matrices", PLAN_MAX_MATRICES);
	p->matrix = &plan->matrices[plan->n_matrices++];
	*p->matrix = (struct plan_matrix){ 0 };
	strcpy(p->matrix->section, p->section);
	return 1;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct parser *p = user;

	if (p->err[0])
		return 0;
	if (strcmp(section, p->section) &&
	    (!end_section(p) || !begin_section(p, section)))
		return 0;
	if (!*p->section)
		return complain(p, "key '%s' before the first section", name);
	if (p->app)
		return app_value(p, name, value);
	return p->matrix ? matrix_list(p, name, value) : plan_value(p, name, value);
}

static int handle_inherits(void *user, const char *section, const char *name, const char *value)
{
	struct parser *p = user;

	if (strcmp(section, "plan") || strcmp(name, INHERITS))
		return 1;
	if (!*value || strlen(value) >= sizeof(p->inherits))
		return complain(p, "%s = %s: want the file of a plan", name, value);
	strcpy(p->inherits, value);
	return 1;
}

/* --- files ------------------------------------------------------------------- */

/* "FILE: " or "FILE:LINE: " in front of what is wrong. Returns -EINVAL. */
static int locate(struct parser *p, int line)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s", p->err);
	if (line)
		snprintf(p->err, p->errlen, "%s:%d: %s", p->path, line, text);
	else
		snprintf(p->err, p->errlen, "%s: %s", p->path, text);
	return -EINVAL;
}

static int parse(struct parser *p, ini_handler handler)
{
	int line = ini_parse(p->path, handler, p);

	if (line < 0) {
		complain(p, "%s; memnet-lab plans lists those there are", strerror(errno));
		return locate(p, 0);
	}
	if (line && !p->err[0])
		complain(p, "neither 'key = value' nor a [section]");
	return line ? locate(p, line) : 0;
}

static int load_file(struct parser *p);

/* The file that @p inherits from: relative to its own, or a bare name of a shipped plan. */
static int find_parent(struct parser *p, char *path, size_t size)
{
	char dir[4096], shipped[4096] = PLAN_SHIPPED;

	snprintf(dir, sizeof(dir), "%s", p->path);
	if (p->inherits[0] == '/')
		snprintf(path, size, "%s", p->inherits);
	else if (snprintf(path, size, "%s/%s", dirname(dir), p->inherits) >= (int)size)
		path[0] = '\0';
	if (strchr(p->inherits, '/') || !access(path, F_OK))
		return 0;
	if (plan_find_shipped(p->inherits, shipped, sizeof(shipped))) {
		complain(p, INHERITS " = %s: neither %s nor %s is there; memnet-lab plans lists the "
			 "shipped ones", p->inherits, path, shipped);
		return locate(p, 0);
	}
	snprintf(path, size, "%s", shipped);
	return 0;
}

static int load_parent(struct parser *p)
{
	struct parser parent = { .plan = p->plan, .child = p, .err = p->err, .errlen = p->errlen };
	char path[4096];
	int ret = find_parent(p, path, sizeof(path));

	if (ret)
		return ret;
	parent.path = path;
	ret = load_file(&parent);
	p->plan->name[0] = '\0';	/* that one is the other's */
	return ret;
}

/* A plan that inherits from itself, or too far. */
static int check_descent(struct parser *p)
{
	struct stat st;
	int depth = 0;

	if (stat(p->path, &st))
		return 0;		/* ini_parse() will say why */
	if (S_ISDIR(st.st_mode)) {
		complain(p, "this is a directory; a plan is a file: memnet-lab plans lists those "
			 "there are");
		return locate(p, 0);
	}
	p->dev = st.st_dev;
	p->ino = st.st_ino;
	for (const struct parser *c = p->child; c; c = c->child, depth++)
		if (c->dev == p->dev && c->ino == p->ino) {
			complain(p, "inherits from itself, by way of %s", p->child->path);
			return locate(p, 0);
		}
	if (depth > MAX_DEPTH) {
		complain(p, "more than %d plans inherit from one another here", MAX_DEPTH);
		return locate(p, 0);
	}
	return 0;
}

static int load_file(struct parser *p)
{
	int ret = check_descent(p);

	if (!ret)
		ret = parse(p, handle_inherits);
	if (!ret && p->inherits[0])
		ret = load_parent(p);
	if (!ret)
		ret = parse(p, handle);
	if (!ret && !end_section(p))
		ret = locate(p, 0);
	return ret;
}

static void set_defaults(struct plan *plan)
{
	*plan = (struct plan){
		.repetitions = 6, .settle_ns = 100 * NSEC_PER_MSEC,
		.warmup_ns = 300 * NSEC_PER_MSEC, .window_ns = 1500 * NSEC_PER_MSEC,
		.fixed_ns = 1500 * NSEC_PER_MSEC, .idle_ns = NSEC_PER_SEC,
		.burst_ns = 10 * NSEC_PER_MSEC,
		.pace_percent = 60, .steal_percent = PLAN_STEAL_PERCENT,
		.chunk_bytes = 256 << 10, .request_bytes = 64, .response_bytes = 64,
		.vcpus = 1, .memory_mib = 512, .compute = "sha256", .cpu_model = "auto",
	};
}

/* A plan without a name of its own is called as its file is. 0, or -EINVAL after a line. */
static int name_plan(struct parser *p)
{
	char copy[4096], *stem;
	size_t len;

	snprintf(copy, sizeof(copy), "%s", p->path);
	stem = basename(copy);
	len = strlen(stem);
	if (len > 4 && !strcmp(stem + len - 4, ".ini"))
		stem[len - 4] = '\0';
	if (!plan_key_parse(p->plan, plan_key_at(0), stem))
		return 0;
	complain(p, "its name cannot name a results folder; give the plan one: name = WORD");
	return locate(p, 0);
}

int plan_load(struct plan *plan, const char *path, char *err, size_t errlen)
{
	struct parser p = { .plan = plan, .path = path, .err = err, .errlen = errlen };
	const struct plan_matrix none = { 0 };
	char lacking[PLAN_TEXT_SIZE];
	int ret;

	err[0] = '\0';
	set_defaults(plan);
	ret = load_file(&p);
	if (!ret && !plan->name[0])
		ret = name_plan(&p);
	if (ret)
		return ret;
	if (!plan->n_matrices)
		complain(&p, "there is no [matrix NAME]: it needs %s", lacking_lists(&none, lacking));
	else if (plan_multiply(plan))
		complain(&p, "more than %d configurations", PLAN_MAX_CONFIGS);
	return err[0] ? locate(&p, 0) : 0;
}

/* --- writing ----------------------------------------------------------------- */

static void write_app(const struct plan_app *app, FILE *out)
{
	const struct plan_key *key;
	char text[PLAN_TEXT_SIZE];

	fprintf(out, "\n[app %s]\n", app->name);
	for (size_t i = 0; (key = plan_app_key_at(i)); i++) {
		key->format((const char *)app + key->offset, text);
		if (text[0])
			fprintf(out, "%s = %s\n", key->name, text);
	}
}

void plan_write(const struct plan *plan, FILE *out)
{
	const struct plan_key *key;
	const struct plan_list *list;
	char text[PLAN_TEXT_SIZE];

	fprintf(out, "[plan]\n");
	for (size_t i = 0; (key = plan_key_at(i)); i++) {
		plan_key_format(plan, key, text);
		if (text[0])
			fprintf(out, "%s = %s\n", key->name, text);
	}
	for (size_t i = 0; i < plan->n_apps; i++)
		write_app(&plan->apps[i], out);
	for (size_t m = 0; m < plan->n_matrices; m++) {
		fprintf(out, "\n[%s]\n", plan->matrices[m].section);
		for (size_t i = 0; (list = plan_list_at(i)); i++) {
			plan_list_format(&plan->matrices[m], list, text);
			if (text[0])
				fprintf(out, "%s = %s\n", list->name, text);
		}
	}
}
