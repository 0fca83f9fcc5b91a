/* SPDX-License-Identifier: BSD-2-Clause */
/* One end against the other: wraps, limits, wake-ups, and a lying peer. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/fifo.h"
#include "memnet-core/mirror.h"
#include "memnet-core/test/fifo_help.h"

#define SIZE 4096u

struct pair {
	struct mn_index index;
	struct mn_producer p;
	struct mn_consumer c;
	uint8_t data[SIZE];
};

/* An empty FIFO whose indices already stand at @start. */
static struct pair *pair_at(uint64_t start)
{
	struct pair *f = aligned_alloc(MN_LINE, (sizeof(*f) + MN_LINE - 1) / MN_LINE * MN_LINE);

	memset(f, 0, sizeof(*f));
	mn_producer_init(&f->p, &f->index, f->data, SIZE);
	mn_consumer_init(&f->c, &f->index, f->data, SIZE);
	f->p.head = f->p.tail = f->c.head = f->c.tail = start;
	f->index.producer.p_head = f->index.consumer.c_tail = start;
	return f;
}

static bool put(struct pair *f, size_t len)
{
	struct iovec spans[2];

	assert_int_equal(mn_producer_reserve(&f->p, len, spans), len);
	return mn_producer_commit(&f->p, len);
}

static bool get(struct pair *f, size_t len)
{
	struct iovec spans[2];

	assert_int_equal(mn_consumer_peek(&f->c, len, spans), len);
	return mn_consumer_release(&f->c, len);
}

static void a_full_fifo_takes_no_more_and_an_empty_one_gives_none(void **state)
{
	struct pair *f = pair_at(0);
	struct iovec spans[2];

	assert_int_equal(mn_consumer_peek(&f->c, 1, spans), 0);
	put(f, SIZE);
	assert_int_equal(mn_producer_reserve(&f->p, 1, spans), 0);
	get(f, SIZE);
	assert_int_equal(mn_consumer_peek(&f->c, 1, spans), 0);
	free(f);
}

static void spans_split_at_the_end_of_the_data(void **state)
{
	struct pair *f = pair_at(SIZE - 100);
	struct iovec spans[2];

	assert_int_equal(mn_producer_reserve(&f->p, 300, spans), 300);
	assert_ptr_equal(spans[0].iov_base, f->data + SIZE - 100);
	assert_int_equal(spans[0].iov_len, 100);
	assert_ptr_equal(spans[1].iov_base, f->data);
	assert_int_equal(spans[1].iov_len, 200);
	free(f);
}

static void indices_run_through_the_end_of_64_bits(void **state)
{
	struct pair *f = pair_at(UINT64_MAX - 10);

	for (int i = 0; i < 100; i++) {
		put(f, 1000);
		get(f, 1000);
	}
	assert_true(f->p.head < 100000);
	free(f);
}

static void a_sleeping_consumer_is_rung_once_when_its_bytes_are_there(void **state)
{
	struct pair *f = pair_at(UINT64_MAX - 50);

	assert_int_equal(mn_consumer_arm(&f->c, 100), 1);
	assert_false(put(f, 99));
	assert_true(put(f, 1));
	assert_false(put(f, 1));
	assert_int_equal(mn_consumer_arm(&f->c, 100), 0);
	free(f);
}

static void a_sleeping_producer_is_rung_when_its_space_is_there(void **state)
{
	struct pair *f = pair_at(UINT64_MAX - 50);

	put(f, SIZE);
	assert_int_equal(mn_producer_arm(&f->p, SIZE / 2), 1);
	assert_false(get(f, SIZE / 2 - 1));
	assert_true(get(f, 1));
	assert_false(get(f, 1));
	free(f);
}

static void asking_for_more_than_fits_waits_for_all_of_it(void **state)
{
	struct pair *f = pair_at(0);

	put(f, 1);
	assert_int_equal(mn_producer_arm(&f->p, 10 * SIZE), 1);
	assert_true(get(f, 1));
	assert_int_equal(mn_producer_arm(&f->p, 10 * SIZE), 0);
	free(f);
}

