/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans: what is accepted, how a mistake is named, in which order runs come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/plan.h"
#include "harness/test/scratch.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define MATRIX "[matrix m]\npaths=virtio-tap,memnet\nscenarios=idle,network\n" \
	       "arms=spare-core, equal-core\ndirections=send,recv\n"

#define WIDE "[matrix w]\npaths=virtio-tap,memnet\nscenarios=idle,network,rr\n" \
	     "arms=spare-core\ndirections=send,recv\nflows=1, 8\nspin=0, 20us, adaptive:100us\n"

static char err[512];

/* Load a plan of this text. */
static int load(struct plan *plan, const char *text)
{
	return plan_load(plan, scratch_write("plan", text), err, sizeof(err));
}

static void refused(const char *text, const char *line, const char *words)
{
	struct plan plan;

	assert_int_not_equal(load(&plan, text), 0);
	if (!strstr(err, line) || !strstr(err, words))
		fail_msg("'%s' lacks '%s' or '%s'", err, line, words);
	assert_null(strchr(err, '\n'));
}

static void the_shipped_plans_load(void **state)
{
	static const char *const shipped[] = {
		"harness/plans/paper.ini", "harness/plans/smoke.ini",
		"harness/plans/paths.ini", "harness/plans/spin.ini",
		"harness/plans/two-vm.ini", "harness/plans/n-vm.ini",
		"harness/plans/sizes.ini", "harness/plans/flows.ini", "harness/plans/aa.ini",
	};
	struct plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(shipped); i++)
		if (plan_load(&plan, shipped[i], err, sizeof(err)))
			fail_msg("%s", err);
}

static void values_have_units_and_defaults(void **state)
{
	struct plan plan;

	assert_int_equal(load(&plan, "[plan]\nname=x\nwindow=2s\nchunk=64k\n" MATRIX), 0);
	assert_string_equal(plan.name, "x");
	assert_true(plan.window_ns == 2 * NSEC_PER_SEC);
	assert_int_equal(plan.chunk_bytes, 65536);
	assert_int_equal(plan.vcpus, 1);
	assert_int_equal(plan.steal_percent, PLAN_STEAL_PERCENT);
	assert_int_equal(load(&plan, "[plan]\nsteal_percent=100\n" MATRIX), 0);
	assert_int_equal(plan.steal_percent, 100);
	assert_int_equal(plan.idle_ns, NSEC_PER_SEC);
	assert_int_equal(load(&plan, "[plan]\nidle_window=0s\n" MATRIX), 0);
	assert_int_equal(plan.idle_ns, 0);
	assert_int_equal(load(&plan, "[plan]\nrequest_bytes=1\nresponse_bytes=5k\nrr_rate=2000\n"
			      MATRIX), 0);
	assert_int_equal(plan.request_bytes, 1);
	assert_int_equal(plan.response_bytes, 5120);
	assert_int_equal(plan.rr_rate, 2000);
	assert_false(plan.guest_insns || plan.syscalls);
	assert_int_equal(load(&plan, "[plan]\nguest_insns=yes\nsyscalls=yes\n" MATRIX), 0);
	assert_true(plan.guest_insns && plan.syscalls);
	assert_int_equal(load(&plan, "[plan]\nguest_insns=no\n" MATRIX), 0);
	assert_false(plan.guest_insns);
}

static void a_mistake_is_named_with_its_line_and_the_mend(void **state)
{
	refused("[plan]\nname=x\nwidow=2s\n" MATRIX, ":3:", "did you mean 'window'");
	refused("[plan]\nwindow=2\n" MATRIX, ":2:", "want a time");
	refused("[plan]\nchunk=5000\n" MATRIX, ":2:", "multiple of 4k");
	refused("[plan]\nidle_window=2h\n" MATRIX, ":2:", "0s: none");
	refused("[plan]\nsteal_percent=101\n" MATRIX, ":2:", "0 to 100");
	refused("[plan]\nrepetitions=0\n" MATRIX, ":2:", "1 to 1000");
	refused("[plan]\nmemory_mib=99999999\n" MATRIX, ":2:", "128 to 1048576");
	refused("[plan]\nsettle=61s\n" MATRIX, ":2:", "up to 60s");
	refused("[plan]\nwindow=3601s\n" MATRIX, ":2:", "to 3600s");
	refused("[plans]\nname=x\n", ":2:", "[plan] or [matrix NAME]");
	refused("[plan]\nno equals sign\n" MATRIX, ":2:", "key = value");
	refused("[matrix m]\npaths=virtio-tap,carrier-pigeon\n", ":2:", "memnet");
	refused("[plan]\ncompute=sha265\n" MATRIX, ":2:", "sha256 or matmul");
	refused("[plan]\nguest_insns=maybe\n" MATRIX, ":2:", "yes or no");
	refused(MATRIX MATRIX, ":7:", "set twice");
	refused("[matrix m]\npath=memnet\n", ":2:", "did you mean 'paths'");
	refused("[plan]\nname=x\n", "", "needs paths, scenarios, arms, directions");
	refused("[plan]\nname=../x\n" MATRIX, ":2:", "results folder");
	refused("[matrix a]\npaths=memnet\n" MATRIX, ":4:", "lacks one of");
}

