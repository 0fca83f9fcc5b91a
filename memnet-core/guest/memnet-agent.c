/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-agent: owns the shared region of this guest and serves its processes.
 *
 * A process connects to the UNIX socket and gets a channel: descriptors for the
 * region, the doorbell and the channel's bell. From then on it works by itself; the
 * agent only waits for its end, and then has the host reset the channel. The agent
 * keeps the session: it beats, and when the host has gone or begun another session
 * it lets every client go (their sockets end), waits for them to close theirs, so
 * that none still writes into what others will use, and attaches anew.
 *
 * The processes of one guest share one region and trust each other with it; who may
 * be among them is decided by the socket's mode.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/loop.h"
#include "memnet-core/base/unix_socket.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"

#define OWN_CHANNEL 0
/* When a session has ended its clients have so long to notice and to leave. */
#define LEAVE_NS	NSEC_PER_SEC

struct agent;

/* A channel and who has it. */
struct client {
	struct mn_watch watch;	/* first: the loop gives it back; fd -1: the channel is free */
	struct agent *agent;
	uint32_t channel;
};

struct agent {
	struct mn_loop loop;
	struct mn_region region;
	struct memnet *memnet;		/* NULL: no session at the moment, */
	int attach_error;		/* for this, as was said */
	int status;			/* of the process, at its end */
	int64_t leave_ns;		/* without one: clients of the last may stay until then */
	struct mn_watch listener, timer, signals, bell, port, doorbell;
	struct mn_socket_file socket;	/* of the listener */
	struct client clients[MN_MAX_CHANNELS];	/* [OWN_CHANNEL] is never given away */
};

struct options {
	const char *region, *socket;
	mode_t mode;
};

#define AGENT_OF(watch, member) \
	((struct agent *)((char *)(watch) - offsetof(struct agent, member)))

/* --- clients ------------------------------------------------------------------- */

static int reset_channel(struct agent *a, uint32_t channel)
{
	struct mn_submission s = { .op = MN_OP_RESET_CHANNEL, .channel = channel };
	struct mn_completion c;

	return mn_control_call(a->memnet, &s, &c);
}

static void attach_when_alone(struct agent *a);

static void client_gone(struct mn_watch *w, uint32_t events)
{
	struct client *client = (struct client *)w;
	struct agent *a = client->agent;

	mn_loop_close_fd(&a->loop, w);
	if (!a->memnet)		/* of the session before: the host has reset everything */
		attach_when_alone(a);
	else if (reset_channel(a, client->channel))
		fprintf(stderr, "memnet-agent: the host did not reset channel %u\n",
			client->channel);
}

/* A channel without a bell (QEMU's vectors are fewer, or the header lied) is of no use. */
static struct client *free_client(struct agent *a)
{
	uint32_t n = MIN(a->memnet->session.geometry.channels, a->region.bells);

	for (uint32_t c = OWN_CHANNEL + 1; c < n; c++)
		if (a->clients[c].watch.fd < 0)
			return &a->clients[c];
	return NULL;
}

static int welcome(struct agent *a, int fd, uint32_t channel)
{
	const struct mn_region *r = &a->region;
	const int fds[MN_WELCOME_FDS] = {
		[MN_WELCOME_REGION] = r->fd,
		[MN_WELCOME_DOORBELL] = r->doorbell_fd,
		[MN_WELCOME_BELL] = r->bell_fds[channel],
	};
	struct mn_welcome w = {
		.magic = MN_WELCOME_MAGIC, .channel = channel,
		.session = a->memnet->session.nonce,
		.doorbell_maps = r->doorbell != NULL,
		.doorbell_offset = (uintptr_t)r->doorbell & (MN_PAGE - 1),
		.doorbell_value = r->doorbell_value,
		.cache = r->cache,
	};

	strncpy(w.provider, r->provider, sizeof(w.provider) - 1);
	mn_region_drain(r, channel);	/* what was rung for the channel's last owner */
	return mn_send_fds(fd, &w, sizeof(w), fds, MN_WELCOME_FDS);
}

static void refuse(int fd, int error)
{
	const struct mn_welcome w = { .magic = MN_WELCOME_MAGIC, .error = error };

	mn_send_fds(fd, &w, sizeof(w), NULL, 0);
	close(fd);
}

