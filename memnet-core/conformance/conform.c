/* SPDX-License-Identifier: BSD-2-Clause */
/* Observations, and what their values are called. */
#include "memnet-core/conformance/conform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_PORTS	8

static const char *case_name;
static struct counts { int seen, wrong; } *counts;	/* also of children of the case */
static struct { int port; const char *name; } ports[MAX_PORTS];

void conform_name(const char *name)
{
	case_name = name;
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (counts == MAP_FAILED)
		abort();
}

int conform_seen(void)
{
	return counts->seen;
}

int conform_wrong(void)
{
	return counts->wrong;
}

/* One write for a line: children and threads observe too. */
void saw(const char *what, const char *want, const char *format, ...)
{
	char value[300], line[1000];	/* the newline takes the place of the NUL */
	va_list ap;
	int n;

	va_start(ap, format);
	vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	__atomic_add_fetch(&counts->seen, 1, __ATOMIC_RELAXED);
	if (!want || !strcmp(want, value)) {
		n = snprintf(line, sizeof(line), "%s: %s = %s", case_name, what, value);
	} else {
		__atomic_add_fetch(&counts->wrong, 1, __ATOMIC_RELAXED);
		n = snprintf(line, sizeof(line), "%s: %s = %s, not %s", case_name, what, value,
			     want);
	}
	n = n < (int)sizeof(line) ? n : (int)sizeof(line) - 1;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '.';	/* what was received may be anything */
	line[n++] = '\n';
	fwrite(line, 1, n, stdout);
	fflush(stdout);
}

const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "E?";
}

long saw_return(const char *what, const char *want, long ret)
{
	int error = errno;

	if (ret == -1)
		saw(what, want, "-1 %s", errno_name(error));
	else
		saw(what, want, "%ld", ret);
	errno = error;
	return ret;
}

int saw_fd(const char *what, const char *want, int fd)
{
	if (fd >= 0)
		saw(what, want, "fd");
	else
		saw_return(what, want, fd);
	return fd;
}

void saw_events(const char *what, const char *want, unsigned int events)
{
	static const struct { unsigned int bit; const char *name; } names[] = {
		{ POLLIN, "IN" }, { POLLPRI, "PRI" }, { POLLOUT, "OUT" }, { POLLERR, "ERR" },
		{ POLLHUP, "HUP" }, { POLLNVAL, "NVAL" }, { POLLRDHUP, "RDHUP" },
	};
	char text[128] = "";
	unsigned int rest = events;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!(events & names[i].bit))
			continue;
		rest &= ~names[i].bit;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 *text ? "|" : "", names[i].name);
	}
	if (rest)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "|%#x", rest);
	saw(what, want, "%s", *text ? text : "none");
}

void saw_text(const char *what, const char *want, const void *buf, ssize_t n)
{
	if (n < 0)
		saw(what, want, "nothing");
	else
		saw(what, want, "%.*s", (int)n, (const char *)buf);
}

long must(const char *what, long ret)
{
	if (ret != -1)
		return ret;
	saw_return(what, "anything but -1", ret);
	exit(1);
}

/* --- addresses ----------------------------------------------------------------------- */

struct addr address(const char *text, int port)
{
	struct addr a = { .len = 0 };

	if (inet_pton(AF_INET, text, &a.in4.sin_addr) == 1) {
		a.in4.sin_family = AF_INET;
		a.in4.sin_port = htons(port);
		a.len = sizeof(a.in4);
	} else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		a.len = sizeof(a.in6);
	}
	return a;
}

struct addr peer_at(int family, int port)
{
	return address(family == AF_INET6 ? PEER6 : PEER4, port);
}

struct addr own_at(int family, int port)
{
	return address(family == AF_INET6 ? OWN6 : OWN4, port);
}

struct addr any_at(int family, int port)
{
	return address(family == AF_INET6 ? "::" : "0.0.0.0", port);
}

struct addr loopback_at(int family, int port)
{
	return address(family == AF_INET6 ? "::1" : "127.0.0.1", port);
}

int port_of(const struct addr *a)
{
	return ntohs(a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in4.sin_port);
}

struct addr name_of(int fd)
{
	struct addr a = { .len = sizeof(a.room) };

	if (getsockname(fd, &a.any, &a.len))
		a.len = 0;
	return a;
}

struct addr peer_of(int fd)
{
	struct addr a = { .len = sizeof(a.room) };

	if (getpeername(fd, &a.any, &a.len))
		a.len = 0;
	return a;
}

void name_port(int port, const char *name)
{
	for (size_t i = 0; i < MAX_PORTS; i++)
		if (!ports[i].name || !strcmp(ports[i].name, name)) {
			ports[i].port = port;
			ports[i].name = name;
			return;
		}
}

static const char *port_name(int port)
{
	if (!port)
		return "0";
	for (size_t i = 0; i < MAX_PORTS && ports[i].name; i++)
		if (ports[i].port == port)
			return ports[i].name;
	return "some";
}

const char *with_port(const char *base, const char *name)
{
	static char text[2][80];
	static int turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "%s:%s", base, name);
	return text[turn];
}

void saw_addr(const char *what, const char *want, const struct addr *a)
{
	char host[INET6_ADDRSTRLEN];

	if (a->len == sizeof(a->in4) && a->any.sa_family == AF_INET)
		saw(what, want, "%s:%s", inet_ntop(AF_INET, &a->in4.sin_addr, host, sizeof(host)),
		    port_name(port_of(a)));
	else if (a->len == sizeof(a->in6) && a->any.sa_family == AF_INET6)
		saw(what, want, "[%s]:%s",
		    inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host)),
		    port_name(port_of(a)));
	else
		saw(what, want, "none (%u bytes)", a->len);
}