static void words_that_nobody_knows_get_the_nearest(void **state)
{
	refused("[matrix m]\npaths=memnte\n", ":2:", "did you mean 'memnet'? want a list out of virtio-tap");
	refused("[matrix m]\nscenarios=hybird-paced\n", ":2:", "did you mean 'hybrid-paced'?");
	refused("[matrix m]\narms=equal_core\n", ":2:", "did you mean 'equal-core'?");
	refused("[matrix m]\ndirections=sent\n", ":2:", "did you mean 'send'?");
	refused("[matrix m]\npaths=\n", ":2:", "want a list out of virtio-tap");
	refused("[matrix m]\nflows=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n", ":2:", "more than 16");
}

static void a_plan_takes_over_what_it_inherits(void **state)
{
	struct plan plan;

	scratch_write("base.ini", "[plan]\nname=base\nwindow=2s\nwarmup=1s\n" MATRIX);
	assert_int_equal(load(&plan, "[plan]\nwarmup=2s\ninherits=base.ini\n"), 0);
	assert_true(plan.window_ns == 2 * NSEC_PER_SEC);
	assert_true(plan.warmup_ns == 2 * NSEC_PER_SEC);
	assert_int_equal(plan.n_configs, 12);
	assert_string_equal(plan.name, "plan");		/* its file's, not the other's */
	assert_int_equal(load(&plan, "[plan]\nname=mine\ninherits=base.ini\n[matrix one]\n"
			      "paths=memnet\nscenarios=idle\narms=spare-core\ndirections=send\n"), 0);
	assert_int_equal(plan.n_configs, 1);
	assert_string_equal(plan.name, "mine");
}

static void inheritance_that_does_not_end_is_refused(void **state)
{
	char name[16], text[64];

	scratch_write("a.ini", "[plan]\ninherits=b.ini\n");
	scratch_write("b.ini", "[plan]\ninherits=./a.ini\n");
	refused("[plan]\ninherits=a.ini\n", "a.ini: ", "inherits from itself");
	refused("[plan]\ninherits=plan\n", "plan: ", "inherits from itself");
	refused("[plan]\ninherits=\n", ":2:", "want the file of a plan");
	refused("[plan]\ninherits=no-such.ini\n", "/no-such.ini nor ",
		"share/memnet/plans/no-such.ini is there");
	refused("[plan]\ninherit=a.ini\n", ":2:", "did you mean 'inherits'");
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "%d.ini", i);
		snprintf(text, sizeof(text), "[plan]\ninherits=%d.ini\n", i + 1);
		scratch_write(name, text);
	}
	refused("[plan]\ninherits=0.ini\n", "4.ini: ", "more than 4 plans");
}

/* What is wrong is said of the file it is in. */
static void a_mistake_in_what_is_inherited_is_named_there(void **state)
{
	scratch_write("base.ini", "[plan]\nwidow=2s\n" MATRIX);
	refused("[plan]\ninherits=base.ini\n", "base.ini:2:", "did you mean 'window'");
}

static const char *written(const struct plan *plan)
{
	const char *path = scratch("written.ini");
	FILE *f = fopen(path, "w");

	plan_write(plan, f);
	fclose(f);
	return path;
}

