/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of [matrix NAME]: each is a list, and a line of the table below. A matrix is the
 * cross product of its lists: of topologies one-vm where it has none, of flows 1, of spin
 * budgets those of memnetd and libmemnet, of chunks the plan's. Its apps stand beside its
 * scenarios: each once over each path and in each arm. A path may be there once more
 * under another name, "memnet@b": with a VM and rows of its own, it is compared as if it were
 * another. So is a path whose region the plan places, "memnet:guest-ram": no median puts two
 * regions together. What a scenario, path or topology has no use for does not multiply it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/plan_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

#define MAX_KNOWN 64
#define DEFAULT_VMS 2	/* of n-vm */
#define REGION_AUTO "auto"
#define MAX_WITH_REGION (PLAN_PATH_SIZE - (int)sizeof(":" PLAN_GUEST_RAM))	/* of a path's name */

/* --- words of a table -------------------------------------------------------- */

/* set, word and known of a list whose words are names of vocabulary.h. */
#define NAMES(type, list)								\
	static int set_##type(struct plan_matrix *m, size_t i, const char *word)	\
	{										\
		m->list[i] = type##_find(word);						\
		return m->list[i] ? 0 : -EINVAL;					\
	}										\
											\
	static const char *type##_word(const struct plan_matrix *m, size_t i,		\
				       char buf[PLAN_SPIN_SIZE])			\
	{										\
		return m->list[i]->name;						\
	}										\
											\
	static const char *type##_known(size_t i)					\
	{										\
		return type##_at(i) ? type##_at(i)->name : NULL;			\
	}

NAMES(scenario, scenarios)
NAMES(arm, arms)
NAMES(topology, topologies)

static int set_app(struct plan_matrix *m, size_t i, const char *word)
{
	return snprintf(m->apps[i], PLAN_APP_SIZE, "%s", word) < PLAN_APP_SIZE ? 0 : -EINVAL;
}

static const char *app_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return m->apps[i];
}

static const char *path_known(size_t i)
{
	return path_at(i) ? path_at(i)->name : NULL;
}

/* "memnet", "memnet@b". */
static int set_path(struct plan_matrix *m, size_t i, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strcspn(word, "@");
	const char *label = word[n] ? word + n + 1 : "a";
	char name[PLAN_PATH_SIZE];

	if (strlen(word) >= sizeof(name) || !*label || label[strspn(label, letters)])
		return -EINVAL;
	snprintf(name, sizeof(name), "%.*s", (int)n, word);
	strcpy(m->path_names[i], word);
	m->paths[i] = path_find(name);
	if (!m->paths[i] || (m->paths[i]->region && strlen(word) > MAX_WITH_REGION))
		return -EINVAL;
	return 0;
}

static const char *path_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return m->path_names[i];
}

/* The word of a table that reads as @word, or NULL. */
static const char *same_word(const char *(*known)(size_t i), const char *word)
{
	size_t i = 0;

	while (known(i) && strcmp(known(i), word))
		i++;
	return known(i);
}

static const char *direction_known(size_t i)
{
	static const char *const directions[] = { "send", "recv" };

	return i < ARRAY_SIZE(directions) ? directions[i] : NULL;
}

static int set_direction(struct plan_matrix *m, size_t i, const char *word)
{
	m->directions[i] = same_word(direction_known, word);
	return m->directions[i] ? 0 : -EINVAL;
}

static const char *direction_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return m->directions[i];
}

/* As memnet-agent has them. */
static const char *region_known(size_t i)
{
	static const char *const regions[] = { REGION_AUTO, "ivshmem", PLAN_GUEST_RAM };

	return i < ARRAY_SIZE(regions) ? regions[i] : NULL;
}

static int set_region(struct plan_matrix *m, size_t i, const char *word)
{
	m->regions[i] = same_word(region_known, word);
	return m->regions[i] ? 0 : -EINVAL;
}

static const char *region_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return m->regions[i];
}

