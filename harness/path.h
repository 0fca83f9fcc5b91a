/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network path: how a guest's bytes reach the peer. One file under paths/ each,
 * and its line in path.c; nobody else knows a path by its name.
 *
 * All that have a VM boot the same machine (qemu.c), which has one network card,
 * memnetd's device beside it, and the same kernel command line but for the
 * address. What a path has to have otherwise, its file says. A region in guest RAM is
 * in a machine without memnetd's device; the RAM of every VM of its plan is shared.
 */
#ifndef HARNESS_PATH_H
#define HARNESS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/child.h"
#include "harness/qemu_argv.h"
#include "memnet-core/base/util.h"

/* Why a path cannot run on this machine, each with its mend; several are strung together. */
struct path_reasons {
	char text[400];
};

/* Of an address with its port or prefix. */
#define PATH_ADDR_SIZE 32

/* The host's end of a path, while its VM lives. */
struct path_end {
	unsigned int number;	/* of the VM; 0: the only one */
	/* The guest's address, with its prefix; where it finds the peer; where the peer listens. */
	char guest[PATH_ADDR_SIZE], peer[PATH_ADDR_SIZE], listen[PATH_ADDR_SIZE];
	char gateway[PATH_ADDR_SIZE];	/* the guest's; "": it needs none */
	char reach[PATH_ADDR_SIZE];	/* where the host finds what the guest serves; "": nowhere */
	int fd;			/* for QEMU to inherit; -1: none */
	struct child helper;	/* a process of the path's own; pid 0: none */
};

struct path {
	const char *name, *summary;
	const char *transport;	/* of memnet-work stream and rr */
	const char *peer_transport;	/* of its peer; NULL: socket */
	/* As in struct path_end, with %u in the place of the VM's number, if it has any. */
	const char *guest, *peer, *listen;
	const char *reach;	/* so, too; NULL: nothing that the guest serves is found */
	unsigned int mtu;	/* of the guest's card; 0: as it comes */
	const char *module;	/* the guest's kernel needs it beside those of every image; or NULL */
	/*
	 * Others are compared with the highest that can run, and paced by it (calibrate.c); 0:
	 * never compared with; below 0: nor is any other path paced by it.
	 */
	int baseline;
	bool vhost;		/* has threads of the kernel's vhost, which are counted */
	bool spins;		/* both sides take a spin budget */
	const char *region;	/* where its shared memory is if no plan says; NULL: it has none */
	bool no_link;		/* its bytes are no network's, so no link can be between */
	bool no_vm;		/* no guest, QEMU or memnetd: the workloads run on the host */

	/* Add why it cannot run; nothing: it can. */
	void (*missing)(struct path_reasons *reasons);

	/* Optional. 0, or -errno with one line that names the mend in @why. @log: a helper's. */
	int (*open)(struct path_end *end, const char *log, char *why, size_t size);

	/* Its network card, and what stands behind it; NULL without a VM. 0 or -ENOMEM. */
	int (*add_devices)(struct qemu_argv *v, const struct path_end *end);
};

/* The entry called @name, or NULL; entry @i, NULL past the last. */
const struct path *path_find(const char *name);
const struct path *path_at(size_t i);

/*
 * Can @p not run on this machine, with the guest image under the build folder
 * @build? Then all the reasons are in @reasons.
 */
bool path_missing(const struct path *p, const char *build, struct path_reasons *reasons);

/* For the missing() of a path. */
void path_reason(struct path_reasons *reasons, const char *format, ...) PRINTF_LIKE(2, 3);

/* Open @p's end for VM @number. As struct path's; on failure it is closed again. */
int path_open(const struct path *p, unsigned int number, struct path_end *end, const char *log,
	      char *why, size_t size);
void path_close(struct path_end *end);

extern const struct path path_virtio_tap, path_virtio_vhost, path_virtio_user, path_passt,
			 path_vsock, path_e1000, path_memnet, path_native;

#endif
