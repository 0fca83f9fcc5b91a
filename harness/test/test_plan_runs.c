/* SPDX-License-Identifier: BSD-2-Clause */
/* From the matrices of a plan to its configurations, and to its runs in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/test/plan_text.h"
#include "memnet-core/base/util.h"

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

#define REGIONS "[matrix r]\npaths=virtio-tap,memnet,memnet@b\nscenarios=network\n" \
		"arms=spare-core\ndirections=send\n"

/* Under a name of its own, so that it is no other's row, boot or baseline. */
static void a_region_is_a_path_of_its_own(void **state)
{
	static const struct { const char *name, *region; } want[] = {
		{ "virtio-tap", NULL }, { "memnet", NULL }, { "memnet:ivshmem", "ivshmem" },
		{ "memnet:guest-ram", "guest-ram" }, { "memnet@b", NULL },
		{ "memnet:ivshmem@b", "ivshmem" }, { "memnet:guest-ram@b", "guest-ram" },
	};
	struct plan_run *runs;
	struct plan plan;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions=1\n" REGIONS
			      "region=auto, ivshmem, guest-ram\n"), 0);
	assert_int_equal(plan.n_configs, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_string_equal(plan.configs[i].name, want[i].name);
		assert_string_equal(plan.configs[i].region ?: "", want[i].region ?: "");
	}
	n = plan_expand(&plan, 1, &runs);
	for (long i = 1; i < n; i++)
		assert_int_equal(!strcmp(runs[i].config->name, runs[i - 1].config->name),
				 runs[i].boot == runs[i - 1].boot);
	free(runs);
	refused(REGIONS "region=guest-rom\n", ":6:", "did you mean 'guest-ram'?");
	refused("[matrix m]\npaths=memnet@b23456789012345\n", ":2:", "want a list");
	assert_int_equal(load(&plan, "[matrix m]\npaths=memnet@b2345678901234\nscenarios=network\n"
			      "arms=spare-core\ndirections=send\nregion=guest-ram\n"), 0);
	assert_string_equal(plan.configs[0].name, "memnet:guest-ram@b2345678901234");
}

/* Also those of the paths it is compared with. */
static void one_region_in_guest_ram_has_all_vms_share_theirs(void **state)
{
	struct plan plan;

	assert_int_equal(load(&plan, REGIONS), 0);
	assert_false(plan_shares_ram(&plan));
	assert_int_equal(load(&plan, REGIONS "region=auto, ivshmem\n"), 0);
	assert_false(plan_shares_ram(&plan));
	assert_int_equal(load(&plan, REGIONS "region=ivshmem, guest-ram\n"), 0);
	assert_true(plan_shares_ram(&plan));
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
		{ "scenarios=network\nregion=auto\n", "[matrix m] sets region, but no path" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_streams_nothing_has_no_direction),
		cmocka_unit_test(flows_and_spin_multiply_only_what_has_a_use_for_them),
		cmocka_unit_test(a_plan_without_topologies_has_one_vm),
		cmocka_unit_test(each_topology_has_a_boot_and_a_name_of_its_own),
		cmocka_unit_test(what_a_vm_does_is_the_topologys),
		cmocka_unit_test(topologies_that_make_no_sense_are_refused),
		cmocka_unit_test(chunks_multiply_what_streams),
		cmocka_unit_test(a_path_may_be_there_twice),
		cmocka_unit_test(a_region_is_a_path_of_its_own),
		cmocka_unit_test(one_region_in_guest_ram_has_all_vms_share_theirs),
		cmocka_unit_test(each_spin_budget_has_a_boot_of_its_own),
		cmocka_unit_test(lists_for_what_a_matrix_has_not_are_refused),
		cmocka_unit_test(flows_and_spin_that_make_no_sense_are_refused),
		cmocka_unit_test(each_block_runs_each_configuration_once_boot_by_boot),
		cmocka_unit_test(the_seed_decides_the_order),
		cmocka_unit_test(parts_that_follow_one_another_have_each_boot_once),
	};

	return cmocka_run_group_tests_name("runs of a plan", tests, scratch_make, scratch_remove);
}
