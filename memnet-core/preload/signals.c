/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/preload/signals.h"

void mn_signals_hold(struct held *h, const sigset_t *mask)
{
	sigset_t all;

	if (h->on)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &h->before);
	h->mask = mask ? *mask : h->before;
	h->on = true;
}

void mn_signals_release(struct held *h)
{
	if (h->on)
		pthread_sigmask(SIG_SETMASK, &h->before, NULL);
	h->on = false;
}

bool mn_signals_restart(void)
{
	for (int n = 1; n < SIGRTMAX; n++) {
		struct sigaction action;

		if (!sigaction(n, NULL, &action) && action.sa_handler != SIG_DFL &&
		    action.sa_handler != SIG_IGN && !(action.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}
