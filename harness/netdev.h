/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network devices of the network namespace the calling thread is in: by ioctl and netlink, as
 * `ip` and `tc` do it, which need not be installed. All return 0 or -errno.
 */
#ifndef HARNESS_NETDEV_H
#define HARNESS_NETDEV_H

#include <netinet/in.h>
#include <stdint.h>

int netdev_up(const char *name);

/* Give it @addr/@prefix and bring it up. */
int netdev_configure(const char *name, struct in_addr addr, int prefix);

/* What no other route is for goes to @gateway. */
int netdev_default_route(struct in_addr gateway);

/* A veth pair: @name here, @peer in the network namespace @peer_ns. -EOPNOTSUPP: no veth. */
int netdev_add_veth(const char *name, const char *peer, int peer_ns);

/*
 * Queueing disciplines of what leaves the device, under @parent (TC_H_ROOT, or a class of
 * another) and called @handle. -ENOENT: the kernel has not this one.
 *
 * tbf lets @bytes_per_s of frames through, @burst bytes at once; @limit bytes wait, more are
 * dropped. netem keeps each frame for @delay_ns; what stands under it is its class 1.
 */
int netdev_add_tbf(const char *name, uint32_t parent, uint32_t handle, uint64_t bytes_per_s,
		   uint32_t burst, uint32_t limit);
int netdev_add_netem(const char *name, uint32_t parent, uint32_t handle, int64_t delay_ns);

#endif
