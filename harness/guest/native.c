/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-native: what the guest's init does for the host (control.h), without a guest. The
 * programs are those beside it; they are processes of this machine, and end with it.
 *
 *	memnet-native CONTROL-FD PROGRESS-DIR
 *
 * The harness starts it in its sandbox in place of QEMU (harness/paths/native.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/guest/control.h"
#include "memnet-core/base/parse.h"

static int failed(const char *what, int error)
{
	fprintf(stderr, "memnet-native: %s: %s\n", what, strerror(error));
	return 1;
}

/* Programs are looked for beside this one, and nowhere else. 0 or -errno. */
static int set_path(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	return setenv("PATH", self, 1) ? -errno : 0;
}

int main(int argc, char **argv)
{
	struct control_config config = { .on_host = true };
	sigset_t child;
	uint64_t fd;
	int ret;

	if (argc != 3 || mn_parse_u64(argv[1], &fd) || fcntl(fd, F_SETFD, FD_CLOEXEC)) {
		fprintf(stderr, "usage: memnet-native CONTROL-FD PROGRESS-DIR\n"
			"memnet-lab starts it, for the path native.\n");
		return 2;
	}
	config.port = fd;
	config.progress_dir = argv[2];
	if (mkdir(argv[2], 0700) && errno != EEXIST)
		return failed(argv[2], errno);
	ret = set_path();
	if (ret)
		return failed("/proc/self/exe", -ret);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	ret = control_serve(&config);
	return ret ? failed("the control channel", -ret) : 0;
}