static void the_end_comes_after_the_last_byte_and_a_reset_at_once(void **state)
{
	struct pair *f = pair_at(0);

	put(f, 10);
	assert_int_equal(mn_consumer_at_end(&f->c), 0);
	mn_producer_close(&f->p, MN_FIN);
	assert_int_equal(mn_consumer_at_end(&f->c), 0);
	assert_int_equal(mn_consumer_arm(&f->c, SIZE), 0);
	get(f, 10);
	assert_int_equal(mn_consumer_at_end(&f->c), 1);
	mn_producer_close(&f->p, MN_RESET);
	assert_int_equal(mn_consumer_at_end(&f->c), -ECONNRESET);
	f->index.producer.p_closed = 77;
	assert_int_equal(mn_consumer_at_end(&f->c), -EPROTO);
	free(f);
}

static void a_closed_consumer_is_a_broken_pipe(void **state)
{
	struct pair *f = pair_at(0);
	struct iovec spans[2];

	put(f, SIZE);
	assert_int_equal(mn_producer_arm(&f->p, 1), 1);
	mn_consumer_close(&f->c);
	assert_int_equal(mn_producer_arm(&f->p, 1), 0);
	assert_int_equal(mn_producer_reserve(&f->p, 1, spans), -EPIPE);
	free(f);
}

static void a_head_that_cannot_be_is_refused(void **state)
{
	static const int64_t lies[] = { SIZE + 1, INT64_MAX, INT64_MIN, -1, 9 };
	struct iovec spans[2];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct pair *f = pair_at(100);

		put(f, 10);
		assert_int_equal(mn_consumer_peek(&f->c, 10, spans), 10);
		/* 9: behind what it said before */
		f->index.producer.p_head = 100 + (uint64_t)lies[i];
		assert_int_equal(mn_consumer_peek(&f->c, 11, spans), -EPROTO);
		assert_int_equal(mn_consumer_arm(&f->c, 11), -EPROTO);
		free(f);
	}
}

static void a_tail_that_cannot_be_is_refused(void **state)
{
	static const int64_t lies[] = { 11, INT64_MAX, INT64_MIN, -1, 4 };
	struct iovec spans[2];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct pair *f = pair_at(100);

		put(f, 10);
		get(f, 5);
		assert_int_equal(mn_producer_reserve(&f->p, SIZE, spans), SIZE - 5);
		/* 4: behind what it said before */
		f->index.consumer.c_tail = 100 + (uint64_t)lies[i];
		assert_int_equal(mn_producer_reserve(&f->p, SIZE, spans), -EPROTO);
		assert_int_equal(mn_producer_arm(&f->p, SIZE), -EPROTO);
		free(f);
	}
}

static void what_is_published_is_seen_at_once_and_rung_for_at_the_commit(void **state)
{
	struct pair *f = pair_at(0);
	struct iovec spans[2];

	assert_int_equal(mn_consumer_arm(&f->c, 10), 1);
	assert_int_equal(mn_producer_reserve(&f->p, 20, spans), 20);
	mn_producer_publish(&f->p, 20);
	assert_int_equal(mn_consumer_peek(&f->c, 20, spans), 20);
	assert_true(mn_producer_commit(&f->p, 0));
	assert_false(mn_producer_commit(&f->p, 0));

	put(f, SIZE - 20);
	assert_int_equal(mn_producer_arm(&f->p, 10), 1);
	mn_consumer_retire(&f->c, 20);
	assert_int_equal(mn_producer_reserve(&f->p, 20, spans), 20);
	assert_true(mn_consumer_release(&f->c, 0));
	assert_false(mn_consumer_release(&f->c, 0));
	free(f);
}

static void copies_go_round_the_end_and_stop_when_full_or_empty(void **state)
{
	struct pair *f = pair_at(SIZE - 100);
	uint8_t in[2 * SIZE], out[2 * SIZE] = { 0 };

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = i * 7 + i / 251;
	assert_int_equal(mn_producer_write(&f->p, in, 0), 0);
	assert_int_equal(mn_producer_write(&f->p, in, sizeof(in)), SIZE);
	assert_int_equal(mn_producer_write(&f->p, in, 1), 0);
	assert_int_equal(mn_consumer_read(&f->c, out, 300), 300);
	assert_int_equal(mn_consumer_read(&f->c, out + 300, sizeof(out) - 300), SIZE - 300);
	assert_int_equal(mn_consumer_read(&f->c, out, 1), 0);
	assert_memory_equal(in, out, SIZE);
	f->index.producer.p_head = 7;
	assert_int_equal(mn_consumer_read(&f->c, out, 1), -EPROTO);
	mn_consumer_close(&f->c);
	assert_int_equal(mn_producer_write(&f->p, in, 1), -EPIPE);
	free(f);
}