static void what_is_written_is_read_as_the_same(void **state)
{
	struct plan plan, again;

	scratch_write("base.ini", "[plan]\nname=base\nwindow=1234567us\nchunk=12k\nvcpu_cpus=0-1,3\n"
		      "host_cpus=2\nguest_insns=yes\nrequest_bytes=4M\n" WIDE "chunk=4k,1M\n" MATRIX);
	assert_int_equal(load(&plan, "[plan]\nname=x\nrr_rate=7\ninherits=base.ini\n"), 0);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
	assert_int_equal(load(&plan, MATRIX), 0);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
}

static void what_is_long_is_written_in_whole(void **state)
{
	static const char long_paths[] = "memnet@a1234567890,memnet@b1234567890,memnet@c1234567890,"
		"memnet@d1234567890,memnet@e1234567890,memnet@f1234567890,memnet@g1234567890,memnet@h";
	struct plan plan, again;
	char text[1024];

	snprintf(text, sizeof(text), "[plan]\nvcpu_cpus=0-511,600,700-701\nhost_cpus=512-599\n"
		 "[matrix m]\npaths=%s\nscenarios=idle\narms=spare-core\ndirections=send\n", long_paths);
	assert_int_equal(load(&plan, text), 0);
	assert_int_equal(plan.n_configs, 8);
	assert_int_equal(plan_load(&again, written(&plan), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
	snprintf(text, sizeof(text), "[matrix m]\npaths=%s,memnet@i1234567890,memnet@j\n", long_paths);
	refused(text, ":2:", "more than 160 characters");
}

/* Whatever a file holds: it loads, or is refused with one line. */
static void a_spoilt_file_is_refused_in_one_line(void **state)
{
	static const char good[] = "[plan]\nname=x\nwindow=2s\nvcpu_cpus=0-3\nhost_cpus=4\n" WIDE
				   "chunk=4k,1M\n";
	uint64_t rng = 1;
	struct plan plan;
	char text[sizeof(good)];
	int bad = 0;

	for (int i = 0; i < 3000; i++) {
		memcpy(text, good, sizeof(good));
		for (int n = mn_splitmix64(&rng) % 4; n >= 0; n--)
			text[mn_splitmix64(&rng) % (sizeof(good) - 1)] = 1 + mn_splitmix64(&rng) % 255;
		if (!load(&plan, text))
			continue;
		bad++;
		assert_true(*err && strlen(err) < sizeof(err));
		assert_null(strchr(err, '\n'));
	}
	assert_in_range(bad, 1000, 2999);
}

static void a_missing_file_is_named(void **state)
{
	struct plan plan;

	assert_int_not_equal(plan_load(&plan, "/no/such.ini", err, sizeof(err)), 0);
	assert_non_null(strstr(err, "/no/such.ini: No such file"));
}

static void what_streams_nothing_has_no_direction(void **state)
{
	struct plan plan;
	int idle = 0;

	assert_int_equal(load(&plan, MATRIX), 0);
	/* 2 paths x 2 arms x (idle once + network both ways) */
	assert_int_equal(plan.n_configs, 12);
	for (size_t i = 0; i < plan.n_configs; i++)
		idle += !strcmp(plan.configs[i].direction, "none");
	assert_int_equal(idle, 4);
}

static void flows_and_spin_multiply_only_what_has_a_use_for_them(void **state)
{
	size_t spins = 0, eights = 0;
	struct plan plan;

	assert_int_equal(load(&plan, WIDE), 0);
	/* virtio-tap once, memnet three times: idle, network in two directions with two flows, rr */
	assert_int_equal(plan.n_configs, (1 + 3) * (1 + 2 * 2 + 1));
	for (size_t i = 0; i < plan.n_configs; i++) {
		const struct plan_config *c = &plan.configs[i];

		spins += !strcmp(c->spin, "adaptive:100us");
		eights += c->flows == 8;
		assert_int_equal(!strcmp(c->path->name, "memnet"), !!c->spin[0]);
		assert_int_equal(!c->flows, !strcmp(c->scenario->name, "idle"));
		assert_true(c->flows < 2 || !strcmp(c->scenario->name, "network"));
	}
	assert_int_equal(spins, 6);
	assert_int_equal(eights, (1 + 3) * 2);
	assert_int_equal(plan_most_flows(&plan), 8);
}

#define TOPOLOGIES "[matrix t]\npaths=memnet\nscenarios=compute,network\narms=spare-core\n" \
		   "directions=send\n"

static void a_plan_without_topologies_has_one_vm(void **state)
{
	struct plan_run *runs;
	struct plan plan;
	long n;

	assert_int_equal(load(&plan, TOPOLOGIES), 0);
	n = plan_expand(&plan, 42, &runs);
	assert_int_equal(n, 2 * 6);
	for (long i = 0; i < n; i++) {
		assert_string_equal(runs[i].config->topology->name, "one-vm");
		assert_int_equal(runs[i].config->vms, 1);
		assert_null(strstr(runs[i].id, "vm"));
	}
	free(runs);
}

static void each_topology_has_a_boot_and_a_name_of_its_own(void **state)
{
	static const char *const names[] = { ".send", ".send.two-vm", ".send.n-vm-2", ".send.n-vm-4" };
	size_t count[ARRAY_SIZE(names)] = { 0 };
	struct plan_run *runs;
	struct plan plan;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=1\n" TOPOLOGIES
			      "topologies=one-vm,two-vm,n-vm\nvms=2,4\n"), 0);
	n = plan_expand(&plan, 42, &runs);
	assert_int_equal(n, 2 * 4);
	assert_int_equal(runs[n - 1].boot, 4);
	for (long i = 0; i < n; i++) {
		if (i && runs[i].boot == runs[i - 1].boot)
			assert_true(plan_same_vms(runs[i].config, runs[i - 1].config));
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			count[j] += !strcmp(strstr(runs[i].id, "network") ? runs[i].id +
					    strlen("b01.memnet.spare-core.network") : "", names[j]);
	}
	for (size_t j = 0; j < ARRAY_SIZE(names); j++)
		assert_int_equal(count[j], 1);
	free(runs);
}

