/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/host/host.h"

struct worker {
	const struct mn_worker *config;
	struct mn_loop loop;
	struct mn_host *host;
	struct mn_watch doorbell, control, timer;
	struct mn_watch bell;	/* the serial port, -1 without */
};

#define WORKER_OF(watch, member) \
	((struct worker *)((char *)(watch) - offsetof(struct worker, member)))

static void report(void *arg, const char *line)
{
	fprintf(stderr, "memnetd: %s: %s\n", ((struct worker *)arg)->config->name, line);
}

/* A full eventfd or port holds wake-ups enough. */
static void ring_vector(struct worker *w, unsigned int bell)
{
	const uint64_t one = 1;

	if (write(w->config->vectors[bell], &one, sizeof(one)) < 0)
		return;
}

static void ring_port(struct worker *w, uint32_t bells)
{
	uint8_t bytes[MN_MAX_CHANNELS];
	size_t n = 0;

	for (; bells; bells &= bells - 1)
		bytes[n++] = __builtin_ctz(bells);
	if (w->bell.fd >= 0 && send(w->bell.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

static void ring_guest(void *arg, uint32_t channels, uint64_t features)
{
	struct worker *w = arg;

	if (features & MN_F_VECTORS)
		for (uint32_t left = channels; left; left &= left - 1)
			ring_vector(w, __builtin_ctz(left));
	if (features & MN_F_PORT)
		ring_port(w, channels);
}

static uint64_t features(const struct worker *w)
{
	return MN_F_VECTORS | MN_F_HEARTBEAT | (w->bell.fd >= 0 ? MN_F_PORT : 0);
}

static bool drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void doorbell_rung(struct mn_watch *watch, uint32_t events)
{
	if (drain(watch->fd))
		mn_host_kicked(WORKER_OF(watch, doorbell)->host);
}

static void timer_ticks(struct mn_watch *watch, uint32_t events)
{
	if (drain(watch->fd))
		mn_host_tick(WORKER_OF(watch, timer)->host);
}

static void bell_gone(struct worker *w)
{
	mn_loop_close_fd(&w->loop, &w->bell);
	mn_host_set_features(w->host, features(w));
}

/* What the guest writes to the bell port means nothing; it must only not pile up. */
static void bell_readable(struct mn_watch *watch, uint32_t events)
{
	char drop[4096];
	ssize_t n = recv(watch->fd, drop, sizeof(drop), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		bell_gone(WORKER_OF(watch, bell));
}

/* The broker sends the bell port, or has ended us or itself. */
static void control_speaks(struct mn_watch *watch, uint32_t events)
{
	struct worker *w = WORKER_OF(watch, control);
	size_t n;
	char byte;
	int fd;

	if (mn_recv_fds(watch->fd, &byte, sizeof(byte), &fd, 1, &n) <= 0) {
		w->loop.stop = true;
		return;
	}
	if (n != 1)
		return;
	mn_loop_close_fd(&w->loop, &w->bell);
	w->bell.fd = fd;
	if (mn_loop_add(&w->loop, &w->bell, EPOLLIN | EPOLLRDHUP)) {
		close(fd);
		w->bell.fd = -1;
	}
	mn_host_set_features(w->host, features(w));
}

static int heartbeat_timer(void)
{
	const struct timespec period = mn_timespec(MN_HEARTBEAT_MS * NSEC_PER_MSEC);
	const struct itimerspec beat = { .it_interval = period, .it_value = period };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &beat, NULL);
	return fd < 0 ? -errno : fd;
}

static int watch_fd(struct worker *w, struct mn_watch *watch, int fd,
		    void (*ready)(struct mn_watch *, uint32_t))
{
	if (fd < 0)
		return fd;
	*watch = (struct mn_watch){ .fd = fd, .ready = ready };
	return mn_loop_add(&w->loop, watch, EPOLLIN);
}

static int start(struct worker *w)
{
	const struct mn_worker *c = w->config;
	const struct mn_host_config config = {
		.loop = &w->loop, .memfd = c->memfd, .geometry = c->geometry,
		.policy = c->policy, .spin = c->spin, .features = features(w),
		.report = report, .ring_guest = ring_guest, .arg = w,
	};
	int ret = mn_loop_init(&w->loop);

	if (!ret)
		ret = mn_host_create(&w->host, &config);
	if (!ret)
		ret = watch_fd(w, &w->doorbell, c->doorbell, doorbell_rung);
	if (!ret)
		ret = watch_fd(w, &w->control, c->control, control_speaks);
	if (!ret)
		ret = watch_fd(w, &w->timer, heartbeat_timer(), timer_ticks);
	return ret;
}

int mn_worker_run(const struct mn_worker *config)
{
	struct worker w = { .config = config, .bell = { .fd = -1, .ready = bell_readable } };
	int ret = start(&w);

	if (!ret)
		ret = mn_loop_run(&w.loop, mn_host_work, w.host);
	if (ret)
		fprintf(stderr, "memnetd: %s: %s\n", config->name, strerror(-ret));
	mn_host_destroy(w.host);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
