/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a worker, a child of memnetd that holds one VM's memory and eventfds and
 * nothing else of memnetd's, and is confined (isolate.h) before it looks at them. One that
 * dies without having been told to gets a successor.
 */
#include "memnet-core/host/broker_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/worker.h"

/* A worker that lived so long died by accident: the next one starts at once. */
#define LONG_LIFE_NS	(5 * NSEC_PER_SEC)
/* Others are delayed, ever longer: a guest that kills its worker shall not keep us busy. */
#define FIRST_DELAY_MS	50
#define LAST_DELAY_MS	1000
/* A worker told to stop that does not is killed. */
#define STOP_MS		1000

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void mn_broker_close_others(int *keep, size_t n)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(keep, n, sizeof(keep[0]), by_number);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned int)keep[i] > from)
			close_range(from, keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

static void confine(const struct vm *vm)
{
	const char *stage;
	int ret = mn_isolation_enter(&vm->broker->isolation, &stage);

	if (!ret)
		return;
	fprintf(stderr, "memnetd: %s: the worker cannot have %s any more: %s\n", vm->config.name,
		stage, strerror(-ret));
	exit(EXIT_FAILURE);
}

static _Noreturn void be_worker(const struct vm *vm, int control)
{
	struct mn_worker w = {
		.name = vm->config.name, .geometry = vm->config.geometry,
		.policy = vm->policy, .spin = vm->config.spin, .ram = vm->config.ram,
		.memory = vm->config.memory, .memfd = vm->memfd, .doorbell = vm->doorbell, .control = control,
	};
	int keep[3 + MN_MAX_CHANNELS] = { vm->doorbell, control };
	size_t n = 2;

	memcpy(w.vectors, vm->vectors, sizeof(w.vectors));
	memcpy(keep + n, vm->vectors, vm->config.geometry.channels * sizeof(keep[0]));
	n += vm->config.geometry.channels;
	if (vm->memfd >= 0)
		keep[n++] = vm->memfd;
	mn_broker_close_others(keep, n);
	confine(vm);
	exit(mn_worker_run(&w));
}

void mn_broker_order_sent(struct vm *vm, const char *what, int ret)
{
	if (ret && ret != -EPIPE)	/* a dead worker's successor gets it */
		mn_broker_complain(vm, what, ret);
	if (ret == -EAGAIN) {		/* it has not taken the many before */
		kill(vm->pid, SIGKILL);
		mn_loop_close_fd(&vm->broker->loop, &vm->control);	/* nothing more for this one */
	}
}

void mn_broker_send_bell(struct vm *vm)
{
	const struct mn_worker_order order = { .what = MN_WORKER_BELL };

	if (vm->control.fd >= 0 && vm->bell.fd >= 0)
		mn_broker_order_sent(vm, "cannot hand the bell port to the worker",
				     mn_send_fds(vm->control.fd, &order, sizeof(order), &vm->bell.fd, 1));
}

void mn_broker_send_policy(struct vm *vm)
{
	const struct mn_worker_order order = { .what = MN_WORKER_POLICY, .policy = vm->policy };

	if (vm->control.fd >= 0)
		mn_broker_order_sent(vm, "cannot hand the policy to the worker",
				     mn_send_fds(vm->control.fd, &order, sizeof(order), NULL, 0));
}

static void send_ram(struct vm *vm)
{
	struct mn_worker_order order = { .what = MN_WORKER_RAM };
	int fd = mn_guest_ram_open(&vm->config.ram);

	if (fd < 0)
		order.error = fd;
	mn_broker_order_sent(vm, "cannot hand the VM's RAM to the worker",
			     mn_send_fds(vm->control.fd, &order, sizeof(order), &fd, fd >= 0));
	if (fd >= 0)
		close(fd);
}

/* One that asks on is not ours any more: a worker gives its guest up before. */
void mn_broker_worker_asks(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, control);
	char want;

	if (recv(w->fd, &want, sizeof(want), MSG_DONTWAIT) != sizeof(want))
		mn_loop_close_fd(&vm->broker->loop, w);
	else if (want == MN_WORKER_ENDS_COURIER)
		mn_broker_courier_hangs(vm);
	else if (!vm->config.ram.path || vm->ram_asked++ == MN_MAX_BREACHES)
		kill(vm->pid, SIGKILL);
	else
		send_ram(vm);
}

