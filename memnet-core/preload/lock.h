/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks that a signal handler never finds held by its own thread: handlers may send, receive,
 * and leave by longjmp(). One that comes meanwhile runs when the last lock is let go; a
 * cancellation acts after that.
 */
#ifndef MEMNET_PRELOAD_LOCK_H
#define MEMNET_PRELOAD_LOCK_H

#include <pthread.h>

/* As pthread_mutex_lock() and pthread_mutex_unlock(). */
int mn_lock(pthread_mutex_t *mutex);
int mn_unlock(pthread_mutex_t *mutex);

/*
 * The same without a lock: what is between the two runs to its end. Nests. So are calls that are
 * no cancellation points, though they make some.
 */
void mn_hold(void);
void mn_release(void);

/* In a child of fork(): a signal that waits is its parent's. */
void mn_lock_forked(void);

#endif
