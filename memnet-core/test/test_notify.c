/* SPDX-License-Identifier: BSD-2-Clause */
/* memnetd and memnet-agent tell who started them, as systemd does, when they can be reached. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/notify.h"
#include "memnet-core/test/parties.h"

/* Of systemd's kind, named in the environment; "@..." is an abstract name. */
static int notify_socket(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
			      offsetof(struct sockaddr_un, sun_path) + strlen(name)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

/* Who says that it is ready, within 5 s. */
static pid_t who_is_ready(int fd)
{
	char text[64] = "", room[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct ucred cred;

	assert_int_equal(poll(&pfd, 1, 5000), 1);
	assert_true(recvmsg(fd, &m, 0) > 0);
	assert_string_equal(text, "READY=1");
	memcpy(&cred, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(cred));
	return cred.pid;
}

static void can_be_reached(const struct parties *p, const char *name, int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", p->dir, name);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
}

static void the_daemons_tell_when_they_serve(void **state)
{
	struct parties p = { .dir = "/tmp/memnet-test.XXXXXX" };
	const char *memnetd[] = { "memnetd", "--dir", p.dir, "--vm", "a", "--vm", "b", NULL };
	char region[100], path[100], name[64];
	const char *agent[] = { "memnet-agent", "--region", region, "--socket", path, NULL };
	int fd;

	assert_non_null(mkdtemp(p.dir));
	snprintf(name, sizeof(name), "@memnet-test-%d", getpid());
	snprintf(region, sizeof(region), "server:%s/a.ivshmem", p.dir);
	snprintf(path, sizeof(path), "%s/agent.sock", p.dir);
	fd = notify_socket(name);
	p.memnetd = (struct party){ program_start(&p, memnetd), -1 };
	assert_int_equal(who_is_ready(fd), p.memnetd.pid);
	can_be_reached(&p, "b.ivshmem", SOCK_STREAM);	/* not a's: this was its QEMU then */
	can_be_reached(&p, "b.bell", SOCK_STREAM);
	p.agent = (struct party){ program_start(&p, agent), -1 };
	assert_int_equal(who_is_ready(fd), p.agent.pid);
	can_be_reached(&p, "agent.sock", SOCK_SEQPACKET);
	close(fd);
	parties_stop(&p);
}

static void where_it_is_told(void **state)
{
	char path[64], too_long[200];
	int fd;

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(mn_notify_ready(), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(mn_notify_ready(), 0);
	snprintf(path, sizeof(path), "/tmp/memnet-notify.%d", getpid());
	setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(mn_notify_ready(), -ENOENT);
	fd = notify_socket(path);
	assert_int_equal(mn_notify_ready(), 0);
	assert_int_equal(who_is_ready(fd), getpid());
	close(fd);
	unlink(path);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	setenv("NOTIFY_SOCKET", too_long, 1);
	assert_int_equal(mn_notify_ready(), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_it_is_told),
		cmocka_unit_test(the_daemons_tell_when_they_serve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
