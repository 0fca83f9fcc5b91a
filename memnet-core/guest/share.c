/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/share.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/fdpass.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"

static uint64_t bytes_of(const struct mn_geometry *g)
{
	return 2ULL * g->flows * sizeof(struct mn_flow_lock);
}

static int init(struct mn_flow_lock *locks, uint32_t n)
{
	pthread_mutexattr_t attr;
	int ret = pthread_mutexattr_init(&attr);

	if (ret)
		return -ret;
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (uint32_t i = 0; i < n && !ret; i++)
		ret = pthread_mutex_init(&locks[i].mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return -ret;
}

int mn_flow_locks_make(const struct mn_geometry *g)
{
	int fd = memfd_create("memnet-locks", MFD_CLOEXEC), ret;
	struct mn_flow_lock *locks;

	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, bytes_of(g)) ? -errno : mn_flow_locks_map(dup(fd), g, &locks);
	if (!ret) {
		ret = init(locks, 2 * g->flows);
		mn_flow_locks_unmap(locks, g);
	}
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int mn_flow_locks_map(int fd, const struct mn_geometry *g, struct mn_flow_lock **out)
{
	void *base = MAP_FAILED;
	struct stat st;
	int ret = 0;

	if (fstat(fd, &st))
		ret = -errno;
	else if ((uint64_t)st.st_size < bytes_of(g))
		ret = -EPROTO;
	else
		base = mmap(NULL, bytes_of(g), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!ret && base == MAP_FAILED)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	*out = ret ? NULL : base;
	return ret;
}

void mn_flow_locks_unmap(struct mn_flow_lock *locks, const struct mn_geometry *g)
{
	munmap(locks, bytes_of(g));
}

static struct mn_flow_lock *lock_of(const struct memnet_flow *f, enum mn_direction direction)
{
	return &f->m->locks[2 * f->id + direction];
}

void mn_flow_lock(struct memnet_flow *f, enum mn_direction direction)
{
	struct mn_flow_lock *l = lock_of(f, direction);
	uint32_t self = f->m->channel + 1;

	if (pthread_mutex_lock(&l->mutex) == EOWNERDEAD)
		pthread_mutex_consistent(&l->mutex);
	if (l->user != self) {
		mn_flow_take_over(f, direction);
		l->user = self;
	}
}

void mn_flow_unlock(struct memnet_flow *f, enum mn_direction direction)
{
	pthread_mutex_unlock(&lock_of(f, direction)->mutex);
}

bool mn_flow_is_torn(const struct memnet_flow *f)
{
	return f->kind != MN_DATAGRAMS && mn_fetch32(&f->in.theirs->p_closed) == MN_RESET;
}

int mn_flow_arm_edge(struct memnet_flow *f, short events, const struct mn_progress *told)
{
	short now = memnet_events(f) & events;
	int ret = memnet_arm(f, events & ~now);

	if (now & POLLIN)
		mn_publish(&f->in.mine->c_wake_head, told->in);
	if (now & POLLOUT)
		mn_publish(&f->out.mine->p_wake_tail, told->out);
	mn_fence();
	return ret;
}

void mn_flow_progress(const struct memnet_flow *f, struct mn_progress *now)
{
	/* An end before the index: a producer closes after its last commit. */
	*now = (struct mn_progress){
		.in_end = mn_fetch32(&f->in.theirs->p_closed),
		.out_end = mn_fetch32(&f->out.mine->p_closed),
		.errors = mn_fetch32(&mn_flow_facts(f)->h_errors),
		.in = mn_fetch(&f->in.theirs->p_head),
		.out = mn_fetch(&f->out.theirs->c_tail),
	};
}

bool mn_progress_differs(const struct mn_progress *a, const struct mn_progress *b, short events)
{
	return a->in_end != b->in_end || a->out_end != b->out_end || a->errors != b->errors ||
	       (events & (POLLIN | POLLRDNORM) && a->in != b->in) ||
	       (events & (POLLOUT | POLLWRNORM) && a->out != b->out);
}

int mn_flow_keep(struct memnet_flow *f, int fd)
{
	const struct mn_keep keep = { .magic = MN_KEEP_MAGIC, .flow = f->id,
				      .generation = f->generation };

	return mn_send_fds(f->m->agent_fd, &keep, sizeof(keep), &fd, 1);
}

int mn_flow_abandon(struct memnet_flow *f)
{
	const struct mn_keep keep = { .magic = MN_KEEP_MAGIC, .flow = f->id,
				      .generation = f->generation };

	return mn_send_fds(f->m->agent_fd, &keep, sizeof(keep), NULL, 0);
}

int mn_agent_sync(int agent_fd, int fd)
{
	const struct mn_keep nothing = { .magic = MN_KEEP_MAGIC, .flow = MN_NO_FLOW };

	return mn_send_fds(agent_fd, &nothing, sizeof(nothing), &fd, 1);
}
