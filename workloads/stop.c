/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory: a stop is a counter that signal handlers raise. A signal that comes
 * between the test of the counter and a blocking call would be missed by that
 * call; so the first one starts a timer whose SIGALRM comes again every 100 ms,
 * and no handler restarts system calls. --time is the same timer, set early.
 * The hot loops therefore read one variable and no clock.
 */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/workload.h"

#define TICK_US 100000
#define OVERDUE_TICKS 50

int stop_count;

static void on_signal(int sig)
{
	const struct itimerval again = { { 0, TICK_US }, { 0, TICK_US } };
	int saved = errno;

	if (sig != SIGALRM)
		setitimer(ITIMER_REAL, &again, NULL);
	if (!stop_overdue())
		__atomic_fetch_add(&stop_count, 1, __ATOMIC_RELAXED);
	errno = saved;
}

void stop_install(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGALRM };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&sa.sa_mask, signals[i]);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void stop_after_ns(int64_t ns)
{
	int64_t us = ns / NSEC_PER_USEC ? ns / NSEC_PER_USEC : 1;
	const struct itimerval timer = {
		.it_interval = { 0, TICK_US },
		.it_value = { us / 1000000, us % 1000000 },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

bool stop_overdue(void)
{
	return __atomic_load_n(&stop_count, __ATOMIC_RELAXED) > OVERDUE_TICKS;
}

bool barrier_pass(bool wanted)
{
	char c = 0;

	if (!wanted)
		return !stop_requested();
	puts("armed");
	fflush(stdout);
	while (c != '\n') {
		if (stop_requested())
			return false;
		switch (read(STDIN_FILENO, &c, 1)) {
		case 0:
			return false;
		case -1:
			if (errno != EINTR)
				return false;
		}
	}
	return true;
}
