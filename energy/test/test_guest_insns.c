/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of guest instructions, on pages made up; and perf, on a thread without a guest. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/guest_insns.h"
#include "energy/plugin/insns_page.h"

#define WRITER 4711

static char path[] = "/tmp/memnet-page.XXXXXX";
static struct insns_page *page;		/* the file, as the plugin has it */

static int make_page(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, sizeof(*page)))
		return -1;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? -1 : 0;
}

static int remove_page(void **state)
{
	munmap(page, sizeof(*page));
	return unlink(path);
}

static int fill_page(void **state)
{
	memset(page, 0, sizeof(*page));
	page->header = (struct insns_header){ INSNS_PAGE_MAGIC, INSNS_PAGE_VERSION, 2, WRITER };
	return 0;
}

static void the_counts_of_all_vcpus_are_summed(void **state)
{
	struct guest_insns_reading begin, end;
	struct guest_insns *g;
	uint64_t n;
	char why[200];

	page->vcpu[0].insns[INSNS_USER] = 1000;
	page->vcpu[1].insns[INSNS_USER] = 10;
	page->vcpu[2].insns[INSNS_USER] = 1;	/* not in use */
	assert_int_equal(guest_insns_open_page(&g, path, WRITER, why, sizeof(why)), 0);
	assert_string_equal(guest_insns_source(g), "tcg-plugin");
	guest_insns_read(g, &begin);
	page->vcpu[0].insns[INSNS_USER] += 5;
	page->vcpu[1].insns[INSNS_KERNEL] += 70000000000;
	guest_insns_read(g, &end);
	assert_int_equal(guest_insns_delta(&begin, &end, GUEST_USER, &n), 0);
	assert_int_equal(n, 5);
	assert_int_equal(guest_insns_delta(&begin, &end, GUEST_KERNEL, &n), 0);
	assert_true(n == 70000000000);
	assert_int_equal(guest_insns_delta(&end, &end, GUEST_KERNEL, &n), 0);
	assert_int_equal(n, 0);		/* at rest: truly 0 */
	assert_int_equal(guest_insns_gauge(&(struct guest_insns_gauge){ g, GUEST_USER }, &n), 0);
	assert_int_equal(n, 1015);
	guest_insns_close(g);
}

static void expect_refusal(pid_t writer, int error, const char *word)
{
	struct guest_insns *g;
	char why[200] = "";

	assert_int_equal(guest_insns_open_page(&g, path, writer, why, sizeof(why)), error);
	assert_non_null(strstr(why, path));
	if (!strstr(why, word))
		fail_msg("'%s' does not say '%s'", why, word);
}

static void what_is_no_page_of_this_qemu_is_refused(void **state)
{
	struct guest_insns *g;
	char why[200];

	expect_refusal(WRITER + 1, -ESTALE, "another QEMU");
	assert_int_equal(guest_insns_open_page(&g, path, 0, why, sizeof(why)), 0);
	guest_insns_close(g);
	page->header.vcpus = 0;
	expect_refusal(WRITER, -EBADMSG, "not a page");
	page->header.vcpus = INSNS_MAX_VCPUS + 1;
	expect_refusal(WRITER, -EBADMSG, "not a page");
	page->header.version++;
	expect_refusal(WRITER, -EPROTO, "another version");
	page->header.magic++;
	expect_refusal(WRITER, -EBADMSG, "not a page");
}

static void a_file_too_short_or_absent_is_refused(void **state)
{
	assert_int_equal(truncate(path, INSNS_PAGE_BYTES - 1), 0);
	expect_refusal(WRITER, -ENODATA, "shorter");
	assert_int_equal(truncate(path, INSNS_PAGE_BYTES), 0);
	assert_int_equal(unlink(path), 0);
	expect_refusal(WRITER, -ENOENT, "with the plugin");
	close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

/* Where there is no PMU: no reader. Where there is one: this thread ran no guest, a true 0. */
static void perf_counts_guests_alone_or_is_absent(void **state)
{
	const pid_t tids[] = { gettid() };
	struct guest_insns_reading begin, end;
	struct guest_insns *g;
	char why[200] = "";
	uint64_t n;
	int ret = guest_insns_open_perf(&g, tids, 1, why, sizeof(why));

	if (ret) {
		print_message("absent: %s\n", why);
		assert_non_null(strstr(why, "instructions:"));
		assert_non_null(strstr(why, strerrorname_np(-ret)));
		return;
	}
	assert_string_equal(guest_insns_source(g), "perf-hw");
	guest_insns_read(g, &begin);
	guest_insns_read(g, &end);
	for (int mode = 0; mode < GUEST_MODES; mode++) {
		assert_int_equal(guest_insns_delta(&begin, &end, mode, &n), 0);
		assert_int_equal(n, 0);
	}
	guest_insns_close(g);
}

static void more_vcpus_than_a_reading_holds_are_refused(void **state)
{
	pid_t tids[GUEST_MAX_VCPUS + 1] = { 0 };
	struct guest_insns *g;
	char why[200] = "";

	assert_int_equal(guest_insns_open_perf(&g, tids, GUEST_MAX_VCPUS + 1, why, sizeof(why)),
			 -E2BIG);
	assert_non_null(strstr(why, "32 vCPUs are more than the 31"));
}

static void a_reading_of_perf_is_scaled_and_an_error_is_kept(void **state)
{
	const struct counter_value none = { 0 };
	const struct guest_insns_reading begin = { .n = 2, .value = { { none }, { none } } };
	struct guest_insns_reading end = { .n = 2, .value = {
		{ { .value = 100, .enabled_ns = 20, .running_ns = 10 } },	/* half the time */
		{ { .value = 1000, .enabled_ns = 20, .running_ns = 20 } } } };
	uint64_t n = 7;

	/* Each by its own share: 200 + 1000, not 1100 * 40 / 30. */
	assert_int_equal(guest_insns_delta(&begin, &end, GUEST_USER, &n), 0);
	assert_int_equal(n, 1200);
	n = 7;
	end.value[1][GUEST_USER].running_ns = 0;	/* never on the PMU: not 0 */
	assert_int_equal(guest_insns_delta(&begin, &end, GUEST_USER, &n), -EBUSY);
	end.value[1][GUEST_USER].error = -EIO;
	assert_int_equal(guest_insns_delta(&begin, &end, GUEST_USER, &n), -EIO);
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_counts_of_all_vcpus_are_summed, fill_page),
		cmocka_unit_test_setup(what_is_no_page_of_this_qemu_is_refused, fill_page),
		cmocka_unit_test_setup(a_file_too_short_or_absent_is_refused, fill_page),
		cmocka_unit_test(perf_counts_guests_alone_or_is_absent),
		cmocka_unit_test(more_vcpus_than_a_reading_holds_are_refused),
		cmocka_unit_test(a_reading_of_perf_is_scaled_and_an_error_is_kept),
	};

	return cmocka_run_group_tests_name("guest_insns", tests, make_page, remove_page);
}
