/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/jobs_help.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"

struct parties p;
struct memnet *m;
struct memnet_store *s;
int listener;
char url[64];

int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

int accept_soon(int from)
{
	struct pollfd pfd = { .fd = from, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&pfd, 1, SOON_MS), 1);
	fd = accept4(from, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

int request(void)
{
	int fd = accept_soon(listener);
	char head[4096] = "";
	size_t n = 0;

	while (!strstr(head, "\r\n\r\n")) {
		assert_true(n < sizeof(head) - 1);
		assert_int_equal(recv(fd, head + n, 1, 0), 1);
		n++;
	}
	return fd;
}

void open_store(void)
{
	assert_int_equal(memnet_open(&m), 0);
	assert_int_equal(memnet_store_open(m, &s), 0);
}

void close_store(void)
{
	memnet_store_close(s);
	memnet_detach(m);
	s = NULL;
	m = NULL;
}

int setup(void **state)
{
	char path[128];
	uint16_t port;

	p = (struct parties){
		.vms = "--deny 127.0.0.1:9 --allow 127.0.0.1 --channels 4 --flows 8 --size 8M --arena 4M "
		       "--vm a",
	};
	parties_start(&p);
	listener = listen_somewhere(&port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", port);
	snprintf(path, sizeof(path), "%s/agent.sock", p.dir);
	setenv(MN_AGENT_SOCKET_ENV, path, 1);
	open_store();
	assert_true(becomes(delivers, NULL, SOON_MS));	/* the courier comes after the worker */
	return 0;
}

int teardown(void **state)
{
	if (m)
		close_store();
	close(listener);
	parties_stop(&p);
	return 0;
}

struct memnet_object *room(uint64_t bytes)
{
	struct memnet_object *o;

	assert_int_equal(memnet_object_create(s, NULL, bytes, &o), 0);
	return o;
}

bool was_said(void *line)
{
	return log_says(&p, line) == 1;
}

int wait_for(struct memnet_job *job)
{
	struct memnet_job_result r;

	assert_int_equal(memnet_job_wait(job, SOON_MS, &r), 0);
	return r.error;
}

bool delivers(void *arg)
{
	struct memnet_object *o = room(1);
	struct memnet_job *job;
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	static const char created[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
	int fd, error;
	char byte;

	*(char *)memnet_object_data(o) = '!';
	assert_int_equal(memnet_object_seal(o, 1), 0);
	assert_int_equal(memnet_object_deliver(o, url, &job), 0);
	if (poll(&pfd, 1, 500) == 1) {
		fd = request();
		assert_int_equal(recv(fd, &byte, 1, 0), 1);
		assert_int_equal(byte, '!');
		send(fd, created, strlen(created), MSG_NOSIGNAL);
		error = wait_for(job);
		close(fd);
	} else {
		error = wait_for(job);
	}
	memnet_object_release(o);
	return !error;
}
