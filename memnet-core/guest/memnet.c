/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening: as a client of the agent, or as the session's owner. */
#include "memnet-core/guest/memnet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"
#include "memnet-core/guest/share.h"

#define SPIN_ENV	"MEMNET_SPIN"

static struct memnet *new_memnet(void)
{
	struct memnet *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->agent_fd = m->waiter.epoll_fd = -1;
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static void free_memnet(struct memnet *m)
{
	mn_control_end(m);
	mn_waiter_close(&m->waiter);
	if (m->locks)
		mn_flow_locks_unmap(m->locks, &m->session.geometry);
	if (m->region == &m->owned_region)
		mn_region_close(m->region);
	if (m->agent_fd >= 0)
		close(m->agent_fd);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static int spin_of_environment(struct mn_spin *spin)
{
	const char *text = getenv(SPIN_ENV);

	return text ? mn_spin_parse(text, spin) : 0;
}

/* --- as the owner -------------------------------------------------------------- */

/* m->region is set. */
static int own_session(struct memnet *m, uint64_t features)
{
	int ret;

	m->owns_session = true;
	mn_waiter_init(&m->waiter, m->region, m->channel, -1);
	ret = spin_of_environment(&m->spin);
	if (!ret)
		ret = mn_session_attach(&m->session, m->region, &m->waiter, features);
	if (!ret)
		mn_control_init(m);
	return ret;
}

int memnet_attach(struct memnet **out, struct mn_region *region, uint64_t features)
{
	struct memnet *m = new_memnet();
	int ret;

	if (!m)
		return -ENOMEM;
	m->region = region;
	ret = own_session(m, features);
	if (ret)
		free_memnet(m);
	else
		*out = m;
	return ret;
}

int memnet_open_region(struct memnet **out, const struct mn_region *region)
{
	struct memnet *m = new_memnet();
	int ret;

	if (!m) {
		struct mn_region given = *region;

		mn_region_close(&given);
		return -ENOMEM;
	}
	m->owned_region = *region;
	m->region = &m->owned_region;
	ret = mn_region_probe(m->region);
	if (!ret)
		ret = own_session(m, 0);
	if (ret)
		free_memnet(m);
	else
		*out = m;
	return ret;
}

/* --- as the agent's client ----------------------------------------------------- */

static int connect_to_agent(void)
{
	const char *path = getenv(MN_AGENT_SOCKET_ENV);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int ret, fd;

	if (!path)
		path = MN_AGENT_SOCKET;
	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do
		ret = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	while (ret && errno == EINTR);	/* nothing has begun: the agent's queue is full */
	if (ret) {
		ret = errno == ENOENT || errno == ECONNREFUSED ? -ENODEV : -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Wait for it, through signals. 0 or -errno. */
static int wait_for_welcome(int agent)
{
	struct pollfd pfd = { .fd = agent, .events = POLLIN };
	int64_t deadline = mn_now_ns() + MN_ATTACH_TIMEOUT_MS * NSEC_PER_MSEC;
	int ret;

	do {
		int64_t left_ns = MAX(deadline - mn_now_ns(), 0);

		ret = poll(&pfd, 1, left_ns / NSEC_PER_MSEC);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return ret ? 0 : -ETIMEDOUT;
}

/* The agent's one message, checked; its descriptors are the caller's. 0 or -errno. */
static int read_welcome(int agent, struct mn_welcome *w, int fds[MN_WELCOME_FDS])
{
	size_t n = 0;
	ssize_t got;
	int ret = wait_for_welcome(agent);

	if (ret)
		return ret;
	got = mn_recv_fds(agent, w, sizeof(*w), fds, MN_WELCOME_FDS, &n);
	if (got == 0)
		ret = -ECONNRESET;
	else if (got < 0)
		ret = got;
	else if (got != sizeof(*w) || w->magic != MN_WELCOME_MAGIC)
		ret = -EPROTO;
	else if (w->error)
		ret = w->error < 0 ? w->error : -EPROTO;
	else if (n != MN_WELCOME_FDS || w->channel >= MN_MAX_CHANNELS ||
		 w->cache >= MN_CACHE_TYPES ||
		 w->doorbell_offset > MN_DOORBELL_PAGE - sizeof(uint32_t))
		ret = -EPROTO;
	else
		return 0;
	close_all(fds, n);
	return ret;
}

static int map_doorbell(struct mn_region *r, const struct mn_welcome *w)
{
	char *page = mmap(NULL, MN_DOORBELL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  r->doorbell_fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	r->doorbell = (volatile uint32_t *)(page + w->doorbell_offset);
	r->doorbell_value = w->doorbell_value;
	return 0;
}

/* The providers' names are static in each process. */
static const char *provider_name(const char *name)
{
	for (const struct mn_region_provider *const *p = mn_region_providers; *p; p++)
		if (!strncmp((*p)->name, name, MN_PROVIDER_NAME))
			return (*p)->name;
	return "unknown";
}

/* Our bell stands at our channel's place; the others are nobody's here. */
static int open_welcome(struct memnet *m, const struct mn_welcome *w,
			const int fds[MN_WELCOME_FDS])
{
	int bells[MN_MAX_CHANNELS];
	int ret;

	memset(bells, -1, sizeof(bells));
	bells[w->channel] = fds[MN_WELCOME_BELL];
	ret = mn_region_open_fds(&m->owned_region, provider_name(w->provider),
				 fds[MN_WELCOME_REGION], fds[MN_WELCOME_DOORBELL], bells,
				 w->channel + 1);
	if (ret)
		return ret;
	m->region = &m->owned_region;
	m->region->cache = w->cache;
	m->channel = w->channel;
	return w->doorbell_maps ? map_doorbell(m->region, w) : 0;
}

static int join_agent(struct memnet *m)
{
	int fds[MN_WELCOME_FDS];
	struct mn_welcome w;
	int ret = spin_of_environment(&m->spin);

	if (ret)
		return ret;
	m->agent_fd = connect_to_agent();
	if (m->agent_fd < 0)
		return m->agent_fd;
	ret = read_welcome(m->agent_fd, &w, fds);
	if (ret)
		return ret;
	ret = open_welcome(m, &w, fds);
	if (!ret)
		ret = mn_session_join(&m->session, m->region, w.session);
	if (!ret && m->channel >= m->session.geometry.channels)
		ret = -EPROTO;
	if (ret) {
		close(fds[MN_WELCOME_LOCKS]);
		return ret;
	}
	ret = mn_flow_locks_map(fds[MN_WELCOME_LOCKS], &m->session.geometry, &m->locks);
	if (ret)
		return ret;
	mn_waiter_init(&m->waiter, m->region, m->channel, m->agent_fd);
	mn_control_init(m);
	return 0;
}

int memnet_open(struct memnet **out)
{
	struct memnet *m = new_memnet();
	int ret;

	if (!m)
		return -ENOMEM;
	ret = join_agent(m);
	if (ret)
		free_memnet(m);
	else
		*out = m;
	return ret;
}

/* --- both ---------------------------------------------------------------------- */

void memnet_detach(struct memnet *m)
{
	if (!m)
		return;
	/* A client's channel is reset by the agent when agent_fd closes. */
	if (m->owns_session)
		mn_session_detach(&m->session);
	free_memnet(m);
}

void memnet_read_counters(const struct memnet *m, struct memnet_counters *out)
{
	const uint64_t *from = (const uint64_t *)&m->counters;
	uint64_t *to = (uint64_t *)out;

	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)	/* threads are adding */
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	out->kicks_to_guest = __atomic_load_n(&m->waiter.rings, __ATOMIC_RELAXED);
	out->kicks_spurious = __atomic_load_n(&m->waiter.idle_rings, __ATOMIC_RELAXED);
}

void memnet_read_facts(const struct memnet *m, struct memnet_facts *out)
{
	*out = (struct memnet_facts){
		.provider = m->region->provider,
		.cache = mn_cache_type_name(m->region->cache),
		.wake = m->session.features & MN_F_VECTORS ? "vectors" :
			m->session.features & MN_F_PORT ? "port" : "timer",
	};
}
