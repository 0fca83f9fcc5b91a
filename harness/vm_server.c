/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An app's server is one child of ours, unshare(1), and all that it starts: a PID namespace
 * that the kernel ends with its first process, and that with unshare. So nothing of it is left
 * whatever becomes of us, also of what went into the background.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/interrupt.h"
#include "harness/vm.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"

#define GRACE_MS 3000
#define TCP_LISTEN 0x0a
#define UDP_BOUND 0x07

/* Is there a socket at @port in this state in a table of the server's network namespace? */
static bool table_has(const struct vm *vm, const char *table, unsigned int port,
		      unsigned int state)
{
	char path[64], line[256];
	unsigned int local, now;
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", vm->peer.pid, table);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &now) == 2 &&
			local == port && now == state;
	if (f)
		fclose(f);
	return found;
}

static bool is_listening(const struct vm *vm, unsigned int port)
{
	return table_has(vm, "tcp", port, TCP_LISTEN) || table_has(vm, "tcp6", port, TCP_LISTEN) ||
	       table_has(vm, "udp", port, UDP_BOUND) || table_has(vm, "udp6", port, UDP_BOUND);
}

static int wait_until_it_listens(struct vm *vm, const char *log, int timeout_ms, char *why,
				 size_t size)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	unsigned int port = atoi(strrchr(vm->end.listen, ':') + 1);

	while (!is_listening(vm, port)) {
		if (interrupted())
			return mn_explain(why, size, -EINTR, "interrupted");
		if (child_ended(&vm->peer))
			return mn_explain(why, size, -ECANCELED, "the server ended (%s) before it "
					  "listened at port %u; see its log, %s",
					  child_how_ended(&vm->peer), port,
					  strrchr(log, '/') + 1);
		if (mn_now_ns() > deadline)
			return mn_explain(why, size, -ECANCELED, "nothing listens at port %u %g s "
					  "after the server was started; see its log, %s", port,
					  timeout_ms / 1e3, strrchr(log, '/') + 1);
		mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	}
	return 0;
}

int vm_start_server(struct vm *vm, const char *command, const cpu_set_t *cpus, const char *log,
		    int timeout_ms, char *why, size_t size)
{
	char *argv[] = {
		"unshare", "--pid", "--kill-child", "--", "/bin/sh", "-c", (char *)command, NULL
	};
	cpu_set_t own;
	int ret;

	child_stop(&vm->peer, GRACE_MS);
	sched_getaffinity(0, sizeof(own), &own);
	sched_setaffinity(0, sizeof(*cpus), cpus);	/* what it starts is there from the begin */
	ret = vm_start_peer(vm, argv, log, -1);
	sched_setaffinity(0, sizeof(own), &own);
	vm->serves = !ret;
	if (ret)
		return mn_explain(why, size, ret, "cannot start unshare, which keeps the server: "
				  "%s", strerror(-ret));
	return wait_until_it_listens(vm, log, timeout_ms, why, size);
}

/* unshare(1) waits for its child and takes no SIGTERM. */
void vm_stop_server(struct vm *vm)
{
	child_stop(&vm->peer, 0);
}