static void what_a_vm_does_is_the_topologys(void **state)
{
	const struct topology *one = topology_find("one-vm"), *two = topology_find("two-vm");
	const struct topology *n = topology_find("n-vm");

	assert_true(topology_does(one, 0, WORK_COMPUTE) && topology_does(one, 0, WORK_NETWORK));
	assert_true(topology_does(two, 0, WORK_COMPUTE) && !topology_does(two, 0, WORK_NETWORK));
	assert_true(!topology_does(two, 1, WORK_COMPUTE) && topology_does(two, 1, WORK_NETWORK));
	for (unsigned int i = 0; i < MAX_VMS; i++)
		assert_true(topology_does(n, i, WORK_COMPUTE) && topology_does(n, i, WORK_NETWORK));
	for (size_t i = 0; topology_at(i); i++)
		assert_true(topology_at(i)->vms <= MAX_VMS);
}

static void topologies_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"topologies=three-vm", "topologies=", "vms=1", "vms=9", "vms=2,many",
	};
	char text[400];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), TOPOLOGIES "%s\n", bad[i]);
		refused(text, ":6:", "want a list out of");
	}
}

static void chunks_multiply_what_streams(void **state)
{
	struct plan plan;
	struct plan_run *runs;
	size_t n, fours = 0;

	assert_int_equal(load(&plan, "[matrix c]\npaths=virtio-tap\nscenarios=idle,network\n"
			      "arms=spare-core\ndirections=send\nchunk=4k, 64k, 4M\n"), 0);
	assert_int_equal(plan.n_configs, 1 + 3);
	for (size_t i = 0; i < plan.n_configs; i++)
		assert_int_equal(plan_chunk_bytes(&plan, &plan.configs[i]),
				 plan.configs[i].chunk_bytes ? plan.configs[i].chunk_bytes : 262144);
	n = plan_expand(&plan, 1, &runs);
	for (size_t i = 0; i < n; i++)
		fours += !!strstr(runs[i].id, ".network.send.chunk-4M");
	assert_int_equal(fours, plan.repetitions);
	free(runs);
	refused(MATRIX "chunk=4k,5000\n", ":6:", "want a list out of sizes from 4k");
	refused(MATRIX "chunk=8M\n", ":6:", "want a list out of sizes from 4k");
}

