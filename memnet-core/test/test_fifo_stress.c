/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages through a FIFO between two threads that stall and sleep: none is lost, and no
 * wake-up. MEMNET_STRESS=N: messages of each test, instead of DEFAULT_STRESS.
 */
#include <errno.h>
#include <inttypes.h>
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

#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/fifo.h"
#include "memnet-core/mirror.h"
#include "memnet-core/test/fifo_help.h"

#define DEFAULT_STRESS	500000u
#define STRESS_SIZE	(64u << 10)
#define MAX_MESSAGE	64u
#define RESCUE_MS	5000

/* One end of the stress; the two differ in nothing they share but the index. */
struct player {
	uint64_t seed;		/* of its stalls and choices */
	uint64_t messages;
	int my_bell, other_bell;	/* eventfds: rung for me, rung by me */
	uint64_t sleeps, rescues, lost, wrong;
	struct mn_producer p;
	struct mn_consumer c;
};

/* A message is 1..64 bytes; its first says how many, all follow from its number. */
static size_t make_message(uint64_t number, uint64_t words[MAX_MESSAGE / 8])
{
	uint64_t seed = number;
	uint64_t r = mn_splitmix64(&seed);
	size_t len = 1 + r % MAX_MESSAGE;

	for (size_t i = 0; i < (len + 7) / 8; i++)
		words[i] = r * (2 * i + 1);
	*(uint8_t *)words = len;
	return len;
}

/* Now and then be late: mostly a little, seldom so long that the other side sleeps. */
static void stall(struct player *me)
{
	uint64_t r = mn_splitmix64(&me->seed);

	if (r % 100000 == 0)
		usleep(r >> 32 & 0xff);
	else if (r % 1000 == 0)
		for (unsigned int i = 0; i < (r >> 32 & 0xfff); i++)
			__asm__ volatile("" ::: "memory");
}

/* Until rung. @pending looks whether a sleep that nobody ended should have been. */
static void stress_sleep(struct player *me, bool (*pending)(struct player *me, size_t want),
			 size_t want)
{
	struct pollfd pfd = { .fd = me->my_bell, .events = POLLIN };
	uint64_t count;

	me->sleeps++;
	if (poll(&pfd, 1, RESCUE_MS)) {
		assert_int_equal(read(me->my_bell, &count, sizeof(count)), sizeof(count));
		return;
	}
	me->rescues++;
	me->lost += pending(me, want);
}

static bool space_pending(struct player *me, size_t want)
{
	struct iovec spans[2];

	return mn_producer_reserve(&me->p, want, spans) == (ssize_t)want;
}

static bool bytes_pending(struct player *me, size_t want)
{
	struct iovec spans[2];

	return mn_consumer_peek(&me->c, want, spans) == (ssize_t)want;
}

/* Spin a little, or not at all; then sleep until there is room for more than a message. */
static void wait_for_space(struct player *me, size_t len)
{
	size_t want = len + mn_splitmix64(&me->seed) % (STRESS_SIZE / 4);
	unsigned int spins = mn_splitmix64(&me->seed) % 64;

	if (mn_producer_commit(&me->p, 0))
		ring(me->other_bell);
	while (spins--)
		if (space_pending(me, len))
			return;
	if (mn_producer_arm(&me->p, want) == 1)
		stress_sleep(me, space_pending, want);
}

static void wait_for_bytes(struct player *me)
{
	size_t want = 1 + mn_splitmix64(&me->seed) % (STRESS_SIZE / 4);
	unsigned int spins = mn_splitmix64(&me->seed) % 64;

	if (mn_consumer_release(&me->c, 0))
		ring(me->other_bell);
	while (spins--)
		if (bytes_pending(me, 1))
			return;
	if (mn_consumer_arm(&me->c, want) == 1)
		stress_sleep(me, bytes_pending, want);
}

/* Each message by one of the ways there are: with the bell, without, by copy. */
static void send_message(struct player *me, const uint8_t *message, size_t len)
{
	uint64_t way = mn_splitmix64(&me->seed) % 4;
	struct iovec spans[2];
	bool bell = false;

	while (mn_producer_reserve(&me->p, len, spans) != (ssize_t)len)
		wait_for_space(me, len);
	if (way == 0) {
		me->wrong += mn_producer_write(&me->p, message, len) != (ssize_t)len;
		bell = mn_producer_commit(&me->p, 0);
	} else {
		memcpy(spans[0].iov_base, message, spans[0].iov_len);
		memcpy(spans[1].iov_base, message + spans[0].iov_len, spans[1].iov_len);
		if (way == 1)
			bell = mn_producer_commit(&me->p, len);
		else
			mn_producer_publish(&me->p, len);
	}
	if (bell)
		ring(me->other_bell);
}

