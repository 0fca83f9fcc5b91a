/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-conform: what Linux promises a program of its sockets, case by case.
 *
 * A case is the guest's side of a conversation; the other side is the peer, another process
 * (peer.h), which stands on the host's network whatever carries the guest's bytes. A case writes
 * down what it sees, one observation a line:
 *
 *	connect-refused/4: connect(fd, &to.any, to.len) = -1 ECONNREFUSED
 *
 * Each observation has what Linux documents as its first argument, so that the case reads as the
 * specification; NULL where nothing is promised, and only sameness counts. Bytes need time to
 * arrive, so a case waits until there is something before it asks without blocking.
 *
 * Each case runs in a process of its own; it ends by returning.
 */
#ifndef MEMNET_CONFORMANCE_CONFORM_H
#define MEMNET_CONFORMANCE_CONFORM_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS	3000	/* for what has to come */
#define QUIET_MS	60	/* for what must not come */

struct conform_case {
	const char *name;
	void (*run)(int family);
	const char *families;	/* "46": once over each; "": it does not matter */
};

/* The cases of each theme, up to one without a name. */
extern const struct conform_case connect_cases[], stream_cases[], stream_end_cases[],
	stream_bulk_cases[], listen_cases[], listen_end_cases[], datagram_cases[],
	datagram_call_cases[], poll_cases[], select_cases[], epoll_cases[], epoll_more_cases[],
	epoll_edge_cases[], fds_cases[], fds_more_cases[], process_cases[], execute_cases[],
	thread_cases[], signal_cases[], left_cases[], option_cases[], untouched_cases[],
	name_cases[], meta_cases[];

/* --- observations -------------------------------------------------------------------- */

/* What a system call returned: "5", "-1 EAGAIN". Returns it. */
#define RET(want, call)		saw_return(#call, want, call)
/* One that returns a descriptor: "fd" or "-1 EMFILE". */
#define NEWFD(want, call)	saw_fd(#call, want, call)
/* Must hold. */
#define YES(condition)		saw(#condition, "yes", "%s", (condition) ? "yes" : "no")
/* A number in decimal. */
#define NUMBER(want, value)	saw(#value, want, "%lld", (long long)(value))
/* The bits of poll(), which are those of epoll: "POLLIN|POLLOUT"; "none". */
#define EVENTS(want, value)	saw_events(#value, want, value)
/* An address, its port by name: "198.18.0.1:peer"; name_port(). */
#define ADDR(want, addr)	saw_addr(#addr, want, addr)
/* The @n bytes at @buf; @n < 0 is "nothing". */
#define TEXT(want, buf, n)	saw_text(#buf, want, buf, n)
/* What the peer answers to a command of peer.h. */
#define PEER(want, command)	saw(("peer: " command), want, "%s", peer_answer(command))
/* Not an observation: without it the case means nothing, and ends. Returns what it returned. */
#define MUST(call)		must(#call, call)

void saw(const char *what, const char *want, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
long saw_return(const char *what, const char *want, long ret);
int saw_fd(const char *what, const char *want, int fd);
void saw_events(const char *what, const char *want, unsigned int events);
void saw_text(const char *what, const char *want, const void *buf, ssize_t n);
long must(const char *what, long ret);

/* --- addresses ----------------------------------------------------------------------- */

#define PEER4	"198.18.0.1"
#define PEER6	"fd00:198:18::1"
#define OWN4	"198.18.0.2"	/* what the guest binds to */
#define OWN6	"fd00:198:18::2"
#define AT(family, text)	((family) == AF_INET6 ? "[" text##6 "]" : text##4)

struct addr {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	};
	socklen_t len;
};

void saw_addr(const char *what, const char *want, const struct addr *addr);

/* @text is a numeric address of either family. */
struct addr address(const char *text, int port);
struct addr peer_at(int family, int port);
struct addr own_at(int family, int port);
struct addr any_at(int family, int port);
struct addr loopback_at(int family, int port);
int port_of(const struct addr *addr);

/* getsockname() and getpeername(); of length 0 where they fail. */
struct addr name_of(int fd);
struct addr peer_of(int fd);

/* From now on ADDR() shows @port as @name; others are "some", and 0 is "0". */
void name_port(int port, const char *name);

/* "198.18.0.1:peer" or "[fd00:198:18::1]:peer": @base is an AT(). */
const char *with_port(const char *base, const char *name);

/* --- the peer ------------------------------------------------------------------------ */

/* Send a command, and read the answer later: the peer does one after the other. */
void peer_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *peer_hear(void);
/* Both; the answer, "ECONNRESET" and such included. */
const char *peer_answer(const char *command);
/* Both; it must not have failed. */
const char *peer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Its socket listens, or is bound; the port, which is named "peer". */
int peer_listens(int family);
int peer_listens_full(int family);	/* its queue is full: a connect() waits */
int peer_binds(int family);
/* The peer connects; its port is named "peer". */
void peer_connects(const struct addr *to);

/* --- what most cases begin with; each is a MUST -------------------------------------- */

/* A stream connected to the peer, which has accepted it. */
int stream_to_peer(int family);
/* A socket that listens at own_at(); *at is where. Its port is named "own". */
int listener(int family, struct addr *at);
/* A stream the peer has connected to us. */
int stream_from_peer(int family);
/* A datagram socket bound to own_at(), and the peer has one; *to is where the peer's is. */
int datagram(int family, struct addr *to);
/* The same, connected; the peer's is not, and knows our address as the last sender. */
int datagram_connected(int family);

/* 1 when it is readable (writable) within PATIENCE_MS. */
int readable(int fd);
int writable(int fd);
/* What poll() tells of @fd at once, asked for @events. */
short events_now(int fd, short events);
/* The same once it tells of one of @until. */
short events_once(int fd, short events, short until);
/* Send or receive all; the bytes moved. */
ssize_t send_all(int fd, const void *buf, size_t len);
ssize_t recv_all(int fd, void *buf, size_t len);
int set_nonblocking(int fd);
int int_option(int fd, int level, int option);	/* -1 on failure */
int set_int_option(int fd, int level, int option, int value);
int set_timeout(int fd, int option, int ms);	/* SO_RCVTIMEO, SO_SNDTIMEO */

/* Sleeps that only a timer of memnet-run's ended; over the kernel's sockets none. */
unsigned int rescues(void);

void sleep_ms(int ms);
int64_t now_ms(void);
/* Is it within 20 ms below and a second above? */
bool took_about(int64_t since_ms, int ms);

/* 0, or the signal or status @pid ended with. */
int ended_with(pid_t pid);

/* Large contents that tell where they are from. */
void pattern_fill(void *buf, size_t len, uint64_t offset, unsigned int seed);
bool pattern_same(const void *buf, size_t len, uint64_t offset, unsigned int seed);
#define SEED_GUEST	1	/* what the guest sends */
#define SEED_PEER	2

/* --- for main.c ---------------------------------------------------------------------- */

/* Observations are of the case @name; the peer serves at @peer_path. */
void conform_begin(const char *name, const char *peer_path);
void conform_name(const char *name);
/* How many observations there were, and how many were not as documented. */
int conform_seen(void);
int conform_wrong(void);
const char *errno_name(int error);
/* Become this program anew, which does over descriptor @fd what main.c knows as @what. */
void exec_self(const char *what, int fd);

#endif
