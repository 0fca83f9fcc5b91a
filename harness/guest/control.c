/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory: one thread sleeps in poll() on the port, on a signalfd for ends of
 * children, and on the two output pipes of each; so nothing runs in the guest
 * between two commands unless a program prints. A mark reads one file and the
 * mapped progress pages. Answers are written whole and may block until the host
 * reads: the host is trusted to do so.
 */
#include "harness/guest/control.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/guest/slots.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

#define MAX_WORDS 64

static struct control {
	const struct control_config *config;
	struct lines port;
	struct slot slot[SLOTS];
	bool quit;
	int error;		/* -errno of the port */
} control;

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
{
	char line[LINE_SIZE];
	va_list ap;
	int n, ret;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 1);
	line[n] = '\n';
	ret = mn_write_all(control.port.fd, line, n + 1);
	if (ret && !control.error)
		control.error = ret;
}

static unsigned int number_of(const struct slot *s)
{
	return s - control.slot;
}

/* --- events ------------------------------------------------------------------ */

static void stdout_line(void *context, char *text)
{
	struct slot *s = context;

	if (!strcmp(text, "armed")) {
		s->armed = true;
		say("armed %u", number_of(s));
	} else if (!strncmp(text, "result ", 7)) {
		say("result %u %s", number_of(s), text + 7);
	} else {
		say("out %u %s", number_of(s), text);
	}
}

static void stderr_line(void *context, char *text)
{
	say("err %u %s", number_of(context), text);
}

/* What the ended program had still in its pipes, and their end. */
static void take_rest(struct slot *s)
{
	struct pollfd p[2] = { { s->out.fd, POLLIN }, { s->err.fd, POLLIN } };

	while (poll(p, 2, 0) > 0) {
		if (p[0].revents && !lines_read(&s->out, stdout_line, s))
			p[0].fd = -1;
		if (p[1].revents && !lines_read(&s->err, stderr_line, s))
			p[1].fd = -1;
	}
	if (s->out.fd >= 0)
		close(s->out.fd);
	if (s->err.fd >= 0)
		close(s->err.fd);
	close(s->in);
	s->out.fd = s->err.fd = s->in = -1;
}

static void program_ended(struct slot *s, const siginfo_t *how)
{
	kill(-s->pid, SIGKILL);		/* what it has started and left */
	take_rest(s);
	s->pid = 0;
	s->armed = false;
	say("exit %u %s=%d", number_of(s), how->si_code == CLD_EXITED ? "status" : "signal",
	    how->si_status);
}

/* PID 1 also inherits orphans: reaped, and nothing said. */
static void reap_all(void)
{
	siginfo_t how = { 0 };

	while (!waitid(P_ALL, 0, &how, WEXITED | WNOHANG) && how.si_pid) {
		for (size_t i = 0; i < SLOTS; i++)
			if (control.slot[i].pid == how.si_pid)
				program_ended(&control.slot[i], &how);
		how.si_pid = 0;
	}
}

/* See who has ended, and leave its CPU time to be read. */
static void look_for_ended(void)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &control.slot[i];
		siginfo_t how = { 0 };

		if (!s->pid || waitid(P_PID, s->pid, &how, WEXITED | WNOHANG | WNOWAIT) ||
		    !how.si_pid)
			continue;
		s->kept = s->pid;
		program_ended(s, &how);
	}
}

static void let_go(struct slot *s)
{
	if (s->kept)
		waitpid(s->kept, NULL, 0);
	s->kept = 0;
}

/* --- commands ----------------------------------------------------------------- */

static void do_spawn(char **words, int n)
{
	uint64_t number;
	int ret;

	if (n < 3 || mn_parse_u64(words[1], &number) || number >= SLOTS) {
		say("error spawn %s EINVAL spawn SLOT ARG... with a slot of 0..%d",
		    n < 2 ? "-" : words[1], SLOTS - 1);
		return;
	}
	if (control.slot[number].pid) {
		say("error spawn %" PRIu64 " EBUSY its program still runs", number);
		return;
	}
	let_go(&control.slot[number]);
	ret = slot_spawn(&control.slot[number], number, control.config->progress_dir, words + 2);
	if (ret)
		say("error spawn %" PRIu64 " %s %s: %s", number, strerrorname_np(-ret), words[2],
		    strerror(-ret));
	else
		say("spawned %" PRIu64 " %d", number, control.slot[number].pid);
}

static void do_go(char **words, int n)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (control.slot[i].armed)
			slot_go(&control.slot[i]);
	say("went t_ns=%" PRId64, mn_now_ns());
}

