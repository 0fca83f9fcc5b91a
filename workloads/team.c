/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory: the main thread sleeps on a semaphore that every thread raises at its
 * end. Signals reach only the main thread and end its sleep; it then sends the
 * others SIGUSR1, whose handler does nothing but end their waits. One that comes
 * just before a wait is lost, so it matters that stop.c's timer comes again.
 */
#include "workloads/team.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void end_a_wait(int sig)
{
}

static void *member_thread(void *arg)
{
	struct team_member *m = arg;
	struct team *t = m->team;
	enum team_gate gate;

	pthread_mutex_lock(&t->lock);
	while (t->gate == TEAM_SHUT)
		pthread_cond_wait(&t->opened, &t->lock);
	gate = t->gate;
	pthread_mutex_unlock(&t->lock);
	if (gate == TEAM_GO)
		t->work(m->item);
	sem_post(&t->ended);
	return NULL;
}

static int make_member(struct team *t, void *item)
{
	struct team_member *m = &t->member[t->n];
	int ret;

	m->team = t;
	m->item = item;
	ret = pthread_create(&m->thread, NULL, member_thread, m);
	if (!ret)
		t->n++;
	return -ret;
}

int team_make(struct team *t, void (*work)(void *item), void *items, size_t n, size_t size)
{
	const struct sigaction sa = { .sa_handler = end_a_wait };
	sigset_t mask, old;
	int ret = 0;

	memset(t, 0, sizeof(*t));
	t->work = work;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->opened, NULL);
	sem_init(&t->ended, 0, 0);
	sigaction(SIGUSR1, &sa, NULL);
	sigfillset(&mask);
	sigdelset(&mask, SIGUSR1);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	for (size_t i = 0; !ret && i < n; i++)
		ret = make_member(t, (char *)items + i * size);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		team_finish(t, TEAM_OFF);
	return ret;
}

static void open_gate(struct team *t, enum team_gate gate)
{
	pthread_mutex_lock(&t->lock);
	t->gate = gate;
	pthread_cond_broadcast(&t->opened);
	pthread_mutex_unlock(&t->lock);
}

static void interrupt_all(struct team *t)
{
	for (size_t i = 0; i < t->n; i++)
		pthread_kill(t->member[i].thread, SIGUSR1);
}

void team_finish(struct team *t, enum team_gate gate)
{
	open_gate(t, gate);
	for (size_t i = 0; i < t->n; i++)
		while (sem_wait(&t->ended))	/* -EINTR: a stop, and each tick after it */
			interrupt_all(t);
	for (size_t i = 0; i < t->n; i++)
		pthread_join(t->member[i].thread, NULL);
	sem_destroy(&t->ended);
	pthread_cond_destroy(&t->opened);
	pthread_mutex_destroy(&t->lock);
}
