/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan is a [plan] section of settings and any number of [matrix NAME]
 * sections; each matrix is the cross product of its paths, scenarios, arms and
 * directions. Every key is in one of the two tables below; nothing else is
 * accepted.
 */
#include "harness/plan.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

#define LIST_MAX 16

struct matrix {
	const struct path *paths[LIST_MAX];
	const struct scenario *scenarios[LIST_MAX];
	const struct arm *arms[LIST_MAX];
	const char *directions[LIST_MAX];
};

struct parser {
	struct plan *plan;
	char section[64];
	struct matrix matrix;
	bool in_matrix;
	uint32_t seen;		/* keys of this section so far, by bit */
	char *err;
	size_t errlen;
};

/* --- values ------------------------------------------------------------------ */

enum type { TEXT, KERNEL, COUNT, DURATION, BYTES, PERCENT, CPUS };

struct key {
	const char *name;
	enum type type;
	size_t offset;
	uint64_t min, max;	/* of COUNT, PERCENT; ms of DURATION; TEXT: bytes with the NUL */
	const char *want;
};

#define AT(field) offsetof(struct plan, field)

static const struct key plan_keys[] = {
	{ "name", TEXT, AT(name), 0, sizeof(((struct plan *)0)->name), "a word" },
	{ "repetitions", COUNT, AT(repetitions), 1, 1000, "1 to 1000" },
	{ "seed", COUNT, AT(seed), 0, UINT64_MAX, "a number; 0 draws one" },
	{ "settle", DURATION, AT(settle_ns), 0, 60000, "a time such as 100ms" },
	{ "warmup", DURATION, AT(warmup_ns), 0, 60000, "a time such as 300ms" },
	{ "window", DURATION, AT(window_ns), 100, 3600000, "a time of at least 100ms" },
	{ "fixed", DURATION, AT(fixed_ns), 100, 3600000, "a time of at least 100ms" },
	{ "burst", DURATION, AT(burst_ns), 1, 1000, "1ms to 1s" },
	{ "pace_percent", PERCENT, AT(pace_percent), 1, 100, "1 to 100" },
	{ "chunk", BYTES, AT(chunk_bytes), 4096, 4 << 20, "4k to 4M, a multiple of 4k" },
	{ "vcpus", COUNT, AT(vcpus), 1, 16, "1 to 16" },
	{ "memory_mib", COUNT, AT(memory_mib), 128, 1 << 20, "at least 128" },
	{ "compute", KERNEL, AT(compute), 0, sizeof(((struct plan *)0)->compute),
	  "sha256 or matmul" },
	{ "cpu_model", TEXT, AT(cpu_model), 0, sizeof(((struct plan *)0)->cpu_model),
	  "auto, or a model of QEMU's -cpu" },
	{ "vcpu_cpus", CPUS, AT(vcpu_cpus), 0, 0, "a CPU list such as 0 or 2-3" },
	{ "host_cpus", CPUS, AT(host_cpus), 0, 0, "a CPU list such as 1 or 4,6" },
};

static int parse_value(struct plan *plan, const struct key *k, const char *text)
{
	void *field = (char *)plan + k->offset;
	uint64_t number;
	int64_t ns;
	int ret;

	switch (k->type) {
	case KERNEL:	/* those of memnet-work compute */
		if (strcmp(text, "sha256") && strcmp(text, "matmul"))
			return -EINVAL;
		/* fall through */
	case TEXT:
		if (!*text || strlen(text) >= k->max)
			return -EINVAL;
		strcpy(field, text);
		return 0;
	case COUNT:
	case PERCENT:
		ret = mn_parse_u64(text, &number);
		if (ret || number < k->min || number > k->max)
			return -EINVAL;
		*(uint64_t *)field = number;
		return 0;
	case DURATION:
		ret = mn_parse_duration_ns(text, &ns);
		if (ret || ns < (int64_t)k->min * NSEC_PER_MSEC ||
		    ns > (int64_t)k->max * NSEC_PER_MSEC)
			return -EINVAL;
		*(int64_t *)field = ns;
		return 0;
	case BYTES:
		ret = mn_parse_bytes(text, &number);
		if (ret || number < k->min || number > k->max || number % 4096)
			return -EINVAL;
		*(uint64_t *)field = number;
		return 0;
	case CPUS:
		plan->cpus_given = true;
		return mn_parse_cpu_list(text, field);
	}
	return -EINVAL;
}

