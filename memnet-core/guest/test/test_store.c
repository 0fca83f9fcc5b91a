/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of objects: pages, names, who has what, and what goes with whom. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/guest/store.h"
#include "memnet-core/layout.h"

#define PAGES	8
#define ALL	(PAGES * MN_PAGE)

static struct mn_store *s;
static struct mn_store_reply r;

static int setup(void **state)
{
	s = mn_store_new();
	mn_store_set_arena(s, ALL);
	return 0;
}

static int teardown(void **state)
{
	mn_store_free(s);
	return 0;
}

static int ask(uint32_t channel, enum mn_store_op op, uint64_t object, uint64_t bytes,
	       const char *name)
{
	struct mn_store_request q = { .op = op, .object = object, .bytes = bytes };

	memcpy(q.name, name, strnlen(name, sizeof(q.name)));
	mn_store_run(s, channel, &q, &r);
	return r.error;
}

static uint64_t make(uint32_t channel, const char *name, uint64_t bytes)
{
	assert_int_equal(ask(channel, MN_STORE_CREATE, 0, bytes, name), 0);
	return r.object;
}

static uint64_t make_sealed(uint32_t channel, const char *name, uint64_t bytes)
{
	uint64_t o = make(channel, name, bytes);

	assert_int_equal(ask(channel, MN_STORE_SEAL, o, bytes, ""), 0);
	return o;
}

/* How much is free in one piece? */
static uint64_t largest(void)
{
	for (uint64_t room = (MN_STORE_OBJECTS + 1) * MN_PAGE; room; room -= MN_PAGE)
		if (!ask(9, MN_STORE_CREATE, 0, room, "")) {
			assert_int_equal(ask(9, MN_STORE_RELEASE, r.object, 0, ""), 0);
			return room;
		}
	return 0;
}

static void extents_lie_apart_and_are_used_again(void **state)
{
	uint64_t a = make(1, "", 1), b = make(1, "", MN_PAGE + 1), b_at = r.offset;

	assert_int_equal(r.offset, MN_PAGE);
	assert_int_equal(r.room, 2 * MN_PAGE);
	make(1, "", 5 * MN_PAGE);
	assert_int_equal(r.offset, 3 * MN_PAGE);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 1, ""), -ENOSPC);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 0, ""), -ENOSPC);
	assert_int_equal(ask(1, MN_STORE_RELEASE, b, 0, ""), 0);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 3 * MN_PAGE, ""), -ENOSPC);
	make(1, "", 2 * MN_PAGE);
	assert_int_equal(r.offset, b_at);
	assert_int_equal(r.room, 2 * MN_PAGE);
	assert_int_equal(ask(1, MN_STORE_RELEASE, a, 0, ""), 0);
	assert_int_equal(ask(1, MN_STORE_RELEASE, a, 0, ""), -EBADF);
	make(1, "", UINT64_C(1));
	assert_int_equal(r.offset, 0);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, UINT64_MAX, ""), -ENOSPC);
}

static void half_of_the_largest_piece_is_found(void **state)
{
	uint64_t first = make(1, "", MN_PAGE);

	make(1, "", MN_PAGE);
	assert_int_equal(ask(1, MN_STORE_RELEASE, first, 0, ""), 0);
	make(1, "", 0);
	assert_int_equal(r.offset, 2 * MN_PAGE);
	assert_int_equal(r.room, ALL / 2 - MN_PAGE);
	make(1, "", ALL / 2 - MN_PAGE);
	make(1, "", 0);
	assert_int_equal(r.room, MN_PAGE);	/* of one */
}

static void sealing_gives_the_rest_back(void **state)
{
	uint64_t o = make(1, "a", 0);

	assert_int_equal(ask(1, MN_STORE_SEAL, o, ALL + 1, ""), -EINVAL);
	assert_int_equal(ask(2, MN_STORE_SEAL, o, 1, ""), -EBADF);
	assert_int_equal(ask(1, MN_STORE_SEAL, o, MN_PAGE + 1, ""), 0);
	assert_int_equal(r.room, 2 * MN_PAGE);
	assert_int_equal(r.length, MN_PAGE + 1);
	assert_int_equal(largest(), ALL - 2 * MN_PAGE);
	assert_int_equal(ask(1, MN_STORE_SEAL, o, 1, ""), -EBADF);	/* once */
}

