/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host does with objects, towards a server that stands still in the middle: whose
 * process, courier or worker is killed; what ends with the session; what is cancelled; what
 * cannot be asked for.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/test/jobs_help.h"

#define ROOM		(1u << 20)
#define HALF		(ROOM / 2)
#define ARENA		(4u << 20)
#define JOBS		24
#define SILENT	"a: the guest's owner of the session is silent; its session ends"

/* Half of what it promises. */
static void answer_half(int fd)
{
	static char half[HALF];
	char head[100];

	memset(half, 'h', sizeof(half));
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", ROOM);
	assert_int_equal(send(fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
	assert_int_equal(send(fd, half, sizeof(half), MSG_NOSIGNAL), sizeof(half));
}

/* A fetch of which half has come. */
static struct memnet_job *fetch_half(struct memnet_object *o, int *fd)
{
	const volatile char *last = (char *)memnet_object_data(o) + HALF - 1;
	struct memnet_job *job;

	memset(memnet_object_data(o), 0, ROOM);
	assert_int_equal(memnet_object_fetch(o, url, &job), 0);
	*fd = request();
	answer_half(*fd);
	for (int i = 0; *last != 'h'; i++) {
		assert_true(i < SOON_MS);
		poll(NULL, 0, 1);
	}
	return job;
}

/* --- cancelled ------------------------------------------------------------- */

static void a_job_can_be_cancelled(void **state)
{
	struct memnet_job_result r;
	struct memnet_object *o = room(ROOM);
	int fd;
	struct memnet_job *job = fetch_half(o, &fd);

	assert_int_equal(memnet_job_wait(job, 50, &r), -ETIMEDOUT);
	assert_int_equal(memnet_job_cancel(job), 0);
	assert_int_equal(wait_for(job), -ECANCELED);
	memnet_object_release(o);
	close(fd);
	assert_true(delivers(NULL));
}

/* The host ends a courier that does not end a job it was told to. */
static void a_job_of_a_courier_that_hangs_can_be_cancelled(void **state)
{
	struct memnet_object *o = room(ROOM);
	int fd;
	struct memnet_job *job = fetch_half(o, &fd);

	hit(child_of(p.memnetd.pid, 1), SIGSTOP);
	assert_int_equal(memnet_job_cancel(job), 0);
	assert_int_equal(wait_for(job), -ECONNABORTED);
	memnet_object_release(o);
	close(fd);
	assert_true(becomes(was_said, HUNG, SOON_MS));
	assert_true(becomes(delivers, NULL, SOON_MS));
	assert_int_equal(log_says(&p, SILENT), 0);
}

/* So long one may be silent; and it is at most twice as long until it is killed. */
#define SILENT_MS	4000

/* Also where nobody cancels: who only waits would wait for ever. Others may take their time. */
static void a_courier_that_hangs_costs_its_jobs(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job_result r;
	int fd;
	struct memnet_job *job = fetch_half(o, &fd);

	assert_int_equal(memnet_job_wait(job, 2 * SILENT_MS + 800, &r), -ETIMEDOUT);
	hit(child_of(p.memnetd.pid, 1), SIGSTOP);
	assert_int_equal(memnet_job_wait(job, 2 * SILENT_MS + 800, &r), 0);
	assert_int_equal(r.error, -ECONNABORTED);
	memnet_object_release(o);
	close(fd);
	assert_true(becomes(was_said, HUNG, SOON_MS));
	assert_true(becomes(delivers, NULL, SOON_MS));
}

/* --- killed ---------------------------------------------------------------- */

static void a_dead_courier_costs_its_jobs(void **state)
{
	struct memnet_object *o = room(ROOM);
	int fd;
	struct memnet_job *job = fetch_half(o, &fd);

	hit(child_of(p.memnetd.pid, 1), SIGKILL);
	assert_int_equal(wait_for(job), -ECONNABORTED);
	memnet_object_release(o);
	close(fd);
	assert_true(becomes(delivers, NULL, SOON_MS));
}

/* A process with a fetch under way, half of which has come to @at of the region. */
static pid_t fetching_process(int *fd, volatile char **at)
{
	uint64_t offset;
	int pair[2];
	pid_t pid;

	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (!pid) {
		struct memnet_object *o;
		struct memnet_job *job;

		open_store();
		o = room(ROOM);
		memset(memnet_object_data(o), 0, ROOM);
		offset = (char *)memnet_object_data(o) - (char *)m->region->base;
		if (memnet_object_fetch(o, url, &job) ||
		    write(pair[1], &offset, sizeof(offset)) != sizeof(offset))
			_exit(1);
		for (;;)
			pause();
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &offset, sizeof(offset)), sizeof(offset));
	close(pair[0]);
	*at = (char *)m->region->base + offset;
	*fd = request();
	answer_half(*fd);
	for (int i = 0; (*at)[HALF - 1] != 'h'; i++) {
		assert_true(i < SOON_MS);
		poll(NULL, 0, 1);
	}
	return pid;
}

/* So long the host waits for one that stands still, at least; longer than for a silent agent. */
#define STILL_MS	1500

static int64_t stop_courier(void)
{
	hit(child_of(p.memnetd.pid, 1), SIGSTOP);
	return mn_now_ns();
}

static bool is_free(void *at)
{
	struct memnet_object *o = room(ROOM);
	bool same = memnet_object_data(o) == at;

	memnet_object_release(o);
	return same;
}

/*
 * Its memory is given to another only when the host writes there no more; nobody else waits
 * for that.
 */
static void a_dead_process_costs_its_jobs(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	volatile char *at;
	pid_t pid = fetching_process(&pfd.fd, &at);
	int64_t begin;

	begin = stop_courier();
	assert_true(echo_works(&p, "agent.sock", SOON_MS));
	hit(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(becomes(is_free, (void *)at, SOON_MS));
	assert_true(mn_now_ns() - begin > STILL_MS * NSEC_PER_MSEC * 9 / 10);
	assert_int_equal(poll(&pfd, 1, 0), 1);	/* the courier has closed it before */
	close(pfd.fd);
	assert_true(becomes(was_said, HUNG, SOON_MS));
	assert_true(becomes(delivers, NULL, SOON_MS));
	assert_int_equal(log_says(&p, SILENT), 0);
}

/* Have the host end the session: a submission ring that cannot be. */
static void break_the_protocol(void)
{
	mn_channel(m->region->base, m->channel)->submission_index.producer.p_head += 1 << 20;
	mn_tell_channel(m, true);
}

/* Nor does the next session of the region begin before. */
static void a_session_that_ends_costs_its_jobs(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct memnet_job_result r;
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = fetch_half(o, &pfd.fd);
	int64_t begin = stop_courier();
	int ret;

	break_the_protocol();
	ret = memnet_job_wait(job, SOON_MS, &r);
	assert_true(ret == -ECONNRESET || ret == -EPROTO);
	memnet_object_release(o);
	close_store();
	open_store();
	assert_true(mn_now_ns() - begin > STILL_MS * NSEC_PER_MSEC * 9 / 10);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	close(pfd.fd);
	assert_true(becomes(delivers, NULL, SOON_MS));
}

static bool store_is_gone(void *arg)
{
	struct memnet_object *o;
	int ret = memnet_object_create(s, NULL, 1, &o);

	if (!ret)
		memnet_object_release(o);
	return ret;
}

/* Who stays does not get at what the agent's next clients share. */
static void a_store_ends_with_its_session(void **state)
{
	assert_false(store_is_gone(NULL));
	break_the_protocol();
	assert_true(becomes(store_is_gone, NULL, SOON_MS));
	memnet_store_close(s);
	if (!memnet_store_open(m, &s)) {
		assert_true(store_is_gone(NULL));
		memnet_store_close(s);
	}
	s = NULL;
	memnet_detach(m);
	m = NULL;
}

static void a_dead_worker_costs_its_jobs(void **state)
{
	struct memnet_job_result r;
	struct memnet_object *o = room(ROOM);
	int fd;
	struct memnet_job *job = fetch_half(o, &fd);

	hit(child_of(p.memnetd.pid, 0), SIGKILL);
	assert_int_equal(memnet_job_wait(job, SOON_MS, &r), -ECONNRESET);
	memnet_object_release(o);
	close(fd);
	close_store();
	open_store();
	assert_true(becomes(delivers, NULL, SOON_MS));
}

/* --- what cannot be -------------------------------------------------------- */

static int submit(uint32_t op, uint64_t offset, uint64_t bytes, uint64_t text, uint32_t n)
{
	struct mn_submission q = {
		.op = op, .object_offset = offset, .object_bytes = bytes, .text_offset = text,
		.text_bytes = n,
	};
	struct mn_completion c;

	return mn_control_call(m, &q, &c);
}

static void extents_outside_of_the_arena_are_refused(void **state)
{
	static const struct { uint64_t offset, bytes, text; uint32_t n; } wrong[] = {
		{ 0, ARENA + 1, 0, 9 }, { ARENA, 1, 0, 9 }, { ARENA + 1, 0, 0, 9 },
		{ UINT64_MAX, 1, 0, 9 }, { 1, UINT64_MAX, 0, 9 }, { UINT64_MAX, UINT64_MAX, 0, 9 },
		{ 0, 1, ARENA, 1 }, { 0, 1, ARENA - 1, 2 }, { 0, 1, UINT64_MAX, 9 },
		{ 0, 1, 0, 0 }, { 0, 1, 0, MN_URL_BYTES + 1 }, { 0, 1, 0, UINT32_MAX },
	};
	struct memnet_object *o = room(ROOM);
	char *text = memnet_object_data(o);

	strcpy(text, "http://127.0.0.1:1/");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		for (uint32_t op = MN_OP_PUT; op <= MN_OP_SERVE; op++)
			assert_int_equal(submit(op, wrong[i].offset, wrong[i].bytes, wrong[i].text,
						wrong[i].n), -EINVAL);
	assert_int_equal(submit(MN_OP_PUT, 0, ARENA, 0, strlen(text)), -ECONNREFUSED);
	assert_int_equal(submit(MN_OP_PUT, 0, 1, 7, strlen("127.0.0.1")), -EINVAL);
	for (const char *c = " \n\r\t\x01\x7f\xff"; *c; c++) {	/* nor what is no URL */
		text[9] = *c;
		assert_int_equal(submit(MN_OP_PUT, 0, 1, 0, strlen(text)), -EINVAL);
	}
	text[9] = '\0';
	assert_int_equal(submit(MN_OP_PUT, 0, 1, 0, 12), -EINVAL);
	memnet_object_release(o);
	assert_true(delivers(NULL));
}

/* Not when all that fits has come, which may take an hour. */
static void what_does_not_fit_is_told_at_once(void **state)
{
	struct memnet_object *o = room(HALF);
	struct memnet_job_result r = { 0 };
	struct memnet_job *job;
	int fd;

	assert_int_equal(memnet_object_fetch(o, url, &job), 0);
	fd = request();
	answer_half(fd);
	assert_int_equal(memnet_job_wait(job, SOON_MS, &r), 0);
	assert_int_equal(r.error, -EFBIG);
	assert_int_equal(r.bytes, ROOM);
	close(fd);
	memnet_object_release(o);
}

static void more_jobs_than_a_courier_has_are_refused(void **state)
{
	struct memnet_job *jobs[JOBS + 1];
	struct memnet_object *o = room(1);
	int n = 0, refused = 0;

	for (; n < JOBS + 1; n++)
		assert_int_equal(memnet_object_fetch(o, url, &jobs[n]), 0);
	for (int i = 0; i < JOBS + 1; i++)
		memnet_job_cancel(jobs[i]);
	for (int i = 0; i < JOBS + 1; i++)
		refused += wait_for(jobs[i]) == -EBUSY;
	assert_int_equal(refused, 1);
	memnet_object_release(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_job_can_be_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(a_job_of_a_courier_that_hangs_can_be_cancelled,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_courier_that_hangs_costs_its_jobs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_dead_courier_costs_its_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_process_costs_its_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_session_that_ends_costs_its_jobs, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_store_ends_with_its_session, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dead_worker_costs_its_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(extents_outside_of_the_arena_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_told_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(more_jobs_than_a_courier_has_are_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("object jobs", tests, NULL, NULL);
}
