/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan: what an experiment runs. Read from an ini file, expanded into runs. */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/vocabulary.h"

#define PLAN_MAX_CONFIGS 128
#define PLAN_MAX_FLOWS 64
#define PLAN_PATH_SIZE 32
#define PLAN_MAX_MATRICES 16
#define PLAN_LIST_MAX 16	/* words of one list */
#define PLAN_SPIN_SIZE 24
#define PLAN_GUEST_RAM "guest-ram"	/* of plan_config.region */
#define PLAN_CALIBRATIONS 3	/* valid ones of an arm, of which the median counts */
#define PLAN_TOPOLOGY_SIZE 16
#define PLAN_SCENARIO_SIZE 32
#define PLAN_DIFFERENCE_SIZE 320
#define PLAN_APP_SIZE 28	/* of a name: "app-" and that fit into a row's scenario */
#define PLAN_LINE_SIZE 200	/* of a value as long as libinih's lines */
#define PLAN_UNIT_SIZE 16
#define PLAN_STEAL_PERCENT 10	/* the default of steal_percent */

#define PLAN_BLANKS " \t,"	/* between the words of plan_app.files and plan.packages */

/*
 * An [app NAME] section: a command of the user's own, which runs in the guest. In it and in its
 * server @peer_addr@ and @peer_port@ stand for where the one finds the other; in its server
 * @guest_addr@ is where it finds what the command serves at a port of its own. @bin@, also in its
 * files, is the folder of the programs this repository builds, in the guest as on the host.
 */
#define PLAN_PEER_ADDR "@peer_addr@"
#define PLAN_PEER_PORT "@peer_port@"
#define PLAN_GUEST_ADDR "@guest_addr@"
#define PLAN_BIN "@bin@"
struct plan_app {
	char name[PLAN_APP_SIZE];
	char command[PLAN_LINE_SIZE];	/* for the guest's shell */
	char server[PLAN_LINE_SIZE];	/* for the host's shell, in the peer's place; "": none */
	char metric[PLAN_LINE_SIZE];	/* POSIX extended, one group: the value; "": duration */
	char unit[PLAN_UNIT_SIZE], better[8];	/* of the value: "higher", "lower"; or "" */
	char files[PLAN_LINE_SIZE];	/* of the host that the guest needs, by blanks */
	int64_t timeout_ns;
};

/* One configuration; a block runs each of them once. */
struct plan_config {
	const struct path *path;
	/* Of the path, in rows: "memnet", "memnet@b", "memnet:guest-ram", "memnet:guest-ram@b". */
	char name[PLAN_PATH_SIZE];
	const char *region;	/* where its shared memory is to be; NULL leaves it to the agent */
	const struct scenario *scenario;
	char app[PLAN_APP_SIZE];	/* of scenario_app the name of its app; "" */
	const struct arm *arm;
	const struct topology *topology;
	unsigned int vms;	/* of it */
	const char *direction;	/* "send", "recv"; "none" where nothing streams */
	unsigned int flows;	/* connections at once; 0 where there are none */
	char spin[PLAN_SPIN_SIZE];	/* budget of both sides; "" leaves theirs, or has none */
	uint64_t chunk_bytes;	/* of its stream, where the matrix says; 0: the plan's */
};

/* A [matrix NAME] section: its lists. */
struct plan_matrix {
	char section[64];	/* "matrix send" */
	const struct path *paths[PLAN_LIST_MAX];
	char path_names[PLAN_LIST_MAX][PLAN_PATH_SIZE];
	const char *regions[PLAN_LIST_MAX];
	const struct scenario *scenarios[PLAN_LIST_MAX];
	char apps[PLAN_LIST_MAX][PLAN_APP_SIZE];
	const struct arm *arms[PLAN_LIST_MAX];
	const char *directions[PLAN_LIST_MAX];
	const struct topology *topologies[PLAN_LIST_MAX];
	unsigned int vms[PLAN_LIST_MAX];
	unsigned int flows[PLAN_LIST_MAX];
	char spins[PLAN_LIST_MAX][PLAN_SPIN_SIZE];
	uint64_t chunks[PLAN_LIST_MAX];
	size_t n_paths, n_scenarios, n_apps, n_arms, n_directions, n_topologies, n_vms, n_flows,
	       n_regions, n_spins, n_chunks;
};