static void names(void **state)
{
	static const char *const wrong[] = { "a/b", "a b", "\n", "\xc3\xa4" };
	uint64_t o = make(1, "b", 1);
	char long_name[MN_OBJECT_NAME + 1] = "";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ask(1, MN_STORE_CREATE, 0, 1, wrong[i]), -EINVAL);
	memset(long_name, 'x', MN_OBJECT_NAME);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 1, long_name), -EINVAL);
	long_name[MN_OBJECT_NAME - 1] = '\0';
	make(1, long_name, 1);
	/* Taken from the creation on, to be opened once it is sealed. */
	assert_int_equal(ask(2, MN_STORE_CREATE, 0, 1, "b"), -EEXIST);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "b"), -ENOENT);
	assert_int_equal(ask(2, MN_STORE_REMOVE, 0, 0, "b"), -ENOENT);
	assert_int_equal(ask(2, MN_STORE_NEXT, 0, 0, ""), -ENOENT);
	assert_int_equal(ask(1, MN_STORE_SEAL, o, 1, ""), 0);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "b"), 0);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, ""), -ENOENT);
}

static void what_is_free_is_told(void **state)
{
	uint64_t first = make(1, "", MN_PAGE);

	make_sealed(1, "a", MN_PAGE + 1);
	assert_int_equal(ask(1, MN_STORE_RELEASE, first, 0, ""), 0);
	assert_int_equal(ask(2, MN_STORE_SPACE, 0, 0, ""), 0);
	assert_int_equal(r.length, ALL - 2 * MN_PAGE);
	assert_int_equal(r.room, ALL - 3 * MN_PAGE);
	make(1, "", ALL - 3 * MN_PAGE);
	make(1, "", MN_PAGE);
	assert_int_equal(ask(2, MN_STORE_SPACE, 0, 0, ""), 0);
	assert_int_equal(r.length, 0);
	assert_int_equal(r.room, 0);
}

static void the_list_is_in_order_of_names(void **state)
{
	make_sealed(1, "b", 1);
	make_sealed(1, "c", 2);
	make_sealed(1, "a", 3);
	make_sealed(1, "", 1);
	assert_int_equal(ask(2, MN_STORE_NEXT, 0, 0, ""), 0);
	assert_string_equal(r.name, "a");
	assert_int_equal(r.length, 3);
	assert_int_equal(ask(2, MN_STORE_NEXT, 0, 0, "a"), 0);
	assert_string_equal(r.name, "b");
	assert_int_equal(ask(2, MN_STORE_NEXT, 0, 0, "bb"), 0);
	assert_string_equal(r.name, "c");
	assert_int_equal(ask(2, MN_STORE_NEXT, 0, 0, "c"), -ENOENT);
}

static void who_has_it_open_keeps_what_is_removed(void **state)
{
	make_sealed(1, "a", ALL);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "a"), 0);
	mn_store_leave(s, 1);
	assert_int_equal(ask(3, MN_STORE_REMOVE, 0, 0, "a"), 0);
	assert_int_equal(ask(3, MN_STORE_OPEN, 0, 0, "a"), -ENOENT);
	assert_int_equal(largest(), 0);
	mn_store_leave(s, 2);
	assert_int_equal(largest(), ALL);
}

static void what_is_not_sealed_or_has_no_name_goes_with_its_process(void **state)
{
	make(1, "half", 2 * MN_PAGE);
	make_sealed(1, "", 2 * MN_PAGE);
	make_sealed(1, "whole", MN_PAGE);
	assert_int_equal(largest(), 3 * MN_PAGE);
	mn_store_leave(s, 1);
	assert_int_equal(largest(), 4 * MN_PAGE);	/* before the one that stays */
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "whole"), 0);
	make(2, "half", 1);
}

static void another_arena_is_empty_and_the_same_is_not(void **state)
{
	uint64_t o = make_sealed(1, "a", 1);

	mn_store_set_arena(s, ALL);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "a"), 0);
	mn_store_set_arena(s, ALL / 2);
	assert_int_equal(ask(2, MN_STORE_OPEN, 0, 0, "a"), -ENOENT);
	make(1, "", 1);
	assert_int_equal(ask(1, MN_STORE_RELEASE, o, 0, ""), -EBADF);	/* of before */
	mn_store_set_arena(s, 0);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 1, ""), -EOPNOTSUPP);
}

static void objects_run_out(void **state)
{
	mn_store_set_arena(s, (MN_STORE_OBJECTS + 1) * (uint64_t)MN_PAGE);
	for (int i = 0; i < MN_STORE_OBJECTS; i++)
		make(1, "", 1);
	assert_int_equal(ask(1, MN_STORE_CREATE, 0, 1, ""), -EMFILE);
	mn_store_leave(s, 1);
	assert_int_equal(largest(), (MN_STORE_OBJECTS + 1) * MN_PAGE);
	assert_int_equal(ask(1, 99, 0, 0, ""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(extents_lie_apart_and_are_used_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(half_of_the_largest_piece_is_found, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sealing_gives_the_rest_back, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_free_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_list_is_in_order_of_names, setup, teardown),
		cmocka_unit_test_setup_teardown(who_has_it_open_keeps_what_is_removed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_sealed_or_has_no_name_goes_with_its_process, setup, teardown),
		cmocka_unit_test_setup_teardown(another_arena_is_empty_and_the_same_is_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(objects_run_out, setup, teardown),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
