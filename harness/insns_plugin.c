/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A QEMU built without plugins, or with an API that the plugin does not know, ends at
 * once and says why; a VM started so would be lost. Hence the trial, once for each
 * experiment.
 */
#include "harness/insns_plugin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "energy/guest_insns.h"
#include "harness/child.h"
#include "harness/qemu.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"

#define TRIAL_NS	(3 * NSEC_PER_SEC)

/* The line in which the plugin gave its reason; else the last one. */
static void find_reason(const char *log, char *why, size_t size)
{
	char text[4096], *line, *save = NULL;

	snprintf(why, size, "QEMU does not take the plugin, and does not say why");
	if (mn_read_file(log, text, sizeof(text)) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		snprintf(why, size, "QEMU does not take the plugin: %s", line);
		if (!strncmp(line, "memnet-insns:", 13))
			return;
	}
}

/* Until the page is there. 0, -EPIPE: QEMU has ended; -ETIMEDOUT. */
static int wait_for_page(struct child *qemu, const char *page)
{
	int64_t deadline = mn_now_ns() + TRIAL_NS;
	struct guest_insns *g;
	char why[200];

	while (guest_insns_open_page(&g, page, qemu->pid, why, sizeof(why))) {
		if (child_ended(qemu))
			return -EPIPE;
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	}
	guest_insns_close(g);
	return 0;
}

int insns_plugin_try(const char *plugin, const char *dir, char *why, size_t why_size)
{
	struct qemu_argv argv;
	struct child qemu;
	char log[600], page[600];
	int ret;

	if (access(plugin, R_OK)) {
		ret = -errno;
		snprintf(why, why_size, "%s: %s; build it with: make all", plugin, strerror(-ret));
		return ret;
	}
	snprintf(log, sizeof(log), "%s/trial.log", dir);
	snprintf(page, sizeof(page), "%s/trial.insns", dir);
	ret = qemu_trial_argv_make(&argv, plugin, page);
	if (!ret)
		ret = child_start(&qemu, "QEMU", argv.args, log, -1, NULL);
	qemu_argv_free(&argv);
	if (ret) {
		snprintf(why, why_size, "cannot start %s: %s", QEMU_PROGRAM, strerror(-ret));
		return ret;
	}
	ret = wait_for_page(&qemu, page);
	child_stop(&qemu, 500);
	if (ret)
		find_reason(log, why, why_size);
	unlink(log);
	unlink(page);
	return ret;
}