/* --- numbers ----------------------------------------------------------------- */

static int set_number(unsigned int *number, const char *word, unsigned int min, unsigned int max)
{
	uint64_t n;

	if (mn_parse_u64(word, &n) || n < min || n > max)
		return -EINVAL;
	*number = n;
	return 0;
}

static const char *number_word(unsigned int number, char buf[PLAN_SPIN_SIZE])
{
	snprintf(buf, PLAN_SPIN_SIZE, "%u", number);
	return buf;
}

static int set_vms(struct plan_matrix *m, size_t i, const char *word)
{
	return set_number(&m->vms[i], word, 2, MAX_VMS);
}

static const char *vms_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return number_word(m->vms[i], buf);
}

static int set_flows(struct plan_matrix *m, size_t i, const char *word)
{
	return set_number(&m->flows[i], word, 1, PLAN_MAX_FLOWS);
}

static const char *flows_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return number_word(m->flows[i], buf);
}

/* "0", "50us", "adaptive:200us". */
static int set_spin(struct plan_matrix *m, size_t i, const char *word)
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
	return 0;
}

static const char *spin_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	return m->spins[i];
}

static int set_chunk(struct plan_matrix *m, size_t i, const char *word)
{
	uint64_t bytes;

	if (mn_parse_bytes(word, &bytes) || bytes < PLAN_CHUNK_LEAST || bytes > PLAN_CHUNK_MOST ||
	    bytes % PLAN_CHUNK_LEAST)
		return -EINVAL;
	m->chunks[i] = bytes;
	return 0;
}

static const char *chunk_word(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE])
{
	plan_format_bytes(m->chunks[i], buf, PLAN_SPIN_SIZE);
	return buf;
}

/* --- what a list is for ------------------------------------------------------- */

static bool any_counts_vms(const struct plan_matrix *m)
{
	for (size_t i = 0; i < m->n_topologies; i++)
		if (!m->topologies[i]->vms)
			return true;
	return false;
}

static bool any_streams(const struct plan_matrix *m)
{
	for (size_t i = 0; i < m->n_scenarios; i++)
		if (m->scenarios[i]->stream != LOAD_NONE)
			return true;
	return false;
}

static bool any_has_region(const struct plan_matrix *m)
{
	for (size_t i = 0; i < m->n_paths; i++)
		if (m->paths[i]->region)
			return true;
	return false;
}

static bool any_spins(const struct plan_matrix *m)
{
	for (size_t i = 0; i < m->n_paths; i++)
		if (m->paths[i]->spins)
			return true;
	return false;
}

#define OF_STREAMS .used = any_streams, .unused = "no scenario in it has a stream"

/* --- the table --------------------------------------------------------------- */

#define COUNT(field) offsetof(struct plan_matrix, field)

static const struct plan_list lists[] = {
	{ "paths", set_path, path_word, COUNT(n_paths), path_known, NULL, true },
	{ "scenarios", set_scenario, scenario_word, COUNT(n_scenarios), scenario_known, NULL, true,
	  .not_for_apps = true },
	{ "apps", set_app, app_word, COUNT(n_apps), NULL, "names of [app NAME] sections above it" },
	{ "arms", set_arm, arm_word, COUNT(n_arms), arm_known, NULL, true },
	{ "directions", set_direction, direction_word, COUNT(n_directions), direction_known, NULL,
	  true, .not_for_apps = true },
	{ "topologies", set_topology, topology_word, COUNT(n_topologies), topology_known },
	{ "vms", set_vms, vms_word, COUNT(n_vms), NULL, "numbers from 2 to 8",
	  .used = any_counts_vms, .unused = "no topology in it is n-vm" },
	{ "flows", set_flows, flows_word, COUNT(n_flows), NULL, "numbers from 1 to 64", OF_STREAMS },
	{ "region", set_region, region_word, COUNT(n_regions), region_known,
	  .used = any_has_region, .unused = "no path in it has a region" },
	{ "spin", set_spin, spin_word, COUNT(n_spins), NULL,
	  "0, times up to 1s such as 50us, adaptive:TIME",
	  .used = any_spins, .unused = "no path in it has a spin budget" },
	{ "chunk", set_chunk, chunk_word, COUNT(n_chunks), NULL,
	  "sizes from 4k to 4M, multiples of 4k", OF_STREAMS },
};

