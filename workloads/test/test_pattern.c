/* SPDX-License-Identifier: BSD-2-Clause */
/* Each way a stream can go wrong is found, at the byte where it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "workloads/pattern.h"

#define CHUNK (64 << 10)
#define LENGTH (3 * PATTERN_PERIOD_BYTES + 12345)

struct fixture {
	unsigned char *right, *read;	/* LENGTH bytes: as sent, as received */
	struct pattern receiver;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct pattern sender;

	f->right = malloc(LENGTH);
	f->read = malloc(LENGTH);
	pattern_init(&sender, 42, CHUNK);
	for (size_t at = 0; at < LENGTH; at += CHUNK) {
		size_t len = MIN((size_t)CHUNK, LENGTH - at);

		memcpy(f->right + at, pattern_make(&sender, at, len), len);
	}
	pattern_free(&sender);
	memcpy(f->read, f->right, LENGTH);
	pattern_init(&f->receiver, 42, CHUNK);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pattern_free(&f->receiver);
	free(f->right);
	free(f->read);
	free(f);
	return 0;
}

/* The verdict must name the first byte that differs; returns that offset. */
static size_t found_at(const struct fixture *f)
{
	size_t want = 0;

	while (want < LENGTH && f->right[want] == f->read[want])
		want++;
	assert_int_equal(pattern_verify(&f->receiver, 0, f->read, LENGTH), want);
	return want;
}

static void right_bytes_are_right_in_pieces_of_any_size(void **state)
{
	static const size_t sizes[] = { 1, 3, 7, 8, 9, 4095, 4096, 4097, 100003 };
	struct fixture *f = *state;

	assert_int_equal(found_at(f), LENGTH);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t at = 0; at < LENGTH; at += sizes[i]) {
			size_t len = MIN(sizes[i], LENGTH - at);

			assert_int_equal(pattern_verify(&f->receiver, at, f->read + at, len), len);
		}
}

static void made_in_odd_pieces_it_is_the_same_stream(void **state)
{
	struct fixture *f = *state;
	struct pattern sender;
	size_t len;

	assert_int_equal(pattern_init(&sender, 42, CHUNK), 0);
	for (size_t at = 0; at < LENGTH; at += len) {
		len = MIN(1 + at * 7919 % CHUNK, LENGTH - at);
		assert_memory_equal(pattern_make(&sender, at, len), f->right + at, len);
	}
	pattern_free(&sender);
}

static void one_flipped_bit_is_found_anywhere(void **state)
{
	static const size_t places[] = { 0, 7, 8, 4095, 4096, 4103, PATTERN_PERIOD_BYTES,
					 PATTERN_PERIOD_BYTES + 5000, LENGTH - 1 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		f->read[places[i]] ^= 0x10;
		assert_int_equal(found_at(f), places[i]);
		f->read[places[i]] ^= 0x10;
	}
}

static void a_stale_lap_of_a_ring_is_found(void **state)
{
	struct fixture *f = *state;

	for (size_t ring = 4096; ring <= 1 << 20; ring *= 2) {
		size_t at = 1 << 20, len = MIN(ring, (size_t)8192);

		memcpy(f->read + at, f->right + at - ring, len);
		assert_in_range(found_at(f), at, at + 7);
		memcpy(f->read + at, f->right + at, len);
	}
}

static void a_whole_period_read_twice_is_found(void **state)
{
	struct fixture *f = *state;

	memcpy(f->read + PATTERN_PERIOD_BYTES, f->right, PATTERN_PERIOD_BYTES);
	assert_in_range(found_at(f), PATTERN_PERIOD_BYTES, PATTERN_PERIOD_BYTES + 7);
}

static void bytes_left_out_or_put_in_are_found(void **state)
{
	static const size_t shifts[] = { 1, 8, 64, 4096, 65536 };
	struct fixture *f = *state;
	size_t at = 500000;

	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		memmove(f->read + at, f->right + at + shifts[i], LENGTH - at - shifts[i]);
		assert_in_range(found_at(f), at, at + 7);
		memcpy(f->read + at + shifts[i], f->right + at, LENGTH - at - shifts[i]);
		assert_in_range(found_at(f), at, at + 7);
		memcpy(f->read, f->right, LENGTH);
	}
}

static void swapped_blocks_are_found(void **state)
{
	struct fixture *f = *state;
	size_t a = 10 * PATTERN_BLOCK_BYTES, b = 11 * PATTERN_BLOCK_BYTES;

	memcpy(f->read + a, f->right + b, PATTERN_BLOCK_BYTES);
	memcpy(f->read + b, f->right + a, PATTERN_BLOCK_BYTES);
	assert_in_range(found_at(f), a, a + 7);
}

static void damage_that_sums_and_xors_do_not_see_is_found(void **state)
{
	const size_t at = 20 * PATTERN_BLOCK_BYTES + 800;
	struct fixture *f = *state;

	for (size_t apart = 8; apart <= 2048; apart *= 2) {
		memcpy(f->read + at, f->right + at + apart, 8);
		memcpy(f->read + at + apart, f->right + at, 8);
		assert_in_range(found_at(f), at, at + 7);
		memcpy(f->read, f->right, LENGTH);
		f->read[at + 7] += 0x80;
		f->read[at + apart + 7] -= 0x80;
		assert_int_equal(found_at(f), at + 7);
		memcpy(f->read, f->right, LENGTH);
	}
}

static void another_seed_is_another_stream(void **state)
{
	struct fixture *f = *state;
	struct pattern other;

	assert_int_equal(pattern_init(&other, 43, CHUNK), 0);
	assert_in_range(pattern_verify(&other, 0, f->read, LENGTH), 0, 7);
	assert_in_range(pattern_verify(&other, 8, f->read + 8, LENGTH - 8), 0, 7);
	pattern_free(&other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(right_bytes_are_right_in_pieces_of_any_size),
		TEST(made_in_odd_pieces_it_is_the_same_stream),
		TEST(one_flipped_bit_is_found_anywhere),
		TEST(a_stale_lap_of_a_ring_is_found),
		TEST(a_whole_period_read_twice_is_found),
		TEST(bytes_left_out_or_put_in_are_found),
		TEST(swapped_blocks_are_found),
		TEST(damage_that_sums_and_xors_do_not_see_is_found),
		TEST(another_seed_is_another_stream),
	};

	return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
