/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-run PROGRAM ARGS: with the preload library, after a look whether MemNet is there. */
#include <argp.h>
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/preload/reach.h"

#define LIBRARY		"libmemnet-preload.so"
/* As a shell says it. */
#define NOT_RUNNABLE	126
#define NOT_FOUND	127

static struct {
	bool children;
	char **program;		/* and its arguments */
} options;

static const struct argp_option argp_options[] = {
	{ "children", 'c', NULL, 0, "PROGRAM itself may be one that cannot be helped, as a static "
	  "shell; what it starts is", 0 },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'c':
		options.children = true;
		return 0;
	case ARGP_KEY_ARG:
		options.program = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "want a program");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse_option,
	.args_doc = "PROGRAM [ARGUMENT...]",
	.doc = "Run an unmodified program with its network over MemNet: TCP and UDP sockets, IPv4 "
	       "and IPv6, go by shared memory to the host, which opens them there. Loopback stays "
	       "in the guest, other sockets with the kernel. The program has to be dynamically "
	       "linked.\v"
	       "Examples:\n"
	       "  memnet-run curl http://192.0.2.1/\n"
	       "  MEMNET_SPIN=50us memnet-run redis-server\n\n"
	       "Environment: MEMNET_AGENT, the agent's socket (/run/memnet/agent.sock); "
	       "MEMNET_SPIN, how long to look before sleeping (0). See memnet-run(1).",
};

/* Beside this program, as it is built; or ../lib/memnet from it, as it is installed. */
static int find_library(char path[PATH_MAX])
{
	static const char *const places[] = { "../lib/" LIBRARY, "../lib/memnet/" LIBRARY };
	char self[PATH_MAX], candidate[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(candidate, sizeof(candidate), "%s/%s", self, places[i]);
		if (realpath(candidate, path))
			return 0;
	}
	return -ENOENT;
}

/* The dynamic linker would say so as well, and run the program without it. */
static bool can_load(const char *library)
{
	if (dlopen(library, RTLD_NOW | RTLD_LOCAL))
		return true;
	fprintf(stderr, "memnet-run: %s; install what is missing (Debian: libc-ares2)\n",
		dlerror());
	return false;
}

static int preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all;
	int ret;

	if (!others || !*others)
		return setenv("LD_PRELOAD", library, 1) ? -errno : 0;
	if (asprintf(&all, "%s:%s", library, others) < 0)
		return -ENOMEM;
	ret = setenv("LD_PRELOAD", all, 1) ? -errno : 0;
	free(all);
	return ret;
}

/* Is there a network at all? Better said now than by each of the program's calls. */
static int look_for_agent(void)
{
	struct memnet *m;
	int ret = memnet_open(&m);

	if (!ret)
		memnet_detach(m);
	return ret == -EAGAIN ? 0 : ret;	/* every channel is in use now; perhaps not later */
}

/* Refused, for otherwise it would run, by the guest's own network and past the host's policy. */
static bool can_be_helped(const char *name)
{
	char path[PATH_MAX], why[PATH_MAX + 100];

	if (options.children || mn_find_program(name, path, sizeof(path)) ||
	    mn_reach_check(path, why, sizeof(why)) != -ENOTSUP)
		return true;
	fprintf(stderr, "memnet-run: %s: its network would not be MemNet; take a dynamically "
		"linked one, or --children if only what it starts has to be helped\n", why);
	return false;
}

/* 0, or a line is said. */
static int prepare(void)
{
	char library[PATH_MAX];
	int ret;

	if (find_library(library)) {
		fprintf(stderr, "memnet-run: " LIBRARY " is not beside it; install both\n");
		return -ENOENT;
	}
	if (!can_load(library))
		return -ELIBACC;
	ret = look_for_agent();
	if (ret) {
		fprintf(stderr, "memnet-run: no network: %s\n", ret == -ENODEV ?
			"no memnet-agent answers; start it, or set MEMNET_AGENT to its socket" :
			strerror(-ret));
		return ret;
	}
	ret = preload(library);
	if (ret)
		fprintf(stderr, "memnet-run: %s\n", strerror(-ret));
	return ret;
}

int main(int argc, char **argv)
{
	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
	if (prepare())
		return EXIT_FAILURE;
	if (!can_be_helped(options.program[0]))
		return NOT_RUNNABLE;
	execvp(options.program[0], options.program);
	fprintf(stderr, "memnet-run: %s: %s\n", options.program[0], strerror(errno));
	return errno == ENOENT ? NOT_FOUND : NOT_RUNNABLE;
}