const struct plan_list *plan_list_at(size_t i)
{
	return i < ARRAY_SIZE(lists) ? &lists[i] : NULL;
}

static size_t *count_of(struct plan_matrix *m, const struct plan_list *list)
{
	return (size_t *)((char *)m + list->count);
}

size_t plan_list_count(const struct plan_matrix *m, const struct plan_list *list)
{
	return *count_of((struct plan_matrix *)m, list);
}

bool plan_list_lacks(const struct plan_matrix *m, const struct plan_list *list)
{
	bool only_apps = m->n_apps && !m->n_scenarios && !m->n_directions;

	return list->needed && !(list->not_for_apps && only_apps) && !plan_list_count(m, list);
}

/* What is there instead of @word. Returns -EINVAL. */
static int refuse(const struct plan_list *list, const char *word, char *err, size_t errlen)
{
	const char *known[MAX_KNOWN], *meant;
	size_t n = 0, len;

	if (!list->known) {
		snprintf(err, errlen, "%s = %s: want a list out of %s", list->name, word, list->want);
		return -EINVAL;
	}
	while (n < MAX_KNOWN && (known[n] = list->known(n)))
		n++;
	meant = mn_nearest(word, known, n);
	len = snprintf(err, errlen, "%s = %s: ", list->name, word);
	if (meant && len < errlen)
		len += snprintf(err + len, errlen - len, "did you mean '%s'? ", meant);
	if (len < errlen)
		len += snprintf(err + len, errlen - len, "want a list out of ");
	for (size_t i = 0; i < n && len < errlen; i++)
		len += snprintf(err + len, errlen - len, "%s%s", i ? ", " : "", known[i]);
	return -EINVAL;
}

int plan_list_parse(struct plan_matrix *m, const struct plan_list *list, const char *text,
		    char *err, size_t errlen)
{
	char copy[PLAN_LIST_CHARS + 1], *word, *save = NULL;
	size_t *n = count_of(m, list);

	*n = 0;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		snprintf(err, errlen, "%s: a list of more than %d characters; put the rest into another "
			 "matrix", list->name, PLAN_LIST_CHARS);
		return -EINVAL;
	}
	for (word = strtok_r(copy, ", \t", &save); word; word = strtok_r(NULL, ", \t", &save)) {
		if (*n == PLAN_LIST_MAX) {
			snprintf(err, errlen, "%s: more than %d words", list->name, PLAN_LIST_MAX);
			return -EINVAL;
		}
		if (list->set(m, *n, word))
			return refuse(list, word, err, errlen);
		++*n;
	}
	return *n ? 0 : refuse(list, text, err, errlen);
}

void plan_list_format(const struct plan_matrix *m, const struct plan_list *list,
		      char text[PLAN_TEXT_SIZE])
{
	char buf[PLAN_SPIN_SIZE];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < plan_list_count(m, list) && len < PLAN_TEXT_SIZE; i++)
		len += snprintf(text + len, PLAN_TEXT_SIZE - len, "%s%s", i ? ", " : "",
				list->word(m, i, buf));
}

/* --- matrices to configurations ---------------------------------------------- */

static bool have_config(const struct plan *plan, const struct plan_config *c)
{
	for (size_t i = 0; i < plan->n_configs; i++) {
		const struct plan_config *o = &plan->configs[i];

		if (!strcmp(o->name, c->name) && o->scenario == c->scenario &&
		    !strcmp(o->app, c->app) && o->arm == c->arm &&
		    plan_same_vms(o, c) && !strcmp(o->direction, c->direction) &&
		    o->flows == c->flows && !strcmp(o->spin, c->spin) &&
		    o->chunk_bytes == c->chunk_bytes)
			return true;
	}
	return false;
}

