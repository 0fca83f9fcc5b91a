/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-agent and its clients: several processes, several threads, no privilege. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/test/parties.h"

#define CHANNELS	4	/* one of them the agent's */
#define AGENT		"agent.sock"
#define NOBODY		65534
#define SOON_MS		6000

static struct parties p;

static int setup(void **state)
{
	char socket[128];

	p = (struct parties){ .vms = "--allow 127.0.0.0/8 --channels 4 --flows 16 --vm a" };
	parties_start(&p);
	snprintf(socket, sizeof(socket), "%s/" AGENT, p.dir);
	setenv(MN_AGENT_SOCKET_ENV, socket, 1);
	return 0;
}

static int teardown(void **state)
{
	parties_stop(&p);
	return 0;
}

static struct sockaddr_in peer(void)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(p.port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* --- one process, threads -------------------------------------------------------------- */

#define THREADS	4
#define MESSAGE	1000
#define MESSAGES 200

/* Of this thread's own content: another's would differ at once. */
static void *talk(void *m)
{
	const struct sockaddr_in to = peer();
	uint8_t out[MESSAGE], in[MESSAGE];
	struct memnet_flow *f;
	uint64_t at = 0;

	assert_int_equal(memnet_connect(m, (const struct sockaddr *)&to, sizeof(to), &f), 0);
	assert_int_equal(memnet_send(f, "e", 1), 1);
	for (int i = 0; i < MESSAGES; i++, at += MESSAGE) {
		for (size_t n = 0; n < MESSAGE; n++)
			out[n] = (at + n) * 0x9e3779b97f4a7c15ULL >> 56;
		assert_int_equal(memnet_send(f, out, MESSAGE), MESSAGE);
		for (size_t got = 0; got < MESSAGE;) {
			ssize_t n = memnet_recv(f, in + got, MESSAGE - got);

			assert_true(n > 0);
			got += n;
		}
		assert_memory_equal(in, out, MESSAGE);
	}
	memnet_close(f);
	return NULL;
}

static void threads_share_a_client(void **state)
{
	pthread_t threads[THREADS];
	struct memnet *m;

	assert_int_equal(memnet_open(&m), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, talk, m), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	memnet_detach(m);
}

/* --- several processes ------------------------------------------------------------------ */

static void processes_have_channels_of_their_own(void **state)
{
	struct party clients[CHANNELS - 1];
	struct event e;

	for (int i = 0; i < CHANNELS - 1; i++)
		clients[i] = client_start(&p, AGENT, i % 2 ? MODE_SEND : MODE_RECV);
	for (int i = 0; i < CHANNELS - 1; i++)
		assert_true(event_next(&clients[i], &e, SOON_MS) && e.kind == EV_READY);
	poll(NULL, 0, 200);
	for (int i = 0; i < CHANNELS - 1; i++)
		assert_false(event_next(&clients[i], &e, 0));
	for (int i = 0; i < CHANNELS - 1; i++)
		party_end(&clients[i]);
}

static bool can_open(void *arg)
{
	struct memnet *m;
	int ret = memnet_open(&m);

	assert_true(ret == 0 || ret == -EAGAIN);
	if (!ret)
		memnet_detach(m);
	return !ret;
}

static void channels_run_out_and_come_back(void **state)
{
	struct party clients[CHANNELS - 1];
	struct memnet *m;
	struct event e;

	for (int i = 0; i < CHANNELS - 1; i++) {
		clients[i] = client_start(&p, AGENT, MODE_IDLE);
		assert_true(event_next(&clients[i], &e, SOON_MS) && e.kind == EV_READY);
	}
	assert_int_equal(memnet_open(&m), -EAGAIN);
	party_end(&clients[0]);
	assert_true(becomes(can_open, NULL, SOON_MS));
	for (int i = 1; i < CHANNELS - 1; i++) {
		assert_false(event_next(&clients[i], &e, 0));
		party_end(&clients[i]);
	}
}

/* --- no privilege ------------------------------------------------------------------------- */

static int as_nobody(void)
{
	struct sockaddr_in to = peer();
	struct memnet_flow *f;
	struct memnet *m;
	int ret;

	if (setgid(NOBODY) || setuid(NOBODY))
		return errno;
	ret = memnet_open(&m);
	if (ret)
		return -ret;
	ret = memnet_connect(m, (const struct sockaddr *)&to, sizeof(to), &f);
	if (ret)
		return -ret;
	memnet_close(f);
	memnet_detach(m);
	return 0;
}

static void a_client_needs_no_privilege(void **state)
{
	int status;
	pid_t pid;

	if (geteuid())	/* then every test here is one without */
		skip();
	assert_int_equal(chmod(p.dir, 0755), 0);
	pid = fork();
	if (!pid)
		_exit(as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- what is refused ------------------------------------------------------------------------ */

static void a_second_agent_is_refused(void **state)
{
	char region[128], socket[128];
	const char *argv[] = { "memnet-agent", "--region", region, "--socket", socket, NULL };
	int status;
	pid_t pid;

	snprintf(region, sizeof(region), "server:%s/a.ivshmem", p.dir);
	snprintf(socket, sizeof(socket), "%s/second.sock", p.dir);
	pid = program_start(&p, argv);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	assert_int_equal(access(socket, F_OK), -1);
	assert_true(echo_works(&p, AGENT, SOON_MS));
}

static void a_wrong_spin_is_an_error_of_its_own(void **state)
{
	static const char *const wrong[] = { "", "fast", "50", "-1us", "2s", "adaptive:" };
	struct memnet *m;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int ret;

		setenv("MEMNET_SPIN", wrong[i], 1);
		ret = memnet_open(&m);
		if (ret != -EINVAL && ret != -ERANGE)
			fail_msg("MEMNET_SPIN='%s': %d", wrong[i], ret);
	}
	setenv("MEMNET_SPIN", "adaptive:50us", 1);
	assert_true(can_open(NULL));
	unsetenv("MEMNET_SPIN");
}

static void without_an_agent_there_is_no_device(void **state)
{
	char path[128];
	struct memnet *m;

	snprintf(path, sizeof(path), "%s/no.sock", p.dir);
	setenv(MN_AGENT_SOCKET_ENV, path, 1);
	assert_int_equal(memnet_open(&m), -ENODEV);
}

/* --- clients that misbehave towards the agent ------------------------------------------------ */

static int connect_raw(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/" AGENT, p.dir);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void rude_clients_cost_nothing(void **state)
{
	int fds, mute[2 * CHANNELS];
	struct memnet *m;

	assert_true(becomes(can_open, NULL, SOON_MS));
	poll(NULL, 0, 100);
	fds = count_fds(p.agent.pid);
	for (int i = 0; i < 200; i++)		/* leave before they are welcomed */
		close(connect_raw());
	for (size_t i = 0; i < ARRAY_SIZE(mute); i++) {
		mute[i] = connect_raw();	/* never read */
		send(mute[i], "x", i % 2, MSG_NOSIGNAL);	/* speak, who never should */
	}
	for (size_t i = 0; i < ARRAY_SIZE(mute); i++)
		close(mute[i]);
	assert_true(becomes(can_open, NULL, SOON_MS));
	poll(NULL, 0, 100);
	assert_int_equal(count_fds(p.agent.pid), fds);
	assert_int_equal(memnet_open(&m), 0);
	memnet_detach(m);
	assert_true(echo_works(&p, AGENT, SOON_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(threads_share_a_client, setup, teardown),
		cmocka_unit_test_setup_teardown(processes_have_channels_of_their_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(channels_run_out_and_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_needs_no_privilege, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_agent_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_spin_is_an_error_of_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_an_agent_there_is_no_device, setup,
						teardown),
		cmocka_unit_test_setup_teardown(rude_clients_cost_nothing, setup, teardown),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
