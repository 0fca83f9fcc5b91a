/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-conform: options; each case in a process of its own; the peer. */
#include <argp.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "memnet-core/conformance/conform.h"
#include "memnet-core/conformance/peer.h"

#define LIMIT_S		10
#define MAX_NAMES	64

enum { OPT_INSIDE = 256, OPT_SPEAK };

static const struct conform_case *const themes[] = {
	connect_cases, stream_cases, stream_end_cases, stream_bulk_cases, listen_cases,
	listen_end_cases, datagram_cases, datagram_call_cases, poll_cases, select_cases,
	epoll_cases, epoll_more_cases, epoll_edge_cases, fds_cases, fds_more_cases,
	process_cases, execute_cases, thread_cases, signal_cases, left_cases, option_cases,
	untouched_cases, name_cases,
	meta_cases,	/* of memnet-conform itself: run when named */
};

static struct {
	const char *peer_path;
	const char *serve, *bridge;
	const char *inside;	/* the one case to run in this process */
	const char *speak;	/* exec_self() */
	bool list;
	const char *names[MAX_NAMES];
	int n_names;
} options;

static const struct argp_option argp_options[] = {
	{ "list", 'l', NULL, 0, "Print the names of the cases" },
	{ "case", 'c', "NAME", 0, "Run only this one, or those of a pattern such as "
	  "'epoll-*'; may be repeated. Without /4 or /6: both" },
	{ "peer", 'p', "SOCKET", 0, "Where the peer serves" },
	{ "serve", 's', "SOCKET", 0, "Be the peer; see peer.h" },
	{ "bridge", 'b', "FROM=TO", 0, "Join /SOCKET with ADDR:PORT, one to the other: the "
	  "peer of cases in a VM" },
	{ "inside", OPT_INSIDE, "NAME", OPTION_HIDDEN, NULL },
	{ "speak", OPT_SPEAK, "WHAT:FD", OPTION_HIDDEN, NULL },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'l':
		options.list = true;
		break;
	case 'c':
		if (options.n_names == MAX_NAMES)
			argp_error(state, "--case: at most %d of them", MAX_NAMES);
		options.names[options.n_names++] = arg;
		break;
	case 'p':
		options.peer_path = arg;
		break;
	case 's':
		options.serve = arg;
		break;
	case 'b':
		options.bridge = arg;
		break;
	case OPT_INSIDE:
		options.inside = arg;
		break;
	case OPT_SPEAK:
		options.speak = arg;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: want an option; a case is --case %s", arg, arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* --- one case ------------------------------------------------------------------------ */

static void full_name(char *name, size_t size, const struct conform_case *c, char family)
{
	snprintf(name, size, family ? "%s/%c" : "%s", c->name, family);
}

/* Those @options.names has, in the order of the themes; all but meta without names. */
static bool chosen(const struct conform_case *theme, const struct conform_case *c,
		   const char *name)
{
	for (int i = 0; i < options.n_names; i++)
		if (!fnmatch(options.names[i], name, 0) || !fnmatch(options.names[i], c->name, 0))
			return true;
	return !options.n_names && theme != meta_cases;
}

/* The case says nothing of its end; what is left open the kernel closes. */
static void run_inside(const struct conform_case *c, const char *name, char family)
{
	conform_begin(name, options.peer_path);
	c->run(family == '6' ? AF_INET6 : AF_INET);
	if (!conform_seen())
		exit(3);
	exit(conform_wrong() ? 1 : 0);
}

static pid_t start(const char *name)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	sigset_t none;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/proc/self/exe", "memnet-conform", "--peer", options.peer_path ? : "",
	      "--inside", name, NULL);
	_exit(127);
}

/* The status of @pid; *hung when it had to be killed. */
static int wait_for(pid_t pid, bool *hung)
{
	struct timespec limit = { .tv_sec = LIMIT_S };
	int64_t begin = now_ms();
	int status = 0;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		*hung = now_ms() - begin >= LIMIT_S * 1000;
		if (*hung) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return status;
		}
		sigtimedwait(&child, NULL, &limit);
	}
	kill(-pid, SIGKILL);	/* what it has left behind */
	return status;
}

static bool run_apart(const char *name)
{
	bool hung = false;
	int status;
	pid_t pid = start(name);

	if (pid < 0)
		return false;
	status = wait_for(pid, &hung);
	if (hung)
		printf("%s: end = hung, killed after %d s\n", name, LIMIT_S);
	else if (WIFSIGNALED(status))
		printf("%s: end = crashed, SIG%s\n", name, sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 3)
		printf("%s: end = saw nothing\n", name);
	else
		printf("%s: end = %s\n", name, status ? "wrong" : "as documented");
	fflush(stdout);
	return !status;
}

/* --- all ----------------------------------------------------------------------------- */

/* What to do with each case chosen; false is a failure. */
static bool each(bool (*visit)(const struct conform_case *c, const char *name, char family),
		 int *visited)
{
	bool good = true;
	char name[80];

	for (size_t t = 0; t < sizeof(themes) / sizeof(*themes); t++) {
		for (const struct conform_case *c = themes[t]; c->name; c++) {
			const char *f = c->families;

			do {
				full_name(name, sizeof(name), c, *f);
				if (chosen(themes[t], c, name)) {
					good &= visit(c, name, *f);
					++*visited;
				}
			} while (*f && *++f);
		}
	}
	return good;
}

static bool visit_list(const struct conform_case *c, const char *name, char family)
{
	return puts(name) >= 0;
}

static bool visit_run(const struct conform_case *c, const char *name, char family)
{
	return run_apart(name);
}

static bool visit_inside(const struct conform_case *c, const char *name, char family)
{
	run_inside(c, name, family);
	return true;
}

static int run_all(void)
{
	int visited = 0;
	sigset_t child;
	bool good;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	good = each(options.inside ? visit_inside : options.list ? visit_list : visit_run,
		    &visited);
	if (!visited) {
		fprintf(stderr, "memnet-conform: no such case; --list names them\n");
		return 2;
	}
	return good ? 0 : 1;
}

/* --- what a case makes another program say, over a descriptor it inherits -------------- */

void exec_self(const char *what, int fd)
{
	char text[40];

	snprintf(text, sizeof(text), "%s:%d", what, fd);
	execl("/proc/self/exe", "memnet-conform", "--speak", text, NULL);
	_exit(127);
}

/*
 * "echo": one message comes back, with a word before it; "valid": 0 if it is a descriptor;
 * "input": if it is that of stdin.
 */
static int speak(const char *text)
{
	int fd = atoi(strchr(text, ':') ? strchr(text, ':') + 1 : "-1");
	char buf[100] = "exec ";
	ssize_t n;

	if (!strncmp(text, "valid:", 6))
		return fcntl(fd, F_GETFD) < 0;
	if (!strncmp(text, "input:", 6))
		return fileno(stdin) != fd;
	if (!strncmp(text, "accept:", 7))
		fd = accept(fd, NULL, NULL);
	n = recv(fd, buf + 5, sizeof(buf) - 5, 0);
	return n <= 0 || send(fd, buf, n + 5, 0) != n + 5;
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.options = argp_options,
		.parser = parse_option,
		.doc = "Write down what a program sees of its sockets, to be compared between "
		       "kernel sockets and MemNet. Each line is an observation; what is not as "
		       "Linux documents it says so.",
	};

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (options.serve)
		return peer_serve(options.serve);
	if (options.bridge)
		return bridge_serve(options.bridge);
	if (options.speak)
		return speak(options.speak);
	if (options.inside) {
		options.n_names = 1;
		options.names[0] = options.inside;
	}
	return run_all();
}
