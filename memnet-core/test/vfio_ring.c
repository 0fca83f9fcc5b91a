/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On the host: serve one QEMU its ivshmem device at SOCKET, raise each vector
 * ROUNDS times in an order of no pattern, and check that vfio-echo in the guest
 * saw that one and no other. Then with half of the vectors switched off: they are
 * silent, and what was raised meanwhile comes when they are switched on.
 */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/ivshmem_server.h"
#include "memnet-core/test/vfio_page.h"

#define REGION_BYTES	(1 << 20)
#define BOOT_MS		60000
#define ANSWER_MS	5000
#define SILENCE_MS	200
#define VECTORS		16	/* of the device QEMU is given */

static struct vfio_page *page;
static int qemu, doorbell, vectors[VECTORS];

static int make_region(void)
{
	int fd = memfd_create("vfio-ring", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, REGION_BYTES))
		err(1, "memfd");
	page = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		err(1, "mmap");
	return fd;
}

static void accept_qemu(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1))
		err(1, "listen at %s", path);
	puts("listening");
	fflush(stdout);
	qemu = accept(fd, NULL, NULL);
	if (qemu < 0)
		err(1, "accept");
	close(fd);
}

/* False: nobody rang within @ms. */
static bool rung(int ms)
{
	struct pollfd p[] = { { doorbell, POLLIN }, { qemu, POLLIN } };
	uint64_t count;

	if (poll(p, ARRAY_SIZE(p), ms) < 0)
		err(1, "poll");
	if (p[1].revents)	/* it never writes */
		errx(1, "QEMU left");
	return p[0].revents && read(doorbell, &count, sizeof(count)) == sizeof(count);
}

static void raise_vector(unsigned int vector)
{
	const uint64_t one = 1;

	if (write(vectors[vector], &one, sizeof(one)) != sizeof(one))
		err(1, "write eventfd");
}

/* Raise it, have it answered, and by that vector alone. The round trip. */
static int64_t round_trip_ns(unsigned int vector)
{
	int64_t begin_ns = mn_now_ns();

	raise_vector(vector);
	if (!rung(ANSWER_MS))
		errx(1, "vector %u was not answered", vector);
	if (page->g_mask != 1ULL << vector || page->g_rings != 1)
		errx(1, "vector %u arrived as mask 0x%llx, %u rings", vector,
		     (unsigned long long)page->g_mask, page->g_rings);
	return mn_now_ns() - begin_ns;
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void ring_all(unsigned int rounds)
{
	unsigned int n = rounds * VECTORS;
	int64_t *trips_ns = calloc(n, sizeof(*trips_ns));
	unsigned int *order = calloc(n, sizeof(*order));
	uint64_t seed = 1;

	if (!trips_ns || !order)
		err(1, "calloc");
	for (unsigned int i = 0; i < n; i++) {
		unsigned int j = mn_splitmix64(&seed) % (i + 1);

		order[i] = order[j];
		order[j] = i % VECTORS;
	}
	for (unsigned int i = 0; i < n; i++)
		trips_ns[i] = round_trip_ns(order[i]);
	qsort(trips_ns, n, sizeof(*trips_ns), by_size);
	printf("vectors=%u rings=%u p50_ns=%lld p99_ns=%lld\n", VECTORS, n,
	       (long long)trips_ns[n / 2], (long long)trips_ns[n * 99 / 100]);
	free(trips_ns);
	free(order);
}

static void switch_half_off_and_on(void)
{
	page->h_use_vectors = VECTORS / 2;
	round_trip_ns(0);
	round_trip_ns(VECTORS / 2 - 1);
	raise_vector(VECTORS / 2);
	if (rung(SILENCE_MS))
		errx(1, "a vector that was switched off arrived");

	page->h_use_vectors = VECTORS;
	raise_vector(0);
	while (rung(SILENCE_MS))
		;
	if (page->g_mask != 1ULL << (VECTORS / 2))
		errx(1, "a vector that was switched on again forgot what was raised");
	round_trip_ns(VECTORS - 1);
}

int main(int argc, char **argv)
{
	int memfd = make_region(), ret;

	if (argc != 3)
		errx(2, "usage: vfio-ring SOCKET ROUNDS");
	doorbell = eventfd(0, EFD_CLOEXEC);
	for (int i = 0; i < VECTORS; i++)
		vectors[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	accept_qemu(argv[1]);
	page->h_use_vectors = VECTORS;
	ret = mn_ivshmem_greet(qemu, memfd, doorbell, vectors, VECTORS);
	if (ret)
		errx(1, "greet: %s", strerror(-ret));
	if (!rung(BOOT_MS))
		errx(1, "no vfio-echo rang");
	if (page->g_vectors != VECTORS)
		errx(1, "vfio tells of %u vectors", page->g_vectors);
	ring_all(atoi(argv[2]));
	switch_half_off_and_on();
	page->h_end = 1;
	raise_vector(0);
	puts("ok");
	return 0;
}