struct plan {
	char name[64];		/* where the plan says none: that of its file */
	uint64_t repetitions;
	uint64_t seed;		/* 0: drawn at the start */
	int64_t settle_ns, warmup_ns, window_ns;
	int64_t idle_ns;	/* of the machine without a VM, around each boot; 0: none */
	int64_t fixed_ns;	/* hybrid-fixed is what the baseline does in this time */
	int64_t burst_ns;	/* of paced streams */
	uint64_t pace_percent;	/* of the baseline's own rate in hybrid-saturate */
	uint64_t pace_bits_per_s;	/* of each VM's paced streams together; 0: by pace_percent */
	uint64_t chunk_bytes;
	uint64_t request_bytes, response_bytes;
	uint64_t rr_rate;	/* requests per second; 0: each follows the answer to the last */
	/* Of the link between the host's end of a path and the peer (link.h); 0, 0: none there. */
	uint64_t link_rate_bits_per_s;
	int64_t link_delay_ns;
	uint64_t vcpus, memory_mib;
	/* A hypervisor may take this share of the vCPUs' CPUs and of the host's; others, of both. */
	uint64_t steal_percent;
	bool guest_insns;	/* count them: under TCG it slows the guest */
	bool syscalls;		/* count them: each of the machine's gets slower */
	char packages[PLAN_LINE_SIZE];	/* Debian's, that the guest has too (packages.h); "": none */
	char compute[32];	/* kernel of memnet-work compute */
	char cpu_model[64];	/* of QEMU; "auto" */
	bool cpus_given;	/* else chosen from what the machine has */
	cpu_set_t vcpu_cpus, host_cpus;
	struct plan_app apps[PLAN_LIST_MAX];
	size_t n_apps;
	struct plan_matrix matrices[PLAN_MAX_MATRICES];
	size_t n_matrices;
	struct plan_config configs[PLAN_MAX_CONFIGS];	/* what the matrices come to */
	size_t n_configs;
};

/*
 * Read the plan @path, and first the one it inherits from. 0; -EINVAL or -errno with
 * one line in @err that names file, line and mend.
 */
int plan_load(struct plan *plan, const char *path, char *err, size_t errlen);

/* Write the plan in full, as a file that stands alone: plan_load() makes the same of it. */
void plan_write(const struct plan *plan, FILE *out);

/* What one plan has, and the other in its place: "window = 1s", the name of a configuration, "". */
struct plan_difference {
	char a[PLAN_DIFFERENCE_SIZE], b[PLAN_DIFFERENCE_SIZE];
};

/*
 * Do both make the same runs of the same configurations? Not compared: name, repetitions, seed,
 * and the order of what is in them. 0: they do; 1: the first that differs is in *@d; -ENOMEM.
 */
int plan_compare(const struct plan *a, const struct plan *b, struct plan_difference *d);

/*
 * Choose CPUs where the plan gives none: one for the vCPUs, another for the
 * host's work, on different cores where there are such. -EINVAL and a line in
 * @err when the machine cannot give what the plan wants.
 */
int plan_choose_cpus(struct plan *plan, char *err, size_t errlen);

/* The app called @name, or NULL. */
const struct plan_app *plan_app_find(const struct plan *plan, const char *name);

/* As in rows and names of runs: "network", "app-openssl". */
void plan_scenario_name(const struct plan_config *c, char name[PLAN_SCENARIO_SIZE]);

/* As in rows and names of runs: "one-vm", "two-vm", "n-vm-4". */
void plan_topology_name(const struct plan_config *c, char name[PLAN_TOPOLOGY_SIZE]);

/* Do both run in the same VMs? */
bool plan_same_vms(const struct plan_config *a, const struct plan_config *b);

/* Bytes per call of @c's stream. */
uint64_t plan_chunk_bytes(const struct plan *plan, const struct plan_config *c);

/* Is a region to be in guest RAM? Then all VMs of the plan have theirs from a shared file. */
bool plan_shares_ram(const struct plan *plan);

/* The most flows of any configuration; 0 where nothing connects. */
unsigned int plan_most_flows(const struct plan *plan);

/* Do both get the same rate and amount of work from calibration? */
bool plan_same_targets(const struct plan_config *a, const struct plan_config *b);

/* Does @c, or one that shares its targets, need them? */
bool plan_needs_targets(const struct plan *plan, const struct plan_config *c);

/* One run of one block; those over one path, in the same VMs, with one spin budget share a boot. */
struct plan_run {
	const struct plan_config *config;
	unsigned int number;	/* from 1, in the order of the whole plan */
	unsigned int block;	/* from 1 */
	unsigned int boot;	/* from 1, over the whole experiment */
	char id[128];		/* "b01.memnet.equal-core.network.send.n-vm-4.8-flows.spin-20us" */
};

/*
 * All runs in the order they are made: block by block; in a block the paths with
 * their spin budgets and topologies in shuffled order, one boot each; in a boot its configurations
 * in shuffled order. Determined by the plan and @seed. *runs is for free(). Their number,
 * or -ENOMEM.
 */
long plan_expand(const struct plan *plan, uint64_t seed, struct plan_run **runs);

/* Numbers of runs, both ends included; all 0: every run. */
struct plan_range {
	unsigned int first, last;
};

/*
 * Keep the boots whose first run has a number in @part: whole boots, and of parts
 * that follow one another each boot is in one. How many of the @n runs are left.
 */
size_t plan_part(struct plan_run *runs, size_t n, struct plan_range part);

/* The runs of the boot that begins with *runs, of @n. */
size_t plan_boot_length(const struct plan_run *runs, size_t n);

#endif
