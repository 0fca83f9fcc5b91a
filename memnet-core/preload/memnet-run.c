/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-run PROGRAM ARGS: with the preload library, after a look whether MemNet is there. */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/version.h"
#include "memnet-core/guest/memnet.h"

#define LIBRARY		"libmemnet-preload.so"
/* As a shell says it. */
#define NOT_RUNNABLE	126
#define NOT_FOUND	127

static const char usage[] =
	"Usage: memnet-run PROGRAM [ARGUMENT...]\n"
	"\n"
	"Run an unmodified program with its network over MemNet: TCP and UDP sockets, IPv4 and\n"
	"IPv6, go by shared memory to the host, which opens them there. Loopback stays in the\n"
	"guest, other sockets with the kernel. The program has to be dynamically linked.\n"
	"\n"
	"Examples:\n"
	"  memnet-run curl http://192.0.2.1/\n"
	"  MEMNET_SPIN=50us memnet-run redis-server\n"
	"\n"
	"Environment: MEMNET_AGENT, the agent's socket (/run/memnet/agent.sock); MEMNET_SPIN, how\n"
	"long to look before sleeping (0). See memnet-run(1).\n";

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

int main(int argc, char **argv)
{
	char library[PATH_MAX];
	int ret;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("memnet-run %s\n", version_git);
		return EXIT_SUCCESS;
	}
	if (find_library(library)) {
		fprintf(stderr, "memnet-run: " LIBRARY " is not beside it; install both\n");
		return EXIT_FAILURE;
	}
	if (!can_load(library))
		return EXIT_FAILURE;
	ret = look_for_agent();
	if (ret) {
		fprintf(stderr, "memnet-run: no network: %s\n", ret == -ENODEV ?
			"no memnet-agent answers; start it, or set MEMNET_AGENT to its socket" :
			strerror(-ret));
		return EXIT_FAILURE;
	}
	ret = preload(library);
	if (ret) {
		fprintf(stderr, "memnet-run: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	execvp(argv[1], argv + 1);
	fprintf(stderr, "memnet-run: %s: %s\n", argv[1], strerror(errno));
	return errno == ENOENT ? NOT_FOUND : NOT_RUNNABLE;
}
