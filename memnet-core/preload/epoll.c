/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll with flows in it. Ordinary descriptors are in the kernel's set, flows are kept here,
 * a fresh socket is in both until it becomes a flow. Who waits does so for an outer set of
 * ours, which has the program's and the bell in it: so the program's own tells nothing but
 * what is the program's, whoever else polls it. A set without flows is waited for as it is;
 * a thread that does so while another adds the first flow is woken by an eventfd, the knock.
 *
 * Edges are told from the indices: a flow has news when its peer's index has moved since
 * it was last reported, in a direction that is asked for, or an end or an error has come.
 *
 * Cost: each epoll_wait() looks at every flow of the set, some 20 ns each.
 */
#include "memnet-core/preload/epoll.h"
#include "memnet-core/preload/epoll_internal.h"
#include "memnet-core/preload/fdtable.h"
#include "memnet-core/preload/lock.h"
#include "memnet-core/preload/net.h"
#include "memnet-core/preload/real.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>


char mn_epoll_knock;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct set *sets;

static bool has_number(const struct set *e, int fd)
{
	const struct copy *c;

	for (c = e->copies; c && c->fd != fd; c = c->next)
		;
	return c || e->fd == fd;
}

struct set *mn_epoll_find(int fd)
{
	struct set *e;

	for (e = sets; e && !has_number(e, fd); e = e->next)
		;
	return e;
}

static struct item *find_item(const struct set *e, int fd)
{
	struct item *i;

	for (i = e->items; i && i->fd != fd; i = i->next)
		;
	return i;
}

struct set *mn_epoll_make(int fd)
{
	struct set *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	*e = (struct set){ .fd = fd, .outer = -1, .nudge = -1,
			   .knock = -1, .next = sets };
	__atomic_store_n(&sets, e, __ATOMIC_RELAXED);
	return e;
}

static void remove_item(struct item **at)
{
	struct item *i = *at;

	*at = i->next;
	__atomic_sub_fetch(&i->s->items, 1, __ATOMIC_RELAXED);
	mn_sock_put(i->s);
	free(i);
}

/* --- epoll_ctl ------------------------------------------------------------------------ */

/* Threads that wait for the kernel's set alone, and those that wait for the bell. */
static void wake_waiters(struct set *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &mn_epoll_knock };
	int fd;

	if (e->net)
		mn_net_wake(e->net);
	if (!e->waiting)
		return;
	fd = eventfd(1, EFD_CLOEXEC);
	if (fd < 0)
		return;
	/* It stays until all have seen it: the last one closes it. */
	if (e->knock < 0 && !mn_real()->epoll_ctl(e->fd, EPOLL_CTL_ADD, fd, &ev))
		e->knock = fd;
	else
		mn_real()->close(fd);
}

static void change(struct item *i, const struct epoll_event *event)
{
	i->event = *event;
	i->told = i->spent = false;
}

/* Takes a reference to @s. 0 or -errno. */
static int add(int epfd, int fd, struct sock *s, struct epoll_event *event)
{
	struct set *e = mn_epoll_find(epfd);
	struct item *i;

	if (!e)
		e = mn_epoll_make(epfd);
	if (!e)
		return -ENOMEM;
	if (find_item(e, fd))
		return -EEXIST;
	i = calloc(1, sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->s = mn_sock_look(fd);
	if (i->s != s) {		/* closed by another thread */
		if (i->s)
			mn_sock_put(i->s);
		free(i);
		return -EBADF;
	}
	__atomic_add_fetch(&s->items, 1, __ATOMIC_RELAXED);
	i->fd = fd;
	change(i, event);
	i->next = e->items;
	e->items = i;
	if (mn_item_is_flow(i))
		wake_waiters(e);
	return 0;
}

/* Is it an epoll at all? The kernel's answer to a request that changes nothing. 0 or -errno. */
static int check_epoll(int epfd, int fd)
{
	if (!mn_real()->epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL) || errno == ENOENT)
		return 0;
	return -errno;
}

/* Beside EPOLLEXCLUSIVE. */
static const uint32_t exclusive_may = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP |
				      EPOLLET | EPOLLEXCLUSIVE;

