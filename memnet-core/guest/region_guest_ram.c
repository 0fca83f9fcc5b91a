/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The region in this guest's own RAM, which QEMU shares with the host. Plain memory:
 * always write-back, whatever the hypervisor makes of a device's BAR.
 *
 * It is hugepages of 2 MiB, told to the host by number over the port (port.h). The
 * host writes there for as long as it believes the guest to be well, up to 1.8 s
 * longer than it is. So the pages must outlive the agent: they are a file of a
 * hugetlbfs of our own, which stays, as does the file, until the guest restarts. The
 * next agent takes the same pages again. A guest that is reset has no such means:
 * its VM shall end with it (QEMU's -no-reboot).
 *
 * Hugepages are neither swapped nor compacted. The kernel still moves them when
 * their memory is taken offline, and by move_pages(); the host would not learn of
 * it. Numbers are read anew for each answer, and the host compares what it finds
 * there with what was written here.
 *
 * The port is exclusive: it is the lock. Clients do not get it, for who has it names
 * to the host any page of this guest as the region.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/region.h"
#include "memnet-core/port.h"

#define DEFAULT_BYTES	(32u << 20)
#define DIRECTORY	"/run/memnet-hugepages"
#define REGION_FILE	DIRECTORY "/region"
#define POOL		"/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define PAGEMAP		"/proc/self/pagemap"
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_FRAME	((1ULL << 55) - 1)
#define SMALL_PAGES	(MN_RAM_PAGE / MN_PAGE)	/* in a hugepage */

/* --- pages ------------------------------------------------------------------------ */

static int mount_hugepages(void)
{
	struct statfs fs;

	if (!statfs(DIRECTORY, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return 0;
	if (mkdir(DIRECTORY, 0700) && errno != EEXIST)
		return -errno;
	if (!mount("memnet", DIRECTORY, "hugetlbfs", 0, "pagesize=2M,mode=0700"))
		return 0;
	return errno == ENODEV ? -EOPNOTSUPP : -errno;	/* a kernel without */
}

static int map_file(struct mn_region *r)
{
	r->base = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	return r->base == MAP_FAILED ? -errno : 0;
}

static int set_pool(uint64_t pages)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)pages);
	return mn_write_file(POOL "nr_hugepages", text);
}

/* Have the kernel make the pages the pool lacks for @wanted more; all or none. 0 or -errno. */
static int enlarge_pool(uint64_t wanted)
{
	uint64_t had, now, free_pages, reserved, unused;
	int ret = mn_read_u64(POOL "nr_hugepages", &had);

	if (!ret)
		ret = mn_read_u64(POOL "free_hugepages", &free_pages);
	if (!ret)
		ret = mn_read_u64(POOL "resv_hugepages", &reserved);
	if (ret)
		return ret;
	unused = free_pages - MIN(free_pages, reserved);
	if (unused >= wanted)
		return -ENOMEM;	/* it is not the pool that is too small */
	wanted += had - unused;
	ret = set_pool(wanted);
	if (!ret)
		ret = mn_read_u64(POOL "nr_hugepages", &now);
	if (ret || now >= wanted)
		return ret;
	set_pool(had);
	return -ENOMEM;
}

/* Mapped, and every page there. Mapping reserves, so it fails where the pool is too small. */
static int map_pages(struct mn_region *r)
{
	int ret = map_file(r);

	if (ret == -ENOMEM) {
		ret = enlarge_pool(r->bytes / MN_RAM_PAGE);
		if (!ret)
			ret = map_file(r);
	}
	if (ret)
		return ret;
	return mlock(r->base, r->bytes) ? -errno : 0;
}

/* Nobody was told of it yet, so it leaves nothing behind when there are no pages for it. */
static int make_file(struct mn_region *r, uint64_t bytes)
{
	int ret;

	r->bytes = bytes;
	ret = ftruncate(r->fd, bytes) ? -errno : map_pages(r);
	if (ret)
		unlink(REGION_FILE);
	return ret;
}

