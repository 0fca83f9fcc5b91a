/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between broker.c (VMs, their sockets and QEMUs), broker_worker.c (their workers),
 * broker_courier.c (their couriers) and broker_policy.c (what the guests may do).
 */
#ifndef MEMNET_BROKER_INTERNAL_H
#define MEMNET_BROKER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "memnet-core/base/unix_socket.h"
#include "memnet-core/host/broker.h"
#include "memnet-core/host/isolate.h"

struct vm {
	struct mn_broker *broker;
	struct vm *next;
	struct mn_vm_config config;
	struct mn_policy policy;	/* in force */
	struct mn_watch ivshmem_listener, bell_listener;
	struct mn_socket_file ivshmem_file, bell_file;
	struct mn_watch ivshmem, bell;	/* QEMU's connections */
	int memfd, doorbell;
	int vectors[MN_MAX_CHANNELS];

	struct mn_watch worker;		/* pidfd, -1 without */
	pid_t pid;
	struct mn_watch control;	/* our end of its socket, -1 without */
	unsigned int ram_asked;		/* by it, for the RAM file */
	int64_t started_ns;
	unsigned int delay_ms;
	struct mn_watch restart;	/* timer */

	struct mn_watch courier;	/* pidfd, -1 without */
	pid_t courier_pid;
	int64_t courier_started_ns;
	unsigned int courier_delay_ms;	/* for the next but one */
	bool courier_hangs;		/* and was killed therefore */
	struct mn_watch courier_restart;	/* timer */
};

struct mn_broker {
	const char *directory;
	struct mn_loop loop;
	struct mn_watch signals, hangup;
	struct mn_isolation isolation;	/* of the workers */
	struct vm *vms;
};

#define VM_OF(watch, member) ((struct vm *)((char *)(watch) - offsetof(struct vm, member)))

/* Say on stderr what failed with @err (-errno). */
void mn_broker_complain(const struct vm *vm, const char *what, int err);

/* Fork a worker, which gets the bell as well; where that fails it is tried again later. */
void mn_broker_start_worker(struct vm *vm);

/* Tell it to end and wait for that, at most a second. Harmless without one. */
void mn_broker_stop_worker(struct vm *vm);

/*
 * Hand QEMU's bell to the worker, if there are both. Never blocks: a worker that hangs
 * shall not hang the other VMs.
 */
void mn_broker_send_bell(struct vm *vm);

/* The same for the policy in force. */
void mn_broker_send_policy(struct vm *vm);

/* Put the policy in force. 0, or -errno after a message. */
int mn_broker_load_policy(struct vm *vm);

/* Read the policy files anew at each SIGHUP. 0 or -errno. */
int mn_broker_watch_hangup(struct mn_broker *b);

/* Of vm->control: the worker asks for the RAM file, or is about to be found dead. */
void mn_broker_worker_asks(struct mn_watch *w, uint32_t events);

/* Of vm->worker and vm->restart: a worker that nobody ended gets a successor, now or later. */
void mn_broker_worker_died(struct mn_watch *w, uint32_t events);
void mn_broker_restart_due(struct mn_watch *w, uint32_t events);

/*
 * Of a VM with an arena: a courier for the worker, which gets its socket; where that fails it
 * is tried again later. Those of the worker before are over: mn_broker_stop_courier().
 */
void mn_broker_start_courier(struct vm *vm);

/* Kill it: when this returns nobody writes into the arena any more. Harmless without one. */
void mn_broker_stop_courier(struct vm *vm);

/* The worker says so: it is killed, and gets a successor. */
void mn_broker_courier_hangs(struct vm *vm);

/* Of vm->courier and vm->courier_restart. */
void mn_broker_courier_died(struct mn_watch *w, uint32_t events);
void mn_broker_courier_due(struct mn_watch *w, uint32_t events);

/* Close every descriptor but the @n of @keep, which are sorted here, and the standard three. */
void mn_broker_close_others(int *keep, size_t n);

/* What became of an order to the worker; if it failed, @what did. */
void mn_broker_order_sent(struct vm *vm, const char *what, int ret);

#endif
