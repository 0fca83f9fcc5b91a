/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order is that of what each stage needs: mounting needs privilege, which a user
 * namespace gives where there is none; who becomes another user loses it, and has it
 * again, over nothing but that namespace, in one of its own; then all of it is dropped.
 *
 * No user is mapped into the user namespace: nothing in it has an owner that could matter.
 */
#include "memnet-core/host/isolate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/seccomp.h"

#define NAMESPACES	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)
#define NOBODY		65534
#define COURIER_FILES	1024

/* Sanitizers look into /proc, start threads, and make calls of their own. */
#ifdef MEMNET_SANITIZED
#define SANITIZED	true
#else
#define SANITIZED	false
#endif

/* --- the stages ------------------------------------------------------------------ */

static int check_namespaces(const struct mn_isolation *i)
{
	return i->clone_flags ? 0 : -EPERM;
}

/* Over any folder that is there: what it was is then no more to be seen. */
static int enter_empty_root(const struct mn_isolation *i)
{
	if (!i->clone_flags)
		return -EPERM;	/* the mounts are everybody's */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		  "nr_inodes=2,mode=0555") ||
	    chdir("/proc") || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		return -errno;
	return 0;
}

/* Folders in which a courier has nothing to look for. */
static const char *const hidden[] = {
	"/proc", "/home", "/root", "/tmp", "/var", "/run", "/dev/shm", "/sys", "/srv", "/mnt",
	"/media", "/opt",
};

/* The folder of what resolv.conf links to: whoever writes that replaces it. */
static void find_resolver(char folder[PATH_MAX])
{
	if (realpath("/etc/resolv.conf", folder))
		*strrchr(folder, '/') = '\0';
	else
		folder[0] = '\0';
}

/* Put @tree at @path, below the new and empty @folder. */
static int put_back(int tree, const char *folder, const char *path)
{
	char part[PATH_MAX];

	for (size_t n = strlen(folder) + 1; n <= strlen(path); n++)
		if (!path[n] || path[n] == '/') {
			snprintf(part, sizeof(part), "%.*s", (int)n, path);
			if (mkdir(part, 0555))
				return -errno;
		}
	return move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) ? -errno : 0;
}

/* All of it but @kept, if that is below; the folder stays where that cannot be. */
static int hide(const char *folder, const char *kept)
{
	size_t n = strlen(folder);
	bool below = !strncmp(kept, folder, n) && (!kept[n] || kept[n] == '/');
	int tree = -1, ret;

	if (below) {
		tree = kept[n] ? open_tree(AT_FDCWD, kept, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) :
				 -1;
		if (tree < 0)
			return 0;
	}
	ret = mount("tmpfs", folder, "tmpfs", 0, "nr_inodes=16,mode=0555") ? -errno : 0;
	if (!ret && below && put_back(tree, folder, kept))	/* nobody owns folders here */
		ret = umount2(folder, MNT_DETACH) ? -errno : 0;
	if (below)
		close(tree);
	return ret == -ENOENT ? 0 : ret;
}

/* All files there are, but for those, to be read only. */
static int enter_read_only_root(const struct mn_isolation *i)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	char resolver[PATH_MAX];

	if (!i->clone_flags)
		return -EPERM;	/* the mounts are everybody's */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	find_resolver(resolver);
	for (size_t h = 0; h < ARRAY_SIZE(hidden); h++) {
		int ret = hide(hidden[h], resolver);

		if (ret)
			return ret;
	}
	return mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) ? -errno : 0;
}

/* What a program executed later may gain at most; whoever may not say so gains nothing anyway. */
static void empty_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap);
}

/*
 * Root becomes nobody. Root of a container that has no such user is no root outside, and
 * stays what it is.
 */
static int become_nobody(const struct mn_isolation *i)
{
	if (!i->root)
		return 0;
	if (i->clone_flags & CLONE_NEWUSER)
		return -EPERM;	/* nobody is a user of that namespace */
	empty_bounding_set();
	if (setresgid(NOBODY, NOBODY, NOBODY))
		return errno == EINVAL ? 0 : -errno;
	return setgroups(0, NULL) || setresuid(NOBODY, NOBODY, NOBODY) ? -errno : 0;
}

static int enter_user_namespace(const struct mn_isolation *i)
{
	if (i->clone_flags & CLONE_NEWUSER)
		return 0;
	return unshare(CLONE_NEWUSER) ? -errno : 0;
}

static int drop_capabilities(const struct mn_isolation *i)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	empty_bounding_set();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &head, none))
		return -errno;
	return 0;
}

/*
 * A core would have what the guest wrote, and more. Of one byte, for a limit of 0 does not hold
 * for a program that core_pattern pipes it to: 1 is the value with which the kernel starts none.
 */
