/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by FTP, and SFTP, towards a server that does not answer, or says what it should not:
 * nobody but its own job waits for it, and that can be ended.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/test/jobs_help.h"

#define ROOM		4096u
#define JOBS		24
#define AT_ONCE_MS	2000	/* nobody has waited for the server */

/* --- the server -------------------------------------------------------------- */

static struct {
	int listener, data_listener;
	int control;		/* the connection */
	uint16_t port, data_port;
	bool passive_only;	/* it has no EPSV, */
	const char *where;	/* and says of PASV that its data are there: "127,0,0,1" */
	char said[2048];	/* all commands there were, each with its line's end */
} ftp;

static int setup_ftp(void **state)
{
	setup(state);
	memset(&ftp, 0, sizeof(ftp));
	ftp.control = -1;
	ftp.listener = listen_somewhere(&ftp.port);
	ftp.data_listener = listen_somewhere(&ftp.data_port);
	return 0;
}

static int teardown_ftp(void **state)
{
	close(ftp.control);
	close(ftp.listener);
	close(ftp.data_listener);
	return teardown(state);
}

static void reply(const char *line)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%s\r\n", line);

	assert_int_equal(send(ftp.control, text, n, MSG_NOSIGNAL), n);
}

/* The next command; false: there will be none. */
static bool read_command(char *line, size_t size)
{
	struct pollfd pfd = { .fd = ftp.control, .events = POLLIN };
	size_t n = 0;

	do {
		assert_int_equal(poll(&pfd, 1, SOON_MS), 1);
		if (recv(ftp.control, line + n, 1, 0) <= 0)
			return false;
		assert_true(++n < size - 1);
	} while (line[n - 1] != '\n');
	line[n] = '\0';
	strncat(ftp.said, line, sizeof(ftp.said) - strlen(ftp.said) - 1);
	return true;
}

static void reply_passive(bool extended)
{
	char text[64];

	if (ftp.passive_only && extended) {
		reply("502 no");
		return;
	}
	if (extended)
		snprintf(text, sizeof(text), "229 here (|||%u|)", ftp.data_port);
	else
		snprintf(text, sizeof(text), "227 here (%s,%u,%u)", ftp.where, ftp.data_port >> 8,
			 ftp.data_port & 255);
	reply(ftp.where || extended ? text : "502 no");
}

/* As servers do, up to a command that begins with one of @until's letters. False: it ended. */
static bool converse(const char *until)
{
	static const struct { const char *command, *reply; } usual[] = {
		{ "USER", "331 and?" }, { "PASS", "230 come in" }, { "PWD", "257 \"/\"" },
		{ "TYPE", "200 so be it" }, { "SIZE", "213 4096" }, { "CWD", "250 done" },
	};
	char line[256];

	while (read_command(line, sizeof(line))) {
		const char *say = "502 no";

		if (strchr(until, line[0]))
			return true;
		if (!strncmp(line, "EPSV", 4) || !strncmp(line, "PASV", 4)) {
			reply_passive(line[0] == 'E');
			continue;
		}
		for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
			if (!strncmp(line, usual[i].command, strlen(usual[i].command)))
				say = usual[i].reply;
		reply(say);
	}
	return false;
}

static void greet(void)
{
	ftp.control = accept_soon(ftp.listener);
	reply("220 hello");
}

/* Up to the file, all of it; the answer to it is still owed. */
static void serve_file(char upload_or_not)
{
	static char file[ROOM];
	int data;

	greet();
	assert_true(converse(upload_or_not == 'S' ? "S" : "R"));
	if (upload_or_not == 'S' && strstr(ftp.said, "SIZE"))
		fail_msg("the size of what is sent was asked for");
	data = accept_soon(ftp.data_listener);
	reply("150 here it comes");
	if (upload_or_not == 'S') {
		assert_int_equal(recv(data, file, sizeof(file), MSG_WAITALL), sizeof(file));
		assert_int_equal(file[ROOM - 1], 'o');
	} else {
		memset(file, 'f', sizeof(file));
		assert_int_equal(send(data, file, sizeof(file), MSG_NOSIGNAL), sizeof(file));
	}
	close(data);
}

/* --- the guest ----------------------------------------------------------------- */

static struct memnet_job *start(struct memnet_object *o, const char *scheme, const char *rest)
{
	struct memnet_job *job;
	char at[256];

	snprintf(at, sizeof(at), "%s://127.0.0.1:%u/%s", scheme, ftp.port, rest);
	assert_int_equal(memnet_object_fetch(o, at, &job), 0);
	return job;
}

static struct memnet_job *start_upload(struct memnet_object *o)
{
	struct memnet_job *job;
	char at[64];

	memset(memnet_object_data(o), 'o', ROOM);
	assert_int_equal(memnet_object_seal(o, ROOM), 0);
	snprintf(at, sizeof(at), "ftp://127.0.0.1:%u/file", ftp.port);
	assert_int_equal(memnet_object_deliver(o, at, &job), 0);
	return job;
}

