/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libmemnet: the network of a guest, as streams over the shared region.
 *
 * A struct memnet and its flows belong to one thread at a time. Calls that wait
 * sleep on the bell, never spin. All return -errno; besides the errno of TCP
 * itself:
 *   -ECONNRESET  the stream was torn, or the host ended or restarted the session
 *   -EPROTO      the host found this guest in breach of the protocol, or the reverse
 *   -ETIMEDOUT   no host answered
 * After -ECONNRESET of a session every flow is dead; close them, detach, open anew.
 */
#ifndef MEMNET_GUEST_H
#define MEMNET_GUEST_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memnet;
struct memnet_flow;
struct mn_region;

/* What waiting cost; counted since memnet_open(). */
struct memnet_counters {
	uint64_t kicks_to_host;		/* doorbells rung */
	uint64_t kicks_suppressed;	/* commits the host did not ask to be woken for */
	uint64_t kicks_to_guest;	/* sleeps ended by the host's bell */
	uint64_t timer_rescues;		/* sleeps the bell should have ended, but the timer did */
};

/*
 * Attach to the host through the ivshmem device of this VM. -ENODEV: there is
 * none; -EBUSY: another process has it; -EPROTONOSUPPORT: no common version.
 */
int memnet_open(struct memnet **out);

/* The same over a region already mapped; takes @region over, also on failure. */
int memnet_open_region(struct memnet **out, const struct mn_region *region);

/* Close every flow and free @m. NULL is ignored. */
void memnet_detach(struct memnet *m);

/*
 * A TCP stream from the host to @peer. -EACCES: the host's policy forbids it;
 * -EMFILE: all flows are in use. On success *@out is closed by memnet_close().
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

/* Give the flow back. What was sent but not shut down may be lost, as after RST. */
void memnet_close(struct memnet_flow *f);

void memnet_read_counters(const struct memnet *m, struct memnet_counters *out);

#endif