/* The same path under another name: as if it were another. */
static void a_path_may_be_there_twice(void **state)
{
	struct plan plan;
	struct plan_run *runs;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=2\n[matrix aa]\npaths=memnet, memnet@b\n"
			      "scenarios=idle,compute\narms=spare-core\ndirections=send\n"), 0);
	assert_int_equal(plan.n_configs, 4);
	assert_ptr_equal(plan.configs[0].path, plan.configs[3].path);
	assert_string_equal(plan.configs[3].name, "memnet@b");
	n = plan_expand(&plan, 1, &runs);
	assert_int_equal(n, 8);
	for (long i = 1; i < n; i++)	/* a boot of its own */
		assert_int_equal(!strcmp(runs[i].config->name, runs[i - 1].config->name),
				 runs[i].boot == runs[i - 1].boot);
	free(runs);
	refused("[matrix m]\npaths=memnet@\n", ":2:", "want a list");
	refused("[matrix m]\npaths=memnte@b\n", ":2:", "want a list");
	refused("[matrix m]\npaths=memnet@b@c\n", ":2:", "want a list");
	refused("[matrix m]\npaths=memnet@../b\n", ":2:", "want a list");
	refused("[matrix m]\npaths=memnet@b234567890123456789012345\n", ":2:", "want a list");
}

static void each_spin_budget_has_a_boot_of_its_own(void **state)
{
	struct plan_run *runs;
	unsigned int boots = 0;
	struct plan plan;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=2\n" WIDE), 0);
	n = plan_expand(&plan, 42, &runs);
	assert_int_equal(n, 48);
	for (long i = 1; i < n; i++)
		if (runs[i].boot == runs[i - 1].boot)
			assert_string_equal(runs[i].config->spin, runs[i - 1].config->spin);
		else
			boots++;
	assert_int_equal(boots + 1, 2 * 4);
	free(runs);
}

static void lists_for_what_a_matrix_has_not_are_refused(void **state)
{
	static const char of_tap[] = "[matrix m]\npaths=virtio-tap\narms=spare-core\ndirections=send\n";
	static const struct { const char *lists, *words; } of[] = {
		{ "scenarios=network\nspin=50us\n", "[matrix m] sets spin, but no path" },
		{ "scenarios=idle,rr\nflows=4\n", "[matrix m] sets flows, but no scenario" },
		{ "scenarios=compute\nchunk=8k\n", "[matrix m] sets chunk, but no scenario" },
		{ "scenarios=idle\nvms=4\n", "[matrix m] sets vms, but no topology" },
		{ "scenarios=idle\ntopologies=two-vm\nvms=2\n", "[matrix m] sets vms, but no topology" },
	};
	struct plan plan;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		snprintf(text, sizeof(text), "%s%s", of_tap, of[i].lists);
		refused(text, "", of[i].words);
	}
	assert_int_equal(load(&plan, "[matrix m]\npaths=virtio-tap,memnet\narms=spare-core\n"
			      "directions=send\nscenarios=idle,network\nspin=50us\nflows=4\nchunk=8k\n"
			      "topologies=one-vm,n-vm\nvms=2\n"), 0);
}

static void flows_and_spin_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"flows=0", "flows=65", "flows=1,many", "flows=", "spin=20", "spin=adaptive",
		"spin=adaptive:", "spin=2s", "spin=lazy:20us",
	};
	char text[400];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), MATRIX "%s\n", bad[i]);
		refused(text, ":6:", "want a list out of");
	}
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct plan_run *)a)->id, ((const struct plan_run *)b)->id);
}

static void each_block_runs_each_configuration_once_boot_by_boot(void **state)
{
	struct plan plan;
	struct plan_run *runs;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=3\n" MATRIX), 0);
	n = plan_expand(&plan, 42, &runs);
	assert_int_equal(n, 36);
	for (long i = 0; i < n; i++) {
		assert_int_equal(runs[i].block, i / 12 + 1);
		assert_int_equal(runs[i].boot, i / 6 + 1);	/* two paths a block */
		if (i % 6)
			assert_ptr_equal(runs[i].config->path, runs[i - 1].config->path);
	}
	qsort(runs, n, sizeof(*runs), by_id);
	for (long i = 1; i < n; i++)
		assert_true(strcmp(runs[i - 1].id, runs[i].id) != 0);
	free(runs);
	assert_int_equal(load(&plan, WIDE), 0);
	n = plan_expand(&plan, 42, &runs);
	qsort(runs, n, sizeof(*runs), by_id);
	for (long i = 1; i < n; i++)
		assert_true(strcmp(runs[i - 1].id, runs[i].id) != 0);
	free(runs);
}

