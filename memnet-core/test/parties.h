/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests: the real programs and a TCP peer as processes that may be killed, and
 * clients that tell, with the time, what became of their stream. Fails the test itself.
 */
#ifndef MEMNET_TEST_PARTIES_H
#define MEMNET_TEST_PARTIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a client does with its stream; the first byte tells the peer. */
enum mode {
	MODE_SEND = 's',	/* sends for ever; the peer checks */
	MODE_RECV = 'r',	/* receives for ever and checks */
	MODE_IDLE = 'i',	/* waits for a byte that never comes */
	MODE_ECHO = 'e',	/* 256 KiB there and back, checked; then both ends shut down */
};

enum event_kind {
	EV_READY,	/* of a client: bytes move */
	EV_END,		/* of a client or of one of the peer's connections */
};

struct event {
	int64_t ns;
	int32_t kind;
	int32_t error;		/* EV_END: 0, the end of the stream, or -errno; -EBADMSG: content */
};

struct party {
	pid_t pid;
	int events;		/* its struct events; -1 without */
};

struct parties {
	char dir[64];		/* sockets, log */
	struct party memnetd, agent, peer;
	uint16_t port;		/* of the peer */
	const char *vms;	/* memnetd's options */
};

/* memnetd with VM "a", its agent, the peer. */
void parties_start(struct parties *p);

/* End all that live; nothing may be left: no process, no socket file. */
void parties_stop(struct parties *p);

void memnetd_start(struct parties *p);
void agent_start(struct parties *p);	/* of VM a, at DIR/agent.sock */
void agent_start_at(struct parties *p, struct party *agent, const char *vm, const char *socket);
void peer_start(struct parties *p);

/* A client of the agent at @socket of DIR. */
struct party client_start(const struct parties *p, const char *socket, enum mode mode);

/* A program of $BUILD/bin with @argv; its stderr goes to DIR/log. */
pid_t program_start(const struct parties *p, const char *const *argv);

/* Kill (if it lives) and collect. */
void party_end(struct party *p);

/* The next event within @timeout_ms. */
bool event_next(const struct party *p, struct event *e, int timeout_ms);

/* Forget the events there are. */
void events_drop(const struct party *p);

/* A new client through the agent at @socket does MODE_ECHO within @timeout_ms. */
bool echo_works(const struct parties *p, const char *socket, int timeout_ms);

/* The @n-th child of a process, in order of start; -1: it has fewer. */
pid_t child_of(pid_t pid, int n);

/* kill() of a process that there is: -1 would be all there are. */
void hit(pid_t pid, int signal);

/* Wait until it is so, at most @timeout_ms. */
bool becomes(bool (*so)(void *arg), void *arg, int timeout_ms);

/* How often DIR/log has @line, whole and behind "memnetd: ". */
unsigned int log_says(const struct parties *p, const char *line);

int count_fds(pid_t pid);
long resident_kib(pid_t pid);

#endif
