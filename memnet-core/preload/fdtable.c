/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which descriptor is which socket. Two levels, the second made when it is needed and
 * kept; an ordinary descriptor costs two loads. Changes, and taking a reference, are
 * under one lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/share.h"
#include "memnet-core/preload/become.h"
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"
#include "memnet-core/preload/sock.h"

#define PAGE_FDS	1024
#define PAGES		(MN_TABLE_FDS / PAGE_FDS)

#define HIDDEN_FDS	256
#define HIDDEN_LIMIT	65536

/* What a socket had. */
struct past {
	struct past *next;
	struct net *net;
	struct memnet_flow *flow;
};

static struct sock **pages[PAGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* In the table at a descriptor of our own. */
static struct sock hidden;

static struct sock **entry(int fd)
{
	struct sock **page;

	if (fd < 0 || fd >= PAGES * PAGE_FDS)
		return NULL;
	page = __atomic_load_n(&pages[fd / PAGE_FDS], __ATOMIC_ACQUIRE);
	return page ? &page[fd % PAGE_FDS] : NULL;
}

/* Lock held. */
static struct sock **make_entry(int fd)
{
	struct sock **page;

	if (fd < 0 || fd >= PAGES * PAGE_FDS)
		return NULL;
	if (!pages[fd / PAGE_FDS]) {
		page = calloc(PAGE_FDS, sizeof(*page));
		if (!page)
			return NULL;
		__atomic_store_n(&pages[fd / PAGE_FDS], page, __ATOMIC_RELEASE);
	}
	return entry(fd);
}

struct sock *mn_sock_look(int fd)
{
	struct sock **e = entry(fd), *s;

	if (!e || !__atomic_load_n(e, __ATOMIC_ACQUIRE))
		return NULL;
	mn_lock(&lock);
	s = *e == &hidden ? NULL : *e;
	if (s)
		s->refs++;
	mn_unlock(&lock);
	return s;
}

struct sock *mn_sock_get(int fd)
{
	struct sock *s = mn_sock_look(fd);
	const struct net *net = s ? __atomic_load_n(&s->net, __ATOMIC_ACQUIRE) : NULL;

	if (net)
		mn_net_look_forked();
	if (net && net->foreign)
		mn_sock_adopt_inherited(s);
	if (s && __atomic_load_n(&s->options_owed, __ATOMIC_RELAXED))
		mn_sock_replay_options(s);
	return s;
}

struct sock *mn_sock_get_flow(int fd)
{
	struct sock *s = mn_sock_get(fd);

	if (s && s->kind == SOCK_FRESH) {
		mn_sock_put(s);
		return NULL;
	}
	return s;
}

void mn_fd_close_hidden(int fd)
{
	if (fd < 0)
		return;
	mn_sock_forget(fd);
	mn_real()->close(fd);
}

/*
 * Calls are under way on what is about to be closed: they keep it, as on Linux. The kernel's
 * count must not reach zero before they end, or the agent would close the flow.
 */
static void park(struct sock *s, int fd)
{
	int copy = mn_real()->fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0)
		s->parked = mn_fd_hide(copy);
}

void mn_sock_closing(int fd)
{
	struct sock *s = mn_sock_look(fd);

	if (!s)
		return;
	/* The table's reference, this one, and? */
	if (s->kind != SOCK_FRESH && s->fds == 1 && s->refs - s->items > 2 && s->parked < 0)
		park(s, fd);
	mn_sock_put(s);
}

static void let_go(struct net *net, struct memnet_flow *flow)
{
	if (flow && net->foreign)
		mn_flow_disown(flow);		/* its bells are the parent's */
	else if (flow)
		memnet_release(flow);		/* the agent closes it, when nobody has it */
	if (net)
		mn_net_put(net);
}

void mn_sock_let_go(struct past *past)
{
	while (past) {
		struct past *p = past;

		past = p->next;
		let_go(p->net, p->flow);
		free(p);
	}
}

/* Without memory for that, what was there stays for ever. */
struct past *mn_sock_change(struct sock *s, struct net *net, struct memnet_flow *flow)
{
	struct past *before, *over = NULL;

	if (net)
		mn_net_hold(net);
	mn_lock(&lock);
	before = malloc(sizeof(*before));
	if (before) {
		*before = (struct past){ s->past, s->net, s->flow };
		s->past = before;
	}
	__atomic_store_n(&s->flow, flow, __ATOMIC_RELEASE);
	__atomic_store_n(&s->net, net, __ATOMIC_RELEASE);
	/* The table's references, those of the sets, the caller's, and? */
	if (s->refs - s->fds - s->items <= 1) {
		over = s->past;
		s->past = NULL;
	}
	mn_unlock(&lock);
	return over;
}

void mn_sock_put(struct sock *s)
{
	unsigned int left;

	mn_lock(&lock);
	left = --s->refs;
	mn_unlock(&lock);
	if (left)
		return;
	mn_hold();
	let_go(s->net, s->flow);
	mn_sock_let_go(s->past);
	mn_fd_close_hidden(s->parked);
	mn_fd_close_hidden(s->handle);
	free(s);
	mn_release();
}

/* Lock held. What was there, for release(). */
static struct sock *exchange(struct sock **e, struct sock *s)
{
	struct sock *old = *e;

	if (s)
		s->fds++;
	if (old)
		old->fds--;
	__atomic_store_n(e, s, __ATOMIC_RELEASE);
	return old;
}

/* The table's reference to what was at some descriptor, if anything. */
static void release(struct sock *old)
{
	if (!old || old == &hidden)
		return;
	if (!old->fds)
		mn_epoll_drop(old);
	mn_sock_put(old);
}

