/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bridges join a UNIX socket here with one there, over TCP between: the cases in a VM, the
 * peer on the host. A message is led by its length there, for TCP keeps no bounds. Each who
 * connects gets a process, and both ends close when one does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "memnet-core/conformance/peer.h"

#define MESSAGE_MAX 4096

struct end {
	union {
		struct sockaddr any;
		struct sockaddr_un path;
		struct sockaddr_in tcp;
	} at;
	socklen_t len;
};

static bool is_tcp(const struct end *e)
{
	return e->at.any.sa_family == AF_INET;
}

/* "/run/peer", "198.18.0.1:7000". False: neither. */
static bool parse(const char *text, struct end *e)
{
	char host[INET_ADDRSTRLEN];
	unsigned int port;

	*e = (struct end){ .len = sizeof(e->at.path) };
	if (*text == '/' && strlen(text) < sizeof(e->at.path.sun_path)) {
		e->at.path.sun_family = AF_UNIX;
		strcpy(e->at.path.sun_path, text);
		return true;
	}
	if (sscanf(text, "%15[0-9.]:%u", host, &port) != 2 ||
	    inet_pton(AF_INET, host, &e->at.tcp.sin_addr) != 1)
		return false;
	e->at.tcp.sin_family = AF_INET;
	e->at.tcp.sin_port = htons(port);
	e->len = sizeof(e->at.tcp);
	return true;
}

static int open_end(const struct end *e)
{
	return socket(e->at.any.sa_family,
		      (is_tcp(e) ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0);
}

/* From one to the other. False: an end, or an error. */
static bool pass(int from, bool from_tcp, int to)
{
	char text[MESSAGE_MAX];
	uint32_t len;
	ssize_t n;

	errno = 0;		/* of an end */
	if (!from_tcp) {
		n = recv(from, text, sizeof(text), 0);
		len = n;
		return n > 0 && send(to, &len, sizeof(len), MSG_NOSIGNAL) == sizeof(len) &&
		       send(to, text, len, MSG_NOSIGNAL) == n;
	}
	return recv(from, &len, sizeof(len), MSG_WAITALL) == sizeof(len) && len <= sizeof(text) &&
	       recv(from, text, len, MSG_WAITALL) == (ssize_t)len &&
	       send(to, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static int join(int a, const struct end *to, bool a_tcp)
{
	struct pollfd p[2] = { { a, POLLIN }, { open_end(to), POLLIN } };
	int on = 1;

	if (p[1].fd < 0 || connect(p[1].fd, &to->at.any, to->len)) {
		fprintf(stderr, "memnet-conform: no bridge: %s\n", strerror(errno));
		return 1;
	}
	setsockopt(p[!a_tcp].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (p[i].revents && !pass(p[i].fd, a_tcp == !i, p[!i].fd)) {
				if (errno)
					fprintf(stderr, "memnet-conform: the bridge broke: %s\n",
						strerror(errno));
				return errno;
			}
	return 1;
}

int bridge_serve(const char *from_to)
{
	struct end from, to;
	char *text = strdup(from_to), *sign = text ? strchr(text, '=') : NULL;
	int fd, one = 1;

	if (sign)
		*sign = '\0';
	if (!sign || !parse(text, &from) || !parse(sign + 1, &to) || is_tcp(&from) == is_tcp(&to)) {
		fprintf(stderr, "memnet-conform: --bridge %s: want /SOCKET=ADDR:PORT, or "
			"ADDR:PORT=/SOCKET\n", from_to);
		return 2;
	}
	fd = open_end(&from);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, &from.at.any, from.len) || listen(fd, 16)) {
		fprintf(stderr, "memnet-conform: %s: %s\n", text, strerror(errno));
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int a = accept(fd, NULL, NULL);

		if (a >= 0 && !fork())
			_exit(join(a, &to, is_tcp(&from)));
		close(a);
	}
}