static void client_comes(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, listener);
	struct client *client;
	int fd, ret;

	if (!a->memnet)		/* it ended in this very round of events */
		return;
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	client = free_client(a);
	if (!client) {
		refuse(fd, -EAGAIN);
		return;
	}
	ret = welcome(a, fd, client->channel);
	if (ret) {
		close(fd);
		return;
	}
	client->watch.fd = fd;
	if (mn_loop_add(&a->loop, &client->watch, EPOLLIN | EPOLLRDHUP))
		client_gone(&client->watch, 0);
}

/* --- the session ---------------------------------------------------------------- */

/* Clients are taken only with a session: until then they wait in the socket's queue. */
static void set_listening(struct agent *a, bool on)
{
	struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data.ptr = &a->listener };

	epoll_ctl(a->loop.epoll_fd, EPOLL_CTL_MOD, a->listener.fd, &ev);
}

static void end_in_failure(struct agent *a)
{
	a->status = EXIT_FAILURE;
	a->loop.stop = true;
}

/*
 * Said when the reason is another than the last time. None is for good: what stands in
 * the header may be a process's scribble, which the host soon writes over.
 */
static void attach_failed(struct agent *a, int why)
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
	const char *mend = strerror(-why);

	if (why != a->attach_error) {
		for (size_t i = 0; i < ARRAY_SIZE(mends); i++)
			if (mends[i].err == why)
				mend = mends[i].mend;
		fprintf(stderr, "memnet-agent: cannot attach: %s; trying again\n", mend);
	}
	a->attach_error = why;
}

/* Where it fails the timer tries again. */
static void attach(struct agent *a)
{
	int ret = memnet_attach(&a->memnet, &a->region, MN_F_HEARTBEAT);
	struct memnet_facts facts;

	if (ret) {
		a->memnet = NULL;
		attach_failed(a, ret);
		return;
	}
	a->attach_error = 0;
	set_listening(a, true);
	memnet_read_facts(a->memnet, &facts);
	fprintf(stderr, "memnet-agent: attached: region %s, %s, woken by %s\n", facts.provider,
		facts.cache, facts.wake);
	if (a->region.cache != MN_CACHE_WRITE_BACK)
		fprintf(stderr, "memnet-agent: this mapping is slow (%s); a region in guest RAM "
			"is not: --region guest-ram\n", facts.cache);
}

/* The host is gone or another: nothing of the session lives on. */
static void end_session(struct agent *a, int why)
{
	fprintf(stderr, "memnet-agent: the session ended: %s; attaching anew\n", strerror(-why));
	set_listening(a, false);
	memnet_detach(a->memnet);
	a->memnet = NULL;
	a->leave_ns = mn_now_ns() + LEAVE_NS;
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		if (a->clients[c].watch.fd >= 0)
			shutdown(a->clients[c].watch.fd, SHUT_WR);
	attach_when_alone(a);
}

/*
 * Somebody who does not leave keeps its channel. It is not in a call, or it would have
 * noticed; unless it is stopped (SIGSTOP) in the middle of one: then what it writes
 * when it goes on may cost the new session, which the host ends, and all attach anew.
 */
static void attach_when_alone(struct agent *a)
{
	bool alone = true;

	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		alone &= a->clients[c].watch.fd < 0;
	if (alone || mn_now_ns() > a->leave_ns)
		attach(a);
}

static void check_session(struct agent *a)
{
	int ret = mn_session_check(&a->memnet->session);

	if (ret)
		end_session(a, ret);
}

static void timer_ticks(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, timer);
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (!a->memnet) {
		attach_when_alone(a);
		return;
	}
	mn_session_beat(&a->memnet->session);
	check_session(a);
}

static void bell_rung(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, bell);

	mn_region_drain(&a->region, OWN_CHANNEL);
	if (a->memnet)
		check_session(a);
}

/* Vectors wake this guest: all that is lost is what would be there without them. */
static bool has_vectors(const struct agent *a)
{
	return a->memnet ? a->memnet->session.features & MN_F_VECTORS : a->region.vectors > 0;
}

