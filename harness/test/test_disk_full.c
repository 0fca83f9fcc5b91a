/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk that fills up in the middle of a row: the rows before are intact, the row is absent. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "harness/rows.h"
#include "harness/test/scratch.h"
#include "memnet-core/base/io.h"

static char err[512];

/* Append rows until it fails; all that were accepted must be there, and no more. */
static void fill(const char *path, int want)
{
	struct run_row row, *rows;
	size_t n, accepted = 0;
	int ret, fd = runs_open(path, err, sizeof(err));

	assert_true(fd >= 0);
	runs_clear(&row);
	memset(row.reason, 'x', sizeof(row.reason) - 1);
	while ((ret = runs_append(fd, &row, 1)) == 0)
		accepted++;
	close(fd);
	assert_int_equal(ret, want);
	assert_true(accepted > 0);
	assert_int_equal(runs_load(path, &rows, &n, err, sizeof(err)), 0);
	assert_int_equal(n, accepted);
	free(rows);
}

/* Unprivileged: a file size limit makes write() short, then fail, as a full disk does. */
static void a_short_write_leaves_whole_rows(void **state)
{
	struct rlimit former, limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &former), 0);
	limit = former;
	limit.rlim_cur = 10000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill(scratch("limited.csv"), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &former), 0);
}

/* A mount namespace, as root or as a user who stays who he is. 0 or -errno. */
static int own_mounts(void)
{
	char uid_map[32], gid_map[32];

	snprintf(uid_map, sizeof(uid_map), "%u %u 1", getuid(), getuid());
	snprintf(gid_map, sizeof(gid_map), "%u %u 1", getgid(), getgid());
	if (unshare(CLONE_NEWNS)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			return -errno;
		assert_int_equal(mn_write_file("/proc/self/setgroups", "deny"), 0);
		assert_int_equal(mn_write_file("/proc/self/uid_map", uid_map), 0);
		assert_int_equal(mn_write_file("/proc/self/gid_map", gid_map), 0);
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ? -errno : 0;
}

static void a_full_file_system_leaves_whole_rows(void **state)
{
	const char *mountpoint = scratch("full");
	char path[160];
	int ret = own_mounts();

	if (ret) {
		print_message("no mount namespace for this user (%s)\n", strerror(-ret));
		skip();
	}
	assert_int_equal(mkdir(mountpoint, 0700), 0);
	if (mount("tmpfs", mountpoint, "tmpfs", 0, "size=64k")) {
		print_message("no tmpfs for this user (%s)\n", strerror(errno));
		rmdir(mountpoint);
		skip();
	}
	snprintf(path, sizeof(path), "%s/runs.csv", mountpoint);
	fill(path, -ENOSPC);
	assert_int_equal(umount(mountpoint), 0);
}

static void a_full_device_is_an_error(void **state)
{
	struct run_row row;
	int fd = open("/dev/full", O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	runs_clear(&row);
	assert_int_equal(runs_append(fd, &row, 1), -ENOSPC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_write_leaves_whole_rows),
		cmocka_unit_test(a_full_file_system_leaves_whole_rows),
		cmocka_unit_test(a_full_device_is_an_error),
	};

	return cmocka_run_group_tests_name("disk full", tests, scratch_make, scratch_remove);
}
