/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-agent: owns the shared region of this guest and serves its processes.
 *
 * A process connects to the UNIX socket and gets a channel: descriptors for the
 * region, the doorbell and the channel's bell. From then on it works by itself; the
 * agent only waits for its end, and then has the host reset the channel. That may take
 * a while, in which it serves the others; nobody gets the channel before. The agent
 * keeps the session: it beats, and when the host has gone or begun another session
 * it lets every client go (their sockets end), waits for them to close theirs, so
 * that none still writes into what others will use, and attaches anew.
 *
 * Objects (store.h) outlive sessions: they are in the region, which does.
 *
 * The processes of one guest share one region and trust each other with it; who may
 * be among them is decided by the socket's mode.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/loop.h"
#include "memnet-core/base/notify.h"
#include "memnet-core/base/unix_socket.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/agent_setup.h"
#include "memnet-core/guest/keeper.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/guest/store_clients.h"

#define OWN_CHANNEL 0
/* When a session has ended its clients have so long to notice and to leave. */
#define LEAVE_NS	NSEC_PER_SEC

struct agent;

/* What whoever had a channel in this session has left of it. */
enum leavings {
	LEFT_NOTHING = 0,
	LEFT_RESETTING,	/* the host is doing away with it */
	LEFT_FOR_GOOD,	/* it did not: nobody else gets the channel */
};

/* A channel and who has it. */
struct client {
	struct mn_watch watch;	/* first: the loop gives it back; fd -1: nobody has it */
	struct agent *agent;
	uint32_t channel;
	bool late;		/* it has a session that ended */
	enum leavings left;
	struct mn_call reset;	/* of LEFT_RESETTING */
	struct mn_store_client objects;
};

struct agent {
	struct mn_loop loop;
	struct mn_region region;
	struct memnet *memnet;		/* NULL: no session at the moment, */
	struct mn_keepers *keepers;	/* of it */
	struct mn_store *store;
	int locks_fd;			/* of its flows, for clients; -1 without a session */
	int attach_error;		/* for this, as was said */
	int status;			/* of the process, at its end */
	int64_t leave_ns;		/* without one: clients of the last may stay until then */
	struct mn_watch listener, timer, signals, bell, port, doorbell;
	struct mn_socket_file socket;	/* of the listener */
	struct client clients[MN_MAX_CHANNELS];	/* [OWN_CHANNEL] is never given away */
};

#define AGENT_OF(watch, member) \
	((struct agent *)((char *)(watch) - offsetof(struct agent, member)))

/* --- clients ------------------------------------------------------------------- */

static void attach_when_alone(struct agent *a);
static bool session_ended(struct agent *a);

/* Clients wait in the socket's queue without a session, and while a channel is being reset. */
static void set_listening(struct agent *a, bool on)
{
	struct epoll_event ev = { .events = on ? EPOLLIN : 0, .data.ptr = &a->listener };

	epoll_ctl(a->loop.epoll_fd, EPOLL_CTL_MOD, a->listener.fd, &ev);
}

static void reset_ended(struct client *client, int ret)
{
	struct agent *a = client->agent;

	if (ret && session_ended(a))
		return;		/* and with it what was left */
	client->left = ret ? LEFT_FOR_GOOD : LEFT_NOTHING;
	if (ret)
		fprintf(stderr, "memnet-agent: the host did not reset channel %u (%s); nobody "
			"gets it in this session\n", client->channel, strerror(-ret));
	else
		mn_store_client_leave(&client->objects);
	set_listening(a, true);
}

/* Also where another call has taken the completion; each time armed for the next. */
static bool look_at_resets(void *arg)
{
	struct agent *a = arg;

	for (uint32_t i = 0; i < MN_MAX_CHANNELS; i++) {
		struct client *client = &a->clients[i];
		int ret;

		if (client->left != LEFT_RESETTING)
			continue;
		ret = mn_control_arm(a->memnet, &client->reset);
		if (ret <= 0)
			reset_ended(client, ret ? ret : client->reset.completion.result);
	}
	return false;
}

static void client_gone(struct client *client)
{
	struct mn_submission s = { .op = MN_OP_RESET_CHANNEL, .channel = client->channel };
	struct agent *a = client->agent;
	int ret;

	mn_loop_close_fd(&a->loop, &client->watch);
	mn_store_client_close(&client->objects);
	if (!a->memnet) {	/* of the session before: the host has reset everything */
		attach_when_alone(a);
		return;
	}
	ret = mn_control_start(a->memnet, &s, &client->reset);
	client->left = LEFT_RESETTING;
	if (ret)
		reset_ended(client, ret);
}

/* It gives flows away, or ends; what it gave before its end comes before it. */
static void client_speaks(struct mn_watch *w, uint32_t events)
{
	struct client *client = (struct client *)w;
	int store = -1;

	if (mn_keepers_listen(client->agent->keepers, w->fd, &store) < 0)
		client_gone(client);
	else if (store >= 0 && client->late)
		close(store);
	else if (store >= 0)
		mn_store_client_take(&client->objects, store);
}

/* A channel without a bell (QEMU's vectors are fewer, or the header lied) is of no use. */
static struct client *free_client(struct agent *a)
{
	uint32_t n = MIN(a->memnet->session.geometry.channels, a->region.bells);

	for (uint32_t c = OWN_CHANNEL + 1; c < n; c++)
		if (a->clients[c].watch.fd < 0 && a->clients[c].left == LEFT_NOTHING)
			return &a->clients[c];
	return NULL;
}

static bool is_resetting(const struct agent *a)
{
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		if (a->clients[c].left == LEFT_RESETTING)
			return true;
	return false;
}

