/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Its own calls:
 * #syscalls close fallocate fstat ioctl mmap munmap newfstatat read sendto write
 * those of the C library for it, of an exit and of a signal:
 * #syscalls brk exit exit_group futex restart_syscall rt_sigreturn writev
 * those of clock.h, where they are calls:
 * #syscalls clock_gettime clock_nanosleep
 * and what it has to be able to besides:
 * #syscalls eventfd2 poll ppoll recvfrom
 */
#include "memnet-core/host/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/host/host.h"

/* Ticks a guest has to answer in. */
#define ASK_TICKS 3
/* What a guest can make us say shall not fill a disk: so many lines at once, then seldom. */
#define LINES	32
#define LINE_NS	(60 * NSEC_PER_SEC)

struct worker {
	const struct mn_worker *config;
	struct mn_loop loop;
	struct mn_policy policy;	/* in force */
	struct mn_host *host;		/* NULL: there is no region */
	void *region;			/* mapped for it, */
	struct mn_geometry geometry;	/* so */
	struct mn_watch doorbell, control, timer;
	struct mn_watch bell;	/* the serial port, -1 without */
	unsigned int lines;	/* said, less one for each LINE_NS, */
	int64_t line_ns;	/* the last of which ended then */

	/* Of a region in guest RAM. */
	struct mn_port_reader port;
	uint8_t asked;		/* the last question's number, */
	bool unanswered;	/* and it waits for its answer */
	int ram;		/* the RAM file, -1 without */
	bool ram_asked;		/* the broker for it */
	bool answered;		/* for when it comes: */
	struct mn_announcement answer;
	bool retracted;		/* in this tick, and asked for anew at once */
	int ask_in;		/* ticks */
	bool let_go;		/* the memory; the host is to be destroyed */
	unsigned int breaches;
};

#define WORKER_OF(watch, member) \
	((struct worker *)((char *)(watch) - offsetof(struct worker, member)))

static void print_line(const struct worker *w, const char *line)
{
	fprintf(stderr, "memnetd: %s: %s\n", w->config->name, line);
}

/* Also what a struct mn_host says, whose own limit ends with it. */
static void report(void *arg, const char *line)
{
	struct worker *w = arg;
	int64_t now = mn_now_ns();

	if (now - w->line_ns > LINE_NS) {
		w->line_ns = now;
		w->lines -= w->lines > 0;
	}
	if (w->lines == LINES)
		return;
	print_line(w, line);
	if (++w->lines == LINES)
		print_line(w, "that is much to say about one guest; from now on at most a line "
			   "each minute");
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
	return MN_F_HEARTBEAT | (w->config->ram.path ? 0 : MN_F_VECTORS) |
	       (w->bell.fd >= 0 ? MN_F_PORT : 0);
}

