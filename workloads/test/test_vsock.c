/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-work over AF_VSOCK, both ends on this machine. Skips (77) where it has no CID 1. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>
#include <cmocka.h>

#include "workloads/test/run.h"

#define HERE "0.0.0.1:7000"

static struct run peer;

static void skip_without_loopback(void)
{
	struct sockaddr_vm here = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = VMADDR_PORT_ANY,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here))) {
		printf("SKIP: no vsock within this machine (%s): modprobe vsock_loopback\n",
		       strerror(errno));
		exit(77);
	}
	close(fd);
}

static int start(void **state)
{
	run_start(&peer, "peer --transport vsock --listen " HERE);
	return strncmp(run_line(&peer), "listening ", 10);
}

static int end(void **state)
{
	peer_stop(&peer);
	return 0;
}

static void a_stream_arrives_whole_either_way(void **state)
{
	static const char *const directions[] = { "send", "recv" };
	struct run r;

	for (size_t d = 0; d < 2; d++) {
		assert_int_equal(run_whole(&r, "stream --transport vsock --peer " HERE
					   " --direction %s --bytes 10000001", directions[d]), 0);
		assert_non_null(strstr(r.stdout_text, " content=ok"));
		assert_int_equal(run_value(r.stdout_text, "verified_bytes"), 10000001);
	}
}

static void requests_are_answered(void **state)
{
	struct run r;

	assert_int_equal(run_whole(&r, "rr --transport vsock --peer " HERE " --requests 100"), 0);
	assert_non_null(strstr(r.stdout_text, " content=ok"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_arrives_whole_either_way),
		cmocka_unit_test(requests_are_answered),
	};

	skip_without_loopback();
	return cmocka_run_group_tests_name("vsock", tests, start, end);
}
