/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/test/run.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"

#define MAX_WORDS 32
#define PATIENCE_MS 60000

/* $BUILD/workloads/test/test_x runs $BUILD/bin/memnet-work. */
static const char *program(void)
{
	static char path[4096];

	assert_int_equal(mn_beside_program(3, "bin/memnet-work", path, sizeof(path)), 0);
	return path;
}

static void child(const char *line, int in, int out, int err)
{
	char *words[MAX_WORDS + 1] = { "memnet-work" }, *copy = strdup(line);
	int n = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (char *w = strtok(copy, " "); w && n < MAX_WORDS; w = strtok(NULL, " "))
		words[n++] = w;
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execv(program(), words);
	perror("exec memnet-work");
	_exit(127);
}

static void start(struct run *r, const char *line)
{
	int in[2], out[2], err[2];

	memset(r, 0, sizeof(*r));
	assert_false(pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC));
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (!r->pid)
		child(line, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	r->in = in[1];
	r->out = out[0];
	r->err = err[0];
}

void run_start(struct run *r, const char *line, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, line);
	vsnprintf(text, sizeof(text), line, ap);
	va_end(ap);
	start(r, text);
}

static bool next_char(int fd, char *c)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) != 1)
		fail_msg("memnet-work said no line within %d s", PATIENCE_MS / 1000);
	return read(fd, c, 1) == 1;
}

const char *run_line(struct run *r)
{
	size_t n = 0;

	while (n < sizeof(r->stdout_text) - 1 && next_char(r->out, r->stdout_text + n))
		if (r->stdout_text[n++] == '\n')
			break;
	r->stdout_text[n ? n - 1 : 0] = '\0';
	return r->stdout_text;
}

void run_close_stdin(struct run *r)
{
	if (r->in >= 0)
		close(r->in);
	r->in = -1;
}

static void take_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(fd);
}

int run_wait(struct run *r)
{
	int status;

	take_all(r->out, r->stdout_text, sizeof(r->stdout_text));
	take_all(r->err, r->stderr_text, sizeof(r->stderr_text));
	run_close_stdin(r);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	return r->status;
}

int run_whole(struct run *r, const char *line, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, line);
	vsnprintf(text, sizeof(text), line, ap);
	va_end(ap);
	start(r, text);
	run_close_stdin(r);
	return run_wait(r);
}

uint64_t run_value(const char *text, const char *key)
{
	char pattern[64];
	const char *found;

	snprintf(pattern, sizeof(pattern), " %s=", key);
	found = strstr(text, pattern);
	return found ? strtoull(found + strlen(pattern), NULL, 10) : UINT64_MAX;
}

static struct sockaddr_in loopback(unsigned int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

unsigned int free_port(void)
{
	struct sockaddr_in at = loopback(0);
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_false(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	assert_false(getsockname(fd, (struct sockaddr *)&at, &len));
	close(fd);
	return ntohs(at.sin_port);
}

void peer_start(struct run *peer, unsigned int port)
{
	run_start(peer, "peer --listen 127.0.0.1:%u", port);
	assert_non_null(strstr(run_line(peer), "listening 127.0.0.1:"));
}

void peer_stop(struct run *peer)
{
	kill(peer->pid, SIGTERM);
	assert_int_equal(run_wait(peer), 0);
}

int peer_set_up(void **state)
{
	struct peer_fixture *f = calloc(1, sizeof(*f));

	f->port = free_port();
	peer_start(&f->peer, f->port);
	*state = f;
	return 0;
}

int peer_tear_down(void **state)
{
	struct peer_fixture *f = *state;

	peer_stop(&f->peer);
	free(f);
	return 0;
}

int connect_to(unsigned int port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_false(connect(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}
