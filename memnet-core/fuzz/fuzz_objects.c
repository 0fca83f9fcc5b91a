/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects in fuzz_host.c's world: what the guest submits, and a courier that is here. What it
 * is ordered must be possible, whatever the guest said; what it answers may not be.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/fuzz/fuzz_kinds.h"

void make_courier(void)
{
	int pair[2];

	end_courier();
	must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	w.courier = pair[1];
	memset(w.started, 0, sizeof(w.started));
	mn_host_set_courier(w.host, pair[0]);
	run();
}

void end_courier(void)
{
	if (w.courier >= 0)
		close(w.courier);
	w.courier = -1;
}

static void say_there(void)
{
	static const struct mn_courier_answer there = { .job = MN_COURIER_THERE };

	must(send(w.courier, &there, sizeof(there), MSG_NOSIGNAL) == sizeof(there));
}

static void check_order(const struct mn_courier_order *o, ssize_t n)
{
	const struct mn_courier_start *s = &o->start;

	must(n == (ssize_t)mn_courier_order_size(o->what));
	must(o->what != MN_COURIER_POLICY || o->policy.rules <= MN_POLICY_RULES);
	if (o->what == MN_COURIER_ASK)
		say_there();
	if (o->what == MN_COURIER_POLICY || o->what == MN_COURIER_ASK)
		return;
	must(o->job < MN_COURIER_JOBS);
	must(w.started[o->job] == (o->what == MN_COURIER_CANCEL));
	if (o->what == MN_COURIER_CANCEL)
		return;
	must(o->what == MN_COURIER_START);
	must(s->op >= MN_OP_PUT && s->op <= MN_OP_SERVE);
	must(s->offset <= ARENA_BYTES && s->bytes <= ARENA_BYTES - s->offset);
	must(memchr(s->url, '\0', sizeof(s->url)) && s->url[0]);
	for (const char *c = s->url; *c; c++)
		must(*c > ' ' && *c <= '~');
	w.started[o->job] = true;
}

/* The courier reads its orders. */
void a_courier(const uint8_t *a)
{
	struct mn_courier_order o;
	ssize_t n;

	while (w.courier >= 0 && (n = recv(w.courier, &o, sizeof(o), MSG_DONTWAIT)) > 0)
		check_order(&o, n);
	run();
}

/* It ends a job that it has; it may find that the policy forbids it. */
void a_answer(const uint8_t *a)
{
	struct mn_courier_answer answer = { .job = a[0] % MN_COURIER_JOBS, .result = -a[1] };

	a_courier(NULL);
	if (w.courier < 0 || !w.started[answer.job])
		return;
	if (answer.result == -EACCES || answer.result == -EKEYREJECTED) {
		answer.use = MN_POLICY_CONNECT;
		answer.to.in = listener_addr;
	}
	w.started[answer.job] = false;
	must(send(w.courier, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer));
	run();
}

/* It says what cannot be: the host does without it. */
void a_courier_lies(const uint8_t *a)
{
	struct mn_courier_answer answer;

	memset(&answer, a[0], sizeof(answer));
	if (w.courier >= 0)
		send(w.courier, &answer, 1 + a[1] % sizeof(answer), MSG_NOSIGNAL);
	run();
	make_courier();
}

void a_courier_dies(const uint8_t *a)
{
	end_courier();
	run();
	if (a[0] & 1)
		make_courier();
}

/* Of an extent, perhaps none of the arena, to a URL that may be one. */
void a_object(const uint8_t *a)
{
	static const char url[] = "http://127.0.0.1/";
	struct mn_submission s = {
		.op = MN_OP_PUT + a[1] % 4, .cookie = a[2], .flow = MN_NO_FLOW,
		.object_offset = u16(a + 3) * 16ULL, .object_bytes = u16(a + 5) * 16ULL,
		.text_offset = u16(a + 7) * 16ULL, .text_bytes = a[9] * 16,
	};
	uint8_t *arena = w.guest + mn_arena_offset(&w.config.geometry);

	if (s.text_offset < ARENA_BYTES - sizeof(url) && a[9] & 1) {
		memcpy(arena + s.text_offset, url, sizeof(url));
		s.text_bytes = sizeof(url) - 1;
	}
	submit(a[0], &s);
}

void check_objects(uint32_t owed[CHANNELS])
{
	for (size_t i = 0; i < MN_COURIER_JOBS; i++) {
		const struct object_job *job = &w.host->jobs[i];

		must(job->state <= JOB_ORPHAN && job->channel < CHANNELS);
		must(job->state == JOB_FREE || w.host->courier.fd >= 0);
		must(job->state == JOB_FREE || job->state == JOB_ORPHAN ||
		     w.host->state == MN_H_READY);
		if (job->state == JOB_RUNNING || job->state == JOB_CANCELLED)
			owed[job->channel]++;
	}
	for (uint32_t c = 0; c < CHANNELS; c++) {
		owed[0] += w.host->channels[c].reset_owed;
		must(!w.host->channels[c].reset_owed || mn_object_orphans(w.host, 1u << c));
	}
}
