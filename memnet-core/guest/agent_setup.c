/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/agent_setup.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"

#define SERVER_RETRY_MS	100

/* Of the default path; others are their owner's to make. */
static void make_directory(const char *path)
{
	char directory[] = MN_AGENT_SOCKET;

	*strrchr(directory, '/') = '\0';
	if (!strcmp(path, MN_AGENT_SOCKET) && !mkdir(directory, 0755))
		chmod(directory, 0755);		/* whatever the umask */
}

static void listen_failed(const char *path, int why)
{
	static const struct { int err; const char *mend; } mends[] = {
		{ -EADDRINUSE, "somebody answers there; end that memnet-agent, or give another "
		  "--socket" },
		{ -EEXIST, "there is something else than a socket; remove it, or give another "
		  "--socket" },
		{ -ENOENT, "its directory is missing; make it (mkdir -p), or give another "
		  "--socket" },
		{ -EACCES, "not permitted; run memnet-agent as root, or give another --socket" },
	};
	const char *mend = strerror(-why);

	for (size_t i = 0; i < ARRAY_SIZE(mends); i++)
		if (mends[i].err == why)
			mend = mends[i].mend;
	fprintf(stderr, "memnet-agent: cannot listen at %s: %s\n", path, mend);
}

int agent_listen(const struct agent_options *o, struct mn_socket_file *file)
{
	int fd;

	make_directory(o->socket);
	fd = mn_listen_unix(o->socket, SOCK_SEQPACKET, o->mode, SOMAXCONN, file);
	if (fd < 0)
		listen_failed(o->socket, fd);
	return fd;
}

/* memnetd may be started beside us. Until it answers there: what else mn_region_open() says. */
static int open_when_there(struct mn_region *r, const char *spec)
{
	bool is_server = !strncmp(spec, "server:", strlen("server:")), said = false;
	int ret;

	for (;;) {
		ret = mn_region_open(r, spec);
		if (!is_server || (ret != -ENOENT && ret != -ECONNREFUSED))
			return ret;
		if (!said)
			fprintf(stderr, "memnet-agent: cannot open the region %s: nobody answers "
				"there; see whether memnetd runs and has that --dir and --vm; "
				"trying again\n", spec);
		said = true;
		poll(NULL, 0, SERVER_RETRY_MS);
	}
}

int agent_open_region(struct mn_region *r, const char *spec)
{
	static const struct { int err; const char *mend; } mends[] = {
		{ -ENODEV, "this machine has no region; see memnetd --help for what QEMU is to "
		  "be given" },
		{ -EBUSY, "another memnet-agent has it" },
		{ -EACCES, "run memnet-agent as root" },
		{ -EPERM, "run memnet-agent as root" },
		{ -ENOMEM, "no free hugepages; while memory is plenty add 16 for each 32M to what "
		  "is in /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages" },
		{ -EOPNOTSUPP, "this kernel has no hugepages (CONFIG_HUGETLBFS)" },
		{ -EEXIST, "there is one of another size; leave the size out, or restart the "
		  "guest" },
		{ -EINVAL, "see --help for the names" },
	};
	int ret = open_when_there(r, spec);
	const char *mend;

	if (!ret) {
		ret = mn_region_probe(r);
		if (!ret)
			return 0;
		mn_region_close(r);
	}
	mend = strerror(-ret);
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++)
		if (mends[i].err == ret)
			mend = mends[i].mend;
	fprintf(stderr, "memnet-agent: cannot open the region %s: %s\n", spec, mend);
	return ret;
}

/* --- the session ------------------------------------------------------------------- */

const char *agent_attach_mend(const struct mn_region *r, int why)
{
	static const struct { int err; const char *mend; } mends[] = {
		{ -ETIMEDOUT, "the host does not answer; see whether memnetd runs there and what "
		  "it says of this VM" },
		{ -EPROTONOSUPPORT, "memnetd speaks another version; use the memnet-agent that "
		  "was built with it" },
		{ -EPROTO, "the host offers what cannot be; give QEMU's ivshmem-doorbell as many "
		  "vectors as memnetd has --channels, and use programs of one build" },
		{ -ECONNRESET, "the host closed the bell port; see whether memnetd runs there" },
	};

	if (why == -ETIMEDOUT && !strcmp(r->provider, mn_provider_server.name))
		return "memnetd does not answer; where it was started anew, restart memnet-agent: "
		       "the region is that of the memnetd before";
	for (size_t i = 0; i < ARRAY_SIZE(mends); i++)
		if (mends[i].err == why)
			return mends[i].mend;
	return strerror(-why);
}

void agent_say_attached(const struct mn_region *r, const struct memnet_facts *facts)
{
	fprintf(stderr, "memnet-agent: attached: region %s, %s, woken by %s\n", facts->provider,
		facts->cache, facts->wake);
	if (r->cache != MN_CACHE_WRITE_BACK)
		fprintf(stderr, "memnet-agent: this mapping is slow (%s); a region in guest RAM "
			"is not: --region guest-ram\n", facts->cache);
	if (!strcmp(facts->wake, "timer"))
		fprintf(stderr, "memnet-agent: waiting by a timer is slow; give QEMU the port "
			"memnet.bell and the guest virtio_console, or an IOMMU and vfio-pci: see "
			"memnetd(8)\n");
}

/* --- options --------------------------------------------------------------------- */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct agent_options *o = state->input;
	char *end;

	switch (key) {
	case 'r':
		o->region = arg;
		break;
	case 's':
		o->socket = arg;
		break;
	case 'm':
		o->mode = strtoul(arg, &end, 8);
		if (end == arg || *end || o->mode > 0777)
			argp_error(state, "--mode %s: want octal digits, such as 0660", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "region", 'r', "PROVIDER", 0, "auto, ivshmem, guest-ram[:BYTES] or server:PATH (auto)" },
	{ "socket", 's', "PATH", 0, "where processes connect (" MN_AGENT_SOCKET ")" },
	{ "mode", 'm', "MODE", 0, "who may: permissions of that socket (0666)" },
	{ 0 }
};

static const char doc[] =
	"Own the shared region of this guest and serve its processes.\v"
	"auto is ivshmem where the device is there, else guest-ram where the port "
	"memnet.bell is. guest-ram takes 32 MiB of hugepages, enlarges the kernel's pool "
	"of them by what is missing, and keeps them until the guest restarts.";

static const struct argp argp = { option_table, parse_option, NULL, doc };

void agent_parse(int argc, char **argv, struct agent_options *o)
{
	*o = (struct agent_options){ .region = "auto", .socket = MN_AGENT_SOCKET, .mode = 0666 };
	argp_parse(&argp, argc, argv, 0, NULL, o);
}

void agent_raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}