static void receive_message(struct player *me, uint8_t *message, size_t len)
{
	uint64_t way = mn_splitmix64(&me->seed) % 4;
	size_t done = 0;

	while (done < len) {
		struct iovec spans[2];
		ssize_t n = mn_consumer_peek(&me->c, len - done, spans);

		assert_true(n >= 0);
		if (n == 0) {
			wait_for_bytes(me);
			continue;
		}
		memcpy(message + done, spans[0].iov_base, spans[0].iov_len);
		memcpy(message + done + spans[0].iov_len, spans[1].iov_base, spans[1].iov_len);
		done += n;
		if (way)
			mn_consumer_retire(&me->c, n);
		else if (mn_consumer_release(&me->c, n))
			ring(me->other_bell);
	}
}

static void *stress_producer(void *arg)
{
	struct player *me = arg;

	for (uint64_t i = 0; i < me->messages; i++) {
		uint64_t words[MAX_MESSAGE / 8];
		size_t len = make_message(i, words);

		send_message(me, (uint8_t *)words, len);
		stall(me);
	}
	mn_producer_close(&me->p, MN_FIN);
	ring(me->other_bell);
	return NULL;
}

static void stress_consumer(struct player *me)
{
	for (uint64_t i = 0; i < me->messages; i++) {
		uint64_t words[MAX_MESSAGE / 8];
		uint8_t message[MAX_MESSAGE];
		size_t len = make_message(i, words);

		receive_message(me, message, len);
		me->wrong += memcmp(message, words, len) != 0;
		stall(me);
	}
}

static uint64_t stress_messages(void)
{
	const char *text = getenv("MEMNET_STRESS");
	uint64_t n = DEFAULT_STRESS;

	if (text)
		assert_int_equal(mn_parse_u64(text, &n), 0);
	return n;
}

static void stress(bool is_mirrored)
{
	struct mn_index *index = aligned_alloc(MN_LINE, sizeof(*index));
	uint8_t *data = mirrored(STRESS_SIZE);
	int bell[2] = { eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK) };
	struct player in = { .seed = 1, .my_bell = bell[0], .other_bell = bell[1],
			     .messages = stress_messages() };
	struct player out = { .seed = 2, .my_bell = bell[1], .other_bell = bell[0],
			      .messages = in.messages };
	int64_t begin_ns = mn_now_ns();
	pthread_t thread;

	memset(index, 0, sizeof(*index));
	mn_producer_init(&in.p, index, data, STRESS_SIZE);
	mn_consumer_init(&out.c, index, data, STRESS_SIZE);
	in.p.mirrored = out.c.mirrored = is_mirrored;
	pthread_create(&thread, NULL, stress_producer, &in);
	stress_consumer(&out);
	pthread_join(thread, NULL);
	print_message("%" PRIu64 " messages in %.1f s; sleeps %" PRIu64 " + %" PRIu64
		      ", rescues %" PRIu64 ", lost wake-ups %" PRIu64 "\n", in.messages,
		      (mn_now_ns() - begin_ns) / 1e9, in.sleeps, out.sleeps,
		      in.rescues + out.rescues, in.lost + out.lost);
	assert_int_equal(in.wrong + out.wrong, 0);
	assert_int_equal(in.lost + out.lost, 0);
	assert_int_equal(mn_consumer_at_end(&out.c), 1);
	close(bell[0]);
	close(bell[1]);
	mn_unmap_mirrored(data, STRESS_SIZE);
	free(index);
}

static void no_message_and_no_wake_up_is_lost_under_stress(void **state)
{
	stress(false);
}

static void nor_when_the_data_is_mirrored(void **state)
{
	stress(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message_and_no_wake_up_is_lost_under_stress),
		cmocka_unit_test(nor_when_the_data_is_mirrored),
	};

	return cmocka_run_group_tests_name("fifo stress", tests, NULL, NULL);
}
