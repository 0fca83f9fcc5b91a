/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/test/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "workloads/test/run.h"

struct way {
	int from, to;
	uint64_t passed, damage;
	bool ended;
};

/* Pass on what is there. */
static void forward(struct way *w)
{
	static unsigned char buf[65536];
	ssize_t n = read(w->from, buf, sizeof(buf));

	if (n <= 0) {
		w->ended = true;
		shutdown(w->to, SHUT_WR);
		return;
	}
	if (w->damage >= w->passed && w->damage < w->passed + n)
		buf[w->damage - w->passed] ^= 0x20;
	w->passed += n;
	if (mn_write_all(w->to, buf, n))
		w->ended = true;
}

static void forward_all(int client, int peer, enum proxy_way way, uint64_t offset)
{
	struct way ways[2] = {
		{ client, peer, 0, way == PROXY_TO_PEER ? offset : UINT64_MAX },
		{ peer, client, 0, way == PROXY_TO_CLIENT ? offset : UINT64_MAX },
	};

	while (!ways[0].ended || !ways[1].ended) {
		struct pollfd fds[2];

		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){ ways[i].ended ? -1 : ways[i].from, POLLIN };
		if (poll(fds, 2, 10000) <= 0)
			return;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				forward(&ways[i]);
	}
}

pid_t proxy_start(unsigned int *port, unsigned int peer_port, enum proxy_way way, uint64_t offset)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_false(bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1));
	assert_false(getsockname(listener, (struct sockaddr *)&at, &len));
	*port = ntohs(at.sin_port);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		forward_all(accept(listener, NULL, NULL), connect_to(peer_port), way, offset);
		_exit(0);
	}
	close(listener);
	return pid;
}
