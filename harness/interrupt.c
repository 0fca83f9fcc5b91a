/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t came;

static void remember(int sig)
{
	came = 1;
}

void interrupt_catch(void)
{
	const struct sigaction act = { .sa_handler = remember };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);	/* a QEMU that died is an error, not our end */
}

bool interrupted(void)
{
	return came;
}
