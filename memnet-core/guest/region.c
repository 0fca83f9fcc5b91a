/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/region.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/util.h"

#define DOORBELL_PAGE 4096	/* BAR0 has 256 bytes; a mapping has a page */

const struct mn_region_provider *const mn_region_providers[] = {
	&mn_provider_ivshmem,
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
		.features = MN_F_VECTORS, .bells = bells, .port_fd = -1, .lock_fd = -1,
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

void mn_region_close(struct mn_region *r)
{
	if (r->base != MAP_FAILED)
		munmap(r->base, r->bytes);
	if (r->doorbell)
		munmap((void *)((uintptr_t)r->doorbell & ~(uintptr_t)(DOORBELL_PAGE - 1)),
		       DOORBELL_PAGE);
	close_if_open(r->fd);
	close_if_open(r->doorbell_fd);
	for (uint32_t i = 0; i < r->bells; i++)
		close_if_open(r->bell_fds[i]);
	close_if_open(r->port_fd);
	close_if_open(r->lock_fd);
}

static void ring_eventfd(int fd)
{
	const uint64_t one = 1;

	/* EAGAIN: the counter is full, the other side has not slept through it. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void mn_region_ring(const struct mn_region *r)
{
	if (r->doorbell)
		*r->doorbell = r->doorbell_value;
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
	uint8_t bytes[64];
	uint32_t rung = 0;
	ssize_t n;

	while ((n = read(r->port_fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] < r->bells)
				rung |= 1u << bytes[i];
	for (; rung; rung &= rung - 1)
		ring_eventfd(r->bell_fds[__builtin_ctz(rung)]);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -ECONNRESET;
}
