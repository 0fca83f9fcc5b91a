/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/test/run_tool.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/io.h"

/* $BUILD/energy/test/test_x runs $BUILD/bin/memnet-energy. */
static const char *program(void)
{
	static char path[4096];

	assert_int_equal(mn_beside_program(3, "bin/memnet-energy", path, sizeof(path)), 0);
	return path;
}

static void start(struct tool *t, const char *words, va_list ap)
{
	char line[4096];
	int n;

	n = snprintf(line, sizeof(line), "exec >%s/out 2>%s/err; exec %s --sysfs %s ", fake_root(),
		     fake_root(), program(), fake_root());
	vsnprintf(line + n, sizeof(line) - n, words, ap);
	fake_write("out", "%s", "");		/* nothing of the run before */
	t->pid = fork();
	assert_true(t->pid >= 0);
	if (!t->pid) {
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(99);
	}
}

static void read_output(const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fake_root(), name);
	assert_true(mn_read_file(path, buf, size) >= 0);
}

void tool_start(struct tool *t, const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	start(t, words, ap);
	va_end(ap);
}

void tool_ready(const struct tool *t)
{
	char path[64], text[8192], *blocked;

	snprintf(path, sizeof(path), "/proc/%d/status", t->pid);
	for (int i = 0; i < 1000; i++) {
		assert_true(mn_read_file(path, text, sizeof(text)) > 0);
		blocked = strstr(text, "SigBlk:");
		if (blocked && strtoull(blocked + 7, NULL, 16) & 1u << (SIGINT - 1))
			return;
		usleep(10000);
	}
	fail_msg("memnet-energy never blocked its signals");
}

void tool_wait(struct tool *t)
{
	siginfo_t info = { 0 };
	int status;

	for (int i = 0; i < 2000 && !info.si_pid; i++) {
		assert_int_equal(waitid(P_PID, t->pid, &info, WEXITED | WNOWAIT | WNOHANG), 0);
		if (!info.si_pid)
			usleep(10000);
	}
	if (!info.si_pid)
		kill(t->pid, SIGKILL);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	t->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	read_output("out", t->out, sizeof(t->out));
	read_output("err", t->err, sizeof(t->err));
}

void tool_run(struct tool *t, const char *words, ...)
{
	va_list ap;

	va_start(ap, words);
	start(t, words, ap);
	va_end(ap);
	tool_wait(t);
}

bool tool_was_late(const struct tool *t)
{
	static unsigned times;

	if (!strstr(t->err, "stood still")) {
		times = 0;
		return false;
	}
	if (++times == 20)
		fail_msg("each time the counter stood still\nstatus %d: %s", t->status, t->err);
	return true;
}

void tool_said(const struct tool *t, const char *part)
{
	if (!strstr(t->err, part))
		fail_msg("not said: %s\nstatus %d: %s", part, t->status, t->err);
}

void tool_not_said(const struct tool *t, const char *part)
{
	if (strstr(t->err, part))
		fail_msg("said: %s\nstatus %d: %s", part, t->status, t->err);
}

void close_to(double value, double expected, double margin)
{
	if (!isfinite(value) || !(fabs(value - expected) <= margin))
		fail_msg("%.12g is not within %g of %.12g", value, margin, expected);
}
