/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing is left behind because nothing has a name outside: network devices and
 * sockets live in the network namespace, /dev/shm is a tmpfs of the mount
 * namespace. Children ask the kernel to be killed when the harness dies
 * (child.c), so kill -9 on it is enough to end everything.
 *
 * There is no PID namespace: in kernels before 6.4 vhost workers are kernel
 * threads, invisible from inside one, and their time must be counted.
 */
#include "harness/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "harness/netdev.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define TRACEFS "/sys/kernel/tracing"

/* Become root of the new user namespace. */
static int map_ids(uid_t uid, gid_t gid)
{
	char map[64];
	int ret = mn_write_file("/proc/self/setgroups", "deny");

	if (ret)
		return ret;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	ret = mn_write_file("/proc/self/uid_map", map);
	if (ret)
		return ret;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return mn_write_file("/proc/self/gid_map", map);
}

/*
 * No mount of ours may show outside. In a chroot "/" is no mount point: then
 * that which holds SANDBOX_TMP has to be one.
 */
static int make_private(void)
{
	static const char *const points[] = { "/", "/dev", SANDBOX_TMP };

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		if (!mount(NULL, points[i], NULL, MS_REC | MS_PRIVATE, NULL))
			return 0;
		if (errno != EINVAL)
			break;
	}
	return -errno;
}

/* Tracepoints, where the host has not mounted them: who may not have them counts none. */
static void furnish_tracefs(void)
{
	if (access(TRACEFS "/events", F_OK))
		mount("tracefs", TRACEFS, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int furnish(bool user_ns, uid_t uid, gid_t gid, const char **what)
{
	int ret = user_ns ? map_ids(uid, gid) : 0;

	*what = "map this user into a user namespace";
	if (ret)
		return ret;
	*what = "make its mounts private";
	ret = make_private();
	if (ret)
		return ret;
	*what = "mount a tmpfs at " SANDBOX_TMP;
	if (mount("tmpfs", SANDBOX_TMP, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=100%"))
		return -errno;
	furnish_tracefs();
	*what = "bring its loopback device up";
	return netdev_up("lo");
}

int sandbox_enter(char *why, size_t why_size)
{
	bool user_ns = geteuid() != 0;
	const char *what = "make namespaces";
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int ret = 0;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | (user_ns ? CLONE_NEWUSER : 0)))
		ret = -errno;
	if (!ret)
		ret = furnish(user_ns, uid, gid, &what);
	if (ret)
		snprintf(why, why_size, "sandbox: cannot %s: %s; run as root outside of a container%s",
			 what, strerror(-ret), user_ns ? ", or allow user namespaces "
			 "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)" : "");
	return ret;
}