/* --- mapped twice in a row ---------------------------------------------------- */

static void a_mirrored_span_never_wraps(void **state)
{
	struct pair *f = pair_at(SIZE - 100);
	uint8_t *data = mirrored(SIZE);
	struct iovec spans[2];

	f->p.data = data;
	f->c.data = data;
	f->p.mirrored = f->c.mirrored = true;
	assert_int_equal(mn_producer_reserve(&f->p, 300, spans), 300);
	assert_ptr_equal(spans[0].iov_base, data + SIZE - 100);
	assert_int_equal(spans[0].iov_len, 300);
	assert_int_equal(spans[1].iov_len, 0);
	for (int i = 0; i < 300; i++)
		((uint8_t *)spans[0].iov_base)[i] = i;
	mn_producer_commit(&f->p, 300);
	assert_int_equal(data[0], 100);		/* past the end is the beginning */
	assert_int_equal(data[199], 299 & 0xff);

	assert_int_equal(mn_consumer_peek(&f->c, 300, spans), 300);
	assert_int_equal(spans[0].iov_len, 300);
	assert_int_equal(spans[1].iov_len, 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(((uint8_t *)spans[0].iov_base)[i], i & 0xff);
	mn_unmap_mirrored(data, SIZE);
	free(f);
}

static void only_whole_pages_are_mirrored(void **state)
{
	int fd = memfd_create("test", 0);
	void *base = &fd;

	assert_int_equal(ftruncate(fd, 4 * MN_PAGE), 0);
	assert_int_equal(mn_map_mirrored(&base, fd, 0, 0), -EINVAL);
	assert_int_equal(mn_map_mirrored(&base, fd, 0, MN_PAGE + 1), -EINVAL);
	assert_int_equal(mn_map_mirrored(&base, fd, 1, MN_PAGE), -EINVAL);
	assert_int_equal(mn_map_mirrored(&base, fd, -MN_PAGE, MN_PAGE), -EINVAL);
	assert_int_equal(mn_map_mirrored(&base, fd, 0, SIZE_MAX - MN_PAGE + 1), -EINVAL);
	assert_int_equal(mn_map_mirrored(&base, -1, 0, MN_PAGE), -EBADF);
	assert_ptr_equal(base, &fd);
	close(fd);
}

/* --- two threads, real sleeping ---------------------------------------------- */

struct duet {
	struct pair *f;
	int to_consumer, to_producer;	/* eventfds */
	uint64_t bytes;
	uint64_t timeouts;		/* a sleep that nobody ended: a lost wake-up */
};

static void sleep_on(struct duet *d, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (!poll(&pfd, 1, 2000))
		__atomic_add_fetch(&d->timeouts, 1, __ATOMIC_RELAXED);
	else
		assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
}

static uint8_t content(uint64_t position)
{
	return position * 0x9e3779b97f4a7c15ULL >> 56;
}

static void *produce(void *arg)
{
	struct duet *d = arg;
	uint64_t seed = 1, done = 0;

	while (done < d->bytes) {
		size_t want = MIN(d->bytes - done, 1 + mn_splitmix64(&seed) % SIZE);
		struct iovec spans[2];
		ssize_t n = mn_producer_reserve(&d->f->p, want, spans);

		if (n == 0) {
			if (mn_producer_arm(&d->f->p, want))
				sleep_on(d, d->to_producer);
			continue;
		}
		for (ssize_t i = 0; i < n; i++) {
			struct iovec *s = &spans[(size_t)i >= spans[0].iov_len];
			size_t at = s == spans ? (size_t)i : i - spans[0].iov_len;

			((uint8_t *)s->iov_base)[at] = content(done + i);
		}
		if (mn_producer_commit(&d->f->p, n))
			ring(d->to_consumer);
		done += n;
	}
	return NULL;
}

static void every_byte_crosses_two_threads_that_sleep(void **state)
{
	struct duet d = {
		.f = pair_at(UINT64_MAX - 3 * SIZE), .bytes = 4 << 20,
		.to_consumer = eventfd(0, EFD_NONBLOCK), .to_producer = eventfd(0, EFD_NONBLOCK),
	};
	uint64_t seed = 2, done = 0, wrong = 0;
	pthread_t producer;

	pthread_create(&producer, NULL, produce, &d);
	while (done < d.bytes) {
		size_t want = MIN(d.bytes - done, 1 + mn_splitmix64(&seed) % SIZE);
		struct iovec spans[2];
		ssize_t n = mn_consumer_peek(&d.f->c, want, spans);

		assert_true(n >= 0);
		if (n == 0) {
			if (mn_consumer_arm(&d.f->c, want))
				sleep_on(&d, d.to_consumer);
			continue;
		}
		for (size_t i = 0; i < spans[0].iov_len; i++)
			wrong += ((uint8_t *)spans[0].iov_base)[i] != content(done + i);
		for (size_t i = 0; i < spans[1].iov_len; i++)
			wrong += ((uint8_t *)spans[1].iov_base)[i] !=
				 content(done + spans[0].iov_len + i);
		if (mn_consumer_release(&d.f->c, n))
			ring(d.to_producer);
		done += n;
	}
	pthread_join(producer, NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(d.timeouts, 0);
	close(d.to_consumer);
	close(d.to_producer);
	free(d.f);
}

/* @piece bytes come and go, and then there are none: @looks that find nothing. */
static void run_dry(struct pair *f, size_t piece, int looks)
{
	put(f, piece);
	get(f, piece);
	for (int i = 0; i < looks; i++)
		mn_consumer_pause(&f->c);
}

static bool in_long_run(const struct pair *f)
{
	return f->c.tail - f->c.run_tail >= 64 << 10;
}

static void only_a_long_run_of_large_pieces_slips(void **state)
{
	struct pair *f = pair_at(0);

	for (int i = 0; i < 64; i++) {
		assert_int_equal(in_long_run(f), i >= 32);
		run_dry(f, 2048, 2);
	}
	/* A small message ends it: somebody waits for an answer. */
	run_dry(f, 64, 1);
	assert_false(in_long_run(f));
	for (int i = 0; i < 4096; i++) {
		run_dry(f, 64, 2);
		assert_false(in_long_run(f));
	}
	free(f);
}

static void a_run_that_stays_dry_is_over(void **state)
{
	struct pair *f = pair_at(0);
	int looks = 0;

	for (int i = 0; i < 40; i++)
		run_dry(f, 2048, 1);
	assert_true(in_long_run(f));
	while (in_long_run(f) && looks < 100) {
		mn_consumer_pause(&f->c);
		looks++;
	}
	/* Soon: who waits then is a reader of single messages. */
	assert_in_range(looks, 2, 16);
	/* And one whose pieces come seldom never begins. */
	for (int i = 0; i < 64; i++) {
		run_dry(f, 2048, 200);
		assert_false(in_long_run(f));
	}
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_long_run_of_large_pieces_slips),
		cmocka_unit_test(a_run_that_stays_dry_is_over),
		cmocka_unit_test(a_full_fifo_takes_no_more_and_an_empty_one_gives_none),
		cmocka_unit_test(spans_split_at_the_end_of_the_data),
		cmocka_unit_test(indices_run_through_the_end_of_64_bits),
		cmocka_unit_test(a_sleeping_consumer_is_rung_once_when_its_bytes_are_there),
		cmocka_unit_test(a_sleeping_producer_is_rung_when_its_space_is_there),
		cmocka_unit_test(asking_for_more_than_fits_waits_for_all_of_it),
		cmocka_unit_test(the_end_comes_after_the_last_byte_and_a_reset_at_once),
		cmocka_unit_test(a_closed_consumer_is_a_broken_pipe),
		cmocka_unit_test(a_head_that_cannot_be_is_refused),
		cmocka_unit_test(a_tail_that_cannot_be_is_refused),
		cmocka_unit_test(what_is_published_is_seen_at_once_and_rung_for_at_the_commit),
		cmocka_unit_test(copies_go_round_the_end_and_stop_when_full_or_empty),
		cmocka_unit_test(a_mirrored_span_never_wraps),
		cmocka_unit_test(only_whole_pages_are_mirrored),
		cmocka_unit_test(every_byte_crosses_two_threads_that_sleep),
	};

	return cmocka_run_group_tests_name("fifo", tests, NULL, NULL);
}
