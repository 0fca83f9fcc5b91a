/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a side spins before it sleeps: the trade of energy for latency.
 *
 * Fixed: always the same time. Adaptive, after KVM's halt polling
 * (Documentation/virt/kvm/halt-polling.rst): a wait that ended within the maximum
 * doubles the budget, one that took longer halves it, so a side that waits long
 * soon sleeps at once.
 */
#ifndef MEMNET_SPIN_H
#define MEMNET_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct mn_spin {
	int64_t max_ns;		/* 0: never spin */
	int64_t budget_ns;	/* for the next wait */
	bool adaptive;
};

/* "0", "50us", "adaptive:50us". 0, or -EINVAL, -ERANGE (above a second). */
int mn_spin_parse(const char *text, struct mn_spin *s);

/* A wait is over that took @waited_ns from its beginning, spun and slept. */
void mn_spin_waited(struct mn_spin *s, int64_t waited_ns);

/* The calling thread's own of @configured: who has no flow's to adapt adapts that. */
struct mn_spin *mn_spin_own(const struct mn_spin *configured);

/* Tell the CPU that this is a spin loop. */
static inline void mn_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb");
#endif
}

#endif
