/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnetd: the network service of one VM.
 *
 * It listens on two UNIX sockets until QEMU comes: one speaks the ivshmem
 * server protocol, over the other (a virtio-serial port) it wakes the guest.
 * Then it opens the streams the guest asks for, where its policy allows it, and
 * moves their bytes. All in one thread, asleep when there is nothing to do.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "memnet-core/base/parse.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/ivshmem_server.h"

#define DEFAULT_REGION_BYTES	(32u << 20)
#define DEFAULT_FLOWS		8

struct daemon {
	struct mn_loop loop;
	struct mn_host *host;
	struct mn_watch ivshmem_listener, ivshmem;	/* QEMU's ivshmem device */
	struct mn_watch bell_listener, bell;		/* QEMU's serial port */
	struct mn_watch doorbell;			/* eventfd the guest rings */
	struct mn_watch timer, signals;
	int guest_eventfd;				/* the protocol wants one */
};

struct options {
	const char *ivshmem_path, *bell_path;
	uint64_t region_bytes;
	uint64_t flows;
	struct mn_policy policy;
};

/* The daemon a watch of it belongs to. */
#define DAEMON_OF(watch, member) \
	((struct daemon *)((char *)(watch) - offsetof(struct daemon, member)))

static void report(void *arg, const char *line)
{
	fprintf(stderr, "memnetd: %s\n", line);
}

static void ring_guest(void *arg)
{
	struct daemon *d = arg;

	/* A full pipe holds wake-ups enough; without QEMU there is nobody to wake. */
	if (d->bell.fd >= 0 && send(d->bell.fd, "!", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

/* Only a process of our own user may be our QEMU. */
static bool peer_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (cred.uid == geteuid())
		return true;
	fprintf(stderr, "memnetd: refused a connection of uid %u (pid %d); "
		"run QEMU and memnetd as the same user\n", cred.uid, cred.pid);
	return false;
}

/* Accept into @w if it is free and the peer is ours. 0 or -errno. */
static int accept_one(struct mn_watch *listener, struct mn_watch *w)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (w->fd >= 0) {
		fprintf(stderr, "memnetd: refused a second VM; start one memnetd for each\n");
		close(fd);
		return -EBUSY;
	}
	if (!peer_is_ours(fd)) {
		close(fd);
		return -EPERM;
	}
	w->fd = fd;
	return 0;
}

static void ivshmem_gone(struct mn_watch *w, uint32_t events)
{
	struct daemon *d = DAEMON_OF(w, ivshmem);

	/* QEMU never writes here: readable means that it has closed. */
	mn_loop_close_fd(&d->loop, w);
	mn_host_guest_gone(d->host);
}

static void ivshmem_comes(struct mn_watch *w, uint32_t events)
{
	struct daemon *d = DAEMON_OF(w, ivshmem_listener);
	int ret = accept_one(w, &d->ivshmem);

	if (ret)
		return;
	ret = mn_loop_add(&d->loop, &d->ivshmem, EPOLLIN | EPOLLRDHUP);
	if (!ret)
		ret = mn_ivshmem_greet(d->ivshmem.fd, mn_host_memfd(d->host), d->doorbell.fd,
				       d->guest_eventfd);
	if (ret) {
		fprintf(stderr, "memnetd: QEMU left during the greeting: %s\n", strerror(-ret));
		mn_loop_close_fd(&d->loop, &d->ivshmem);
	}
}

/* What the guest writes to the bell port means nothing; it must only not pile up. */
static void bell_readable(struct mn_watch *w, uint32_t events)
{
	struct daemon *d = DAEMON_OF(w, bell);
	char drop[256];
	ssize_t n = recv(w->fd, drop, sizeof(drop), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		mn_loop_close_fd(&d->loop, w);
}

static void bell_comes(struct mn_watch *w, uint32_t events)
{
	struct daemon *d = DAEMON_OF(w, bell_listener);

	if (accept_one(w, &d->bell))
		return;
	if (mn_loop_add(&d->loop, &d->bell, EPOLLIN | EPOLLRDHUP)) {
		close(d->bell.fd);
		d->bell.fd = -1;
	}
}

static uint64_t drain(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void doorbell_rung(struct mn_watch *w, uint32_t events)
{
	drain(w->fd);
	mn_host_kicked(DAEMON_OF(w, doorbell)->host);
}

static void timer_ticks(struct mn_watch *w, uint32_t events)
{
	drain(w->fd);
	mn_host_tick(DAEMON_OF(w, timer)->host);
}

static void signal_comes(struct mn_watch *w, uint32_t events)
{
	DAEMON_OF(w, signals)->loop.stop = true;
}

/* --- set-up ------------------------------------------------------------------ */

/* A listening socket at @path, replacing a dead one left there. fd or -errno. */
static int listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int ret, fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		close(fd);
		return -EADDRINUSE;	/* somebody lives there */
	}
	if (errno == ECONNREFUSED)
		unlink(path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 1)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int timer_every_second(void)
{
	const struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &second, NULL);
	return fd < 0 ? -errno : fd;
}

static int end_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int watch_fd(struct daemon *d, struct mn_watch *w, int fd,
		    void (*ready)(struct mn_watch *, uint32_t))
{
	if (fd < 0)
		return fd;
	*w = (struct mn_watch){ .fd = fd, .ready = ready };
	return mn_loop_add(&d->loop, w, EPOLLIN);
}

static int start(struct daemon *d, const struct options *o)
{
	struct mn_host_config config = {
		.loop = &d->loop, .policy = o->policy,
		.report = report, .ring_guest = ring_guest, .arg = d,
	};
	int ret;

	d->ivshmem = (struct mn_watch){ .fd = -1, .ready = ivshmem_gone };
	d->bell = (struct mn_watch){ .fd = -1, .ready = bell_readable };
	ret = mn_geometry_make(o->region_bytes, o->flows, &config.geometry);
	if (!ret)
		ret = mn_loop_init(&d->loop);
	if (!ret)
		ret = mn_host_create(&d->host, &config);
	if (ret)
		return ret;
	d->guest_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->guest_eventfd < 0)
		return -errno;
	ret = watch_fd(d, &d->doorbell, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), doorbell_rung);
	if (!ret)
		ret = watch_fd(d, &d->timer, timer_every_second(), timer_ticks);
	if (!ret)
		ret = watch_fd(d, &d->signals, end_signals(), signal_comes);
	return ret;
}

