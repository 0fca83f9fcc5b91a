/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared indices and the event index, for FIFOs and rings alike. See fifo.h for
 * why the fences are where they are.
 */
#ifndef MEMNET_EVENT_H
#define MEMNET_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One fetch of what the other side wrote; pairs with mn_publish() over there. */
static inline uint64_t mn_fetch(const uint64_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static inline uint32_t mn_fetch32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Everything written before is visible to who fetches this value. */
static inline void mn_publish(uint64_t *index, uint64_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static inline void mn_publish32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Waker: after its mn_publish(), before it reads the event. Sleeper: after the
 * event, before its last look. Store before load, on both sides. */
static inline void mn_fence(void)
{
	atomic_thread_fence(memory_order_seq_cst);
}

/* Did the step from @old to @new pass @event? (virtio 1.1, 2.6.7.2, in 64 bits) */
static inline bool mn_passed(uint64_t event, uint64_t new, uint64_t old)
{
	return new - event - 1 < new - old;
}

#endif
