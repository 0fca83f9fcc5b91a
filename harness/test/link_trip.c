/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-trip RATE_BITS_PER_S DELAY_NS: what a link (harness/link.h) of this kernel makes of
 * datagrams. One line: the shortest of some trips there and back; and, where there is a rate,
 * how many bytes of frames came of many sent at once, and when the last of them had. Or why
 * there can be none. For the test in a VM (harness/test/test_link_kernel.c).
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness/link.h"
#include "memnet-core/base/clock.h"

#define TRIPS	10
#define FLOOD	400
#define PAYLOAD	1400
#define HEADERS	(14 + 20 + 8)	/* Ethernet, IP, UDP */

/* Of the network namespace we are in; @to: what it sends goes there. */
static int open_socket(const char *from, const char *to)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(7000) };
	const struct timeval patience = { .tv_usec = 500000 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	inet_pton(AF_INET, from, &addr.sin_addr);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		perror("bind");
	inet_pton(AF_INET, to, &addr.sin_addr);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		perror("connect");
	return fd;
}

/* The shortest time a datagram was under way; INT64_MAX: none came. */
static int64_t trip(int from, int to)
{
	int64_t best = INT64_MAX;
	char byte = 0;

	for (int i = 0; i < TRIPS; i++) {
		int64_t start = mn_now_ns();

		if (send(from, &byte, 1, 0) == 1 && recv(to, &byte, 1, 0) == 1)
			best = MIN(best, mn_now_ns() - start);
	}
	return best;
}

static void flood(int from, int to)
{
	int64_t start = mn_now_ns(), last = start;
	char payload[PAYLOAD] = "";
	unsigned int n = 0;

	for (int i = 0; i < FLOOD; i++)
		if (send(from, payload, sizeof(payload), 0) < 0)
			perror("send");
	for (; recv(to, payload, sizeof(payload), 0) > 0; n++)
		last = mn_now_ns();
	printf(" flood_bytes=%u flood_ns=%" PRId64, n * (PAYLOAD + HEADERS), last - start);
}

int main(int argc, char **argv)
{
	const struct plan plan = {
		.link_rate_bits_per_s = argc > 1 ? strtoull(argv[1], NULL, 10) : 0,
		.link_delay_ns = argc > 2 ? strtoll(argv[2], NULL, 10) : 0,
	};
	struct link link;
	int here, there;
	char why[256];

	if (*link_obstacle(&plan)) {
		printf("obstacle: %s\n", link_obstacle(&plan));
		return 0;
	}
	if (link_open(&link, plan.link_rate_bits_per_s, plan.link_delay_ns, why, sizeof(why)) ||
	    link_enter(&link)) {
		printf("no link: %s\n", why);
		return 1;
	}
	there = open_socket(LINK_PEER_ADDR, "198.19.0.1");
	link_leave(&link);
	here = open_socket("198.19.0.1", LINK_PEER_ADDR);
	printf("trip there_ns=%" PRId64 " back_ns=%" PRId64, trip(here, there), trip(there, here));
	if (plan.link_rate_bits_per_s)
		flood(here, there);
	putchar('\n');
	link_close(&link);
	return 0;
}