/* On failure with vm->pid set it lives, unwatched. */
static int fork_worker(struct vm *vm)
{
	int pair[2], pidfd, ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	vm->pid = mn_isolation_fork(&vm->broker->isolation);
	if (vm->pid == 0)
		be_worker(vm, pair[1]);
	ret = -errno;
	close(pair[1]);
	if (vm->pid < 0) {
		close(pair[0]);
		return ret;
	}
	vm->control.fd = pair[0];
	pidfd = pidfd_open(vm->pid, 0);
	if (pidfd < 0)
		return -errno;
	vm->worker.fd = pidfd;
	ret = mn_loop_add(&vm->broker->loop, &vm->worker, EPOLLIN);
	return ret ? ret : mn_loop_add(&vm->broker->loop, &vm->control, EPOLLIN);
}

/* Collect the worker; wait for it at most @timeout_ms, then kill it. Its wait status. */
static int reap_worker(struct vm *vm, int timeout_ms)
{
	struct pollfd pfd = { .fd = vm->worker.fd, .events = POLLIN };
	int status = 0;

	if (poll(&pfd, 1, timeout_ms) != 1)
		kill(vm->pid, SIGKILL);
	waitpid(vm->pid, &status, 0);
	mn_broker_stop_courier(vm);
	mn_loop_close_fd(&vm->broker->loop, &vm->worker);
	mn_loop_close_fd(&vm->broker->loop, &vm->control);
	vm->pid = -1;
	return status;
}

static void start_worker_in(struct vm *vm, unsigned int delay_ms)
{
	const struct itimerspec later = { .it_value = mn_timespec(delay_ms * NSEC_PER_MSEC) };

	timerfd_settime(vm->restart.fd, 0, &later, NULL);
}

void mn_broker_start_worker(struct vm *vm)
{
	int ret;

	vm->started_ns = mn_now_ns();
	vm->ram_asked = 0;
	ret = fork_worker(vm);
	if (ret) {
		mn_broker_complain(vm, "cannot start a worker, trying again", ret);
		if (vm->pid > 0)
			reap_worker(vm, 0);
		start_worker_in(vm, LAST_DELAY_MS);
		return;
	}
	mn_broker_send_bell(vm);
	mn_broker_start_courier(vm);
}

void mn_broker_stop_worker(struct vm *vm)
{
	const struct itimerspec never = { 0 };

	timerfd_settime(vm->restart.fd, 0, &never, NULL);
	if (vm->pid <= 0)
		return;
	mn_loop_close_fd(&vm->broker->loop, &vm->control);
	reap_worker(vm, STOP_MS);
}

static void say_how(int status, char *how, size_t size)
{
	if (!WIFSIGNALED(status))
		snprintf(how, size, "exit status %d", WEXITSTATUS(status));
	else
		snprintf(how, size, "signal %d%s", WTERMSIG(status), WTERMSIG(status) == SIGSYS ?
			 ": a system call that memnetd does not allow" : "");
}

void mn_broker_worker_died(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, worker);
	bool long_life = mn_now_ns() - vm->started_ns > LONG_LIFE_NS;
	int status = reap_worker(vm, 0);
	char how[80];

	say_how(status, how, sizeof(how));
	if (long_life)
		vm->delay_ms = 0;
	fprintf(stderr, "memnetd: %s: the worker died (%s); another starts in %u ms\n",
		vm->config.name, how, vm->delay_ms);
	if (vm->delay_ms)
		start_worker_in(vm, vm->delay_ms);
	else
		mn_broker_start_worker(vm);
	vm->delay_ms = MIN(MAX(2 * vm->delay_ms, (unsigned int)FIRST_DELAY_MS),
			   (unsigned int)LAST_DELAY_MS);
}

void mn_broker_restart_due(struct mn_watch *w, uint32_t events)
{
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) == sizeof(count))
		mn_broker_start_worker(VM_OF(w, restart));
}
