/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flow moves next (host_turns.c), of flows that are made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/host_internal.h"

#define BULK	8
#define ASKER	BULK		/* the flow behind those */
#define ENDLESS	INT64_MAX

static struct mn_host host;
static struct {
	int64_t waits;	/* bytes that it has to move */
	int64_t moved;
	unsigned int turns;
	unsigned int ways;	/* it moves as much each way */
} made_up[BULK + 1];
static uint32_t order[1000];	/* who had a turn */
static unsigned int turns;

/* As the real one: a piece each way, for its credit. */
bool mn_flow_work(struct host_flow *f)
{
	uint32_t i = mn_flow_id(f);
	int64_t piece = MIN((int64_t)mn_flow_piece(f), made_up[i].waits) * made_up[i].ways;

	assert_true(f->credit > 0);
	f->credit -= piece + MN_TURN_BYTES;
	made_up[i].waits -= made_up[i].waits == ENDLESS ? 0 : piece;
	made_up[i].moved += piece;
	made_up[i].turns++;
	order[turns++ % ARRAY_SIZE(order)] = i;
	return made_up[i].waits;
}

static int setup(void **state)
{
	memset(&host, 0, sizeof(host));
	memset(made_up, 0, sizeof(made_up));
	host.round = 1;
	turns = 0;
	for (uint32_t i = 0; i <= ASKER; i++) {
		host.flows[i].host = &host;
		host.flows[i].state = FLOW_OPEN;
		made_up[i].ways = 1;
	}
	return 0;
}

static void comes(uint32_t flow, int64_t bytes)
{
	made_up[flow].waits = bytes;
	mn_set_add(&host.ready, flow);
}

static void bulk_comes(void)
{
	for (uint32_t i = 0; i < BULK; i++)
		comes(i, ENDLESS);
}

/* Bytes that flows in bulk moved in it. */
static int64_t step(void)
{
	int64_t moved = 0;

	for (uint32_t i = 0; i < BULK; i++)
		moved -= made_up[i].moved;
	mn_turns_newcomers(&host);
	mn_turns_backlog(&host);
	for (uint32_t i = 0; i < BULK; i++)
		moved += made_up[i].moved;
	return moved;
}

static int64_t most_moved(void)
{
	int64_t most = 0;

	for (uint32_t i = 0; i < BULK; i++)
		most = MAX(most, made_up[i].moved);
	return most;
}

static int64_t least_moved(void)
{
	int64_t least = ENDLESS;

	for (uint32_t i = 0; i < BULK; i++)
		least = MIN(least, made_up[i].moved);
	return least;
}

static void flows_in_bulk_move_as_much(void **state)
{
	bulk_comes();
	for (int i = 0; i < 1000; i++)
		step();
	assert_true(least_moved() > 1000 * 1000);
	assert_in_range(most_moved() - least_moved(), 0, 128 << 10);
}

static void so_does_one_that_moves_both_ways(void **state)
{
	bulk_comes();
	made_up[3].ways = 2;
	for (int i = 0; i < 1000; i++)
		step();
	assert_in_range(made_up[3].moved, least_moved(), least_moved() * 11 / 10);
}

static void who_asks_goes_first(void **state)
{
	bulk_comes();
	for (int i = 0; i < 100; i++) {
		assert_in_range(step(), 1, 512 << 10);	/* so long it waits at most */
		if (i % 5)
			continue;
		comes(ASKER, 64);
		turns = 0;
		step();
		assert_int_equal(order[0], ASKER);
		assert_int_equal(made_up[ASKER].waits, 0);
	}
}

/* It comes again and again, as soon as it is through. */
static void who_asks_on_and_on_takes_no_more_than_its_share(void **state)
{
	bulk_comes();
	for (int i = 0; i < 1000; i++) {
		comes(ASKER, 64);
		step();
	}
	assert_true(made_up[ASKER].turns > 100);
	assert_true(made_up[ASKER].turns * MN_TURN_BYTES < most_moved());
	assert_in_range(most_moved() - least_moved(), 0, 128 << 10);
}

static void who_comes_with_much_waits_as_the_others(void **state)
{
	bulk_comes();
	for (int i = 0; i < 1000; i++) {
		comes(ASKER, 1 << 20);
		step();
	}
	assert_in_range(made_up[ASKER].moved, least_moved() / 2, most_moved() * 5 / 4);
}

static void one_alone_is_held_up_by_nobody(void **state)
{
	comes(ASKER, 10 << 20);
	for (int i = 0; made_up[ASKER].waits; i++) {
		assert_in_range(i, 0, 60);
		step();
	}
	assert_true(mn_set_empty(&host.ready) && mn_set_empty(&host.backlog));
	for (int i = 0; i < 1000; i++) {
		comes(ASKER, 64);
		mn_turns_newcomers(&host);
		assert_int_equal(made_up[ASKER].waits, 0);
		mn_turns_backlog(&host);
	}
}

static void who_moves_no_more_has_no_turn(void **state)
{
	bulk_comes();
	step();
	for (uint32_t i = 0; i < BULK; i++)
		host.flows[i].state = FLOW_DEAD;
	assert_int_equal(step(), 0);
	for (int i = 0; i < 10; i++)
		step();
	assert_true(mn_set_empty(&host.ready) && mn_set_empty(&host.backlog));
}

/* The guest can mark what it likes. */
static void what_is_no_flow_has_none_either(void **state)
{
	mn_set_add(&host.ready, MN_MAX_FLOWS - 1);
	step();
	assert_true(mn_set_empty(&host.ready) && mn_set_empty(&host.backlog));
	assert_int_equal(turns, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(flows_in_bulk_move_as_much),
		TEST(so_does_one_that_moves_both_ways),
		TEST(who_asks_goes_first),
		TEST(who_asks_on_and_on_takes_no_more_than_its_share),
		TEST(who_comes_with_much_waits_as_the_others),
		TEST(one_alone_is_held_up_by_nobody),
		TEST(who_moves_no_more_has_no_turn),
		TEST(what_is_no_flow_has_none_either),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
