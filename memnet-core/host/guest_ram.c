/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * #syscalls fstat mmap munmap newfstatat recvfrom
 */
#include "memnet-core/host/guest_ram.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"

/* --- the words of the guest ------------------------------------------------------ */

/* What is left is less than a message, so there is always room. */
ssize_t mn_port_read(struct mn_port_reader *r, int fd)
{
	ssize_t n;

	memmove(r->bytes, r->bytes + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	n = recv(fd, r->bytes + r->end, sizeof(r->bytes) - r->end, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	r->end += n;
	return n;
}

/* How long the message is that begins with @head, of which @have bytes are there; 0: it is none. */
static size_t message_bytes(const struct mn_announcement *head, size_t have)
{
	switch (head->word) {
	case MN_PORT_RING:
	case MN_PORT_RETRACT:
		return sizeof(head->word);
	case MN_PORT_ANNOUNCE:
		/* One of too many pages is handed on without them, to be refused. */
		return mn_announcement_bytes(have < mn_announcement_bytes(0) ||
					     head->pages > MN_RAM_MAX_PAGES ? 0 : head->pages);
	default:
		return 0;
	}
}

static enum mn_port_event event_of(const struct mn_announcement *head)
{
	return head->word == MN_PORT_RING ? MN_PORT_RUNG :
	       head->word == MN_PORT_RETRACT ? MN_PORT_RETRACTED : MN_PORT_ANNOUNCED;
}

/*
 * Nonsense is skipped byte by byte: a guest that was reset in the middle of a
 * message has left a part of it, of any length.
 */
enum mn_port_event mn_port_next(struct mn_port_reader *r, struct mn_announcement *a)
{
	while (r->end - r->at >= sizeof(a->word)) {
		size_t have = r->end - r->at, n;

		memcpy(a, r->bytes + r->at, MIN(have, mn_announcement_bytes(0)));
		n = message_bytes(a, have);
		if (n > have)
			return MN_PORT_NOTHING;
		if (n) {
			memcpy(a, r->bytes + r->at, n);
			r->at += n;
			r->lost = a->word == MN_PORT_ANNOUNCE && a->pages > MN_RAM_MAX_PAGES;
			return event_of(a);
		}
		r->at++;
		if (!r->lost) {
			r->lost = true;
			return MN_PORT_NONSENSE;
		}
	}
	return MN_PORT_NOTHING;
}

/* --- its pages -------------------------------------------------------------------- */

struct refusal {
	char *why;
	size_t size;
};

static int PRINTF_LIKE(3, 4) refuse(const struct refusal *r, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, r->size, format, ap);
	va_end(ap);
	return error;
}

/* Every page: whole inside the VM's RAM, and another one than those before. */
static int find_pages(const struct mn_ram_map *map, const struct mn_announcement *a,
		      uint64_t *offsets, const struct refusal *r)
{
	for (uint64_t i = 0; i < a->pages; i++) {
		uint64_t frame = a->frames[i];

		if (frame > UINT64_MAX >> MN_RAM_PAGE_SHIFT ||
		    mn_ram_map_find(map, frame << MN_RAM_PAGE_SHIFT, MN_RAM_PAGE, &offsets[i]))
			return refuse(r, -EPROTO, "frames[%" PRIu64 "] = 0x%" PRIx64
				      " is not in the VM's RAM", i, frame);
		for (uint64_t j = 0; j < i; j++)
			if (offsets[j] == offsets[i])
				return refuse(r, -EPROTO, "frames[%" PRIu64 "] = 0x%" PRIx64
					      " is frames[%" PRIu64 "] again", i, frame, j);
	}
	return 0;
}

/* RAM that itself is of hugepages is mapped only at a multiple of them. */
static void *reserve_range(uint64_t bytes)
{
	uint8_t *got = mmap(NULL, bytes + MN_RAM_PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (got == MAP_FAILED)
		return MAP_FAILED;
	before = -(uintptr_t)got & (MN_RAM_PAGE - 1);
	if (before)
		munmap(got, before);
	munmap(got + before + bytes, MN_RAM_PAGE - before);
	return got + before;
}

static int map_pages(int fd, const uint64_t *offsets, uint64_t pages, void **base,
		     const struct refusal *r)
{
	uint8_t *at = reserve_range(pages * MN_RAM_PAGE);

	if (at == MAP_FAILED)
		return refuse(r, -errno, "no address space for it: %m");
	for (uint64_t i = 0; i < pages; i++)
		if (mmap(at + i * MN_RAM_PAGE, MN_RAM_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, offsets[i]) == MAP_FAILED) {
			int error = -errno;

			munmap(at, pages * MN_RAM_PAGE);
			return refuse(r, error, "cannot map the RAM file at 0x%" PRIx64 ": %s",
				      offsets[i], strerror(-error));
		}
	*base = at;
	return 0;
}

static int check_stamps(const uint8_t *base, const struct mn_announcement *a,
			const struct refusal *r)
{
	for (uint64_t i = 0; i < a->pages; i++) {
		const uint64_t *page = (const uint64_t *)(base + i * MN_RAM_PAGE);

		if (mn_fetch(&page[0]) != a->stamp || mn_fetch(&page[1]) != i)
			return refuse(r, -EPROTO, "frames[%" PRIu64 "] = 0x%" PRIx64 " is another "
				      "page than the guest means; is --ram-map right for this "
				      "machine?", i, a->frames[i]);
	}
	return 0;
}

/* The map, inside the file: what is beyond its end would be SIGBUS. */
static int fit_map(const struct mn_guest_ram_config *c, int fd, struct mn_ram_map *map,
		   const struct refusal *r)
{
	struct stat st;

	if (fstat(fd, &st))
		return refuse(r, -errno, "cannot ask for the size of %s: %m", c->path);
	*map = c->map;
	if (!map->n)
		mn_ram_map_q35(st.st_size, map);
	for (size_t i = 0; i < map->n; i++)
		if (map->pieces[i].offset + map->pieces[i].bytes > (uint64_t)st.st_size)
			return refuse(r, -ERANGE, "--ram-map goes past the end of %s", c->path);
	return 0;
}

/* Everything but the number of pages, which is right. */
static int map_checked(const struct mn_guest_ram_config *c, int fd,
		       const struct mn_announcement *a, void **base, const struct refusal *r)
{
	uint64_t offsets[MN_RAM_MAX_PAGES];
	struct mn_ram_map map;
	void *mapped = NULL;
	int ret = fit_map(c, fd, &map, r);

	if (!ret)
		ret = find_pages(&map, a, offsets, r);
	if (!ret)
		ret = map_pages(fd, offsets, a->pages, &mapped, r);
	if (ret)
		return ret;
	ret = check_stamps(mapped, a, r);
	if (ret)
		munmap(mapped, a->pages * MN_RAM_PAGE);
	else
		*base = mapped;
	return ret;
}

int mn_guest_ram_open(const struct mn_guest_ram_config *c)
{
	int fd = open(c->path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int mn_guest_ram_map(const struct mn_guest_ram_config *c, int fd, const struct mn_announcement *a,
		     void **base, char *why, size_t why_size)
{
	const struct refusal r = { why, why_size };

	if (!mn_is_power_of_two(a->pages) || a->pages > MN_RAM_MAX_PAGES)
		return refuse(&r, -EPROTO, "pages = %" PRIu64 " is not a power of two up to %u",
			      a->pages, MN_RAM_MAX_PAGES);
	return map_checked(c, fd, a, base, &r);
}

int mn_guest_ram_let_go(void *base, uint64_t bytes)
{
	return mmap(base, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED ?
	       -errno : 0;
}
