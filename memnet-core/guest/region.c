/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/sysfs.h"
#include "memnet-core/port.h"

#define VIRTIO_PORTS "/sys/class/virtio-ports"
#define PORT_MS 200

const struct mn_region_provider *const mn_region_providers[] = {
	&mn_provider_ivshmem,
	&mn_provider_guest_ram,
	&mn_provider_server,
	NULL,
};

/* What follows @name and ':' in @spec; "" when nothing does; NULL: another provider. */
static const char *after_name(const char *spec, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(spec, name, n) || (spec[n] && spec[n] != ':'))
		return NULL;
	return spec[n] ? spec + n + 1 : spec + n;
}

int mn_region_open(struct mn_region *r, const char *spec)
{
	for (const struct mn_region_provider *const *p = mn_region_providers; *p; p++) {
		const char *arg = after_name(spec, (*p)->name);
		int ret;

		if (!arg && strcmp(spec, "auto"))
			continue;
		ret = (*p)->open(r, arg && *arg ? arg : NULL);
		if (arg || ret != -ENODEV)
			return ret;
	}
	return strcmp(spec, "auto") ? -EINVAL : -ENODEV;
}

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

int mn_region_open_fds(struct mn_region *r, const char *provider, int fd, int doorbell_fd,
		       const int *bell_fds, uint32_t bells)
{
	struct stat st;
	int ret = 0;

	*r = (struct mn_region){
		.provider = provider, .base = MAP_FAILED, .fd = fd, .doorbell_fd = doorbell_fd,
		.bells = bells, .vectors = bells, .port_fd = -1, .lock_fd = -1,
	};
	if (bells)
		memcpy(r->bell_fds, bell_fds, bells * sizeof(bell_fds[0]));
	if (fstat(fd, &st))
		ret = -errno;
	else if (st.st_size <= MN_CHANNELS_OFFSET)
		ret = -EINVAL;
	if (!ret) {
		r->bytes = st.st_size;
		r->base = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (r->base == MAP_FAILED)
			ret = -errno;
	}
	if (ret)
		mn_region_close(r);
	return ret;
}

int mn_region_make_bells(struct mn_region *r, uint32_t bells)
{
	for (r->bells = 0; r->bells < bells; r->bells++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0)
			return -errno;
		r->bell_fds[r->bells] = fd;
	}
	return 0;
}

int mn_region_probe(struct mn_region *r)
{
	struct mn_cache_timing timing;
	int ret = mn_cache_measure((char *)r->base + MN_SCRATCH_OFFSET, MN_PAGE, &timing);

	if (!ret)
		r->cache = mn_cache_classify(&timing);
	return ret;
}

static int is_bell_port(const char *path, void *arg)
{
	if (!mn_sysfs_says(path, "name", MN_BELL_PORT))
		return 0;
	snprintf(arg, MN_SYSFS_PATH, "/dev/%s", strrchr(path, '/') + 1);
	return 1;
}

int mn_region_open_port(struct mn_region *r)
{
	char port[MN_SYSFS_PATH];
	int left_ms = access(VIRTIO_PORTS, F_OK) ? 0 : PORT_MS;

	/* The driver learns of its ports one by one, after it was loaded. */
	while (mn_sysfs_find(VIRTIO_PORTS, is_bell_port, port) < 0) {
		if (left_ms-- <= 0)
			return -ENODEV;
		usleep(1000);
	}
	r->port_fd = open(port, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return r->port_fd < 0 ? -errno : 0;
}

void mn_region_close(struct mn_region *r)
{
	if (r->vfio)
		mn_vfio_close(r->vfio);
	free(r->vfio);
	if (r->announcement)
		mn_region_retract(r);
	free(r->announcement);
	if (r->base != MAP_FAILED)
		munmap(r->base, r->bytes);
	if (r->doorbell)
		munmap((void *)((uintptr_t)r->doorbell & ~(uintptr_t)(MN_DOORBELL_PAGE - 1)),
		       MN_DOORBELL_PAGE);
	close_if_open(r->fd);
	close_if_open(r->doorbell_fd);
	for (uint32_t i = 0; i < r->bells; i++)
		close_if_open(r->bell_fds[i]);
	close_if_open(r->port_fd);
	close_if_open(r->lock_fd);
}

/* EAGAIN: counter or port are full, the other side has not slept through it. */
static void write_word(int fd, uint64_t word)
{
	if (write(fd, &word, sizeof(word)) < 0)
		return;
}

static void ring_eventfd(int fd)
{
	write_word(fd, 1);
}

void mn_region_retract(const struct mn_region *r)
{
	write_word(r->port_fd, MN_PORT_RETRACT);
}

void mn_region_ring(const struct mn_region *r)
{
	if (r->doorbell)
		*r->doorbell = r->doorbell_value;
	else if (r->announcement)
		write_word(r->port_fd, MN_PORT_RING);
	else
		ring_eventfd(r->doorbell_fd);
}

void mn_region_drain(const struct mn_region *r, uint32_t c)
{
	uint64_t count;

	if (read(r->bell_fds[c], &count, sizeof(count)) < 0)
		return;
}

int mn_region_pump(const struct mn_region *r)
{
	uint8_t bytes[64], asked = 0;
	uint32_t rung = 0;
	ssize_t n;

	while ((n = read(r->port_fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] < r->bells)
				rung |= 1u << bytes[i];
			else if (bytes[i] & MN_PORT_ASK)
				asked = bytes[i];
	if (asked && r->announcement)
		mn_region_announce(r, asked & MN_PORT_NUMBER_MASK);
	for (; rung; rung &= rung - 1)
		ring_eventfd(r->bell_fds[__builtin_ctz(rung)]);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
}