/* Of @bytes; 0: as many as there are, or the default. 0 or -errno. */
static int open_file(struct mn_region *r, uint64_t bytes)
{
	struct stat st;

	r->fd = open(REGION_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (r->fd < 0 || fstat(r->fd, &st))
		return -errno;
	if (!st.st_size)
		return make_file(r, bytes ? bytes : DEFAULT_BYTES);
	if (bytes && (uint64_t)st.st_size != bytes)
		return -EEXIST;
	r->bytes = st.st_size;
	return map_pages(r);
}

/* The number of the hugepage at @page. 0; -EPERM: only root is told; -errno. */
static int read_frame(int pagemap, const void *page, uint64_t *frame)
{
	uint64_t entry, small;
	ssize_t n = pread(pagemap, &entry, sizeof(entry),
			  (uintptr_t)page / MN_PAGE * sizeof(entry));

	if (n != sizeof(entry))
		return n < 0 ? -errno : -EIO;
	small = entry & PAGEMAP_FRAME;
	if (!(entry & PAGEMAP_PRESENT) || small % SMALL_PAGES)
		return -EIO;
	if (!small)
		return -EPERM;
	*frame = small / SMALL_PAGES;
	return 0;
}

static int read_frames(const struct mn_region *r)
{
	struct mn_announcement *a = r->announcement;
	int ret = 0, fd = open(PAGEMAP, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (uint64_t i = 0; i < a->pages && !ret; i++)
		ret = read_frame(fd, (uint8_t *)r->base + i * MN_RAM_PAGE, &a->frames[i]);
	close(fd);
	return ret;
}

/* --- the host ----------------------------------------------------------------------- */

/* One write, so that it arrives in one piece. What does not arrive is asked for again. */
void mn_region_announce(const struct mn_region *r, uint8_t number)
{
	struct mn_announcement *a = r->announcement;

	if (read_frames(r))
		return;
	a->number = number;
	for (uint64_t i = 0; i < a->pages; i++) {
		uint64_t *page = (uint64_t *)((uint8_t *)r->base + i * MN_RAM_PAGE);

		mn_publish(&page[0], a->stamp);
		mn_publish(&page[1], i);
	}
	if (write(r->port_fd, a, mn_announcement_bytes(a->pages)) < 0)
		return;
}

static int make_announcement(struct mn_region *r)
{
	struct mn_announcement *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	r->announcement = a;
	a->word = MN_PORT_ANNOUNCE;
	a->pages = r->bytes / MN_RAM_PAGE;
	if (getrandom(&a->stamp, sizeof(a->stamp), 0) != sizeof(a->stamp))
		return -errno;
	return read_frames(r);
}

/* For the rings of clients. */
static int make_doorbell(struct mn_region *r)
{
	r->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->doorbell_fd < 0 ? -errno : 0;
}

/* What an agent before us left there, and its host. */
static void end_predecessor(struct mn_region *r)
{
	memset(mn_header(r->base), 0, sizeof(struct mn_header));
	mn_region_retract(r);
}

static int parse_size(const char *arg, uint64_t *bytes)
{
	if (!arg)
		return 0;
	if (mn_parse_bytes(arg, bytes) || !mn_is_power_of_two(*bytes) || *bytes < MN_RAM_PAGE ||
	    *bytes > MN_RAM_MAX_PAGES * MN_RAM_PAGE)
		return -EINVAL;
	return 0;
}

static int guest_ram_open(struct mn_region *r, const char *arg)
{
	uint64_t bytes = 0;
	int ret = parse_size(arg, &bytes);

	if (ret)
		return ret;
	*r = (struct mn_region){
		.provider = mn_provider_guest_ram.name, .base = MAP_FAILED,
		.fd = -1, .doorbell_fd = -1, .port_fd = -1, .lock_fd = -1,
	};
	ret = mn_region_open_port(r);
	if (!ret)
		ret = mount_hugepages();
	if (!ret)
		ret = open_file(r, bytes);
	if (!ret)
		ret = make_announcement(r);
	if (!ret)
		ret = make_doorbell(r);
	if (!ret)
		ret = mn_region_make_bells(r, MN_MAX_CHANNELS);
	if (ret)
		mn_region_close(r);
	else
		end_predecessor(r);
	return ret;
}

const struct mn_region_provider mn_provider_guest_ram = {
	.name = "guest-ram", .summary = "guest-ram[:BYTES], hugepages of this VM's shared RAM",
	.open = guest_ram_open,
};
