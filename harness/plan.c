/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan is a [plan] section of settings and any number of [matrix NAME]
 * sections; each matrix is the cross product of its paths, scenarios, arms and
 * directions, of flows (1 where it has none) and of spin budgets (those of memnetd
 * and libmemnet where it has none). What a scenario or path has no use for does
 * not multiply it. Every key is in one of the two tables below; nothing else is
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
	unsigned int flows[LIST_MAX];
	char spins[LIST_MAX][PLAN_SPIN_SIZE];
	size_t n_flows, n_spins;
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

enum type { TEXT, KERNEL, FLAG, COUNT, DURATION, BYTES, PAGES, PERCENT, CPUS };

struct key {
	const char *name;
	enum type type;
	size_t offset;
	uint64_t min, max;	/* of COUNT, BYTES ...; ms of DURATION; TEXT: bytes with the NUL */
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
	{ "steal_percent", PERCENT, AT(steal_percent), 0, 100, "0 to 100" },
	{ "chunk", PAGES, AT(chunk_bytes), 4096, 4 << 20, "4k to 4M, a multiple of 4k" },
	{ "request_bytes", BYTES, AT(request_bytes), 1, 4 << 20, "1 to 4M" },
	{ "response_bytes", BYTES, AT(response_bytes), 1, 4 << 20, "1 to 4M" },
	{ "rr_rate", COUNT, AT(rr_rate), 0, 10000000,
	  "requests per second up to 10000000; 0: each follows the answer to the last" },
	{ "vcpus", COUNT, AT(vcpus), 1, 16, "1 to 16" },
	{ "memory_mib", COUNT, AT(memory_mib), 128, 1 << 20, "at least 128" },
	{ "compute", KERNEL, AT(compute), 0, sizeof(((struct plan *)0)->compute),
	  "sha256 or matmul" },
	{ "guest_insns", FLAG, AT(guest_insns), 0, 0, "yes or no" },
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
	case FLAG:
		if (strcmp(text, "yes") && strcmp(text, "no"))
			return -EINVAL;
		*(bool *)field = !strcmp(text, "yes");
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
	case PAGES:
		ret = mn_parse_bytes(text, &number);
		if (ret || number < k->min || number > k->max ||
		    (k->type == PAGES && number % 4096))
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

/* Put word number @i of a list where it belongs. 0 or -EINVAL. */

static int set_path(struct matrix *m, size_t i, const char *word)
{
	m->paths[i] = path_find(word);
	return m->paths[i] ? 0 : -EINVAL;
}

static int set_scenario(struct matrix *m, size_t i, const char *word)
{
	m->scenarios[i] = scenario_find(word);
	return m->scenarios[i] ? 0 : -EINVAL;
}

static int set_arm(struct matrix *m, size_t i, const char *word)
{
	m->arms[i] = arm_find(word);
	return m->arms[i] ? 0 : -EINVAL;
}

static int set_direction(struct matrix *m, size_t i, const char *word)
{
	static const char *const directions[] = { "send", "recv" };

	for (size_t d = 0; d < ARRAY_SIZE(directions); d++)
		if (!strcmp(directions[d], word))
			m->directions[i] = directions[d];
	return m->directions[i] ? 0 : -EINVAL;
}

static int set_flows(struct matrix *m, size_t i, const char *word)
{
	uint64_t n;

	if (mn_parse_u64(word, &n) || n < 1 || n > PLAN_MAX_FLOWS)
		return -EINVAL;
	m->flows[i] = n;
	m->n_flows = i + 1;
	return 0;
}

/* "0", "50us", "adaptive:200us". */
static int set_spin(struct matrix *m, size_t i, const char *word)
{
	static const char adaptive[] = "adaptive:";
	const char *budget = word;
	int64_t ns = 0;

	if (!strncmp(word, adaptive, strlen(adaptive)))
		budget += strlen(adaptive);
	if (strcmp(word, "0") && (mn_parse_duration_ns(budget, &ns) || ns > NSEC_PER_SEC))
		return -EINVAL;
	if (strlen(word) >= sizeof(m->spins[i]))
		return -EINVAL;
	strcpy(m->spins[i], word);
	m->n_spins = i + 1;
	return 0;
}

static const struct list_key {
	const char *name;
	int (*set)(struct matrix *m, size_t i, const char *word);
	const char *want;
} matrix_keys[] = {
	{ "paths", set_path, "virtio-tap, virtio-vhost, virtio-user, passt, vsock, e1000, memnet" },
	{ "scenarios", set_scenario, "idle, compute, network, network-paced, rr, hybrid-rr, "
	  "hybrid-saturate, hybrid-paced, hybrid-fixed" },
	{ "arms", set_arm, "spare-core, equal-core" },
	{ "directions", set_direction, "send, recv" },
	{ "flows", set_flows, "numbers from 1 to 64" },
	{ "spin", set_spin, "0, times up to 1s such as 50us, adaptive:TIME" },
};

static int parse_list(struct matrix *m, const struct list_key *k, const char *text)
{
	char copy[256], *word, *save = NULL;
	size_t n = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	for (word = strtok_r(copy, ", \t", &save); word; word = strtok_r(NULL, ", \t", &save)) {
		if (n == LIST_MAX - 1 || k->set(m, n, word))
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
		    !strcmp(o->direction, c->direction) && o->flows == c->flows &&
		    !strcmp(o->spin, c->spin))
			return true;
	}
	return false;
}

static int add_config(struct plan *plan, struct plan_config c)
{
	if (c.scenario->stream == LOAD_NONE) {
		c.direction = "none";
		c.flows = c.scenario->exchange != LOAD_NONE;
	}
	if (!c.path->spins)
		c.spin[0] = '\0';
	if (have_config(plan, &c))
		return 0;
	if (plan->n_configs == PLAN_MAX_CONFIGS)
		return -ENOSPC;
	plan->configs[plan->n_configs++] = c;
	return 0;
}

/* @c with each of the matrix's flows and spin budgets. */
static int add_variants(struct plan *plan, const struct matrix *m, struct plan_config c)
{
	int ret = 0;

	for (size_t f = 0; f < MAX(m->n_flows, 1u); f++)
		for (size_t s = 0; !ret && s < MAX(m->n_spins, 1u); s++) {
			c.flows = m->n_flows ? m->flows[f] : 1;
			strcpy(c.spin, m->spins[s]);
			ret = add_config(plan, c);
		}
	return ret;
}

static int multiply(struct plan *plan, const struct matrix *m)
{
	int ret = 0;

	for (int p = 0; m->paths[p]; p++)
		for (int a = 0; m->arms[a]; a++)
			for (int s = 0; m->scenarios[s]; s++)
				for (int d = 0; !ret && m->directions[d]; d++)
					ret = add_variants(plan, m, (struct plan_config){
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
		.pace_percent = 60, .steal_percent = PLAN_STEAL_PERCENT, .chunk_bytes = 256 << 10, .request_bytes = 64,
		.response_bytes = 64, .vcpus = 1, .memory_mib = 512,
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
