/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest may say on the port, and what it must not: the words, the memory
 * map, the pages. The VM's RAM is a memfd of 8 pages here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/guest_ram.h"

#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define FOUR_GIB	(4 * GIB / MN_RAM_PAGE)	/* as a frame */
#define RAM_PAGES	8
#define STAMP		0x5742ULL

/* --- the memory map ------------------------------------------------------------------ */

static void expect_offset(const struct mn_ram_map *map, uint64_t gpa, uint64_t want)
{
	uint64_t offset = UINT64_MAX;

	assert_int_equal(mn_ram_map_find(map, gpa, MN_RAM_PAGE, &offset),
			 want == UINT64_MAX ? -ENOENT : 0);
	assert_true(offset == want);
}

/* harness/test/test_guest_ram.c asks QEMU for the same. */
static void a_q35_machine_splits_its_ram_at_2816_mib(void **state)
{
	static const struct { unsigned int mib, low_mib; } cases[] = {
		{ 256, 256 }, { 2814, 2814 }, { 2816, 2048 }, { 2818, 2048 }, { 5120, 2048 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t low = cases[i].low_mib * MIB, high = cases[i].mib * MIB - low;
		struct mn_ram_map map;

		mn_ram_map_q35(cases[i].mib * MIB, &map);
		expect_offset(&map, 0, 0);
		expect_offset(&map, low - MN_RAM_PAGE, low - MN_RAM_PAGE);
		expect_offset(&map, low - MN_RAM_PAGE + 1, UINT64_MAX);
		expect_offset(&map, low, UINT64_MAX);
		expect_offset(&map, 4 * GIB - MN_RAM_PAGE, UINT64_MAX);
		expect_offset(&map, 4 * GIB, high ? low : UINT64_MAX);
		if (high)
			expect_offset(&map, 4 * GIB + high - MN_RAM_PAGE, low + high - MN_RAM_PAGE);
		expect_offset(&map, 4 * GIB + high, UINT64_MAX);
		expect_offset(&map, UINT64_MAX - MN_RAM_PAGE + 1, UINT64_MAX);
	}
}

static void a_map_is_read_as_written(void **state)
{
	struct mn_ram_map map;

	assert_int_equal(mn_ram_map_parse("0:2G:0,0x100000000:3G:2048M", &map), 0);
	assert_int_equal(map.n, 2);
	assert_true(map.pieces[1].gpa == 4 * GIB && map.pieces[1].bytes == 3 * GIB &&
		    map.pieces[1].offset == 2 * GIB);
}

static void a_map_that_cannot_be_is_refused(void **state)
{
	static const struct { const char *text; int error; } cases[] = {
		{ "", -EINVAL }, { "0", -EINVAL }, { "0:1G", -EINVAL }, { "0:1G:0:0", -EINVAL },
		{ "0:1G:0,", -EINVAL }, { "0:1G:x", -EINVAL }, { "0x:1G:0", -EINVAL },
		{ "0:0:0", -ERANGE }, { "0xfffffffffffff000:8k:0", -ERANGE },
		{ "0:8k:0xfffffffffffff000", -ERANGE },
		{ "0:1:0,0:1:0,0:1:0,0:1:0,0:1:0,0:1:0,0:1:0,0:1:0,0:1:0", -E2BIG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mn_ram_map map = { .n = 7 };

		assert_int_equal(mn_ram_map_parse(cases[i].text, &map), cases[i].error);
		assert_int_equal(map.n, 7);
	}
}

/* --- the pages ------------------------------------------------------------------------- */

struct ram {
	int fd;
	uint8_t *bytes;		/* mapped as a whole */
	char path[32];
	struct mn_guest_ram_config config;
};

static int make_ram(void **state)
{
	static struct ram ram;

	ram = (struct ram){ .fd = memfd_create("ram", MFD_CLOEXEC) };
	assert_int_equal(ftruncate(ram.fd, RAM_PAGES * MN_RAM_PAGE), 0);
	ram.bytes = mmap(NULL, RAM_PAGES * MN_RAM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 ram.fd, 0);
	assert_true(ram.bytes != MAP_FAILED);
	snprintf(ram.path, sizeof(ram.path), "/proc/self/fd/%d", ram.fd);
	ram.config.path = ram.path;
	*state = &ram;
	return 0;
}

static int end_ram(void **state)
{
	struct ram *ram = *state;

	munmap(ram->bytes, RAM_PAGES * MN_RAM_PAGE);
	close(ram->fd);
	return 0;
}

/* Half of the pages below 4 GiB, as of address 4 MiB; half above, in reverse order in the file. */
static void split_ram(struct ram *ram)
{
	assert_int_equal(mn_ram_map_parse("4M:8M:0,0x100000000:8M:8M", &ram->config.map), 0);
}

/* Of at most 4 pages, whatever @pages says. */
static struct mn_announcement announcement(uint64_t pages, const uint64_t *frames)
{
	struct mn_announcement a = { .word = MN_PORT_ANNOUNCE, .stamp = STAMP, .pages = pages };

	for (uint64_t i = 0; i < pages && i < 4; i++)
		a.frames[i] = frames[i];
	return a;
}

static void stamp(struct ram *ram, uint64_t file_page, uint64_t index)
{
	const uint64_t words[] = { STAMP, index };

	memcpy(ram->bytes + file_page * MN_RAM_PAGE, words, sizeof(words));
}

static void pages_below_and_above_4_gib_are_mapped_in_their_order(void **state)
{
	static const uint64_t frames[] = { FOUR_GIB + 3, 2, FOUR_GIB, 5 };
	static const uint64_t in_file[] = { 7, 0, 4, 3 };
	struct mn_announcement a = announcement(4, frames);
	struct ram *ram = *state;
	char why[200];
	void *base;

	split_ram(ram);
	for (size_t i = 0; i < 4; i++) {
		stamp(ram, in_file[i], i);
		ram->bytes[in_file[i] * MN_RAM_PAGE + 4096] = 'a' + i;
	}
	assert_int_equal(mn_guest_ram_map(&ram->config, ram->fd, &a, &base, why, sizeof(why)), 0);
	assert_true((uintptr_t)base % MN_RAM_PAGE == 0);
	for (size_t i = 0; i < 4; i++) {
		uint8_t *page = (uint8_t *)base + i * MN_RAM_PAGE;

		assert_int_equal(page[4096], 'a' + i);
		page[MN_RAM_PAGE - 1] = 'A' + i;
		assert_int_equal(ram->bytes[(in_file[i] + 1) * MN_RAM_PAGE - 1], 'A' + i);
	}

	assert_int_equal(mn_guest_ram_let_go(base, 4 * MN_RAM_PAGE), 0);
	memset(base, 'x', 4 * MN_RAM_PAGE);
	assert_int_equal(ram->bytes[in_file[0] * MN_RAM_PAGE + 4096], 'a');
	munmap(base, 4 * MN_RAM_PAGE);
}

/* The pages are stamped as an honest guest would do, so that only the lie is refused. */
static void expect_refusal(struct ram *ram, uint64_t pages, const uint64_t *frames,
			   const char *field)
{
	struct mn_announcement a = announcement(pages, frames);
	void *base = NULL;
	char why[200];

	assert_int_equal(mn_guest_ram_map(&ram->config, ram->fd, &a, &base, why, sizeof(why)),
			 -EPROTO);
	assert_null(base);
	if (!strstr(why, field))
		fail_msg("'%s' does not name %s", why, field);
}

static void a_lie_is_refused_by_its_field(void **state)
{
	static const struct { uint64_t pages, frames[4]; const char *field; } cases[] = {
		{ 0, { 2 }, "pages" },
		{ 3, { 2, 3, 4 }, "pages" },
		{ 1024, { 2 }, "pages" },
		{ UINT64_MAX, { 2 }, "pages" },
		{ 2, { 2, 2 }, "frames[1] = 0x2 is frames[0] again" },
		{ 4, { 2, 3, 4, 3 }, "frames[3] = 0x3 is frames[1] again" },
		{ 2, { 2, 1 }, "frames[1] = 0x1 is not" },	/* before the first piece */
		{ 2, { 2, 6 }, "frames[1] = 0x6 is not" },	/* behind it */
		{ 2, { 2, FOUR_GIB - 1 }, "frames[1] = 0x7ff is not" },
		{ 2, { 2, FOUR_GIB + 4 }, "frames[1] = 0x804 is not" },
		/* Of addresses that do not fit into 64 bits; the bits that would fit are fine. */
		{ 2, { 2, 1ULL << 43 | 3 }, "frames[1] = 0x80000000003 is not" },
		{ 2, { 2, UINT64_MAX }, "frames[1] = 0xffffffffffffffff is not" },
	};
	struct ram *ram = *state;

	split_ram(ram);
	for (uint64_t i = 0; i < 4; i++)
		stamp(ram, i, i);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refusal(ram, cases[i].pages, cases[i].frames, cases[i].field);
}

/* RAM that begins or ends within a hugepage does not have that one. */
static void a_page_partly_in_ram_is_refused(void **state)
{
	static const uint64_t first[] = { 2 }, last[] = { 3 };
	struct ram *ram = *state;

	assert_int_equal(mn_ram_map_parse("0x400001:3M:0", &ram->config.map), 0);
	expect_refusal(ram, 1, first, "frames[0] = 0x2 is not");
	expect_refusal(ram, 1, last, "frames[0] = 0x3 is not");
}

static void pages_without_their_stamps_are_refused(void **state)
{
	static const uint64_t frames[] = { 2, 3 };
	struct ram *ram = *state;

	split_ram(ram);
	stamp(ram, 0, 0);
	expect_refusal(ram, 2, frames, "frames[1] = 0x3 is another page");
	stamp(ram, 1, 2);
	expect_refusal(ram, 2, frames, "frames[1] = 0x3 is another page");
}

static void what_the_operator_got_wrong_is_said(void **state)
{
	static const uint64_t frames[] = { 2 };
	struct mn_announcement a = announcement(1, frames);
	struct ram *ram = *state;
	char why[200];
	void *base;

	assert_int_equal(mn_ram_map_parse("4M:16M:2M", &ram->config.map), 0);
	assert_int_equal(mn_guest_ram_map(&ram->config, ram->fd, &a, &base, why, sizeof(why)),
			 -ERANGE);
	assert_non_null(strstr(why, "--ram-map goes past the end"));
	ram->config.path = "/nonexistent/ram";
	assert_int_equal(mn_guest_ram_open(&ram->config), -ENOENT);
}

/* --- the words ---------------------------------------------------------------------------- */

static struct mn_port_reader reader;
static int ends[2];

static int make_port(void **state)
{
	reader = (struct mn_port_reader){ 0 };
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int end_port(void **state)
{
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void say(const void *bytes, size_t n)
{
	assert_int_equal(send(ends[0], bytes, n, 0), n);
	while (mn_port_read(&reader, ends[1]) > 0 && reader.end < sizeof(reader.bytes))
		;
}

static void say_word(uint64_t word)
{
	say(&word, sizeof(word));
}

static void expect_event(enum mn_port_event want)
{
	struct mn_announcement a;

	assert_int_equal(mn_port_next(&reader, &a), want);
}

static void messages_are_told_apart(void **state)
{
	static const uint64_t frames[] = { 7, 8 };
	struct mn_announcement said = announcement(2, frames), heard;

	say_word(MN_PORT_RETRACT);
	say(&said, mn_announcement_bytes(2));
	say_word(MN_PORT_RING);
	expect_event(MN_PORT_RETRACTED);
	assert_int_equal(mn_port_next(&reader, &heard), MN_PORT_ANNOUNCED);
	assert_memory_equal(&heard, &said, mn_announcement_bytes(2));
	expect_event(MN_PORT_RUNG);
	expect_event(MN_PORT_NOTHING);
}

static void a_message_may_come_byte_by_byte(void **state)
{
	struct mn_announcement said = { .word = MN_PORT_ANNOUNCE, .pages = MN_RAM_MAX_PAGES };
	const uint8_t *bytes = (const uint8_t *)&said;

	for (size_t i = 0; i + 1 < sizeof(said); i++) {
		say(bytes + i, 1);
		expect_event(MN_PORT_NOTHING);
	}
	say(bytes + sizeof(said) - 1, 1);
	expect_event(MN_PORT_ANNOUNCED);
	expect_event(MN_PORT_NOTHING);
}

/* Told once; the next message is found, wherever it begins. */
static void nonsense_is_skipped(void **state)
{
	for (size_t n = 1; n < 40; n++) {
		uint8_t noise[40];

		memset(noise, 0xee, n);
		say(noise, n);
		say_word(MN_PORT_RING);
		expect_event(MN_PORT_NONSENSE);
		expect_event(MN_PORT_RUNG);
		expect_event(MN_PORT_NOTHING);
	}
}

static void too_many_pages_are_handed_on_to_be_refused_and_their_frames_skipped(void **state)
{
	struct mn_announcement said = { .word = MN_PORT_ANNOUNCE, .pages = MN_RAM_MAX_PAGES + 1 };

	memset(said.frames, 0xee, sizeof(said.frames));
	say(&said, sizeof(said));
	say_word(MN_PORT_RING);
	expect_event(MN_PORT_ANNOUNCED);
	expect_event(MN_PORT_RUNG);
	expect_event(MN_PORT_NOTHING);
}

int main(void)
{
#define RAM_TEST(f) cmocka_unit_test_setup_teardown(f, make_ram, end_ram)
#define PORT_TEST(f) cmocka_unit_test_setup_teardown(f, make_port, end_port)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_q35_machine_splits_its_ram_at_2816_mib),
		cmocka_unit_test(a_map_is_read_as_written),
		cmocka_unit_test(a_map_that_cannot_be_is_refused),
		RAM_TEST(pages_below_and_above_4_gib_are_mapped_in_their_order),
		RAM_TEST(a_lie_is_refused_by_its_field),
		RAM_TEST(a_page_partly_in_ram_is_refused),
		RAM_TEST(pages_without_their_stamps_are_refused),
		RAM_TEST(what_the_operator_got_wrong_is_said),
		PORT_TEST(messages_are_told_apart),
		PORT_TEST(a_message_may_come_byte_by_byte),
		PORT_TEST(nonsense_is_skipped),
		PORT_TEST(too_many_pages_are_handed_on_to_be_refused_and_their_frames_skipped),
	};

	return cmocka_run_group_tests_name("guest RAM, host side", tests, NULL, NULL);
}
