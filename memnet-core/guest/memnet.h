/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet: the network of a guest, as streams over the shared region.
 *
 * Thread-safe: threads may share a struct memnet. A flow may be used by one thread
 * that sends and one that receives at a time, and is closed when neither does.
 * Calls that wait spin for the budget (default 0) and then sleep on the bell. All
 * return -errno; besides the errno of TCP itself:
 *   -ECONNRESET  the stream was torn, or the host or the agent ended or restarted
 *   -EPROTO      the host found this guest in breach of the protocol, or the reverse
 *   -ETIMEDOUT   no host answered
 * After -ECONNRESET of a session every flow is dead; close them, detach, open anew.
 *
 * Signals: a handler that runs while memnet_send() or memnet_recv() sleeps ends the call,
 * with SA_RESTART too: there is no call of the kernel to go on with. Nothing is lost by
 * that, call again for the rest. All other calls go on, through any number of handlers, for
 * what the host has begun cannot be taken back. A handler that runs before the sleep ends
 * nothing, as with a socket. None of these may be called in a handler, nor left by longjmp().
 */
#ifndef MEMNET_H
#define MEMNET_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memnet;
struct memnet_flow;

/* What waiting cost; counted since memnet_open(), over all threads. */
struct memnet_counters {
	uint64_t kicks_to_host;		/* doorbells rung */
	uint64_t kicks_suppressed;	/* steps of streams nobody had to be rung for */
	uint64_t kicks_to_guest;	/* sleeps ended by the host's bell, */
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

/*
 * A TCP stream from the host to @peer. -EACCES: the host's policy forbids it;
 * -EMFILE: all flows are in use. As long as the host's connect() takes. On success *@out
 * is closed by memnet_close().
 */
int memnet_connect(struct memnet *m, const struct sockaddr_in *peer, struct memnet_flow **out);

/* Local and remote address of the host's socket. */
void memnet_addresses(const struct memnet_flow *f, struct sockaddr_in *local,
		      struct sockaddr_in *peer);

/*
 * Send @len bytes; waits for space. Returns what was taken: @len, or less when an
 * error or a signal handler came after the first byte (the next call tells), or
 * -EPIPE, -EINTR, -errno.
 */
ssize_t memnet_send(struct memnet_flow *f, const void *buf, size_t len);

/* Receive 1..@len bytes; waits for the first. 0 at the end of the stream, -EINTR, -errno. */
ssize_t memnet_recv(struct memnet_flow *f, void *buf, size_t len);

/* The peer reads the end of the stream after what was sent. Receiving goes on. */
int memnet_shutdown_send(struct memnet_flow *f);

/*
 * Give the flow back. What was sent and shut down still goes out; what was sent and not
 * shut down may be lost, as after RST.
 */
void memnet_close(struct memnet_flow *f);

void memnet_read_counters(const struct memnet *m, struct memnet_counters *out);
void memnet_read_facts(const struct memnet *m, struct memnet_facts *out);

#endif
