/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/datagram_help.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <cmocka.h>

#define SOON_MS	5000

static const char *const rules[] = {
	"127.0.0.0/8", "udp 127.0.0.1", "udp ::1", "listen udp 127.0.0.1",
	"listen udp ::1", NULL
};

int datagrams_setup(void **state)
{
	return session_setup_with(state, FLOWS, rules);
}

int small_fifos_setup(void **state)
{
	return session_setup_with(state, 64, rules);
}

struct udp udp_at(const char *addr, uint16_t port)
{
	const struct timeval soon = { .tv_sec = SOON_MS / 1000 };
	struct udp p = {
		socket(AF_INET, SOCK_DGRAM, 0),
		{ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(addr) }
	};
	socklen_t len = sizeof(p.addr);

	assert_int_equal(bind(p.fd, (struct sockaddr *)&p.addr, len), 0);
	getsockname(p.fd, (struct sockaddr *)&p.addr, &len);
	setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	return p;
}

void peer_sends(const struct udp *p, struct memnet_flow *to, const void *buf, size_t len)
{
	struct sockaddr_storage ss;

	memnet_local(to, &ss);
	assert_int_equal(sendto(p->fd, buf, len, 0, (struct sockaddr *)&ss,
				sizeof(struct sockaddr_in)), len);
}

struct memnet_flow *bound(struct memnet *m, const char *addr, uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port),
				  .sin_addr.s_addr = inet_addr(addr) };
	struct memnet_flow *f = NULL;

	assert_int_equal(memnet_bind(m, SOCK_DGRAM, (struct sockaddr *)&at, sizeof(at), 0, &f), 0);
	return f;
}

ssize_t send_to(struct memnet_flow *f, const void *buf, size_t len,
		       const struct sockaddr_in *to)
{
	const struct iovec iov = { (void *)buf, len };

	return memnet_send_datagram(f, &iov, 1, (const struct sockaddr *)to,
				    to ? sizeof(*to) : 0);
}

int wait_for_error(struct memnet_flow *f)
{
	int err = 0;

	for (int ms = 0; ms < SOON_MS && !(err = memnet_take_error(f)); ms++)
		poll(NULL, 0, 1);
	return err;
}
