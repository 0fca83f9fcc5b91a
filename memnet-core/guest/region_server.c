/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the host in the guest's place: it speaks to memnetd's ivshmem socket
 * as QEMU would (QEMU docs/specs/ivshmem-spec). For tests and benches: the same
 * daemon, the same region, no VM.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/ivshmem_protocol.h"


static int connect_to(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int ret, fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* One message and its descriptor, -1 without. 0 or -errno. */
static int next_message(int sock, int64_t *value, int *fd)
{
	int64_t wire;
	size_t n = 0;
	ssize_t got;

	*fd = -1;
	got = mn_recv_fds(sock, &wire, sizeof(wire), fd, 1, &n);
	if (got != sizeof(wire))
		return got < 0 ? got : -ECONNRESET;
	*value = le64toh(wire);
	return 0;
}

/* Version, own id, memory, the host's doorbell. 0 or -errno. */
static int read_greeting(int sock, int *memory, int *doorbell)
{
	int64_t version = -1, own, follows = 0, peer = -1;
	int ret, fd;

	ret = next_message(sock, &version, &fd);
	if (!ret)
		ret = next_message(sock, &own, &fd);
	if (!ret)
		ret = next_message(sock, &follows, memory);
	if (!ret)
		ret = next_message(sock, &peer, doorbell);
	if (!ret && (version != MN_IVSHMEM_VERSION || follows != MN_IVSHMEM_MEMORY ||
		     peer != MN_IVSHMEM_HOST || *memory < 0 || *doorbell < 0))
		ret = -EPROTO;
	return ret;
}

/* The region is offered only after the server has sent everything it has to send. */
static int wait_for_offer(const struct mn_region *r)
{
	int64_t deadline = mn_now_ns() + MN_ATTACH_TIMEOUT_MS * NSEC_PER_MSEC;

	while (mn_fetch(&mn_header(r->base)->h_magic) != MN_MAGIC) {
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
	return 0;
}

/* Then what is there to read is an eventfd for each of our vectors. */
static int read_vectors(struct mn_region *r)
{
	struct pollfd pfd = { .fd = r->lock_fd, .events = POLLIN };
	int64_t own;
	int ret, fd;

	while (poll(&pfd, 1, 0) == 1) {
		ret = next_message(r->lock_fd, &own, &fd);
		if (ret)
			return ret;
		if (fd < 0 || r->bells == MN_MAX_CHANNELS)
			return -EPROTO;
		r->bell_fds[r->bells++] = fd;
	}
	r->vectors = r->bells;
	return r->bells ? 0 : -EPROTO;
}

static int server_open(struct mn_region *r, const char *arg)
{
	int sock, memory = -1, doorbell = -1, ret;

	if (!arg)
		return -ENODEV;
	sock = connect_to(arg);
	if (sock < 0)
		return sock;
	ret = read_greeting(sock, &memory, &doorbell);
	if (ret) {
		close(sock);
		close(memory);
		close(doorbell);
		return ret;
	}
	ret = mn_region_open_fds(r, mn_provider_server.name, memory, doorbell, NULL, 0);
	if (ret) {
		close(sock);
		return ret;
	}
	r->lock_fd = sock;
	ret = wait_for_offer(r);
	if (!ret)
		ret = read_vectors(r);
	if (ret)
		mn_region_close(r);
	return ret;
}

const struct mn_region_provider mn_provider_server = {
	.name = "server", .summary = "server:PATH, memnetd's socket on the host itself, no VM",
	.open = server_open,
};