int mn_sock_install(int fd, struct sock *s)
{
	struct sock **e, *old = NULL;

	mn_lock(&lock);
	e = make_entry(fd);
	if (e) {
		old = exchange(e, s);
		s->fd = fd;
	}
	mn_unlock(&lock);
	release(old);
	return e ? 0 : -ENOMEM;
}

void mn_sock_forget(int fd)
{
	struct sock **e = entry(fd), *old;

	if (!e || !__atomic_load_n(e, __ATOMIC_ACQUIRE))
		return;
	mn_lock(&lock);
	old = exchange(e, NULL);
	mn_unlock(&lock);
	release(old);
}

/* Above what programs count up to, and below their limit. */
static int hidden_from(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > HIDDEN_LIMIT)
		return HIDDEN_LIMIT - HIDDEN_FDS;
	return limit.rlim_cur > 2 * HIDDEN_FDS ? limit.rlim_cur - HIDDEN_FDS :
						 limit.rlim_cur / 2;
}

/* As high as there is room; where it is, when there is none. */
static int move_up(int fd)
{
	for (int from = hidden_from(); from > fd; from /= 2) {
		int high = mn_real()->fcntl(fd, F_DUPFD_CLOEXEC, from);

		if (high >= 0) {
			mn_real()->close(fd);
			return high;
		}
	}
	return fd;
}

/* What the table has there is closed, behind our back: it is ours to drop, not epoll's. */
int mn_fd_hide(int fd)
{
	struct sock **e, *old = NULL;

	fd = move_up(fd);
	mn_lock(&lock);
	e = make_entry(fd);
	if (e)
		old = exchange(e, &hidden);
	mn_unlock(&lock);
	if (old && old != &hidden)
		mn_sock_put(old);
	if (e)
		return fd;
	mn_real()->close(fd);
	return -ENOMEM;
}

bool mn_fd_is_hidden(int fd)
{
	struct sock **e = entry(fd);

	return e && __atomic_load_n(e, __ATOMIC_ACQUIRE) == &hidden;
}

bool mn_sock_frees_name(int fd, struct net **net)
{
	struct sock *s = mn_sock_look(fd);
	bool frees;

	if (!s)
		return false;
	mn_lock(&lock);
	frees = s->kind != SOCK_FRESH && s->net && s->fds == 1 &&
		(s->kind != SOCK_STREAM_FLOW || !s->connected);
	if (frees) {
		*net = s->net;
		mn_net_hold(*net);
	}
	mn_unlock(&lock);
	mn_sock_put(s);
	return frees;
}

int mn_sock_next(int fd)
{
	for (; fd < PAGES * PAGE_FDS; fd++) {
		struct sock **e = entry(fd), *s = e ? __atomic_load_n(e, __ATOMIC_ACQUIRE) : NULL;

		if (!e)
			fd |= PAGE_FDS - 1;	/* the rest of a page that is not there */
		else if (s && s != &hidden)
			return fd;
	}
	return -1;
}

struct sock *mn_sock_find(uint32_t flow, uint32_t generation)
{
	struct sock *found = NULL;

	mn_lock(&lock);
	for (int fd = 0; fd < PAGES * PAGE_FDS && !found; fd++) {
		struct sock **e = entry(fd), *s = e ? *e : NULL;
		const struct net *net = s ? __atomic_load_n(&s->net, __ATOMIC_ACQUIRE) : NULL;

		if (!e)
			fd |= PAGE_FDS - 1;	/* the rest of a page that is not there */
		else if (s != &hidden && net && s->id.generation == generation &&
			 s->id.flow == flow && mn_net_lives(net))
			found = s;
	}
	if (found)
		found->refs++;
	mn_unlock(&lock);
	return found;
}

/* Lock held. Some descriptor of @s; -1: it is closed. */
static int some_fd(const struct sock *s)
{
	struct sock **e = entry(s->fd);

	if (e && *e == s)
		return s->fd;
	for (int fd = 0; fd < PAGES * PAGE_FDS && s->fds; fd++) {
		e = entry(fd);
		if (!e)
			fd |= PAGE_FDS - 1;
		else if (*e == s)
			return fd;
	}
	return -1;
}

bool mn_sock_is_nonblocking(struct sock *s)
{
	int fd, flags;

	mn_lock(&lock);
	fd = some_fd(s);
	flags = fd < 0 ? -1 : mn_real()->fcntl(fd, F_GETFL);
	mn_unlock(&lock);
	if (flags >= 0)
		s->nonblock = flags & O_NONBLOCK;
	return s->nonblock;
}

void mn_sock_copy(int from, int to)
{
	struct sock *s = mn_sock_look(from);

	if (!s)
		mn_sock_forget(to);
	else if (mn_sock_install(to, s))
		mn_sock_put(s);
	else if (to <= STDERR_FILENO)
		mn_stdio_became_flow(to);
}

int mn_sock_replace_fds(struct sock *s, int with)
{
	int ret = 0;

	mn_lock(&lock);
	for (int fd = 0; fd < PAGES * PAGE_FDS && !ret; fd++) {
		struct sock **e = entry(fd);
		int flags;

		if (!e) {
			fd |= PAGE_FDS - 1;
			continue;
		}
		if (*e != s)
			continue;
		flags = mn_real()->fcntl(fd, F_GETFD);
		if (flags < 0 || mn_real()->dup3(with, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			ret = -errno;
	}
	mn_unlock(&lock);
	return ret;
}

void mn_sock_lock_all(void)
{
	mn_lock(&lock);
}

void mn_sock_unlock_all(void)
{
	mn_unlock(&lock);
}