static int welcome(struct agent *a, int fd, uint32_t channel)
{
	const struct mn_region *r = &a->region;
	const int fds[MN_WELCOME_FDS] = {
		[MN_WELCOME_REGION] = r->fd,
		[MN_WELCOME_DOORBELL] = r->doorbell_fd,
		[MN_WELCOME_BELL] = r->bell_fds[channel],
		[MN_WELCOME_LOCKS] = a->locks_fd,
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
	int fd;

	if (!a->memnet)		/* it ended in this very round of events */
		return;
	client = free_client(a);
	if (!client && is_resetting(a)) {
		set_listening(a, false);
		return;
	}
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!client) {
		refuse(fd, -EAGAIN);
		return;
	}
	if (welcome(a, fd, client->channel)) {
		close(fd);
		return;
	}
	client->watch.fd = fd;
	client->late = false;
	if (mn_loop_add(&a->loop, &client->watch, EPOLLIN | EPOLLRDHUP))
		client_gone(client);
}

/* --- the session ---------------------------------------------------------------- */

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
	if (why != a->attach_error)
		fprintf(stderr, "memnet-agent: cannot attach: %s; trying again\n",
			agent_attach_mend(&a->region, why));
	a->attach_error = why;
}

static void drop_session(struct agent *a)
{
	mn_keepers_free(a->keepers);
	a->keepers = NULL;
	if (a->locks_fd >= 0)
		close(a->locks_fd);
	a->locks_fd = -1;
	memnet_detach(a->memnet);
	a->memnet = NULL;
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		a->clients[c].left = LEFT_NOTHING;
}

/* The host moves nothing any more for whoever went when it could not say so. */
static void adopt_arena(struct agent *a)
{
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++)
		if (a->clients[c].watch.fd < 0)
			mn_store_client_leave(&a->clients[c].objects);
	mn_store_set_arena(a->store, a->memnet->session.geometry.arena_bytes);
}

/* Where it fails the timer tries again. */
static void attach(struct agent *a)
{
	int ret = memnet_attach(&a->memnet, &a->region, MN_F_HEARTBEAT);
	struct memnet_facts facts;

	if (ret)
		a->memnet = NULL;
	if (!ret) {
		a->locks_fd = mn_flow_locks_make(&a->memnet->session.geometry);
		a->keepers = mn_keepers_new(&a->loop, a->memnet);
		ret = a->locks_fd < 0 ? a->locks_fd : a->keepers ? 0 : -ENOMEM;
		if (ret)
			drop_session(a);
	}
	if (ret) {
		attach_failed(a, ret);
		return;
	}
	a->attach_error = 0;
	adopt_arena(a);
	set_listening(a, true);
	memnet_read_facts(a->memnet, &facts);
	agent_say_attached(&a->region, &facts);
}

/* The host is gone or another: nothing of the session lives on. */
static void end_session(struct agent *a, int why)
{
	fprintf(stderr, "memnet-agent: the session ended: %s; attaching anew\n", strerror(-why));
	set_listening(a, false);
	drop_session(a);
	a->leave_ns = mn_now_ns() + LEAVE_NS;
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++) {
		mn_store_client_close(&a->clients[c].objects);
		a->clients[c].late = true;
		if (a->clients[c].watch.fd >= 0)
			shutdown(a->clients[c].watch.fd, SHUT_WR);
	}
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

static bool session_ended(struct agent *a)
{
	int ret = mn_session_check(&a->memnet->session);

	if (ret)
		end_session(a, ret);
	return ret;
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
	session_ended(a);
}

static void bell_rung(struct mn_watch *w, uint32_t events)
{
	struct agent *a = AGENT_OF(w, bell);

	mn_region_drain(&a->region, OWN_CHANNEL);
	if (a->memnet)
		session_ended(a);
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

/* --- start ----------------------------------------------------------------------- */

static int start(struct agent *a, const struct agent_options *o)
{
	struct mn_loop *loop = &a->loop;
	int ret = mn_loop_init(loop);

	a->locks_fd = -1;
	a->store = mn_store_new();
	if (!ret && !a->store)
		ret = -ENOMEM;
	for (uint32_t c = 0; c < MN_MAX_CHANNELS; c++) {
		a->clients[c] = (struct client){ .watch = { -1, client_speaks }, .agent = a,
						 .channel = c };
		mn_store_client_init(&a->clients[c].objects, loop, a->store, c);
	}
	if (!ret)
		ret = mn_loop_watch(loop, &a->listener, agent_listen(o, &a->socket), 0,
				    client_comes);
	if (ret)
		return ret;
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

/* Its socket serves, and with a session if there is a host that answers. */
static void say_ready(void)
{
	int ret = mn_notify_ready();

	if (ret)
		fprintf(stderr, "memnet-agent: cannot tell NOTIFY_SOCKET that it serves: %s\n",
			strerror(-ret));
}

int main(int argc, char **argv)
{
	struct agent_options o;
	static struct agent a;
	int ret;

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	agent_parse(argc, argv, &o);
	signal(SIGPIPE, SIG_IGN);	/* who reads our messages may go; clients stay */
	agent_raise_limits();
	if (agent_open_region(&a.region, o.region))
		return EXIT_FAILURE;
	ret = start(&a, &o);
	if (!ret) {
		attach(&a);
		say_ready();
		ret = mn_loop_run(&a.loop, look_at_resets, &a);
	}
	memnet_detach(a.memnet);
	mn_region_close(&a.region);	/* or the device stays bound, or the host at our pages */
	mn_socket_file_remove(&a.socket);
	return ret ? EXIT_FAILURE : a.status;
}