/* The host rings for everybody here; this is where it is passed on. */
static void port_rung(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, port);

	if (!mn_region_pump(&a->region))
		return;
	if (has_vectors(a)) {
		mn_loop_close_fd(&a->loop, w);
		a->region.port_fd = -1;
		return;
	}
	fprintf(stderr, "memnet-agent: the host closed the bell port; see whether memnetd runs "
		"there, restart the VM so that QEMU connects to it, and start memnet-agent\n");
	end_in_failure(a);
}

/* A client rings, where only the owner of the region can. */
static void doorbell_rung(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, doorbell);
	uint64_t count;

	if (read(w->fd, &count, sizeof(count)) == sizeof(count))
		mn_region_ring(&a->region);
}

static void signal_comes(struct mn_watch *w, uint32_t events)
{
	AGENT_OF(w, signals)->loop.stop = true;
}

/* --- set-up ---------------------------------------------------------------------- */

/* Of the default path; others are their owner's to make. */
static void make_directory(const char *path)
{
	char directory[] = MN_AGENT_SOCKET;

	*strrchr(directory, '/') = '\0';
	if (!strcmp(path, MN_AGENT_SOCKET) && !mkdir(directory, 0755))
		chmod(directory, 0755);		/* whatever the umask */
}

static int listen_at(struct agent *a, const char *path, mode_t mode)
{
	make_directory(path);
	return mn_listen_unix(path, SOCK_SEQPACKET, mode, SOMAXCONN, &a->socket);
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

static int start(struct agent *a, const struct options *o)
{
	struct mn_loop *loop = &a->loop;
	int ret = mn_loop_init(loop);

	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		a->clients[c] = (struct client){ .watch = { -1, client_gone }, .agent = a,
						 .channel = c };
	if (!ret)
		ret = mn_loop_watch(loop, &a->listener, listen_at(a, o->socket, o->mode), 0,
				    client_comes);
	if (ret) {
		listen_failed(o->socket, ret);
		return ret;
	}
	ret = mn_loop_watch(loop, &a->timer, mn_loop_timer(MN_HEARTBEAT_MS * NSEC_PER_MSEC),
			    EPOLLIN, timer_ticks);
	if (!ret)
		ret = mn_loop_watch(loop, &a->signals, mn_loop_end_signals(), EPOLLIN,
				    signal_comes);
	if (!ret)
		ret = mn_loop_watch(loop, &a->bell, a->region.bell_fds[OWN_CHANNEL], EPOLLIN,
				    bell_rung);
	if (!ret && a->region.port_fd >= 0)
		ret = mn_loop_watch(loop, &a->port, a->region.port_fd, EPOLLIN, port_rung);
	if (!ret && a->region.announcement)
		ret = mn_loop_watch(loop, &a->doorbell, a->region.doorbell_fd, EPOLLIN,
				    doorbell_rung);
	if (ret)
		fprintf(stderr, "memnet-agent: cannot start: %s\n", strerror(-ret));
	return ret;
}

static int open_region(struct agent *a, const struct options *o)
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
	int ret = mn_region_open(&a->region, o->region);
	const char *mend;

	if (!ret) {
		ret = mn_region_probe(&a->region);
		if (!ret)
			return 0;
		mn_region_close(&a->region);
	}
	mend = strerror(-ret);
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++)
		if (mends[i].err == ret)
			mend = mends[i].mend;
	fprintf(stderr, "memnet-agent: cannot open the region %s: %s\n", o->region, mend);
	return ret;
}

/* --- options --------------------------------------------------------------------- */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
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

int main(int argc, char **argv)
{
	struct options o = { .region = "auto", .socket = MN_AGENT_SOCKET, .mode = 0666 };
	static struct agent a;
	int ret;

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	signal(SIGPIPE, SIG_IGN);	/* who reads our messages may go; clients stay */
	if (open_region(&a, &o))
		return EXIT_FAILURE;
	ret = start(&a, &o);
	if (!ret) {
		attach(&a);
		ret = mn_loop_run(&a.loop, NULL, NULL);
	}
	memnet_detach(a.memnet);
	mn_region_close(&a.region);	/* or the device stays bound, or the host at our pages */
	mn_socket_file_remove(&a.socket);
	return ret ? EXIT_FAILURE : a.status;
}