/* How many of the first @n runs are the same under two seeds. */
static long alike(const struct plan *plan, uint64_t a, uint64_t b)
{
	struct plan_run *ra, *rb;
	long n = plan_expand(plan, a, &ra), same = 0;

	assert_int_equal(plan_expand(plan, b, &rb), n);
	for (long i = 0; i < n; i++)
		same += !strcmp(ra[i].id, rb[i].id);
	free(ra);
	free(rb);
	return same;
}

static void the_seed_decides_the_order(void **state)
{
	struct plan plan;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=10\n" MATRIX), 0);
	assert_int_equal(alike(&plan, 7, 7), 120);
	assert_in_range(alike(&plan, 7, 8), 0, 60);
}

static void parts_that_follow_one_another_have_each_boot_once(void **state)
{
	unsigned int boot = 0, next;
	struct plan_run *runs;
	struct plan plan;
	size_t n, all = 0;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=3\n" MATRIX), 0);
	for (unsigned int first = 1; first <= 36; first = next) {
		next = first + 5 + first % 4;	/* anywhere in a boot */
		n = plan_expand(&plan, 42, &runs);
		n = plan_part(runs, n, (struct plan_range){ first, next - 1 });
		assert_int_equal(n % 6, 0);
		for (size_t i = 0; i < n; i += 6) {
			assert_int_equal(runs[i].boot, ++boot);
			assert_int_equal(plan_boot_length(&runs[i], n - i), 6);
			assert_in_range(runs[i].number, first, next - 1);
		}
		all += n;
		free(runs);
	}
	assert_int_equal(all, 36);
}

static void impossible_core_lists_are_refused(void **state)
{
	static const char *const impossible[] = {
		"vcpu_cpus=0\n",				/* the other is missing */
		"vcpu_cpus=0\nhost_cpus=0\n",			/* not apart */
		"vcpu_cpus=0\nhost_cpus=1023\n",		/* not there */
	};
	struct plan plan;
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(impossible); i++) {
		snprintf(text, sizeof(text), "[plan]\n%s" MATRIX, impossible[i]);
		assert_int_equal(load(&plan, text), 0);
		assert_int_not_equal(plan_choose_cpus(&plan, err, sizeof(err)), 0);
		assert_non_null(strstr(err, "host_cpus"));
	}
	refused("[plan]\nvcpu_cpus=zero\n" MATRIX, ":2:", "CPU list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_plans_load),
		cmocka_unit_test(values_have_units_and_defaults),
		cmocka_unit_test(a_mistake_is_named_with_its_line_and_the_mend),
		cmocka_unit_test(words_that_nobody_knows_get_the_nearest),
		cmocka_unit_test(a_plan_takes_over_what_it_inherits),
		cmocka_unit_test(inheritance_that_does_not_end_is_refused),
		cmocka_unit_test(a_mistake_in_what_is_inherited_is_named_there),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
		cmocka_unit_test(what_is_long_is_written_in_whole),
		cmocka_unit_test(a_spoilt_file_is_refused_in_one_line),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(what_streams_nothing_has_no_direction),
		cmocka_unit_test(flows_and_spin_multiply_only_what_has_a_use_for_them),
		cmocka_unit_test(a_plan_without_topologies_has_one_vm),
		cmocka_unit_test(each_topology_has_a_boot_and_a_name_of_its_own),
		cmocka_unit_test(what_a_vm_does_is_the_topologys),
		cmocka_unit_test(topologies_that_make_no_sense_are_refused),
		cmocka_unit_test(chunks_multiply_what_streams),
		cmocka_unit_test(a_path_may_be_there_twice),
		cmocka_unit_test(each_spin_budget_has_a_boot_of_its_own),
		cmocka_unit_test(lists_for_what_a_matrix_has_not_are_refused),
		cmocka_unit_test(flows_and_spin_that_make_no_sense_are_refused),
		cmocka_unit_test(each_block_runs_each_configuration_once_boot_by_boot),
		cmocka_unit_test(the_seed_decides_the_order),
		cmocka_unit_test(parts_that_follow_one_another_have_each_boot_once),
		cmocka_unit_test(impossible_core_lists_are_refused),
	};

	return cmocka_run_group_tests_name("plan", tests, scratch_make, scratch_remove);
}
