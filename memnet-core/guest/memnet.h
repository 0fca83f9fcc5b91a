/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet: the network of a guest, over the shared region: TCP and UDP sockets of the
 * host's, each a flow.
 *
 * Thread-safe: threads may share a struct memnet. A flow may be used by one thread
 * that sends and one that receives at a time, and is closed when neither does. Calls that
 * wait spin for the budget (default 0) and then sleep on the bell; of a flow that does
 * not block they return -EAGAIN instead. All but memnet_resolve() return -errno; besides the
 * errno of sockets:
 *   -ECONNRESET  the stream was torn, or the host or the agent ended or restarted
 *   -EPROTO      the host found this guest in breach of the protocol, or the reverse
 *   -ETIMEDOUT   no host answered
 *   -EACCES      the host's policy forbids it
 *   -EMFILE      all flows are in use
 *   -ENOBUFS     the host gives this guest no more memory for flows at the moment
 * After -ECONNRESET of a session every flow is dead; close them, detach, open anew.
 *
 * Signals: a handler that runs while a call sleeps for bytes, room or a connection, or in
 * memnet_poll(), ends the call, with SA_RESTART too: there is no call of the kernel to go on
 * with. Nothing is lost by that, call again for the rest. All other calls go on, through any
 * number of handlers, for what the host has begun cannot be taken back. A handler that runs
 * before the sleep ends nothing, as with a socket; a long wait is several sleeps, of 100 ms,
 * and one that runs in the moment between two ends nothing either. None of these may be
 * called in a handler, nor left by longjmp(). No sleep in them is a cancellation point.
 */
#ifndef MEMNET_H
#define MEMNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "memnet-core/flow_values.h"

struct addrinfo;