static bool drain(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static void doorbell_rung(struct mn_watch *watch, uint32_t events)
{
	struct worker *w = WORKER_OF(watch, doorbell);

	if (drain(watch->fd) && w->host)
		mn_host_kicked(w->host);
}

/* --- the region ------------------------------------------------------------------ */

static void let_go(void *arg)
{
	struct worker *w = arg;

	if (mn_guest_ram_let_go(w->region, w->geometry.region_bytes))
		_exit(EXIT_FAILURE);	/* the next worker has none of it */
	w->let_go = true;
}

static void give_back(void *arg, uint64_t offset, uint64_t bytes)
{
	const struct worker *w = arg;

	fallocate(w->config->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

static uint64_t in_use(void *arg)
{
	const struct worker *w = arg;
	struct stat st;

	return fstat(w->config->memfd, &st) ? 0 : st.st_blocks * 512;
}

static void end_courier(void *arg)
{
	const char want = MN_WORKER_ENDS_COURIER;

	mn_send_fds(((struct worker *)arg)->config->control, &want, sizeof(want), NULL, 0);
}

/* Serve the region mapped at w->region. 0 or -errno. */
static int make_host(struct worker *w)
{
	const struct mn_worker *c = w->config;
	const struct mn_host_config config = {
		.loop = &w->loop, .region = w->region, .geometry = w->geometry,
		.policy = w->policy, .spin = c->spin, .features = features(w),
		.breaches = w->breaches, .report = report, .ring_guest = ring_guest,
		.let_go = c->ram.path ? let_go : NULL, .arg = w,
		/* Guest RAM is the guest's, and whoever gave it that keeps it. */
		.give_back = c->ram.path ? NULL : give_back,
		.in_use = c->ram.path ? NULL : in_use,
		.memory = c->ram.path ? 0 : c->memory, .end_courier = end_courier,
	};

	return mn_host_create(&w->host, &config);
}

static void drop_region(struct worker *w)
{
	if (w->host)
		w->breaches += mn_host_breaches(w->host);
	mn_host_destroy(w->host);
	w->host = NULL;
	if (w->region)
		munmap(w->region, w->geometry.region_bytes);
	w->region = NULL;
	w->let_go = false;
}

static int map_memfd(struct worker *w)
{
	void *region;

	w->geometry = w->config->geometry;
	region = mmap(NULL, w->geometry.region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      w->config->memfd, 0);
	if (region == MAP_FAILED)
		return -errno;
	w->region = region;
	return make_host(w);
}

/* --- the region in guest RAM ------------------------------------------------------- */

static void ask(struct worker *w)
{
	uint8_t byte;

	if (w->bell.fd < 0 || w->breaches >= MN_MAX_BREACHES)
		return;
	w->asked = (w->asked + 1) & MN_PORT_NUMBER_MASK;
	w->unanswered = true;
	w->answered = false;
	w->ask_in = ASK_TICKS;
	byte = MN_PORT_ASK | w->asked;
	if (send(w->bell.fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;	/* it is asked again */
}

/* In vain, while what was sent is still in the socket: nobody in the guest has the port open. */
static void ask_again(struct worker *w)
{
	int queued;

	if (w->bell.fd >= 0 && !ioctl(w->bell.fd, SIOCOUTQ, &queued) && !queued)
		ask(w);
}

static void refused(struct worker *w, const char *why)
{
	char line[300];

	w->breaches++;
	snprintf(line, sizeof(line), "no region in guest RAM: %s%s", why,
		 w->breaches < MN_MAX_BREACHES ? "" :
		 "; the guest is not asked again before its VM restarts");
	report(w, line);
}

static int take_pages(struct worker *w, const struct mn_announcement *a, char *why, size_t size)
{
	struct mn_geometry g = w->config->geometry;
	int ret = mn_guest_ram_map(&w->config->ram, w->ram, a, &w->region, why, size);

	if (ret)
		return ret;
	w->geometry.region_bytes = g.region_bytes = a->pages * MN_RAM_PAGE;
	ret = mn_geometry_make(&g);
	if (ret) {
		snprintf(why, size, "pages = %" PRIu64 " are too few for %u flows and %u channels",
			 a->pages, g.flows, g.channels);
		return ret;
	}
	w->geometry = g;
	ret = make_host(w);
	if (ret)
		snprintf(why, size, "%s", strerror(-ret));
	return ret;
}

static void serve_pages(struct worker *w, const struct mn_announcement *a)
{
	char text[200];

	if (take_pages(w, a, text, sizeof(text))) {
		drop_region(w);
		refused(w, text);
		return;
	}
	snprintf(text, sizeof(text), "region in guest RAM: %" PRIu64 " pages of 2 MiB, the first "
		 "at 0x%" PRIx64, a->pages, a->frames[0] << MN_RAM_PAGE_SHIFT);
	report(w, text);
}

static void announced(struct worker *w, const struct mn_announcement *a)
{
	const char want = MN_WORKER_WANTS_RAM;

	if (a->number != w->asked || !w->unanswered || w->breaches >= MN_MAX_BREACHES)
		return;
	w->unanswered = false;
	if (w->ram >= 0) {
		serve_pages(w, a);
		return;
	}
	w->answer = *a;
	w->answered = true;
	if (!w->ram_asked)
		w->ram_asked = !mn_send_fds(w->config->control, &want, sizeof(want), NULL, 0);
}

/* The broker has opened the RAM file, or could not. */
static void take_ram(struct worker *w, int fd, int error)
{
	char text[200];

	if (w->ram >= 0)
		close(w->ram);
	w->ram = fd;
	w->ram_asked = false;
	if (!w->answered)
		return;
	w->answered = false;
	if (fd >= 0) {
		serve_pages(w, &w->answer);
		return;
	}
	snprintf(text, sizeof(text), "cannot open the VM's RAM %s: %s", w->config->ram.path,
		 strerror(-error));
	refused(w, text);
}

/*
 * The guest has the pages back, so the end of the session is not written there. One
 * that does nothing but retract is asked at once only the first time in a tick.
 */
static void retracted(struct worker *w)
{
	if (w->region)
		let_go(w);
	drop_region(w);
	w->answered = false;
	if (w->retracted)
		w->ask_in = 1;
	else
		ask(w);
	w->retracted = true;
}

static void hear_guest(struct worker *w)
{
	static struct mn_announcement a;
	enum mn_port_event event;
	bool rung = false;

	while ((event = mn_port_next(&w->port, &a)) != MN_PORT_NOTHING) {
		rung |= event == MN_PORT_RUNG;
		if (event == MN_PORT_RETRACTED) {
			retracted(w);
		} else if (event == MN_PORT_ANNOUNCED) {
			announced(w, &a);
		} else if (event == MN_PORT_NONSENSE && w->breaches < MN_MAX_BREACHES) {
			refused(w, "what the guest wrote to the port makes no sense");
		}
	}
	if (rung && w->host)
		mn_host_kicked(w->host);
}

static void timer_ticks(struct mn_watch *watch, uint32_t events)
{
	struct worker *w = WORKER_OF(watch, timer);

	if (!drain(watch->fd))
		return;
	w->retracted = false;
	if (w->host)
		mn_host_tick(w->host);
	else if (w->config->ram.path && --w->ask_in <= 0)
		ask_again(w);
	if (w->let_go) {
		drop_region(w);
		w->ask_in = 1;
	}
}

/* --- the bell port ------------------------------------------------------------------ */

static void bell_changed(struct worker *w)
{
	w->port = (struct mn_port_reader){ 0 };
	if (w->host)
		mn_host_set_features(w->host, features(w));
	else if (w->config->ram.path)
		ask(w);
}

/* What a guest writes whose region is not in its RAM only must not pile up. */
static void bell_readable(struct mn_watch *watch, uint32_t events)
{
	struct worker *w = WORKER_OF(watch, bell);
	ssize_t n = mn_port_read(&w->port, watch->fd);

	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
		mn_loop_close_fd(&w->loop, &w->bell);
		bell_changed(w);
	} else if (w->config->ram.path) {
		hear_guest(w);
	} else {
		w->port.at = w->port.end;
	}
}

static void take_bell(struct worker *w, int fd)
{
	mn_loop_close_fd(&w->loop, &w->bell);
	w->bell.fd = fd;
	if (mn_loop_add(&w->loop, &w->bell, EPOLLIN | EPOLLRDHUP)) {
		close(fd);
		w->bell.fd = -1;
	}
	bell_changed(w);
}

static void take_policy(struct worker *w, const struct mn_policy *policy)
{
	w->policy = *policy;
	if (w->host)
		mn_host_set_policy(w->host, policy);
}

static void take_courier(struct worker *w, int fd)
{
	if (fd >= 0 && w->host)
		mn_host_set_courier(w->host, fd);
	else if (fd >= 0)
		close(fd);
}

/* The broker sends what struct mn_worker_order says, or has ended us or itself. */
static void control_speaks(struct mn_watch *watch, uint32_t events)
{
	struct worker *w = WORKER_OF(watch, control);
	struct mn_worker_order order;
	int fd = -1;
	size_t n;

	if (mn_recv_fds(watch->fd, &order, sizeof(order), &fd, 1, &n) != sizeof(order)) {
		w->loop.stop = true;
		return;
	}
	if (order.what == MN_WORKER_POLICY)
		take_policy(w, &order.policy);
	else if (order.what == MN_WORKER_RAM)
		take_ram(w, fd, order.error);
	else if (order.what == MN_WORKER_COURIER)
		take_courier(w, fd);
	else if (n == 1)
		take_bell(w, fd);
}

static int start(struct worker *w)
{
	const struct mn_worker *c = w->config;
	int ret = mn_loop_init(&w->loop);

	if (!ret && !c->ram.path)
		ret = map_memfd(w);
	if (!ret)
		ret = mn_loop_watch(&w->loop, &w->doorbell, c->doorbell, EPOLLIN, doorbell_rung);
	if (!ret)
		ret = mn_loop_watch(&w->loop, &w->control, c->control, EPOLLIN, control_speaks);
	if (!ret)
		ret = mn_loop_watch(&w->loop, &w->timer,
				    mn_loop_timer(MN_HEARTBEAT_MS * NSEC_PER_MSEC), EPOLLIN,
				    timer_ticks);
	return ret;
}

static bool work(void *arg)
{
	struct worker *w = arg;

	return w->host && mn_host_work(w->host);
}

int mn_worker_run(const struct mn_worker *config)
{
	static struct worker w;
	int ret;

	w.config = config;
	w.policy = config->policy;
	w.bell = (struct mn_watch){ .fd = -1, .ready = bell_readable };
	w.ram = -1;
	w.asked = mn_now_ns();	/* no answer to the worker before shall fit */
	ret = start(&w);
	if (!ret)
		ret = mn_loop_run(&w.loop, work, &w);
	if (ret)
		fprintf(stderr, "memnetd: %s: %s\n", config->name, strerror(-ret));
	drop_region(&w);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