/* --- lists of words ---------------------------------------------------------- */

static const void *find_path(const char *word)
{
	return path_find(word);
}

static const void *find_scenario(const char *word)
{
	return scenario_find(word);
}

static const void *find_arm(const char *word)
{
	return arm_find(word);
}

static const void *find_direction(const char *word)
{
	static const char *const directions[] = { "send", "recv" };

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++)
		if (!strcmp(directions[i], word))
			return directions[i];
	return NULL;
}

static const struct list_key {
	const char *name;
	const void *(*find)(const char *word);
	size_t offset;
	const char *want;
} matrix_keys[] = {
	{ "paths", find_path, offsetof(struct matrix, paths), "virtio-tap, virtio-vhost, memnet" },
	{ "scenarios", find_scenario, offsetof(struct matrix, scenarios),
	  "idle, compute, network, hybrid-saturate, hybrid-paced, hybrid-fixed" },
	{ "arms", find_arm, offsetof(struct matrix, arms), "spare-core, equal-core" },
	{ "directions", find_direction, offsetof(struct matrix, directions), "send, recv" },
};

static int parse_list(struct matrix *m, const struct list_key *k, const char *text)
{
	const void **list = (const void **)((char *)m + k->offset);
	char copy[256], *word, *save = NULL;
	size_t n = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	memset(list, 0, LIST_MAX * sizeof(*list));
	for (word = strtok_r(copy, ", \t", &save); word; word = strtok_r(NULL, ", \t", &save)) {
		if (n == LIST_MAX - 1 || !(list[n] = k->find(word)))
			return -EINVAL;
		n++;
	}
	return n ? 0 : -EINVAL;
}

/* --- matrices to configurations ---------------------------------------------- */

static bool have_config(const struct plan *plan, const struct plan_config *c)
{
	for (size_t i = 0; i < plan->n_configs; i++) {
		const struct plan_config *o = &plan->configs[i];

		if (o->path == c->path && o->scenario == c->scenario && o->arm == c->arm &&
		    !strcmp(o->direction, c->direction))
			return true;
	}
	return false;
}

static int add_config(struct plan *plan, struct plan_config c)
{
	if (c.scenario->stream == LOAD_NONE)
		c.direction = "none";
	if (have_config(plan, &c))
		return 0;
	if (plan->n_configs == PLAN_MAX_CONFIGS)
		return -ENOSPC;
	plan->configs[plan->n_configs++] = c;
	return 0;
}

static int multiply(struct plan *plan, const struct matrix *m)
{
	int ret = 0;

	for (int p = 0; m->paths[p]; p++)
		for (int a = 0; m->arms[a]; a++)
			for (int s = 0; m->scenarios[s]; s++)
				for (int d = 0; !ret && m->directions[d]; d++)
					ret = add_config(plan, (struct plan_config){
						m->paths[p], m->scenarios[s], m->arms[a],
						m->directions[d] });
	return ret;
}

/* --- the file ---------------------------------------------------------------- */

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

/* Levenshtein's distance, for words of up to 31 letters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], la = strlen(a), lb = strlen(b);

	if (la > 31 || lb > 31)
		return 99;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0]++;

		for (size_t j = 1; j <= lb; j++) {
			size_t up = row[j];

			row[j] = MIN(MIN(row[j] + 1, row[j - 1] + 1),
				     diagonal + (a[i - 1] != b[j - 1]));
			diagonal = up;
		}
	}
	return row[lb];
}

static int unknown_key(struct parser *p, const char *name, const void *keys,
		       size_t n, size_t size)
{
	const char *nearest = NULL;
	size_t best = 99;

	for (size_t i = 0; i < n; i++) {
		const char *known = *(const char *const *)((const char *)keys + i * size);

		if (distance(name, known) < best) {
			best = distance(name, known);
			nearest = known;
		}
	}
	return complain(p, "unknown key '%s' in [%s]; did you mean '%s'?", name, p->section,
			nearest);
}

/* Also two sections of one name in a row: inih does not tell them apart. */
static bool seen_before(struct parser *p, size_t key)
{
	bool seen = p->seen & 1u << key;

	p->seen |= 1u << key;
	return seen;
}

