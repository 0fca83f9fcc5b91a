/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world around the host of fuzz_host.c: its loop, its clock, its region, a TCP peer that
 * is here too; and what must be so of it whatever the guest does.
 */
#ifndef MEMNET_FUZZ_WORLD_H
#define MEMNET_FUZZ_WORLD_H

#include <netinet/in.h>

#include "memnet-core/host/host_internal.h"

#define REGION_BYTES	(1u << 20)
#define ARENA_BYTES	(64u << 10)
#define CHANNELS	3
#define MANY_FLOWS	66	/* more than one word of the pending set, and FIFOs of 4 KiB */
#define FEW_FLOWS	2	/* with FIFOs of 128 KiB: bytes in bulk */
#define FEATURES	(MN_F_VECTORS | MN_F_PORT | MN_F_HEARTBEAT)
#define CONNECTIONS	8	/* of the peer */
#define PIECE		(64u << 10)

#define must(claim) ((claim) ? (void)0 : broken(#claim, __FILE__, __LINE__))

struct connection {
	int fd;
	uint64_t sent, received;
};

struct world {
	struct mn_host_config config;
	struct mn_loop loop;
	struct mn_watch awake;	/* always readable: mn_loop_run() never sleeps */
	struct mn_host *host;
	uint8_t *guest;		/* the region, mapped once more */
	unsigned int rounds, lines, asked;
	bool lied;
	struct connection peers[CONNECTIONS];
	unsigned int n_peers;
	int courier;		/* its end of the socket, -1 without one, */
	bool started[MN_COURIER_JOBS];	/* what it has not answered */
};

extern struct world w;			/* of this input */
extern int64_t now_ns;			/* its clock */
extern struct sockaddr_in listener_addr, closed_addr;	/* the peer's; nobody's */
extern struct sockaddr_in udp_addr, udp_closed_addr;	/* the same of datagrams */
extern int udp;						/* the peer's socket there */

_Noreturn void broken(const char *claim, const char *file, int line);

/* For one input. lowest_fd() before and after tells whether a descriptor is left open. */
void make_world(bool spins, uint32_t flows, uint64_t memory);
void end_world(void);
int lowest_fd(void);

/* fuzz_objects.c: another courier; its end; the host's debts for objects. */
void make_courier(void);
void end_courier(void);
void check_objects(uint32_t owed[CHANNELS]);

/* Let the host work until it is at rest; after telling it of its guest; after its tick. */
void run(void);
void kick(void);
void tick(void);
void check_host(void);

/* The peer's @n-th connection, of those there are, or NULL. */
struct connection *peer(uint8_t n);
bool peer_accept(void);			/* false: none waits, or there are CONNECTIONS */
bool peer_call(uint32_t flow);		/* false: it does not listen, or there are CONNECTIONS */
bool peer_say(uint32_t flow, size_t len);	/* false: it is none of datagrams */
void peer_hear(void);
void peer_write(struct connection *p, size_t len);
ssize_t peer_read(struct connection *p, size_t len);	/* as recv() */
void end_socket(int fd, bool reset);
void end_peers(void);

static inline struct mn_header *header(void)
{
	return mn_header(w.guest);
}

static inline struct mn_flow *shared_flow(uint32_t f)
{
	return mn_flow(w.guest, &w.config.geometry, f);
}

/* What stream byte number @position is, in every stream. */
static inline uint8_t content(uint64_t position)
{
	return position * 0x9e3779b97f4a7c15ULL >> 56;
}

#endif
