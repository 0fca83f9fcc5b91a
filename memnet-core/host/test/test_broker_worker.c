/* SPDX-License-Identifier: BSD-2-Clause */
/* What a broker does with a worker that was taken over: here it is a process that only asks. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/host/broker_internal.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/worker.h"

static struct mn_broker broker;
static struct vm vm;
static int asks;	/* the worker's end */

static int setup(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	vm = (struct vm){ .broker = &broker, .config.name = "test", .control.fd = pair[0],
			  .worker.fd = -1 };
	asks = pair[1];
	vm.pid = fork();
	if (!vm.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return 0;
}

static int teardown(void **state)
{
	kill(vm.pid, SIGKILL);
	waitpid(vm.pid, NULL, 0);
	close(vm.control.fd);
	close(asks);
	return 0;
}

static void ask(void)
{
	const char want = MN_WORKER_WANTS_RAM;

	assert_int_equal(send(asks, &want, sizeof(want), 0), sizeof(want));
	mn_broker_worker_asks(&vm.control, 0);
}

static bool lives(void)
{
	siginfo_t info = { 0 };

	poll(NULL, 0, 20);
	assert_int_equal(waitid(P_PID, vm.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	assert_true(!info.si_pid || info.si_status == SIGKILL);
	return !info.si_pid;
}

static void who_asks_on_for_the_ram_is_killed(void **state)
{
	static struct mn_worker_order order;

	vm.config.ram.path = "/nonexistent/ram";
	for (int i = 0; i < MN_MAX_BREACHES; i++) {
		ask();
		assert_int_equal(recv(asks, &order, sizeof(order), MSG_DONTWAIT), sizeof(order));
		assert_int_equal(order.what, MN_WORKER_RAM);
		assert_int_equal(order.error, -ENOENT);
	}
	assert_true(lives());
	ask();
	assert_int_equal(recv(asks, &order, sizeof(order), MSG_DONTWAIT), -1);
	assert_false(lives());
}

static void so_is_who_asks_and_has_none(void **state)
{
	ask();
	assert_false(lives());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_asks_on_for_the_ram_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(so_is_who_asks_and_has_none, setup, teardown),
	};

	return cmocka_run_group_tests_name("broker, worker", tests, NULL, NULL);
}