#ifdef __cplusplus
extern "C" {
#endif

struct memnet;
struct memnet_flow;

/* What waiting cost; counted since memnet_open(), over all threads. */
struct memnet_counters {
	uint64_t kicks_to_host;		/* doorbells rung */
	uint64_t kicks_suppressed;	/* steps of streams nobody had to be rung for */
	uint64_t kicks_to_guest;	/* bells of the host that ended a sleep, */
	uint64_t kicks_spurious;	/* of which there was nothing to do */
	uint64_t timer_rescues;		/* sleeps the bell should have ended, but the timer did */
	uint64_t spin_ns, sleep_ns;	/* waited awake, and asleep */
};

/* How this guest is attached; strings of static life. */
struct memnet_facts {
	const char *provider;	/* of the region: "ivshmem", "guest-ram", "server" */
	const char *cache;	/* its mapping: "write-back", "write-combining", "uncached" */
	const char *wake;	/* how the host wakes us: "vectors", "port", "timer" */
};

/*
 * Become a client of this guest's memnet-agent (its socket: the environment's
 * MEMNET_AGENT, else /run/memnet/agent.sock). The environment's MEMNET_SPIN sets the
 * spin budget ("0", "50us", "adaptive:50us"). -ENODEV: no agent; -EAGAIN: every
 * channel is in use; -ETIMEDOUT: the agent has no session with a host; -EINVAL,
 * -ERANGE: MEMNET_SPIN is none, or above a second.
 */
int memnet_open(struct memnet **out);

/* Free @m, whose flows are closed and which no thread is using. NULL is ignored. */
void memnet_detach(struct memnet *m);

/* --- flows ------------------------------------------------------------------------- */

/*
 * A TCP stream from the host to @peer (AF_INET, AF_INET6). As long as the host's connect()
 * takes. On success *@out is closed by memnet_close().
 */
int memnet_connect(struct memnet *m, const struct sockaddr *peer, socklen_t len,
		   struct memnet_flow **out);

/*
 * The same without waiting: 0: it is under way, and memnet_connect_result() says how it
 * went. *@flow is NULL, or a stream made by memnet_bind(). Of datagrams: done at once, from
 * now on only @peer is spoken to and heard; a family of AF_UNSPEC dissolves that.
 */
int memnet_connect_start(struct memnet *m, const struct sockaddr *peer, socklen_t len,
			 struct memnet_flow **flow);

/* -EINPROGRESS; 0: it is connected, or was never in question; -errno. */
int memnet_connect_result(struct memnet_flow *f);

/*
 * A socket of @type (SOCK_STREAM, SOCK_DGRAM) at @addr; port 0: the host chooses, see
 * memnet_local(). @flags: MN_BIND_* (flow_values.h).
 */
int memnet_bind(struct memnet *m, int type, const struct sockaddr *addr, socklen_t len,
		unsigned int flags, struct memnet_flow **out);

/* A stream made by memnet_bind() becomes a listener; or its backlog changes. */
int memnet_listen(struct memnet_flow *f, int backlog);

/* The next connection of a listener; waits for it. */
int memnet_accept(struct memnet_flow *listener, struct memnet_flow **out);

/* Of the host's socket. A peer that there is not: ss_family AF_UNSPEC. */
void memnet_local(const struct memnet_flow *f, struct sockaddr_storage *out);
void memnet_peer(const struct memnet_flow *f, struct sockaddr_storage *out);

/* New flows block. */
void memnet_set_blocking(struct memnet_flow *f, bool on);

/* @option: enum mn_option (flow_values.h). -ENOPROTOOPT, or what setsockopt() says on the host. */
int memnet_set_option(struct memnet_flow *f, int option, int value);

/* As SO_ERROR: a positive errno that is told once; 0. */
int memnet_take_error(struct memnet_flow *f);

/*
 * Give the flow back; of a stream without waiting for the host, as close(2). What was sent and
 * shut down still goes out, for as long as the peer reads it: after a minute without, or a few
 * seconds where no other flow is free, the stream is torn. What was sent and not shut down may
 * be lost, as after RST. Datagrams that were sent go out.
 */
void memnet_close(struct memnet_flow *f);

/* --- names ------------------------------------------------------------------------- */

/*
 * As getaddrinfo(3): EAI_* of <netdb.h>, and a list for freeaddrinfo(). Addresses, services,
 * localhost and /etc/hosts need nobody. Other names are asked of the servers in
 * /etc/resolv.conf, over flows of @m: UDP, and TCP for long answers; no longer than that file
 * says. IPv4 stands first, and AI_ADDRCONFIG means nothing: which addresses can be reached is
 * the host's to know.
 * A server at a loopback address is passed over: it is this guest's, and where flows begin
 * that address is the host's.
 * EAI_SYSTEM: no server could be spoken to, or not by TCP. errno: EACCES, ENETUNREACH (there is
 * none but at loopback), ECONNRESET (the session ended, also while it waited) or another of
 * memnet_connect().
 */
int memnet_resolve(struct memnet *m, const char *node, const char *service,
		   const struct addrinfo *hints, struct addrinfo **res);

/* --- flows by name: a flow that another process of this guest has opened ------------- */

/* Both together name a flow for as long as the session lasts. Not while it is connecting. */
void memnet_flow_name(const struct memnet_flow *f, uint32_t *id, uint32_t *generation);

/* enum mn_flow_kind (flow_values.h). */
int memnet_flow_kind(const struct memnet_flow *f);

/* -ESTALE: there is no such flow any more. Freed by memnet_release() or memnet_close(). */
int memnet_adopt(struct memnet *m, uint32_t id, uint32_t generation, struct memnet_flow **out);

/* Forget the flow and leave it open, to whom it belongs to; one that connects is closed. */
void memnet_release(struct memnet_flow *f);

/* --- streams ------------------------------------------------------------------------- */

/*
 * Send @len bytes; waits for space. Returns what was taken: @len, or less when an
 * error or a signal handler came after the first byte (the next call tells), or
 * -EPIPE, -EINTR, -errno. -EINTR also where the process was stopped and goes on: see
 * epoll_wait() in signal(7).
 */
ssize_t memnet_send(struct memnet_flow *f, const void *buf, size_t len);

/* Receive 1..@len bytes; waits for the first. 0 at the end of the stream, -EINTR, -errno. */
ssize_t memnet_recv(struct memnet_flow *f, void *buf, size_t len);

/*
 * In place: up to @want bytes as one or two spans of the FIFO (the second may be empty).
 * Never wait: -EAGAIN. Bytes; of recv 0 at the end of the stream; -errno. What was written,
 * or read, is then told by _done(), at most as many; 0 or -ECONNRESET.
 */
ssize_t memnet_send_spans(struct memnet_flow *f, size_t want, struct iovec spans[2]);
int memnet_send_done(struct memnet_flow *f, size_t len);
ssize_t memnet_recv_spans(struct memnet_flow *f, size_t want, struct iovec spans[2]);
int memnet_recv_done(struct memnet_flow *f, size_t len);

/* Bytes that memnet_recv() would not wait for; of datagrams: those of the first. */
int memnet_unread(struct memnet_flow *f);

/* The peer reads the end of the stream after what was sent. Receiving goes on. */
int memnet_shutdown_send(struct memnet_flow *f);

/*
 * Receives no more: what comes then tears the stream. A listener accepts no more, what it
 * had accepted and nobody took is reset, and its port is free.
 */
int memnet_shutdown_recv(struct memnet_flow *f);

/* Tear the stream, now: the peer reads a reset, whatever was sent before. */
void memnet_tear(struct memnet_flow *f);

/* --- datagrams ----------------------------------------------------------------------- */

/*
 * One datagram from @n parts, to @to (NULL: whom the flow is connected to). Waits for room.
 * Its bytes; -EMSGSIZE: more than a datagram, or the FIFO, can hold; -errno.
 */
ssize_t memnet_send_datagram(struct memnet_flow *f, const struct iovec *iov, size_t n,
			     const struct sockaddr *to, socklen_t len);

/*
 * The next datagram into @msg's parts; sets msg_name, msg_namelen and msg_flags (MSG_TRUNC:
 * it was longer). Waits for it. Its whole length, also where the parts have less; -errno.
 * @peek: it stays.
 */
ssize_t memnet_recv_datagram(struct memnet_flow *f, struct msghdr *msg, bool peek);

/* --- readiness ----------------------------------------------------------------------- */

/*
 * What is so now: POLLIN, POLLOUT, POLLRDHUP, POLLHUP, POLLERR, as poll() would say. This
 * and what follows look at both ends of a flow: no other thread uses it meanwhile.
 */
short memnet_events(struct memnet_flow *f);

/*
 * Have the bell rung when one of @events (POLLIN, POLLOUT) becomes so, or an end comes.
 * 1; 0: look at memnet_events(), one is so already; -errno.
 */
int memnet_arm(struct memnet_flow *f, short events);

struct memnet_pollfd {
	struct memnet_flow *flow;	/* NULL: none */
	short events, revents;
};

/*
 * As poll(), for flows of one struct memnet: waits until one has something to tell, at most
 * @timeout_ms (-1: for ever). How many have; 0: the time is over; -EINTR; -EINVAL: there is
 * no flow; -errno.
 */
int memnet_poll(struct memnet_pollfd *flows, size_t n, int timeout_ms);

/* What a caller that waits by itself shall spin before it sleeps, ns. */
int64_t memnet_spin_ns(const struct memnet *m);

/* --- facts and counters -------------------------------------------------------------- */

void memnet_read_counters(const struct memnet *m, struct memnet_counters *out);
void memnet_read_facts(const struct memnet *m, struct memnet_facts *out);

#ifdef __cplusplus
}
#endif

#endif
