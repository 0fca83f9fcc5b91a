/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/test/parties_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define START_MS	5000	/* for a program to be there: sanitizers are slow */

/* --- events ------------------------------------------------------------------------ */

bool event_next(const struct party *p, struct event *e, int timeout_ms)
{
	struct pollfd pfd = { .fd = p->events, .events = POLLIN };

	return poll(&pfd, 1, MAX(timeout_ms, 0)) == 1 &&
	       read(p->events, e, sizeof(*e)) == sizeof(*e);
}

void events_drop(const struct party *p)
{
	struct event e;

	while (event_next(p, &e, 0))
		;
}

/* --- processes --------------------------------------------------------------------- */

struct party party_start(void (*body)(int events, const void *arg), const void *arg)
{
	struct party p;
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		close(pipes[0]);
		body(pipes[1], arg);
		_exit(0);
	}
	close(pipes[1]);
	p.events = pipes[0];
	return p;
}

void party_end(struct party *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	if (p->events >= 0)
		close(p->events);
	*p = (struct party){ -1, -1 };
}

/* $BUILD/memnet-core/test/test_x runs $BUILD/bin/NAME. */
static const char *program_path(const char *name)
{
	static char path[4096];
	char in_bin[64];

	snprintf(in_bin, sizeof(in_bin), "bin/%s", name);
	assert_int_equal(mn_beside_program(3, in_bin, path, sizeof(path)), 0);
	return path;
}

static void exec_program(int events, const void *arg)
{
	const struct { const struct parties *p; const char *const *argv; } *a = arg;
	char log[128];
	int fd;

	snprintf(log, sizeof(log), "%s/log", a->p->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	execv(program_path(a->argv[0]), (char **)a->argv);
	_exit(127);
}

pid_t program_start(const struct parties *p, const char *const *argv)
{
	const struct { const struct parties *p; const char *const *argv; } a = { p, argv };
	struct party party = party_start(exec_program, &a);

	close(party.events);
	return party.pid;
}

bool becomes(bool (*so)(void *arg), void *arg, int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;

	while (!so(arg)) {
		if (mn_now_ns() > deadline)
			return false;
		poll(NULL, 0, 2);
	}
	return true;
}

static bool is_socket(void *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISSOCK(st.st_mode);
}

/* A socket that is there may not listen yet. */
static bool is_listening(void *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ret;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", (const char *)path);
	ret = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return !ret;
}

void memnetd_start(struct parties *p)
{
	char options[512], bell[128];
	const char *argv[32] = { "memnetd", "--dir", p->dir };
	int n = 3;

	snprintf(options, sizeof(options), "%s", p->vms);
	for (char *w = strtok(options, " "); w && n < 31; w = strtok(NULL, " "))
		argv[n++] = w;
	snprintf(bell, sizeof(bell), "%s/a.bell", p->dir);	/* made last */
	unlink(bell);
	p->memnetd = (struct party){ program_start(p, argv), -1 };
	assert_true(becomes(is_socket, bell, START_MS));
}

void agent_start_at(struct parties *p, struct party *agent, const char *vm, const char *socket)
{
	char region[128], path[100];
	const char *argv[] = { "memnet-agent", "--region", region, "--socket", path, NULL };

	snprintf(region, sizeof(region), "server:%s/%s.ivshmem", p->dir, vm);
	snprintf(path, sizeof(path), "%s/%s", p->dir, socket);
	unlink(path);
	*agent = (struct party){ program_start(p, argv), -1 };
	assert_true(becomes(is_listening, path, START_MS));
}

void agent_start(struct parties *p)
{
	agent_start_at(p, &p->agent, "a", "agent.sock");
}

/* --- all of them ------------------------------------------------------------------- */

void parties_start(struct parties *p)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);	/* an orphan becomes ours, and is counted */
	strcpy(p->dir, "/tmp/memnet-test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	if (!p->vms)
		p->vms = "--allow 127.0.0.0/8 --flows 8 --vm a";
	memnetd_start(p);
	agent_start(p);
	peer_start(p);
}

static bool is_gone(void *pid)
{
	return waitpid(*(pid_t *)pid, NULL, WNOHANG) == *(pid_t *)pid;
}

/* By SIGTERM, as an administrator does. */
static void end_politely(struct party *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGTERM);
	assert_true(becomes(is_gone, &p->pid, START_MS));
	p->pid = -1;
}

static bool no_child(void *arg)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

void parties_stop(struct parties *p)
{
	char path[512];
	struct dirent *d;
	DIR *dir;

	end_politely(&p->agent);
	end_politely(&p->memnetd);
	party_end(&p->peer);
	assert_true(becomes(no_child, NULL, 1000));
	snprintf(path, sizeof(path), "%s/log", p->dir);
	unlink(path);
	dir = opendir(p->dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			fail_msg("%s/%s is left", p->dir, d->d_name);
	closedir(dir);
	rmdir(p->dir);
	p->dir[0] = '\0';
	p->port = 0;
}

pid_t child_of(pid_t pid, int n)
{
	char path[64];
	FILE *f;
	int child = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	for (; n >= 0; n--)
		if (fscanf(f, "%d", &child) != 1)
			child = -1;
	fclose(f);
	return child;
}

void hit(pid_t pid, int signal)
{
	assert_true(pid > 0);
	assert_int_equal(kill(pid, signal), 0);
}

unsigned int log_says(const struct parties *p, const char *line)
{
	static char log[1 << 20];
	unsigned int n = 0;
	char path[100], whole[1000];

	snprintf(path, sizeof(path), "%s/log", p->dir);
	assert_true(mn_read_file(path, log, sizeof(log) - 1) >= 0);
	strcat(log, "\n");
	snprintf(whole, sizeof(whole), "memnetd: %s\n", line);
	for (char *at = log; (at = strstr(at, whole)); at++)
		n++;
	return n;
}

int count_fds(pid_t pid)
{
	char path[64];
	int n = -2;	/* . and .. */
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

long resident_kib(pid_t pid)
{
	char path[64];
	long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		pages = -1;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
