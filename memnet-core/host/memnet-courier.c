/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-courier: moves the objects of one VM, as its worker orders (courier.h). One loop
 * around libcurl and libmicrohttpd, in one thread but for what courier_apart.c has threads for.
 * Started by memnetd, never by hand.
 *
 * libcurl has no way to send or receive memory of ours without a copy into its own buffers:
 * that copy is the host's, here; the guest makes none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/host/courier_internal.h"

#define LOOK_MS	1000

/* Sanitizers make calls of their own. */
#ifdef MEMNET_SANITIZED
#define SANITIZED	true
#else
#define SANITIZED	false
#endif

static void say(const struct courier *c, const char *what, int err)
{
	fprintf(stderr, "memnetd: %s: courier: %s: %s\n", c->name, what, strerror(-err));
}

void courier_answer(struct courier *c, const struct mn_courier_answer *a)
{
	if (mn_send_fds(MN_COURIER_SOCKET, a, sizeof(*a), NULL, 0))
		c->ended = true;	/* who does not listen gave the order to end */
}

/* It ends without having moved anything, or in the middle. */
static void end_job(struct courier_job *job, int result)
{
	const struct mn_courier_answer a = {
		.job = job - job->c->jobs, .result = result, .bytes = job->at,
		.use = job->denied_use, .to = job->to,
	};

	job->used = false;
	courier_answer(job->c, &a);
}

/* The worker has checked all of this; it may not be itself any more. */
static bool is_order(const struct courier *c, const struct mn_courier_order *o, ssize_t n)
{
	uint64_t arena = c->arena_bytes;

	if (n < (ssize_t)mn_courier_order_size(0) || o->job >= MN_COURIER_JOBS ||
	    n != (ssize_t)mn_courier_order_size(o->what))
		return false;
	if (o->what == MN_COURIER_POLICY)
		return o->policy.rules <= MN_POLICY_RULES;
	if (o->what != MN_COURIER_START)
		return o->what == MN_COURIER_CANCEL || o->what == MN_COURIER_ASK;
	return o->start.offset <= arena && o->start.bytes <= arena - o->start.offset &&
	       !o->start.url[MN_URL_BYTES] && !c->jobs[o->job].used;
}

static void start(struct courier *c, const struct mn_courier_order *o)
{
	struct courier_job *job = &c->jobs[o->job];
	int ret;

	*job = (struct courier_job){
		.c = c, .used = true, .op = o->start.op,
		.data = c->arena + o->start.offset, .bytes = o->start.bytes,
	};
	ret = job->op == MN_OP_SERVE ? serve_start(job, o->start.url) :
				       transfer_start(job, o->start.url);
	if (ret)
		end_job(job, ret);
}

static void cancel(struct courier_job *job)
{
	if (!job->used)
		return;		/* its answer is on the way */
	if (job->op == MN_OP_SERVE)
		serve_end(job);
	else if (!transfer_end(job))
		return;		/* it comes when its thread has ended */
	job->denied_use = 0;
	end_job(job, -ECANCELED);
}

static void set_policy(struct courier *c, const struct mn_policy *policy)
{
	pthread_mutex_lock(&c->policy_lock);
	c->policy = *policy;
	pthread_mutex_unlock(&c->policy_lock);
}

static void take_order(struct courier *c, const struct mn_courier_order *o)
{
	static const struct mn_courier_answer there = { .job = MN_COURIER_THERE };

	switch (o->what) {
	case MN_COURIER_START:
		start(c, o);
		break;
	case MN_COURIER_CANCEL:
		cancel(&c->jobs[o->job]);
		break;
	case MN_COURIER_POLICY:
		set_policy(c, &o->policy);
		break;
	case MN_COURIER_ASK:
		courier_answer(c, &there);
		break;
	}
}

/* All there are. */
static void take_orders(struct courier *c)
{
	static struct mn_courier_order o;
	ssize_t n;

	while ((n = recv(MN_COURIER_SOCKET, &o, sizeof(o), MSG_DONTWAIT)) > 0) {
		if (!is_order(c, &o, n)) {
			say(c, "an order that cannot be", -EPROTO);
			n = 0;
			break;
		}
		take_order(c, &o);
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->ended = true;
}

static int serve(struct courier *c)
{
	struct curl_waitfd fds[1 + MN_COURIER_JOBS] = {
		{ .fd = MN_COURIER_SOCKET, .events = CURL_WAIT_POLLIN },
	};

	while (!c->ended) {
		int timeout_ms = LOOK_MS;
		unsigned int n;

		transfer_work(c);
		serve_work(c);
		n = 1 + serve_wait_for(c, fds + 1, &timeout_ms);
		if (curl_multi_poll(c->multi, fds, n, timeout_ms, NULL))
			return -EIO;
		take_orders(c);
	}
	return 0;
}

static int map_arena(struct courier *c, uint64_t region_bytes)
{
	c->arena = mmap(NULL, c->arena_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			MN_COURIER_MEMORY, region_bytes - c->arena_bytes);
	if (c->arena == MAP_FAILED)
		return -errno;
	return close(MN_COURIER_MEMORY) ? -errno : 0;
}

/* Before the first order: nobody has had a say in this yet. */
static void confine(const struct courier *c)
{
	int ret = SANITIZED ? 0 : courier_confine();

	if (ret)
		say(c, "runs without a seccomp filter; use a kernel with CONFIG_SECCOMP_FILTER",
		    ret);
}

int main(int argc, char **argv)
{
	static struct courier c = { .policy_lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t region_bytes;
	int ret;

	if (argc != 4 || mn_parse_u64(argv[2], &region_bytes) ||
	    mn_parse_u64(argv[3], &c.arena_bytes) || !c.arena_bytes ||
	    c.arena_bytes > region_bytes) {
		fprintf(stderr, "memnet-courier is started by memnetd --arena, not by hand\n");
		return EXIT_FAILURE;
	}
	c.name = argv[1];
	ret = map_arena(&c, region_bytes);
	if (!ret)
		ret = transfer_init(&c);
	if (!ret)
		confine(&c);
	if (!ret)
		ret = serve(&c);
	if (ret)
		say(&c, "cannot go on", ret);
	_exit(ret ? EXIT_FAILURE : EXIT_SUCCESS);	/* threads may be in the libraries */
}