/* Others do not wait for whatever is under way. */
static void others_go_on(void)
{
	int64_t begin = mn_now_ns();

	assert_true(delivers(NULL));
	assert_true(mn_now_ns() - begin < AT_ONCE_MS * NSEC_PER_MSEC);
}

static int ends_at_once(struct memnet_job *job)
{
	struct memnet_job_result r;

	assert_int_equal(memnet_job_wait(job, AT_ONCE_MS, &r), 0);
	return r.error;
}

/* --- who does not answer --------------------------------------------------------- */

static void nobody_waits_for_the_answer_to_a_farewell(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = start(o, "ftp", "file");

	serve_file('R');
	reply("226 that was it");
	others_go_on();
	assert_int_equal(ends_at_once(job), 0);
	assert_int_equal(*((char *)memnet_object_data(o) + ROOM - 1), 'f');
	others_go_on();
	assert_false(converse(""));	/* the connection has ended */
	memnet_object_release(o);
}

static void who_waits_for_the_end_of_a_file_waits_alone(void **state)
{
	for (const char *way = "RS"; *way; way++) {
		struct memnet_object *o = room(ROOM);
		struct memnet_job *job = *way == 'S' ? start_upload(o) : start(o, "ftp", "file");
		struct memnet_job_result r;

		ftp.said[0] = '\0';
		serve_file(*way);
		assert_int_equal(memnet_job_wait(job, 100, &r), -ETIMEDOUT);
		others_go_on();
		reply("226 that was it");
		assert_int_equal(ends_at_once(job), 0);
		assert_false(converse(""));
		close(ftp.control);
		memnet_object_release(o);
	}
}

#define OTHERS	4

/* Those by HTTP, begun when a connection of FTP's has ended, have its descriptor among theirs. */
static void who_ends_ends_nobody_else(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
	struct memnet_object *o = room(ROOM), *others[OTHERS];
	struct memnet_job *job = start(o, "ftp", "file"), *by_http[OTHERS];
	struct memnet_job_result r;
	int fds[OTHERS];

	serve_file('R');
	assert_int_equal(memnet_job_wait(job, 100, &r), -ETIMEDOUT);
	for (int i = 0; i < OTHERS; i++) {
		others[i] = room(ROOM);
		assert_int_equal(memnet_object_fetch(others[i], url, &by_http[i]), 0);
		fds[i] = request();
	}
	reply("226 that was it");
	assert_int_equal(ends_at_once(job), 0);
	for (int i = 0; i < OTHERS; i++) {
		send(fds[i], answer, strlen(answer), MSG_NOSIGNAL);
		assert_int_equal(ends_at_once(by_http[i]), 0);
		close(fds[i]);
		memnet_object_release(others[i]);
	}
	memnet_object_release(o);
}

/* Where it hangs: before it says hello, when a file is asked for, when one has come. */
static void hang_somewhere(int where)
{
	if (where == 0) {
		ftp.control = accept_soon(ftp.listener);
	} else if (where == 1) {
		greet();
		assert_true(converse("R"));
		close(accept_soon(ftp.data_listener));
	} else {
		serve_file('R');
	}
}

static void a_job_that_hangs_can_be_cancelled(void **state)
{
	for (int where = 0; where < 3; where++) {
		struct memnet_object *o = room(ROOM);
		struct memnet_job *job = start(o, "ftp", "file");

		hang_somewhere(where);
		others_go_on();
		assert_int_equal(memnet_job_cancel(job), 0);
		assert_int_equal(ends_at_once(job), -ECANCELED);
		memnet_object_release(o);
		close(ftp.control);
		others_go_on();
	}
	assert_int_equal(log_says(&p, HUNG), 0);
}

static void so_it_is_with_sftp(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = start(o, "sftp", "file");

	ftp.control = accept_soon(ftp.listener);
	others_go_on();
	reply("SSH-2.0-nobody");
	others_go_on();
	assert_int_equal(memnet_job_cancel(job), 0);
	assert_int_equal(ends_at_once(job), -ECANCELED);
	memnet_object_release(o);
	others_go_on();
	assert_int_equal(log_says(&p, HUNG), 0);
}

/* As many as there can be have threads, and memory for them. */
static void all_at_once_can_be_cancelled(void **state)
{
	struct memnet_object *o = room(1);
	struct memnet_job *jobs[JOBS];

	for (int i = 0; i < JOBS; i++)
		jobs[i] = start(o, i % 2 ? "sftp" : "ftp", "file");
	ftp.control = accept_soon(ftp.listener);
	for (int i = 0; i < JOBS; i++)
		memnet_job_cancel(jobs[i]);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(ends_at_once(jobs[i]), -ECANCELED);
	memnet_object_release(o);
	others_go_on();
}

