/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/bench/service.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/region.h"

#define MAX_ARGV	32
#define COME_UP_NS	(3 * NSEC_PER_SEC)

static int start_peer(struct service *s, peer_serve serve)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(s->peer_addr);

	if (fd < 0)
		return -errno;
	s->peer_addr = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(fd, (struct sockaddr *)&s->peer_addr, len) || listen(fd, SOMAXCONN) ||
	    getsockname(fd, (struct sockaddr *)&s->peer_addr, &len)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	s->peer = fork();
	if (s->peer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd);
		_exit(0);
	}
	close(fd);
	return s->peer < 0 ? -errno : 0;
}

static int start_daemon(struct service *s, unsigned int vms, const char *const argv[])
{
	static const char *const names[SERVICE_VMS] = { "0", "1" };
	const char *args[MAX_ARGV] = { "memnetd", "--dir", s->directory, "--allow", "127.0.0.0/8" };
	char path[512];
	int n = 5, ret;

	while (*argv && n < MAX_ARGV - 2 * SERVICE_VMS - 1)
		args[n++] = *argv++;
	for (unsigned int i = 0; i < vms; i++) {
		args[n++] = "--vm";
		args[n++] = names[i];
	}
	ret = mn_beside_program(1, "memnetd", path, sizeof(path));
	if (ret)
		return ret;
	s->daemon = fork();
	if (s->daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(path, (char **)args);
		perror(path);
		_exit(127);
	}
	return s->daemon < 0 ? -errno : 0;
}

int service_start(struct service *s, unsigned int vms, const char *const argv[], peer_serve peer)
{
	int ret;

	*s = (struct service){ .directory = "/tmp/memnet-bench.XXXXXX" };
	if (!mkdtemp(s->directory))
		return -errno;
	ret = start_peer(s, peer);
	return ret ? ret : start_daemon(s, vms, argv);
}

/* The newest child of @parent. 0: none. */
static pid_t newest_child(pid_t parent)
{
	struct dirent *e;
	DIR *proc = opendir("/proc");
	pid_t found = 0;

	while (proc && (e = readdir(proc))) {
		char path[64], stat[512];
		const char *after;
		pid_t pid = atoi(e->d_name);

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (pid <= found || mn_read_file(path, stat, sizeof(stat)) <= 0)
			continue;
		after = strrchr(stat, ')');	/* "pid (comm) state ppid ..." */
		if (after && strlen(after) > 4 && atoi(after + 4) == parent)
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

int service_attach(struct service *s, unsigned int i)
{
	int64_t deadline = mn_now_ns() + COME_UP_NS;
	struct mn_region region;
	char spec[128];
	int ret;

	snprintf(spec, sizeof(spec), "server:%s/%u.ivshmem", s->directory, i);
	while ((ret = mn_region_open(&region, spec)) == -ENOENT || ret == -ECONNREFUSED) {
		if (mn_now_ns() > deadline)
			return -ETIMEDOUT;
		mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	}
	if (!ret)
		ret = memnet_open_region(&s->vm[i], &region);
	s->worker[i] = newest_child(s->daemon);
	return ret;
}

static void end(pid_t pid, int signal)
{
	if (pid <= 0)
		return;
	kill(pid, signal);
	waitpid(pid, NULL, 0);
}

void service_stop(struct service *s)
{
	for (int i = 0; i < SERVICE_VMS; i++)
		memnet_detach(s->vm[i]);
	end(s->daemon, SIGTERM);	/* removes its sockets */
	end(s->peer, SIGKILL);
	rmdir(s->directory);
}

int64_t service_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}
