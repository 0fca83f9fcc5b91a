/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/flows_help.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define SOON_MS	5000

int many_flows_setup(void **state)
{
	static const char *const rules[] = {
		"127.0.0.0/8", "[::1]:1-65535", "listen tcp 127.0.0.1", "listen tcp ::1", NULL
	};

	return session_setup_with(state, MANY, rules);
}

socklen_t length_of(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

struct memnet_flow *listener_at(struct memnet *m, struct sockaddr_storage *at)
{
	struct memnet_flow *f = NULL;

	assert_int_equal(memnet_bind(m, SOCK_STREAM, (struct sockaddr *)at, length_of(at), 0, &f),
			 0);
	assert_int_equal(memnet_listen(f, 16), 0);
	memnet_local(f, at);
	return f;
}

struct memnet_flow *loopback_listener(struct memnet *m, struct sockaddr_storage *at)
{
	*at = (struct sockaddr_storage){ 0 };
	((struct sockaddr_in *)at)->sin_family = AF_INET;
	((struct sockaddr_in *)at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return listener_at(m, at);
}

int call(const struct sockaddr_storage *to)
{
	int fd = socket(to->ss_family, SOCK_STREAM, 0);
	int err;

	if (!connect(fd, (struct sockaddr *)to, length_of(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

void is_reset(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&pfd, 1, SOON_MS), 1);
	assert_int_equal(read(fd, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

void talks(struct memnet_flow *f, int fd)
{
	char byte = 'g';

	assert_int_equal(memnet_send(f, &byte, 1), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'g');
	assert_int_equal(write(fd, "p", 1), 1);
	assert_int_equal(memnet_recv(f, &byte, 1), 1);
	assert_int_equal(byte, 'p');
}

void all_flows_are_free(struct fixture *fx, struct memnet *m)
{
	struct memnet_flow *f[MANY];
	int fd[MANY];

	for (int i = 0; i < MANY; i++)
		f[i] = connect_flow(fx, m, &fd[i]);
	for (int i = 0; i < MANY; i++) {
		memnet_close(f[i]);
		close(fd[i]);
	}
}