static int listen_for_qemu(struct daemon *d, const char *path, struct mn_watch *w,
			   void (*ready)(struct mn_watch *, uint32_t))
{
	int ret = watch_fd(d, w, listen_at(path), ready);

	if (ret)
		fprintf(stderr, "memnetd: cannot listen at %s: %s\n", path, strerror(-ret));
	return ret;
}

/* --- options ----------------------------------------------------------------- */

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'i':
		o->ivshmem_path = arg;
		break;
	case 'b':
		o->bell_path = arg;
		break;
	case 's':
		if (mn_parse_bytes(arg, &o->region_bytes))
			argp_error(state, "--size %s: want bytes, such as 64M", arg);
		break;
	case 'f':
		if (mn_parse_u64(arg, &o->flows) || o->flows < 1 || o->flows > MN_MAX_FLOWS)
			argp_error(state, "--flows %s: want 1 to %u", arg, MN_MAX_FLOWS);
		break;
	case 'a':
		if (mn_policy_allow(&o->policy, arg))
			argp_error(state, "--allow %s: want ADDRESS/PREFIX or ADDRESS/PREFIX:PORT, "
				   "at most %d of them", arg, MN_POLICY_RULES);
		break;
	case ARGP_KEY_END:
		if (!o->ivshmem_path || !o->bell_path)
			argp_error(state, "--ivshmem and --bell are required");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "ivshmem", 'i', "PATH", 0, "UNIX socket for QEMU's ivshmem-doorbell device" },
	{ "bell", 'b', "PATH", 0, "UNIX socket for QEMU's virtio-serial port memnet.bell" },
	{ "size", 's', "BYTES", 0, "size of the shared region, a power of two (32M)" },
	{ "flows", 'f', "N", 0, "streams the guest may have open at once (8)" },
	{ "allow", 'a', "ADDRESS/PREFIX[:PORT]", 0,
	  "let the guest connect there; repeatable; without it, nowhere" },
	{ 0 }
};

static const char doc[] =
	"Network service of one VM over shared memory.\v"
	"Start it before QEMU, and give QEMU\n"
	"  -chardev socket,path=IVSHMEM,id=mn -device ivshmem-doorbell,chardev=mn\n"
	"  -device virtio-serial-pci -chardev socket,path=BELL,id=bell\n"
	"  -device virtserialport,chardev=bell,name=memnet.bell";

static const struct argp argp = { option_table, parse_option, NULL, doc };

int main(int argc, char **argv)
{
	struct options o = { .region_bytes = DEFAULT_REGION_BYTES, .flows = DEFAULT_FLOWS };
	struct daemon d = { 0 };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	ret = start(&d, &o);
	if (ret) {
		fprintf(stderr, "memnetd: cannot make a region of %llu bytes for %llu flows: %s; "
			"--size wants a power of two with at least 8 KiB for each flow\n",
			(unsigned long long)o.region_bytes, (unsigned long long)o.flows,
			strerror(-ret));
		return 1;
	}
	if (listen_for_qemu(&d, o.ivshmem_path, &d.ivshmem_listener, ivshmem_comes) ||
	    listen_for_qemu(&d, o.bell_path, &d.bell_listener, bell_comes))
		return 1;

	ret = mn_loop_run(&d.loop, mn_host_work, d.host);
	mn_host_destroy(d.host);
	unlink(o.ivshmem_path);
	unlink(o.bell_path);
	mn_loop_close(&d.loop);
	return ret ? 1 : 0;
}
