/* SPDX-License-Identifier: BSD-2-Clause */
/* Ordinary memory is write-back; what other times mean, on figures as machines give them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/cache_type.h"

#define PAGE 4096

static void ordinary_memory_is_write_back(void **state)
{
	struct mn_cache_timing t;
	void *page = aligned_alloc(PAGE, PAGE);

	assert_non_null(page);
	assert_int_equal(mn_cache_measure(page, PAGE, &t), 0);
	assert_true(t.read_ns > 0 && t.write_ns > 0);
	assert_int_equal(mn_cache_classify(&t), MN_CACHE_WRITE_BACK);
	free(page);
}

static void only_whole_lines_are_measured(void **state)
{
	static const struct { size_t offset, bytes; } cases[] = { { 0, 0 }, { 0, 100 }, { 8, 64 } };
	char *page = aligned_alloc(PAGE, PAGE);
	struct mn_cache_timing t;

	assert_non_null(page);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mn_cache_measure(page + cases[i].offset, cases[i].bytes, &t),
				 -EINVAL);
	free(page);
}

static void times_tell_the_type(void **state)
{
	static const struct {
		struct mn_cache_timing timing;
		enum mn_cache_type want;
	} cases[] = {
		{ { 0.3, 0.4 }, MN_CACHE_WRITE_BACK },		/* a page in L1 */
		{ { 5, 6 }, MN_CACHE_WRITE_BACK },		/* TCG */
		{ { 12, 14 }, MN_CACHE_WRITE_BACK },		/* TCG on a loaded host */
		{ { 1, 30 }, MN_CACHE_WRITE_BACK },	/* read fast: writes do not matter */
		{ { 70, 0.8 }, MN_CACHE_WRITE_COMBINING },	/* host memory */
		{ { 400, 4 }, MN_CACHE_WRITE_COMBINING },	/* a device's bus */
		{ { 70, 55 }, MN_CACHE_UNCACHED },		/* host memory */
		{ { 800, 100 }, MN_CACHE_UNCACHED },		/* a device's bus */
		{ { 20000, 15000 }, MN_CACHE_UNCACHED },	/* each access leaves the VM */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mn_cache_classify(&cases[i].timing), cases[i].want);
}

static void types_have_names(void **state)
{
	assert_string_equal(mn_cache_type_name(MN_CACHE_WRITE_BACK), "write-back");
	assert_string_equal(mn_cache_type_name(MN_CACHE_WRITE_COMBINING), "write-combining");
	assert_string_equal(mn_cache_type_name(MN_CACHE_UNCACHED), "uncached");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_memory_is_write_back),
		cmocka_unit_test(only_whole_lines_are_measured),
		cmocka_unit_test(times_tell_the_type),
		cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests_name("cache type", tests, NULL, NULL);
}
