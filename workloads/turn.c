/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/turn.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "memnet-core/base/util.h"

void turn_make(void *buf, size_t len, uint64_t seed, uint64_t number)
{
	uint64_t mixed = seed, state = mn_splitmix64(&mixed) + number;
	unsigned char *to = buf;

	for (size_t n; len; to += n, len -= n) {
		uint64_t word = mn_splitmix64(&state);

		n = MIN(len, sizeof(word));
		memcpy(to, &word, n);
	}
}

/* Each connection has a thread of its own. */
static struct {
	pthread_mutex_t lock;
	uint64_t bytes, verified;
	bool bad;
} turns = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void take_stock(uint64_t request, uint64_t response, bool ok)
{
	pthread_mutex_lock(&turns.lock);
	turns.bytes += request + response;
	turns.verified += ok ? request : 0;
	turns.bad |= !ok;
	pthread_mutex_unlock(&turns.lock);
}

int turn_answer(struct flow *f, const struct wire_hello *hello)
{
	struct {
		struct wire_record verdict;
		unsigned char bytes[WIRE_MAX_TURN];
	} answer;	/* no more of it is written than is sent */
	unsigned char request[WIRE_MAX_TURN];
	size_t asked = hello->chunk_bytes, given = hello->response_bytes;
	int ret = flow_read(f, request, asked);

	if (ret)
		return ret;
	answer.verdict = wire_record(WIRE_VERDICT);
	turn_make(answer.bytes, asked, hello->seed, hello->limit_bytes);
	answer.verdict.content_ok = !memcmp(answer.bytes, request, asked);
	answer.verdict.bytes = asked;
	turn_make(answer.bytes, given, wire_response_seed(hello->seed), hello->limit_bytes);
	take_stock(asked, given, answer.verdict.content_ok);
	progress_add(&f->progress->ops, 1);
	progress_add(&f->progress->bytes, asked + given);
	return flow_write(f, &answer, sizeof(answer.verdict) + given);
}

int turn_account(struct flow *f, const struct wire_hello *hello, struct wire_record *verdict)
{
	struct wire_record reply = wire_record(WIRE_REPLY);
	char end;
	ssize_t n;
	int ret;

	pthread_mutex_lock(&turns.lock);
	turns.bytes = turns.verified = 0;
	turns.bad = false;
	pthread_mutex_unlock(&turns.lock);
	ret = flow_write(f, &reply, sizeof(reply));
	n = ret ? ret : flow_read_some(f, &end, 1);
	if (n)
		return n < 0 ? n : -EPROTO;
	*verdict = wire_record(WIRE_VERDICT);
	pthread_mutex_lock(&turns.lock);
	verdict->bytes = turns.bytes;
	verdict->verified_bytes = turns.verified;
	verdict->content_ok = !turns.bad;
	pthread_mutex_unlock(&turns.lock);
	return 0;
}
