/* SPDX-License-Identifier: BSD-2-Clause */
/* What is none of MemNet's business: the guest's own loopback, UNIX sockets, pipes, names. */
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "memnet-core/conformance/conform.h"

/* Both ends in this program. */
static void loopback_stream(int family)
{
	struct addr at = loopback_at(family, 0), from = { .len = sizeof(from.room) };
	int listening = MUST(socket(family, SOCK_STREAM, 0)), fd, accepted;
	char buf[8];

	RET("0", bind(listening, &at.any, at.len));
	RET("0", listen(listening, 5));
	at = name_of(listening);
	name_port(port_of(&at), "own");
	fd = MUST(socket(family, SOCK_STREAM, 0));
	RET("0", connect(fd, &at.any, at.len));
	accepted = NEWFD("fd", accept(listening, &from.any, &from.len));
	at = peer_of(fd);
	ADDR(family == AF_INET6 ? "[::1]:own" : "127.0.0.1:own", &at);
	RET("5", send(fd, "hello", 5, 0));
	TEXT("hello", buf, RET("5", recv(accepted, buf, 8, 0)));
	RET("0", close(fd));
	RET("0", recv(accepted, buf, 8, 0));
}

static void loopback_datagram(int family)
{
	struct addr at = loopback_at(family, 0);
	int fd = MUST(socket(family, SOCK_DGRAM, 0)), to = MUST(socket(family, SOCK_DGRAM, 0));
	char buf[8];

	RET("0", bind(to, &at.any, at.len));
	at = name_of(to);
	RET("5", sendto(fd, "hello", 5, 0, &at.any, at.len));
	TEXT("hello", buf, RET("5", recv(to, buf, 8, 0)));
}

static void loopback_refused(int family)
{
	struct addr at = loopback_at(family, 9);
	int fd = MUST(socket(family, SOCK_STREAM, 0));

	RET("-1 ECONNREFUSED", connect(fd, &at.any, at.len));
}

/* A listener at any address is reached over the guest's loopback too. */
static void loopback_of_any(int family)
{
	struct addr at = any_at(family, 0);
	int listening = MUST(socket(family, SOCK_STREAM, 0)), fd, accepted;

	RET("0", bind(listening, &at.any, at.len));
	RET("0", listen(listening, 5));
	at = name_of(listening);
	at = loopback_at(family, port_of(&at));
	fd = MUST(socket(family, SOCK_STREAM, 0));
	RET("0", connect(fd, &at.any, at.len));
	accepted = NEWFD("fd", accept(listening, NULL, NULL));
	RET("5", send(accepted, "hello", 5, 0));
	RET("5", recv(fd, (char[8]){ 0 }, 8, 0));
}

static void unix_pair(int family)
{
	int ends[2], n = -1;
	char buf[8];

	RET("0", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	RET("5", send(ends[0], "hello", 5, 0));
	EVENTS("IN|OUT", events_now(ends[1], POLLIN | POLLOUT));
	TEXT("hello", buf, RET("5", recv(ends[1], buf, 8, 0)));
	RET("0", shutdown(ends[0], SHUT_WR));
	RET("0", recv(ends[1], buf, 8, 0));
	n = int_option(ends[0], SOL_SOCKET, SO_DOMAIN);
	NUMBER("1", n);
	RET("0", close(ends[1]));
	RET("-1 EPIPE", send(ends[0], "x", 1, MSG_NOSIGNAL));
}

static void unix_named(int family)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "\0memnet-conform" };
	socklen_t len;
	int listening = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0)), fd, accepted;
	char buf[8];

	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "memnet-conform-%d", getpid());
	len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1);
	RET("0", bind(listening, (void *)&at, len));
	RET("0", listen(listening, 5));
	fd = MUST(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	RET("0", connect(fd, (void *)&at, len));
	accepted = NEWFD("fd", accept(listening, NULL, NULL));
	RET("3", send(fd, "one", 3, 0));
	RET("5", send(fd, "three", 5, 0));
	TEXT("one", buf, RET("3", recv(accepted, buf, 8, 0)));
	TEXT("three", buf, RET("5", recv(accepted, buf, 8, 0)));
}