static int plan_key(struct parser *p, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(plan_keys); i++) {
		if (strcmp(plan_keys[i].name, name))
			continue;
		if (seen_before(p, i))
			return complain(p, "%s is set twice in [%s]", name, p->section);
		if (parse_value(p->plan, &plan_keys[i], value))
			return complain(p, "%s = %s: want %s", name, value, plan_keys[i].want);
		return 1;
	}
	return unknown_key(p, name, plan_keys, ARRAY_SIZE(plan_keys), sizeof(plan_keys[0]));
}

static int matrix_key(struct parser *p, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(matrix_keys); i++) {
		if (strcmp(matrix_keys[i].name, name))
			continue;
		if (seen_before(p, i))
			return complain(p, "%s is set twice in [%s]", name, p->section);
		if (parse_list(&p->matrix, &matrix_keys[i], value))
			return complain(p, "%s = %s: want a list out of %s", name, value,
					matrix_keys[i].want);
		return 1;
	}
	return unknown_key(p, name, matrix_keys, ARRAY_SIZE(matrix_keys),
			   sizeof(matrix_keys[0]));
}

/* A matrix is whole when its section ends. */
static int end_section(struct parser *p)
{
	const struct matrix *m = &p->matrix;

	if (!p->in_matrix)
		return 1;
	p->in_matrix = false;
	if (!m->paths[0] || !m->scenarios[0] || !m->arms[0] || !m->directions[0])
		return complain(p, "[%s] lacks one of: paths, scenarios, arms, directions",
				p->section);
	if (multiply(p->plan, m))
		return complain(p, "more than %d configurations", PLAN_MAX_CONFIGS);
	return 1;
}

static int begin_section(struct parser *p, const char *section)
{
	snprintf(p->section, sizeof(p->section), "%s", section);
	p->seen = 0;
	if (!strcmp(section, "plan"))
		return 1;
	if (strncmp(section, "matrix", 6))
		return complain(p, "unknown section [%s]: want [plan] or [matrix NAME]", section);
	memset(&p->matrix, 0, sizeof(p->matrix));
	p->in_matrix = true;
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
	return p->in_matrix ? matrix_key(p, name, value) : plan_key(p, name, value);
}

static void set_defaults(struct plan *plan)
{
	*plan = (struct plan){
		.name = "unnamed", .repetitions = 6, .settle_ns = 100 * NSEC_PER_MSEC,
		.warmup_ns = 300 * NSEC_PER_MSEC, .window_ns = 1500 * NSEC_PER_MSEC,
		.fixed_ns = 1500 * NSEC_PER_MSEC, .burst_ns = 10 * NSEC_PER_MSEC,
		.pace_percent = 60, .chunk_bytes = 256 << 10, .vcpus = 1, .memory_mib = 512,
		.compute = "sha256", .cpu_model = "auto",
	};
}

/* "FILE:LINE: " in front of what is in @err. */
static void locate(char *err, size_t errlen, const char *path, int line)
{
	char text[512];

	snprintf(text, sizeof(text), "%s", err);
	snprintf(err, errlen, "%s:%d: %s", path, line, text);
}

int plan_load(struct plan *plan, const char *path, char *err, size_t errlen)
{
	struct parser p = { .plan = plan, .err = err, .errlen = errlen };
	int line;

	err[0] = '\0';
	set_defaults(plan);
	line = ini_parse(path, handle, &p);
	if (line < 0) {
		snprintf(err, errlen, "%s: %s; plans are in harness/plans/", path, strerror(errno));
		return -EINVAL;
	}
	if (line && !err[0])
		complain(&p, "neither 'key = value' nor a [section]");
	if (line) {
		locate(err, errlen, path, line);
		return -EINVAL;
	}
	if (!end_section(&p) || !plan->n_configs) {
		snprintf(err, errlen, "%s: the last section is no whole [matrix NAME]: it needs "
			 "paths, scenarios, arms, directions", path);
		return -EINVAL;
	}
	return 0;
}

/* --- CPUs -------------------------------------------------------------------- */

static int first_cpu(const cpu_set_t *set)
{
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			return i;
	return -1;
}

/* Hardware threads of the same core as @cpu, itself included. */
static void core_siblings(int cpu, cpu_set_t *siblings)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	if (mn_read_file(path, text, sizeof(text)) < 0 || mn_parse_cpu_list(text, siblings)) {
		CPU_ZERO(siblings);
		CPU_SET(cpu, siblings);
	}
}