/* The first number after @name at the begin of a line of /proc/stat. */
static uint64_t stat_number(const char *stat, const char *name)
{
	const char *at = strstr(stat, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* " user=... steal=..." in ns out of the ticks of the first line. */
static void print_cpu(char *text, size_t size, const char *stat)
{
	static const char *const names[] = { "user", "nice", "system", "idle", "iowait", "irq",
					     "softirq", "steal" };
	int64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	char *at = (char *)stat + strlen("cpu ");
	int len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		len += snprintf(text + len, size - len, " %s=%llu", names[i],
				strtoull(at, &at, 10) * tick_ns);
}

static void print_progress(char *text, size_t size)
{
	int len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < SLOTS; i++) {
		const uint64_t *p = control.slot[i].progress;

		if (!control.slot[i].used)
			continue;
		len += snprintf(text + len, size - len, " ops%zu=%" PRIu64 " bytes%zu=%" PRIu64, i,
				__atomic_load_n(&p[PROGRESS_OPS], __ATOMIC_RELAXED), i,
				__atomic_load_n(&p[PROGRESS_BYTES], __ATOMIC_RELAXED));
	}
}

/* " user=... steal=... intr=... ctxt=..."; on the host nothing. 0 or -errno. */
static int print_counts(char *text, size_t size)
{
	static char stat[65536];
	ssize_t ret;
	size_t len;

	text[0] = '\0';
	if (control.config->on_host)
		return 0;
	ret = mn_read_file("/proc/stat", stat, sizeof(stat));
	if (ret < 0)
		return ret;
	print_cpu(text, size, stat);
	len = strlen(text);
	snprintf(text + len, size - len, " intr=%" PRIu64 " ctxt=%" PRIu64,
		 stat_number(stat, "\nintr "), stat_number(stat, "\nctxt "));
	return 0;
}

static void do_mark(char **words, int n)
{
	char counts[640], progress[512];
	int64_t now_ns;
	int ret;

	if (control.config->deaf_to_mark)
		return;
	if (n != 2 || strlen(words[1]) > 64) {
		say("error command mark needs a label of one word");
		return;
	}
	ret = print_counts(counts, sizeof(counts));
	now_ns = mn_now_ns();
	print_progress(progress, sizeof(progress));
	if (ret)
		say("error command mark: /proc/stat: %s", strerror(-ret));
	else
		say("mark %s t_ns=%" PRId64 "%s%s", words[1], now_ns, counts, progress);
}

static void signal_all(int sig)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (control.slot[i].pid)
			kill(-control.slot[i].pid, sig);
}

static void do_stop(char **words, int n)
{
	signal_all(SIGTERM);
	say("stopped");
}

static void do_kill(char **words, int n)
{
	signal_all(SIGKILL);
	say("killed");
}

static void do_quit(char **words, int n)
{
	say("bye");
	control.quit = true;
}

static const struct { const char *name; void (*run)(char **words, int n); } commands[] = {
	{ "spawn", do_spawn },
	{ "go", do_go },
	{ "mark", do_mark },
	{ "stop", do_stop },
	{ "kill", do_kill },
	{ "quit", do_quit },
};

static void command_line(void *context, char *text)
{
	char *words[MAX_WORDS + 1] = { NULL }, copy[LINE_SIZE];
	int n = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *w = strtok(copy, " \r"); w && n < MAX_WORDS; w = strtok(NULL, " \r"))
		words[n++] = w;
	if (!n)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(words[0], commands[i].name)) {
			commands[i].run(words, n);
			return;
		}
	say("error command %.64s", words[0]);
}

/* --- the loop ------------------------------------------------------------------- */

static void say_ready(void)
{
	struct utsname uts;
	struct timespec ts;

	uname(&uts);
	clock_gettime(CLOCK_BOOTTIME, &ts);
	say("hello 1 kernel=%s", uts.release);
	say("ready boot_ns=%lld", ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
}

/* Wait for something to happen and let it. */
static void step(int signals)
{
	struct pollfd p[2 + 2 * SLOTS] = { { signals, POLLIN }, { control.port.fd, POLLIN } };
	struct signalfd_siginfo info;

	for (size_t i = 0; i < SLOTS; i++) {
		p[2 + 2 * i] = (struct pollfd){ control.slot[i].out.fd, POLLIN };
		p[3 + 2 * i] = (struct pollfd){ control.slot[i].err.fd, POLLIN };
	}
	if (poll(p, ARRAY_SIZE(p), -1) < 0)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *s = &control.slot[i];

		if (p[2 + 2 * i].revents)
			lines_read(&s->out, stdout_line, s);
		if (p[3 + 2 * i].revents)
			lines_read(&s->err, stderr_line, s);
	}
	if (p[0].revents && read(signals, &info, sizeof(info)) > 0) {
		if (control.config->on_host)
			look_for_ended();
		else
			reap_all();
	}
	if (p[1].revents && !lines_read(&control.port, command_line, NULL))
		control.quit = true;
}

int control_serve(const struct control_config *config)
{
	sigset_t child;
	int signals;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return -errno;
	control.config = config;
	control.port = (struct lines){ .fd = config->port, .room = LINE_SIZE };
	for (size_t i = 0; i < SLOTS; i++)
		control.slot[i].in = control.slot[i].out.fd = control.slot[i].err.fd = -1;
	say_ready();
	while (!control.quit && !control.error)
		step(signals);
	close(signals);
	return control.error;
}
