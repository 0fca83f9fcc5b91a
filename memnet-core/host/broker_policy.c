/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies, from the options and the files, and again from the files at SIGHUP. The rules of
 * the options come first. A file that is wrong changes nothing: the rules that were in force
 * stay, with a line that says so. The running worker is told; its successors get the same.
 */
#include "memnet-core/host/broker_internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Longer than a path. */
#define WHY_SIZE	5000

/* To vm->policy; on failure that is as it was, and @why says what is wrong. */
static int load(struct vm *vm, char why[WHY_SIZE])
{
	struct mn_policy policy = vm->config.policy;
	int ret = 0;

	if (vm->config.policy_file)
		ret = mn_policy_read(&policy, vm->config.policy_file, why, WHY_SIZE);
	if (!ret)
		vm->policy = policy;
	return ret;
}

int mn_broker_load_policy(struct vm *vm)
{
	char why[WHY_SIZE];
	int ret = load(vm, why);

	if (ret)
		fprintf(stderr, "memnetd: %s: no policy: %s\n", vm->config.name, why);
	return ret;
}

static void reload(struct vm *vm)
{
	char why[WHY_SIZE];

	if (load(vm, why)) {
		fprintf(stderr, "memnetd: %s: the policy stays as it was: %s\n", vm->config.name,
			why);
		return;
	}
	mn_broker_send_policy(vm);
	fprintf(stderr, "memnetd: %s: the policy of %s is in force, %zu rule%s%s\n",
		vm->config.name, vm->config.policy_file, vm->policy.rules,
		vm->policy.rules == 1 ? "" : "s",
		vm->policy.rules ? "" : ": nothing is allowed");
}

static void hung_up(struct mn_watch *w, uint32_t events)
{
	struct mn_broker *b = (struct mn_broker *)((char *)w - offsetof(struct mn_broker, hangup));
	struct signalfd_siginfo info;
	bool none = true;

	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	for (struct vm *vm = b->vms; vm; vm = vm->next) {
		if (!vm->config.policy_file)
			continue;
		none = false;
		reload(vm);
	}
	if (none)
		fprintf(stderr, "memnetd: nothing to reload: no VM has a --policy file\n");
}

int mn_broker_watch_hangup(struct mn_broker *b)
{
	return mn_loop_watch(&b->loop, &b->hangup, mn_loop_signal(SIGHUP), EPOLLIN, hung_up);
}