/* More than there are jobs, one after the other: each leaves nothing behind. */
static void many_leave_nothing_behind(void **state)
{
	pid_t courier = child_of(p.memnetd.pid, 1);
	int fds = 0;

	for (int i = 0; i < 30; i++) {
		struct memnet_object *o = room(ROOM);
		struct memnet_job *job = start(o, "ftp", "file");

		hang_somewhere(i % 3);
		memnet_job_cancel(job);
		assert_int_equal(ends_at_once(job), -ECANCELED);
		memnet_object_release(o);
		close(ftp.control);
		ftp.said[0] = '\0';
		if (i == 3)
			fds = count_fds(courier);
	}
	assert_int_equal(count_fds(courier), fds);
}

/* --- who says what it should not -------------------------------------------------- */

/* That it has its data at another address is not believed. */
static void data_come_from_the_server(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job;

	ftp.passive_only = true;
	ftp.where = "127,0,0,2";
	job = start(o, "ftp", "file");
	serve_file('R');
	reply("226 that was it");
	assert_int_equal(ends_at_once(job), 0);
	memnet_object_release(o);
}

static void the_policy_holds_for_data(void **state)
{
	static const char line[] = "a: denied: connect tcp 127.0.0.1:9 (a --deny denies it)";
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = start(o, "ftp", "file");

	ftp.data_port = DENIED_PORT;
	ftp.where = "127,0,0,1";
	greet();
	assert_false(converse("RS"));
	assert_int_equal(ends_at_once(job), -EACCES);
	assert_true(becomes(was_said, (void *)line, SOON_MS));
	memnet_object_release(o);
}

/* Nor is there another way than to connect to them. */
static void it_does_not_listen(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = start(o, "ftp", "file");

	ftp.passive_only = true;
	greet();
	assert_false(converse("RS"));
	assert_int_equal(ends_at_once(job), -EPROTO);
	assert_null(strstr(ftp.said, "PORT"));
	assert_null(strstr(ftp.said, "EPRT"));
	memnet_object_release(o);
}

/* --- who asks for what it should not ------------------------------------------------ */

static void a_url_is_no_command(void **state)
{
	static const char *const paths[] = {
		"file%0d%0aDELE%20all", "file%0aDELE%20all", "a%0d%0aDELE%20all/file", "file%00",
		"", "folder/", "folder%2f", "file;type=d", "file%3Btype=a",
	};
	static const char *const users[] = { "u%0d%0aDELE%20all:x", "u:x%0d%0aDELE%20all" };
	struct memnet_object *o = room(ROOM);
	struct pollfd pfd = { .fd = ftp.listener, .events = POLLIN };
	struct memnet_job *job;
	char at[128];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(ends_at_once(start(o, "ftp", paths[i])),
				 i >= 4 && i < 7 ? -EISDIR : -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		snprintf(at, sizeof(at), "ftp://%s@127.0.0.1:%u/file", users[i], ftp.port);
		assert_int_equal(memnet_object_fetch(o, at, &job), 0);
		assert_int_equal(ends_at_once(job), -EINVAL);
	}
	assert_int_equal(poll(&pfd, 1, 0), 0);	/* nobody has come */
	memnet_object_release(o);
}

static void who_is_refused_is_told(void **state)
{
	struct memnet_object *o = room(ROOM);
	struct memnet_job *job = start(o, "ftp", "file");

	greet();
	assert_true(converse("P"));
	reply("530 not you");
	assert_int_equal(ends_at_once(job), -EPERM);
	close(ftp.control);
	job = start(o, "ftp", "file");
	greet();
	assert_true(converse("R"));
	reply("550 there is none");
	assert_int_equal(ends_at_once(job), -ENOENT);
	assert_int_equal(memnet_object_fetch(o, "ftp://127.0.0.1:1/file", &job), 0);
	assert_int_equal(ends_at_once(job), -ECONNREFUSED);
	assert_int_equal(memnet_object_fetch(o, "sftp://127.0.0.1:1/file", &job), 0);
	assert_int_equal(ends_at_once(job), -ECONNREFUSED);
	memnet_object_release(o);
}

#define FTP_TEST(name)	cmocka_unit_test_setup_teardown(name, setup_ftp, teardown_ftp)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FTP_TEST(nobody_waits_for_the_answer_to_a_farewell),
		FTP_TEST(who_waits_for_the_end_of_a_file_waits_alone),
		FTP_TEST(who_ends_ends_nobody_else),
		FTP_TEST(a_job_that_hangs_can_be_cancelled),
		FTP_TEST(so_it_is_with_sftp),
		FTP_TEST(all_at_once_can_be_cancelled),
		FTP_TEST(many_leave_nothing_behind),
		FTP_TEST(data_come_from_the_server),
		FTP_TEST(the_policy_holds_for_data),
		FTP_TEST(it_does_not_listen),
		FTP_TEST(a_url_is_no_command),
		FTP_TEST(who_is_refused_is_told),
	};

	return cmocka_run_group_tests_name("objects by FTP", tests, NULL, NULL);
}