static int add_config(struct plan *plan, struct plan_config c)
{
	if (c.scenario->stream == LOAD_NONE) {
		c.direction = "none";
		c.flows = c.scenario->exchange != LOAD_NONE;
		c.chunk_bytes = 0;
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

/* @c with each of the matrix's chunks. */
static int add_chunks(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = m->n_chunks ? 0 : add_config(plan, c);

	for (size_t i = 0; !ret && i < m->n_chunks; i++) {
		c.chunk_bytes = m->chunks[i];
		ret = add_config(plan, c);
	}
	return ret;
}

/* @c with each of the matrix's flows, spin budgets and chunks. */
static int add_streams(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = 0;

	for (size_t f = 0; f < MAX(m->n_flows, 1u); f++)
		for (size_t s = 0; !ret && s < MAX(m->n_spins, 1u); s++) {
			c.flows = m->n_flows ? m->flows[f] : 1;
			strcpy(c.spin, m->n_spins ? m->spins[s] : "");
			ret = add_chunks(plan, m, c);
		}
	return ret;
}

/* @c in each of the matrix's topologies, n-vm with each of its numbers of VMs. */
static int add_variants(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = 0;

	for (size_t t = 0; t < MAX(m->n_topologies, 1u); t++)
		for (size_t v = 0; !ret && v < MAX(m->n_vms, 1u); v++) {
			c.topology = m->n_topologies ? m->topologies[t] : topology_at(0);
			c.vms = c.topology->vms ?: m->n_vms ? m->vms[v] : DEFAULT_VMS;
			ret = add_streams(plan, m, c);
		}
	return ret;
}

static int add_scenarios(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = 0;

	for (size_t s = 0; s < m->n_scenarios; s++)
		for (size_t d = 0; !ret && d < m->n_directions; d++) {
			c.scenario = m->scenarios[s];
			c.direction = m->directions[d];
			ret = add_variants(plan, m, c);
		}
	return ret;
}

static int add_apps(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = 0;

	c.scenario = &scenario_app;
	c.topology = topology_at(0);
	c.vms = c.topology->vms;
	for (size_t i = 0; !ret && i < m->n_apps; i++) {
		strcpy(c.app, m->apps[i]);
		ret = add_config(plan, c);
	}
	return ret;
}

static int add_arms(struct plan *plan, const struct plan_matrix *m, struct plan_config c)
{
	int ret = 0;

	for (size_t a = 0; !ret && a < m->n_arms; a++) {
		c.arm = m->arms[a];
		ret = add_scenarios(plan, m, c) ?: add_apps(plan, m, c);
	}
	return ret;
}

/* @word, with where the plan has the region before its label: "memnet:guest-ram@b". */
static void place_region(struct plan_config *c, const char *region, const char *word)
{
	int n = strcspn(word, "@");

	c->region = !c->path->region || !strcmp(region, REGION_AUTO) ? NULL : region;
	snprintf(c->name, sizeof(c->name), "%.*s%s%s%s", n, word, c->region ? ":" : "",
		 c->region ?: "", word + n);
}

static int multiply(struct plan *plan, const struct plan_matrix *m)
{
	struct plan_config c = { 0 };
	int ret = 0;

	for (size_t p = 0; p < m->n_paths; p++)
		for (size_t r = 0; !ret && r < MAX(m->n_regions, 1u); r++) {
			c.path = m->paths[p];
			place_region(&c, m->n_regions ? m->regions[r] : REGION_AUTO,
				     m->path_names[p]);
			ret = add_arms(plan, m, c);
		}
	return ret;
}

int plan_multiply(struct plan *plan)
{
	int ret = 0;

	plan->n_configs = 0;
	for (size_t i = 0; !ret && i < plan->n_matrices; i++)
		ret = multiply(plan, &plan->matrices[i]);
	return ret;
}
