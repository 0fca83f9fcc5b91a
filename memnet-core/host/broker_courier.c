/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a courier (courier.h): beside each worker of a VM with an arena, for as long as
 * that worker; one that dies before gets a successor, whose socket the worker is sent. It is
 * a program of its own, memnet-courier beside memnetd, for the libraries it needs are
 * nothing a worker should have in its memory.
 */
#include "memnet-core/host/broker_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/courier.h"
#include "memnet-core/host/worker.h"

#define PROGRAM		"memnet-courier"
/* Besides the arena: itself, buffers, and stacks of some fifty threads. */
#define MEMORY_BYTES	(512ULL << 20)

/*
 * One that lived so long died by accident: the next one starts at once. Others are delayed, ever
 * longer: what a guest, or a server it talks to, can make us do and say is bounded by that.
 */
#define LONG_LIFE_NS	(60 * NSEC_PER_SEC)
#define FIRST_DELAY_MS	50u
#define LAST_DELAY_MS	60000u

static _Noreturn void end(const struct vm *vm, const char *what, int err)
{
	mn_broker_complain(vm, what, err);
	_exit(EXIT_FAILURE);
}

/* Opened before the files are out of reach. */
static int open_program(const struct vm *vm)
{
	char path[4096];
	int ret = mn_beside_program(1, PROGRAM, path, sizeof(path));
	int fd = ret ? ret : open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		end(vm, "cannot find " PROGRAM " beside memnetd; install both in one folder",
		    ret ? ret : -errno);
	return fd;
}

/* No terminal, nor a folder that the stages to come could not put out of reach. */
static void leave_surroundings(const struct vm *vm)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || setsid() < 0 || chdir("/"))
		end(vm, "cannot start a courier", -errno);
}

static _Noreturn void be_courier(const struct vm *vm, int sock)
{
	char region[24], arena[24];
	char *const argv[] = { PROGRAM, (char *)vm->config.name, region, arena, NULL };
	char *const environment[] = { "MALLOC_ARENA_MAX=1", NULL };	/* not one a thread */
	int program = open_program(vm), keep[3];
	const char *stage;
	int ret;

	leave_surroundings(vm);
	snprintf(region, sizeof(region), "%" PRIu64, vm->config.geometry.region_bytes);
	snprintf(arena, sizeof(arena), "%" PRIu64, vm->config.geometry.arena_bytes);
	/* Above the two numbers it is to have, then there. */
	keep[0] = fcntl(vm->memfd, F_DUPFD_CLOEXEC, MN_COURIER_SOCKET + 1);
	keep[1] = fcntl(sock, F_DUPFD_CLOEXEC, MN_COURIER_SOCKET + 1);
	keep[2] = fcntl(program, F_DUPFD_CLOEXEC, MN_COURIER_SOCKET + 1);
	if (keep[0] < 0 || keep[1] < 0 || keep[2] < 0 ||
	    dup2(keep[0], MN_COURIER_MEMORY) < 0 || dup2(keep[1], MN_COURIER_SOCKET) < 0)
		end(vm, "cannot start a courier", -errno);
	program = keep[2];
	keep[0] = MN_COURIER_MEMORY;
	keep[1] = MN_COURIER_SOCKET;
	mn_broker_close_others(keep, 3);
	ret = mn_isolation_enter_courier(&vm->broker->isolation,
					 vm->config.geometry.arena_bytes + MEMORY_BYTES, &stage);
	if (ret)
		end(vm, stage, ret);
	execveat(program, "", argv, environment, AT_EMPTY_PATH);
	end(vm, "cannot execute " PROGRAM, -errno);
}

/* On failure with vm->courier_pid set it lives, unwatched. */
static int fork_courier(struct vm *vm)
{
	const struct mn_worker_order order = { .what = MN_WORKER_COURIER };
	int pair[2], pidfd, ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	vm->courier_pid = mn_isolation_fork(&vm->broker->isolation);
	if (vm->courier_pid == 0)
		be_courier(vm, pair[1]);
	ret = vm->courier_pid < 0 ? -errno : 0;
	close(pair[1]);
	if (!ret) {
		mn_broker_order_sent(vm, "cannot hand the courier to the worker",
				     mn_send_fds(vm->control.fd, &order, sizeof(order), pair, 1));
		pidfd = pidfd_open(vm->courier_pid, 0);
		vm->courier.fd = pidfd;
		ret = pidfd < 0 ? -errno : mn_loop_add(&vm->broker->loop, &vm->courier, EPOLLIN);
	}
	close(pair[0]);
	return ret;
}

static void start_in(struct vm *vm, unsigned int delay_ms)
{
	const struct itimerspec later = { .it_value = mn_timespec(delay_ms * NSEC_PER_MSEC) };

	timerfd_settime(vm->courier_restart.fd, 0, &later, NULL);
}

static unsigned int next_delay_ms(struct vm *vm)
{
	unsigned int delay_ms = vm->courier_delay_ms;

	vm->courier_delay_ms = MIN(MAX(2 * delay_ms, FIRST_DELAY_MS), LAST_DELAY_MS);
	return delay_ms;
}

void mn_broker_start_courier(struct vm *vm)
{
	int ret;

	if (!vm->config.geometry.arena_bytes || vm->control.fd < 0)
		return;
	vm->courier_started_ns = mn_now_ns();
	vm->courier_hangs = false;
	ret = fork_courier(vm);
	if (!ret)
		return;
	mn_broker_complain(vm, "cannot start a courier, trying again", ret);
	mn_broker_stop_courier(vm);
	start_in(vm, MAX(next_delay_ms(vm), FIRST_DELAY_MS));
}

static int reap(struct vm *vm)
{
	int status = 0;

	kill(vm->courier_pid, SIGKILL);
	waitpid(vm->courier_pid, &status, 0);
	mn_loop_close_fd(&vm->broker->loop, &vm->courier);
	vm->courier_pid = -1;
	return status;
}

void mn_broker_stop_courier(struct vm *vm)
{
	start_in(vm, 0);	/* never */
	if (vm->courier_pid > 0)
		reap(vm);
}

void mn_broker_courier_hangs(struct vm *vm)
{
	if (vm->courier_pid <= 0)
		return;
	vm->courier_hangs = true;
	kill(vm->courier_pid, SIGKILL);
}

void mn_broker_courier_died(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, courier);
	int status = reap(vm);
	unsigned int delay_ms;

	if (mn_now_ns() - vm->courier_started_ns > LONG_LIFE_NS)
		vm->courier_delay_ms = 0;
	delay_ms = next_delay_ms(vm);
	fprintf(stderr, "memnetd: %s: the courier died (%s%s %d); another starts in %u ms\n",
		vm->config.name, vm->courier_hangs ? "killed, for it hung: " : "",
		WIFSIGNALED(status) ? "signal" : "exit status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), delay_ms);
	if (delay_ms)
		start_in(vm, delay_ms);
	else
		mn_broker_start_courier(vm);
}

void mn_broker_courier_due(struct mn_watch *w, uint32_t events)
{
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) == sizeof(count))
		mn_broker_start_courier(VM_OF(w, courier_restart));
}