static void pipes(int family)
{
	int ends[2];
	char buf[8];

	RET("0", pipe2(ends, O_NONBLOCK));
	RET("-1 EAGAIN", read(ends[0], buf, 8));
	RET("5", write(ends[1], "hello", 5));
	TEXT("hello", buf, RET("5", read(ends[0], buf, 8)));
	RET("0", close(ends[1]));
	EVENTS("HUP", events_now(ends[0], POLLIN));
	RET("0", read(ends[0], buf, 8));
}

static void files(int family)
{
	FILE *f = tmpfile();
	char line[8] = "";

	YES(f && fputs("hello", f) >= 0 && !fseek(f, 0, SEEK_SET));
	YES(fgets(line, 8, f) && !strcmp(line, "hello"));
	RET("0", fclose(f));
}

static void netlink(int family)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK };
	int fd = NEWFD("fd", socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	struct ifaddrs *all = NULL;

	RET("0", bind(fd, (void *)&at, sizeof(at)));
	RET("0", getifaddrs(&all));
	YES(all != NULL);
	freeifaddrs(all);
}

/* Names come from files and resolvers as ever. */
static void names(int family)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET }, *found = NULL;
	struct addr at = loopback_at(AF_INET, 80);
	char host[64] = "", port[16] = "";

	RET("0", getaddrinfo("localhost", "80", &hints, &found));
	YES(found && found->ai_family == AF_INET &&
	    !memcmp(found->ai_addr, &at.in4, sizeof(at.in4)));
	freeaddrinfo(found);
	hints.ai_flags = AI_NUMERICHOST;
	NUMBER("-2", getaddrinfo("not.a.number", "80", &hints, &found));	/* EAI_NONAME */
	RET("0", getnameinfo(&at.any, at.len, host, 64, port, 16, NI_NUMERICHOST | NI_NUMERICSERV));
	TEXT("127.0.0.1", host, strlen(host));
	TEXT("80", port, strlen(port));
}

/* A hundred that never become anything. */
static void never_used(int family)
{
	int good = 0;

	for (int i = 0; i < 200; i++) {
		int fd = socket(family, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0);

		good += fd >= 0 && !close(fd);
	}
	NUMBER("200", good);
}

/* From now on the kernel has not what these are, as older ones. */
static void kernel_lacks(int one, int other)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, one, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 5, .filter = code };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* A program that waits for nothing of ours waits by its own call. */
static void epoll_of_others(int family)
{
	struct epoll_event e = { .events = EPOLLIN };
	int epfd = MUST(epoll_create1(0)), ends[2];
	int64_t begin;

	kernel_lacks(SYS_epoll_pwait2, SYS_epoll_pwait);
	MUST(pipe(ends));
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, ends[0], &e));
	begin = now_ms();
	RET("0", epoll_wait(epfd, &e, 1, 50));
	YES(took_about(begin, 50));
	MUST(write(ends[1], "x", 1));
	RET("1", epoll_wait(epfd, &e, 1, -1));
	RET("-1 EINVAL", epoll_wait(ends[0], &e, 1, 0));
}

static void epoll_of_before(int family)
{
	int fd = stream_to_peer(family), epfd = MUST(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };
	int64_t begin = now_ms();
	char buf[8];

	kernel_lacks(SYS_epoll_pwait2, SYS_epoll_pwait2);
	MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e));
	RET("0", epoll_wait(epfd, &e, 1, 100));
	YES(took_about(begin, 100));
	peer_tell("sleep 50");
	peer_tell("send x");
	RET("1", epoll_wait(epfd, &e, 1, -1));
	RET("1", recv(fd, buf, 8, 0));
	peer_tell("sleep 50");
	peer_tell("send y");
	RET("1", recv(fd, buf, 8, 0));
	RET("0", poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20));
}

const struct conform_case untouched_cases[] = {
	{ "untouched-loopback-stream", loopback_stream, "46" },
	{ "untouched-loopback-datagram", loopback_datagram, "46" },
	{ "untouched-loopback-refused", loopback_refused, "46" },
	{ "untouched-loopback-of-any", loopback_of_any, "46" },
	{ "untouched-unix-pair", unix_pair, "" },
	{ "untouched-unix-named", unix_named, "" },
	{ "untouched-pipes", pipes, "" },
	{ "untouched-files", files, "" },
	{ "untouched-netlink", netlink, "" },
	{ "untouched-names", names, "" },
	{ "untouched-never-used", never_used, "46" },
	{ "untouched-epoll-of-others", epoll_of_others, "" },
	{ "untouched-epoll-of-before", epoll_of_before, "4" },
	{ 0 },
};
