/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In the guest: answer each interrupt of the ivshmem device at PCI_SYSFS_DIR with
 * which vector it was (vfio_page.h) and a ring of the doorbell, until the host
 * ends it. BAR2 is mapped through sysfs before vfio-pci has the device, BAR0
 * after: both must work. First it says how the CPU caches BAR2.
 *
 * "vfio-echo take DIR" opens any device, says how many vectors it has, and gives
 * it back.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/cache_type.h"
#include "memnet-core/guest/vfio.h"
#include "memnet-core/test/vfio_page.h"

#define PAGE		4096
#define BAR0_BYTES	256
#define DOORBELL_WORD	3
#define HOST_VECTOR_0	0u

static int eventfds[MN_VFIO_MAX_VECTORS];

static void *map_bar(const char *dir, const char *resource, size_t bytes)
{
	char path[300];
	void *base;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, resource);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		err(1, "map %s", path);
	close(fd);
	return base;
}

static void say_cache_type(void *scratch)
{
	struct mn_cache_timing t;
	int ret = mn_cache_measure(scratch, PAGE, &t);

	if (ret)
		errx(1, "measure: %s", strerror(-ret));
	printf("cache %s read_ns=%.2f write_ns=%.2f\n",
	       mn_cache_type_name(mn_cache_classify(&t)), t.read_ns, t.write_ns);
}

static int make_eventfds(unsigned int n)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned int i = 0; i < n; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = i };

		eventfds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (eventfds[i] < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, eventfds[i], &e))
			err(1, "eventfd");
	}
	return ep;
}

static void use_vectors(struct mn_vfio *v, unsigned int n)
{
	int ret = mn_vfio_set_vectors(v, eventfds, n);

	if (ret)
		errx(1, "set %u vectors: %s", n, strerrorname_np(-ret));
}

/* Sleep until something rings; which vectors did, and how often altogether. */
static void take_rings(int ep, uint64_t *mask, uint32_t *rings)
{
	struct epoll_event events[MN_VFIO_MAX_VECTORS];
	int n = epoll_wait(ep, events, MN_VFIO_MAX_VECTORS, -1);

	*mask = *rings = 0;
	for (int i = 0; i < n; i++) {
		uint64_t count = 0;

		if (read(eventfds[events[i].data.u32], &count, sizeof(count)) < 0)
			err(1, "read eventfd");
		*rings += count;
		*mask |= 1ULL << events[i].data.u32;
	}
}

static void answer_rings(struct mn_vfio *v, struct vfio_page *page, volatile uint32_t *doorbell)
{
	int ep = make_eventfds(v->vectors);
	unsigned int used = v->vectors;
	uint64_t mask = 0;
	uint32_t rings = 0;

	if (mn_vfio_set_vectors(v, eventfds, v->vectors + 1) != -EINVAL)
		errx(1, "a vector too many was taken");
	use_vectors(v, used);
	page->g_vectors = used;
	while (true) {
		page->g_rings = rings;
		page->g_mask = mask;
		*doorbell = HOST_VECTOR_0;
		take_rings(ep, &mask, &rings);
		if (page->h_end)
			return;
		if (page->h_use_vectors != used)
			use_vectors(v, used = page->h_use_vectors);
	}
}

static void open_device(struct mn_vfio *v, const char *dir)
{
	int ret = mn_vfio_open(v, dir);

	if (ret)
		errx(1, "open: %s", strerrorname_np(-ret));
}

static int echo(const char *dir)
{
	struct vfio_page *page = map_bar(dir, "resource2", 2 * PAGE);
	volatile uint32_t *registers;
	struct mn_vfio v;

	open_device(&v, dir);
	registers = map_bar(dir, "resource0", BAR0_BYTES);
	say_cache_type((char *)page + PAGE);
	fflush(stdout);
	answer_rings(&v, page, registers + DOORBELL_WORD);
	mn_vfio_close(&v);
	return 0;
}

static int take(const char *dir)
{
	struct mn_vfio v;

	open_device(&v, dir);
	printf("vectors=%u\n", v.vectors);
	mn_vfio_close(&v);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return echo(argv[1]);
	if (argc == 3 && !strcmp(argv[1], "take"))
		return take(argv[2]);
	errx(2, "usage: vfio-echo [take] PCI_SYSFS_DIR");
}
