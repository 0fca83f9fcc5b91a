/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that work side by side: made, then let go together, then waited for.
 * Signals stay with the main thread; once a stop was asked for (workload.h), the
 * waits of all others end with -EINTR too, ten times a second.
 */
#ifndef MEMNET_WORKLOADS_TEAM_H
#define MEMNET_WORKLOADS_TEAM_H

#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>

#define TEAM_MAX 64

struct team {
	void (*work)(void *item);
	pthread_mutex_t lock;
	pthread_cond_t opened;
	enum team_gate { TEAM_SHUT, TEAM_GO, TEAM_OFF } gate;
	sem_t ended;
	size_t n;
	struct team_member {
		struct team *team;
		void *item;
		pthread_t thread;
	} member[TEAM_MAX];
};

/*
 * Make a thread for each of @n items of @size bytes, which will call @work on it.
 * 0, or -errno and there are none. To be ended by team_finish().
 */
int team_make(struct team *t, void (*work)(void *item), void *items, size_t n, size_t size);

/* Let them work (TEAM_GO) or leave (TEAM_OFF), and wait until all have ended. */
void team_finish(struct team *t, enum team_gate gate);

#endif
