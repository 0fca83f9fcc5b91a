/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PID 1 of the guest: makes the little there is to make, then does what the host
 * says over a virtio-serial port (control.h). The path under test carries no
 * control. Whatever goes wrong is said on the console, and the power goes off.
 *
 * On the kernel command line: memnet.addr=, memnet.mtu= and memnet.gateway= (boot.h), and
 * memnet.fault=, which makes it misbehave so that the host's side can be tested:
 *	silent	never gets ready
 *	late	gets ready 10 s late
 *	hang	answers everything but marks
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "harness/guest/boot.h"
#include "harness/guest/control.h"
#include "memnet-core/base/util.h"

#define PORT_NAME "memnet.control"
#define PROGRESS_DIR "/run/progress"	/* boot_mount() makes it */
#define LATE_S 10

static bool fault_is(const char *name)
{
	const char *fault = boot_parameter("memnet.fault");

	return fault && !strcmp(fault, name);
}

static void misbehave_at_boot(void)
{
	if (fault_is("late"))
		sleep(LATE_S);
	while (fault_is("silent"))
		pause();
}

static int boot_and_serve(void)
{
	struct control_config config = { .progress_dir = PROGRESS_DIR };
	int ret = boot_mount();

	if (!ret)
		ret = boot_load_modules();
	if (!ret)
		ret = boot_network();
	if (ret)
		return ret;
	misbehave_at_boot();
	config.deaf_to_mark = fault_is("hang");
	config.port = boot_open_port(PORT_NAME);
	if (config.port < 0)
		return config.port;
	ret = boot_start_agent();
	if (ret)
		return ret;
	ret = control_serve(&config);
	if (ret)
		fprintf(stderr, "memnet init: the control port: %s\n", strerror(-ret));
	return ret;
}

int main(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	boot_and_serve();
	reboot(RB_POWER_OFF);
	while (true)
		pause();
}