static int control(int epfd, int op, int fd, struct sock *s, struct epoll_event *event)
{
	struct set *e = mn_epoll_find(epfd);
	struct item **at = NULL;

	if (event && event->events & EPOLLEXCLUSIVE && event->events & ~exclusive_may)
		return -EINVAL;
	if (op == EPOLL_CTL_ADD)
		return event ? add(epfd, fd, s, event) : -EFAULT;
	for (at = e ? &e->items : NULL; at && *at && (*at)->fd != fd; at = &(*at)->next)
		;
	if (!at || !*at)
		return -ENOENT;
	if (op == EPOLL_CTL_DEL) {
		remove_item(at);
	} else if (op == EPOLL_CTL_MOD && event) {
		if (((*at)->event.events | event->events) & EPOLLEXCLUSIVE)
			return -EINVAL;
		change(*at, event);
		wake_waiters(e);
	} else {
		return op == EPOLL_CTL_MOD ? -EFAULT : -EINVAL;
	}
	return 0;
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct sock *s = mn_sock_get(fd);
	int ret = 0;

	if (!s)
		return mn_real()->epoll_ctl(epfd, op, fd, event);
	if (s->kind == SOCK_FRESH)
		ret = mn_real()->epoll_ctl(epfd, op, fd, event) ? -errno : 0;
	else
		ret = check_epoll(epfd, fd);
	if (!ret) {
		mn_lock(&lock);
		ret = control(epfd, op, fd, s, event);
		mn_unlock(&lock);
	}
	mn_sock_put(s);
	return mn_result(ret);
}

/* --- what others say ------------------------------------------------------------------ */

void mn_epoll_converts(struct sock *s)
{
	mn_lock(&lock);
	for (const struct set *e = sets; e; e = e->next)
		for (struct item *i = e->items; i; i = i->next)
			if (i->s == s)
				mn_real()->epoll_ctl(e->fd, EPOLL_CTL_DEL, i->fd, NULL);
	mn_unlock(&lock);
}

void mn_epoll_converted(struct sock *s)
{
	mn_lock(&lock);
	for (struct set *e = sets; e; e = e->next)
		for (const struct item *i = e->items; i; i = i->next)
			if (i->s == s)
				wake_waiters(e);
	mn_unlock(&lock);
}

void mn_epoll_drop(struct sock *s)
{
	mn_lock(&lock);
	for (struct set *e = sets; e; e = e->next)
		for (struct item **at = &e->items; *at;)
			if ((*at)->s == s)
				remove_item(at);
			else
				at = &(*at)->next;
	mn_unlock(&lock);
}

/* Lock held. Has it another number than those? Then these are no longer its own. */
static bool keeps_number(struct set *e, int first, int last)
{
	for (struct copy **at = &e->copies; *at;) {
		struct copy *c = *at;

		if (e->fd >= first && e->fd <= last && (c->fd < first || c->fd > last))
			e->fd = c->fd;
		if (c->fd != e->fd && (c->fd < first || c->fd > last)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
	return e->fd < first || e->fd > last;
}

/* Lock held. */
static void drop_set(struct set **at)
{
	struct set *e = *at;

	while (e->items)
		remove_item(&e->items);
	*at = e->next;
	mn_fd_close_hidden(e->outer);
	mn_fd_close_hidden(e->nudge);
	if (e->knock >= 0)
		mn_real()->close(e->knock);
	mn_net_unnote(e->net);
	free(e);
}

void mn_epoll_forget(int first, int last)
{
	if (!mn_epoll_any())
		return;
	mn_lock(&lock);
	for (struct set **at = &sets; *at;)
		if (keeps_number(*at, first, last))
			at = &(*at)->next;
		else
			drop_set(at);
	mn_unlock(&lock);
}

void mn_epoll_copy(int from, int to)
{
	struct copy *c;
	struct set *e;

	if (!mn_epoll_any())
		return;
	mn_epoll_forget(to, to);
	mn_lock(&lock);
	e = mn_epoll_find(from);
	c = e ? malloc(sizeof(*c)) : NULL;
	if (c) {
		*c = (struct copy){ e->copies, to };
		e->copies = c;
	}
	mn_unlock(&lock);
}

bool mn_epoll_any(void)
{
	return __atomic_load_n(&sets, __ATOMIC_RELAXED);
}

void mn_epoll_lock_all(void)
{
	mn_lock(&lock);
}

void mn_epoll_unlock_all(void)
{
	mn_unlock(&lock);
}