static int choose(struct plan *plan, const cpu_set_t *allowed)
{
	cpu_set_t left = *allowed, siblings, apart;
	int cpu = first_cpu(&left);

	CPU_CLR(cpu, &left);
	core_siblings(cpu, &siblings);
	CPU_XOR(&apart, &left, &siblings);
	CPU_AND(&apart, &apart, &left);	/* left, but for the siblings */
	CPU_ZERO(&plan->vcpu_cpus);
	CPU_ZERO(&plan->host_cpus);
	CPU_SET(cpu, &plan->vcpu_cpus);
	cpu = first_cpu(CPU_COUNT(&apart) ? &apart : &left);
	if (cpu < 0)
		return -EINVAL;
	CPU_SET(cpu, &plan->host_cpus);
	return 0;
}

int plan_choose_cpus(struct plan *plan, char *err, size_t errlen)
{
	cpu_set_t allowed, both;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	if (!plan->cpus_given && choose(plan, &allowed)) {
		snprintf(err, errlen, "only %d CPU may be used, and the arms need two; widen the "
			 "affinity of this process (taskset -p)", CPU_COUNT(&allowed));
		return -EINVAL;
	}
	CPU_OR(&both, &plan->vcpu_cpus, &plan->host_cpus);
	CPU_AND(&allowed, &allowed, &both);
	if (!CPU_COUNT(&plan->vcpu_cpus) || !CPU_COUNT(&plan->host_cpus) ||
	    !CPU_EQUAL(&allowed, &both)) {
		snprintf(err, errlen, "vcpu_cpus and host_cpus must both be given, and name CPUs this "
			 "process may use (see: taskset -p $$)");
		return -EINVAL;
	}
	CPU_AND(&both, &plan->vcpu_cpus, &plan->host_cpus);
	if (CPU_COUNT(&both)) {
		snprintf(err, errlen, "vcpu_cpus and host_cpus share a CPU; the spare-core arm needs "
			 "them apart");
		return -EINVAL;
	}
	return 0;
}

/* --- order ------------------------------------------------------------------- */

/* Fisher and Yates, with the bias of a modulo far below what a block could show. */
static void shuffle(size_t *order, size_t n, uint64_t *rng)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = mn_splitmix64(rng) % i, t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
}

static void name_run(struct plan_run *run)
{
	const struct plan_config *c = run->config;

	snprintf(run->id, sizeof(run->id), "b%02u.%s.%s.%s.%s", run->block, c->path->name,
		 c->arm->name, c->scenario->name, c->direction);
}

/* The plan's paths, each once, in the order of their first configuration. */
static size_t list_paths(const struct plan *plan, const struct path *list[PLAN_MAX_CONFIGS])
{
	size_t n = 0, j;

	for (size_t i = 0; i < plan->n_configs; i++) {
		for (j = 0; j < n && list[j] != plan->configs[i].path; j++)
			;
		if (j == n)
			list[n++] = plan->configs[i].path;
	}
	return n;
}

long plan_expand(const struct plan *plan, uint64_t seed, struct plan_run **runs)
{
	const struct path *paths[PLAN_MAX_CONFIGS];
	size_t n_paths = list_paths(plan, paths), n = 0;
	size_t path_order[PLAN_MAX_CONFIGS], order[PLAN_MAX_CONFIGS];
	uint64_t rng = seed;
	unsigned int boot = 0;

	*runs = calloc(plan->n_configs * plan->repetitions, sizeof(**runs));
	if (!*runs)
		return -ENOMEM;
	for (unsigned int block = 1; block <= plan->repetitions; block++) {
		for (size_t i = 0; i < n_paths; i++)
			path_order[i] = i;
		shuffle(path_order, n_paths, &rng);
		for (size_t i = 0; i < plan->n_configs; i++)
			order[i] = i;
		shuffle(order, plan->n_configs, &rng);
		for (size_t p = 0; p < n_paths; p++) {
			boot++;
			for (size_t i = 0; i < plan->n_configs; i++) {
				const struct plan_config *c = &plan->configs[order[i]];

				if (c->path != paths[path_order[p]])
					continue;
				(*runs)[n] = (struct plan_run){ c, block, boot, "" };
				name_run(&(*runs)[n++]);
			}
		}
	}
	return n;
}
