/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/preload/net.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of what follows, and of counts */
static struct net *current;

/* Of who attaches: held as long as that takes, and by nobody else. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* --- who has it ------------------------------------------------------------------------- */

/* Lock held. */
static void unnote(struct net *net)
{
	if (!--net->notes)
		free(net);
}

void mn_net_note(struct net *net)
{
	if (!net)
		return;
	mn_lock(&lock);
	net->notes++;
	mn_unlock(&lock);
}

void mn_net_unnote(struct net *net)
{
	if (!net)
		return;
	mn_lock(&lock);
	unnote(net);
	mn_unlock(&lock);
}

bool mn_net_lives(const struct net *net)
{
	return mn_session_is_current(&net->m->session);
}

/* --- bells: an epoll of each thread, so that no thread takes up another's ring --------- */

struct bell {
	struct net *net;	/* noted */
	int fd;
};

static __thread struct bell bell = { NULL, -1 };
static pthread_key_t bell_key;
static pthread_once_t bell_once = PTHREAD_ONCE_INIT;

static void drop_bell(struct bell *b)
{
	mn_fd_close_hidden(b->fd);
	mn_net_unnote(b->net);
	*b = (struct bell){ NULL, -1 };
}

static void thread_ends(void *arg)
{
	drop_bell(arg);
}

static void make_bell_key(void)
{
	pthread_key_create(&bell_key, thread_ends);
}

/*
 * Edges: each ring makes this epoll ready once, whoever else has heard it. The bell's
 * eventfd is never read, so no thread can take up what another has yet to hear.
 */
int mn_net_watch(struct net *net, int epoll_fd, void *mark)
{
	struct memnet *m = net->m;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = mark };

	if (mn_real()->epoll_ctl(epoll_fd, EPOLL_CTL_ADD, m->region->bell_fds[m->channel], &ev))
		return -errno;
	ev.events = EPOLLRDHUP | EPOLLET;
	return mn_real()->epoll_ctl(epoll_fd, EPOLL_CTL_ADD, m->agent_fd, &ev) ? -errno : 0;
}

int mn_net_bell(struct net *net)
{
	int fd, ret;

	if (net && net->foreign)
		net = NULL;
	if (bell.fd >= 0 && bell.net == net)
		return bell.fd;
	pthread_once(&bell_once, make_bell_key);
	drop_bell(&bell);
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	fd = mn_fd_hide(fd);
	if (fd < 0)
		return fd;
	ret = net ? mn_net_watch(net, fd, NULL) : 0;
	mn_net_note(net);
	bell = (struct bell){ net, fd };
	if (ret) {
		drop_bell(&bell);
		return ret;
	}
	pthread_setspecific(bell_key, &bell);
	return fd;
}

void mn_net_heard(struct net *net)
{
	struct epoll_event events[2];

	if (bell.net == net)
		mn_real()->epoll_pwait2(bell.fd, events, ARRAY_SIZE(events),
					&(struct timespec){ 0 }, NULL);
}

int mn_net_sleep(struct net *net, int64_t timeout_ns, const sigset_t *mask)
{
	struct timespec timeout = mn_timespec(MIN(timeout_ns, mn_net_rescue_ns(net)));
	struct epoll_event events[2];
	int fd = mn_net_bell(net), n;

	if (fd < 0)
		return fd;
	n = mn_real()->epoll_pwait2(fd, events, ARRAY_SIZE(events), &timeout, mask);
	return n < 0 ? -errno : n > 0;
}

void mn_net_rescued(struct net *net)
{
	mn_lock(&lock);
	if (net->m && !net->foreign)
		mn_count_rescue(net->m);
	mn_unlock(&lock);
}

/* Of tests, which find it by dlsym(): how many sleeps had to be rescued. */
EXPORT uint64_t memnet_run_rescues(void);
EXPORT uint64_t memnet_run_rescues(void)
{
	struct memnet_counters counters = { 0 };

	mn_lock(&lock);
	if (current)
		memnet_read_counters(current->m, &counters);
	mn_unlock(&lock);
	return counters.timer_rescues;
}

/* --- attaching ---------------------------------------------------------------------- */

#define NET_FDS 5

static void descriptors(struct memnet *m, int *fds[NET_FDS])
{
	fds[0] = &m->agent_fd;
	fds[1] = &m->region->fd;
	fds[2] = &m->region->doorbell_fd;
	fds[3] = &m->region->bell_fds[m->channel];
	fds[4] = &m->waiter.epoll_fd;
}

static void detach(struct memnet *m)
{
	int *fds[NET_FDS];

	descriptors(m, fds);
	for (size_t i = 0; i < NET_FDS; i++)
		mn_sock_forget(*fds[i]);
	memnet_detach(m);
}

void mn_net_hold(struct net *net)
{
	mn_lock(&lock);
	net->users++;
	mn_unlock(&lock);
}

/* A child's picture of its parent's attachment is left alone: nothing of it is ours to end. */
void mn_net_put(struct net *net)
{
	struct memnet *m = NULL;

	mn_lock(&lock);
	if (!--net->users && !net->foreign) {
		m = net->m;
		net->m = NULL;
		unnote(net);
	}
	mn_unlock(&lock);
	if (m)
		detach(m);
}

/* Up and out of the program's way. 0 or -errno. */
static int hide_descriptors(struct memnet *m)
{
	int *fds[NET_FDS];

	descriptors(m, fds);
	for (size_t i = 0; i < NET_FDS; i++) {
		if (*fds[i] < 0)
			continue;
		*fds[i] = mn_fd_hide(*fds[i]);
		if (*fds[i] < 0)
			return *fds[i];
	}
	m->waiter.end_fd = m->agent_fd;
	return 0;
}