static int limit_core(const struct mn_isolation *i)
{
	const struct rlimit none = { 1, 1 };

	return setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

/*
 * Besides: threads of libcurl's that resolve names, and outlive their jobs, have stacks;
 * connections to what is served are descriptors.
 */
static int limit_courier(const struct mn_isolation *i)
{
	const struct rlimit memory = { i->memory_bytes, i->memory_bytes };
	const struct rlimit files = { COURIER_FILES, COURIER_FILES };

	if (setrlimit(RLIMIT_AS, &memory) || setrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	return limit_core(i);
}

static int enter_seccomp(const struct mn_isolation *i)
{
	return mn_seccomp_enter(i->filter);
}

#define ALLOW_NAMESPACES \
	"run memnetd as root outside of a container or chroot, or allow user namespaces " \
	"(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, " \
	"kernel.apparmor_restrict_unprivileged_userns)"

static const struct stage {
	const char *name;
	int (*enter)(const struct mn_isolation *i);
	const char *mend;
	int (*courier)(const struct mn_isolation *i);	/* in its place; NULL: none */
} stages[] = {
	{ "namespaces", check_namespaces, ALLOW_NAMESPACES, check_namespaces },
	{ "an empty root", enter_empty_root, ALLOW_NAMESPACES, enter_read_only_root },
	{ "a user other than root", become_nobody,
	  "give memnetd CAP_SETUID, CAP_SETGID and CAP_SYS_ADMIN, or run it as another user",
	  become_nobody },
	{ "a user namespace", enter_user_namespace, ALLOW_NAMESPACES, enter_user_namespace },
	{ "the loss of all capabilities", drop_capabilities, "let it call capset(2)",
	  drop_capabilities },
	{ "a limit on core files", limit_core, "let it call setrlimit(2)",
	  limit_courier },
	{ "seccomp", enter_seccomp, "use a kernel with CONFIG_SECCOMP_FILTER", NULL },
};

#define ALL_STAGES	((1u << ARRAY_SIZE(stages)) - 1)

int mn_isolation_enter(const struct mn_isolation *i, const char **stage)
{
	for (size_t s = 0; s < ARRAY_SIZE(stages); s++) {
		int ret = i->missing & 1u << s ? 0 : stages[s].enter(i);

		if (ret) {
			*stage = stages[s].name;
			return ret;
		}
	}
	return 0;
}

int mn_isolation_enter_courier(const struct mn_isolation *i, uint64_t memory_bytes,
			       const char **stage)
{
	struct mn_isolation its = *i;

	its.memory_bytes = memory_bytes;
	for (size_t s = 0; s < ARRAY_SIZE(stages); s++) {
		bool there = stages[s].courier && !(i->missing & 1u << s);
		int ret = there ? stages[s].courier(&its) : 0;

		if (ret) {
			*stage = stages[s].name;
			return ret;
		}
	}
	return 0;
}

/* --- at the fork ------------------------------------------------------------------- */

/* glibc's fork() takes no flags. What it would do besides is of use to threads. */
static pid_t fork_with(int flags)
{
	return flags ? syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL) : fork();
}

pid_t mn_isolation_fork(const struct mn_isolation *i)
{
	return fork_with(i->clone_flags);
}

/* --- what there is ------------------------------------------------------------------- */

/* Whatever fails is missing, and what comes after is tried all the same. */
static _Noreturn void try_stages(const struct mn_isolation *i)
{
	unsigned int missing = 0;

	for (size_t s = 0; s < ARRAY_SIZE(stages); s++)
		if (stages[s].enter(i))
			missing |= 1u << s;
	_exit(missing);
}

static_assert(ARRAY_SIZE(stages) <= 8, "what is missing fits into an exit status");

/* In namespaces of ours if we may make them so, or else by a user namespace, or in none. */
static int probe(struct mn_isolation *i)
{
	static const int flags[] = { NAMESPACES, NAMESPACES | CLONE_NEWUSER, 0 };
	int status;
	pid_t pid = -1;

	for (size_t f = 0; pid < 0 && f < ARRAY_SIZE(flags); f++) {
		i->clone_flags = flags[f];
		pid = fork_with(flags[f]);
		if (!pid)
			try_stages(i);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	if (!WIFEXITED(status))
		return -EPROTO;
	i->missing = WEXITSTATUS(status);
	return 0;
}

static bool mended_before(unsigned int missing, size_t stage)
{
	for (size_t s = 0; s < stage; s++)
		if (missing & 1u << s && !strcmp(stages[s].mend, stages[stage].mend))
			return true;
	return false;
}

/* "workers run without A, B: MEND; MEND" */
static void describe(unsigned int missing, char *why, size_t size)
{
	const char *before = ": ";
	size_t at = 0;

	why[0] = '\0';
	for (size_t s = 0; s < ARRAY_SIZE(stages) && at < size; s++)
		if (missing & 1u << s)
			at += snprintf(why + at, size - at, "%s%s",
				       at ? ", " : "workers run without ", stages[s].name);
	for (size_t s = 0; s < ARRAY_SIZE(stages) && at < size; s++)
		if (missing & 1u << s && !mended_before(missing, s)) {
			at += snprintf(why + at, size - at, "%s%s", before, stages[s].mend);
			before = "; ";
		}
}

int mn_isolation_probe(struct mn_isolation *out, char *why, size_t why_size)
{
	int ret;

	*out = (struct mn_isolation){ .missing = ALL_STAGES, .root = geteuid() == 0 };
	if (SANITIZED) {
		snprintf(why, why_size, "workers are not confined, nor filtered by seccomp: memnetd "
			 "was built with a sanitizer; build it without SANITIZE=");
		return 0;
	}
	ret = mn_seccomp_make(&out->filter);
	if (!ret)
		ret = probe(out);
	if (ret)
		mn_isolation_free(out);
	else
		describe(out->missing, why, why_size);
	return ret;
}

void mn_isolation_free(struct mn_isolation *i)
{
	mn_seccomp_free(i->filter);
	i->filter = NULL;
}