static void complain(int err)
{
	static int said;

	if (!__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
		fprintf(stderr, "memnet-run: no network: %s\n",
			err == -ENODEV ? "no memnet-agent answers; start it, or set MEMNET_AGENT" :
			err == -EAGAIN ? "every channel is in use; give memnetd more --channels" :
			err == -ETIMEDOUT ? "the agent has no session with a host; see memnetd" :
			strerror(-err));
}

/* Nobody else is opening one. */
static int open_net(struct net **out)
{
	struct net *net = calloc(1, sizeof(*net));
	int ret;

	if (!net)
		return -ENOMEM;
	ret = memnet_open(&net->m);
	if (!ret) {
		ret = hide_descriptors(net->m);
		if (ret)
			detach(net->m);
	}
	if (ret) {
		complain(ret);
		free(net);
		return -ENETDOWN;
	}
	net->users = 2;
	net->notes = 1;
	net->spin = net->m->spin;
	net->rescue_ns = mn_longest_sleep_ms(net->m) * NSEC_PER_MSEC;
	mn_lock(&lock);
	current = *out = net;
	mn_unlock(&lock);
	return 0;
}

/* The agent has gone, or has let us go: what begins now would be kept by nobody. */
static bool is_over(const struct net *net)
{
	struct pollfd agent = { .fd = net->m->agent_fd, .events = POLLRDHUP };

	return !mn_net_lives(net) || mn_real()->ppoll(&agent, 1, &(struct timespec){ 0 }, NULL) > 0;
}

/* With a reference; what has ended is let go. False: there is none. */
static bool take_current(struct net **out)
{
	struct net *over = NULL;
	bool is_there;

	mn_lock(&lock);
	if (current && is_over(current)) {
		over = current;
		current = NULL;
	}
	is_there = current;
	if (is_there) {
		current->users++;
		*out = current;
	}
	mn_unlock(&lock);
	if (over)
		mn_net_put(over);
	return is_there;
}

int mn_net_get(struct net **out)
{
	int ret = 0;

	mn_net_look_forked();
	if (take_current(out))
		return 0;
	mn_lock(&opening);
	if (!take_current(out))
		ret = open_net(out);
	mn_unlock(&opening);
	return ret;
}

int mn_net_keep(struct net *net, struct memnet_flow *flow, int fd)
{
	int ret = mn_flow_keep(flow, fd);

	if (ret)
		mn_flow_abandon(flow);
	mn_real()->close(fd);
	return ret;
}

void mn_net_sync(struct net *net)
{
	const struct timeval patience = { .tv_sec = 1 };
	int pair[2];
	char end;

	if (net->foreign || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return;
	mn_real()->setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* The agent closes the end it is given, in its turn. */
	if (!mn_agent_sync(net->m->agent_fd, pair[1])) {
		mn_real()->close(pair[1]);
		pair[1] = -1;
		mn_real()->recvfrom(pair[0], &end, sizeof(end), 0, NULL, NULL);
	}
	if (pair[1] >= 0)
		mn_real()->close(pair[1]);
	mn_real()->close(pair[0]);
}

void mn_net_wake(struct net *net)
{
	const uint64_t one = 1;
	const struct memnet *m;

	mn_lock(&lock);
	m = net->foreign ? NULL : net->m;
	if (m && mn_real()->write(m->region->bell_fds[m->channel], &one, sizeof(one)) < 0)
		m = NULL;	/* full: it has rung */
	mn_unlock(&lock);
}

/* --- fork --------------------------------------------------------------------------- */

/* In the order of sock.h. */
static void before_fork(void)
{
	mn_adopt_lock_all();
	mn_lock(&opening);
	mn_epoll_lock_all();
	mn_connect_lock_all();
	mn_sock_lock_all();
	mn_lock(&lock);
}

static void unlock_all(void)
{
	mn_unlock(&lock);
	mn_sock_unlock_all();
	mn_connect_unlock_all();
	mn_epoll_unlock_all();
	mn_unlock(&opening);
	mn_adopt_unlock_all();
}

/* Set, in a page that a child has empty: also one of clone() or _Fork(), which tell nobody. */
static char *same_process;

/*
 * The agent shall see the parent's end when the parent ends, so its descriptor goes; the
 * mapping stays, for calls of libraries that hold on to it until they see `foreign`.
 */
static void become_child(void)
{
	if (current) {
		current->foreign = true;
		mn_real()->close(current->m->agent_fd);
		current = NULL;
	}
	/* Other threads are not here, and their bells are the parent's. */
	bell = (struct bell){ NULL, -1 };
	mn_lock_forked();
	if (same_process)
		__atomic_store_n(same_process, 1, __ATOMIC_RELAXED);
}

static void after_fork_in_child(void)
{
	become_child();
	unlock_all();
}

/* A child has one thread, which comes here first. */
void mn_net_look_forked(void)
{
	if (same_process && !__atomic_load_n(same_process, __ATOMIC_RELAXED))
		become_child();
}

__attribute__((constructor)) static void watch_forks(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pthread_atfork(before_fork, unlock_all, after_fork_in_child);
	if (page == MAP_FAILED || madvise(page, 1, MADV_WIPEONFORK))
		return;
	same_process = page;
	*same_process = 1;
}
