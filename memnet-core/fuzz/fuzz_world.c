/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/fuzz/fuzz_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/fuzz/actions.h"

/*
 * A round moves a byte or a record, uses up an edge or empties a set. With every FIFO and
 * ring full (of 4 KiB, or 128 KiB of the shortest records) and the guest at rest there are
 * fewer.
 */
#define MAX_ROUNDS	8192

/* These outlive inputs. */
static int listener = -1, closed_port_fd;
int udp;
struct sockaddr_in listener_addr, closed_addr, udp_addr, udp_closed_addr;

struct world w;
int64_t now_ns;

_Noreturn void broken(const char *claim, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, claim);
	abort();
}

/* Every object of the fuzz build calls this for clock_gettime(). */
int fuzz_clock_gettime(clockid_t clock, struct timespec *ts);
int fuzz_clock_gettime(clockid_t clock, struct timespec *ts)
{
	now_ns += NSEC_PER_USEC;
	*ts = mn_timespec(now_ns);
	return 0;
}

/* --- what must always be so ------------------------------------------------------ */

/* What the guest reads of it: whether it is in use, and as what. */
static void check_facts(const struct host_flow *f)
{
	const struct mn_facts *facts = &shared_flow(mn_flow_id(f))->facts;

	if (f->state == FLOW_FREE)
		must(!facts->h_generation);
	if (f->state == FLOW_OPEN)
		must(facts->h_generation == f->generation && facts->h_kind == f->kind);
}

/* What its listener accepted and the guest did not take before that ended is gone. */
static void check_taken(const struct host_flow *f)
{
	const struct host_flow *l = &w.host->flows[f->listener];

	if (f->listener_generation && l->generation == f->listener_generation &&
	    l->state != FLOW_OPEN)
		must(f->accepted_at < shared_flow(f->listener)->recv.consumer.c_tail);
}

static void check_flow(const struct host_flow *f, uint32_t owed[CHANNELS])
{
	const struct mn_geometry *g = &w.config.geometry;
	uint32_t id = mn_flow_id(f);
	bool starved = w.host->starved.word[id / 64] >> id % 64 & 1;

	must(f->state <= FLOW_DEAD);
	must((f->watch.fd >= 0) == (f->state != FLOW_FREE && f->state != FLOW_DEAD));
	must(w.host->state == MN_H_READY || f->state == FLOW_FREE);
	must(!starved || (f->state == FLOW_OPEN && f->kind == MN_LISTENER));
	if (!w.lied)
		check_facts(f);
	if (f->state == FLOW_FREE)
		return;
	if (!w.lied)
		check_taken(f);
	must(f->channel < CHANNELS && f->generation);
	must(f->kind >= MN_STREAM && f->kind <= MN_DATAGRAMS);
	must(f->kind == MN_STREAM || f->state == FLOW_OPEN || f->state == FLOW_DEAD);
	if (f->state == FLOW_CONNECTING)
		owed[f->asker]++;
	must(f->from_guest.size == g->fifo_bytes && f->to_guest.size == g->fifo_bytes);
	must(f->from_guest.head - f->from_guest.tail <= g->fifo_bytes);
	must(f->to_guest.head - f->to_guest.tail <= g->fifo_bytes);
	must(f->from_guest.data == mn_fifo_data(w.host->region, g, id, MN_SEND));
	must(f->to_guest.data == mn_fifo_data(w.host->region, g, id, MN_RECV));
}

static void check_channel(const struct host_channel *ch, uint32_t owed)
{
	must(ch->owed == owed);
	must(ch->submissions.tail % sizeof(struct mn_submission) == 0);
	must(ch->submissions.head - ch->submissions.tail <= ch->submissions.size);
	must(ch->completions.head % sizeof(struct mn_completion) == 0);
	must(ch->completions.head - ch->completions.tail <= ch->completions.size);
}

void check_host(void)
{
	const struct mn_host *h = w.host;
	uint32_t owed[CHANNELS] = { 0 };

	must(h->state >= MN_H_OFFER && h->state <= MN_H_FAILED);
	must(h->state != MN_H_FAILED || w.lied);
	must(h->session != 0);
	for (uint32_t i = 0; i < w.config.geometry.flows; i++)
		check_flow(&h->flows[i], owed);
	check_objects(owed);
	for (uint32_t c = 0; c < CHANNELS; c++)
		check_channel(&h->channels[c], owed[c]);
	must(h->ready_channels < 1u << CHANNELS);
	must(w.lines <= 64 + 2 * now_ns / (60 * NSEC_PER_SEC));
}

/* --- the host's surroundings ------------------------------------------------------- */

static void report(void *arg, const char *line)
{
	w.lines++;
}

static void ring_guest(void *arg, uint32_t channels, uint64_t features)
{
	must(channels && channels < 1u << CHANNELS);
}

/* What is given back too early is a byte that differs. */
static void give_back(void *arg, uint64_t offset, uint64_t bytes)
{
	must(!madvise((uint8_t *)w.config.region + offset, bytes, MADV_REMOVE));
}

/* Over and not over, in turn. */
static uint64_t in_use(void *arg)
{
	return ++w.asked & 4 ? 2 : 0;
}

static void stays_awake(struct mn_watch *watch, uint32_t events)
{
}

static bool bounded_work(void *arg)
{
	must(++w.rounds < MAX_ROUNDS);
	w.loop.stop = !mn_host_work(w.host);
	return true;
}

/* Twice: the first may end with more events waiting than a round takes. */
void run(void)
{
	w.rounds = 0;
	for (int i = 0; i < 2; i++) {
		w.loop.stop = false;
		must(!mn_loop_run(&w.loop, bounded_work, NULL));
	}
}

void kick(void)
{
	mn_host_kicked(w.host);
	run();
}

void tick(void)
{
	mn_host_tick(w.host);
	run();
}

/* --- the peer ------------------------------------------------------------------------ */

void end_socket(int fd, bool reset)
{
	const struct linger now = { .l_onoff = 1 };

	if (fd < 0)
		return;
	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

struct connection *peer(uint8_t n)
{
	return w.n_peers ? &w.peers[n % w.n_peers] : NULL;
}

bool peer_accept(void)
{
	int fd;

	if (w.n_peers == CONNECTIONS)
		return false;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		return false;
	w.peers[w.n_peers++] = (struct connection){ .fd = fd };
	return true;
}

void peer_write(struct connection *p, size_t len)
{
	uint8_t buf[PIECE];
	ssize_t n;

	len = MIN(len, sizeof(buf));
	for (size_t i = 0; i < len; i++)
		buf[i] = content(p->sent + i);
	n = send(p->fd, buf, len, MSG_NOSIGNAL);
	if (n > 0)
		p->sent += n;
}

ssize_t peer_read(struct connection *p, size_t len)
{
	uint8_t buf[PIECE];
	ssize_t n = recv(p->fd, buf, MIN(len, sizeof(buf)), 0);

	for (ssize_t i = 0; i < n && !w.lied; i++)
		must(buf[i] == content(p->received + i));
	if (n > 0)
		p->received += n;
	return n;
}

/* The address of that flow's socket, as the kernel has it: what the guest reads may be a lie. */
static bool address_of(uint32_t flow, enum mn_flow_kind kind, struct sockaddr_in *addr)
{
	const struct host_flow *f = &w.host->flows[flow];
	socklen_t len = sizeof(*addr);

	return f->state == FLOW_OPEN && f->kind == kind &&
	       !getsockname(f->watch.fd, (struct sockaddr *)addr, &len) &&
	       addr->sin_family == AF_INET;
}

bool peer_call(uint32_t flow)
{
	struct pollfd pfd = { .events = POLLOUT };
	struct sockaddr_in to;
	int fd;

	if (w.n_peers == CONNECTIONS || !address_of(flow, MN_LISTENER, &to))
		return false;
	pfd.fd = fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(fd >= 0);
	/* Loopback answers at once, or the backlog is full. */
	if ((connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) ||
	    poll(&pfd, 1, 0) != 1) {
		end_socket(fd, true);
		return false;
	}
	w.peers[w.n_peers++] = (struct connection){ .fd = fd };
	return true;
}

bool peer_say(uint32_t flow, size_t len)
{
	uint8_t buf[PIECE];
	struct sockaddr_in to;

	if (!address_of(flow, MN_DATAGRAMS, &to))
		return false;
	for (size_t i = 0; i < len; i++)
		buf[i] = content(i);
	sendto(udp, buf, MIN(len, MN_DATAGRAM_MOST), MSG_DONTWAIT, (struct sockaddr *)&to,
	       sizeof(to));
	return true;
}

void peer_hear(void)
{
	uint8_t buf[PIECE];
	ssize_t n;

	while ((n = recv(udp, buf, sizeof(buf), MSG_DONTWAIT)) >= 0)
		for (ssize_t i = 0; i < n && !w.lied; i++)
			must(buf[i] == content(i));
}

void end_peers(void)
{
	peer_hear();
	while (peer_accept() || w.n_peers)
		while (w.n_peers)
			end_socket(w.peers[--w.n_peers].fd, true);
}

/* --- a world ---------------------------------------------------------------------------- */

static struct sockaddr_in bind_loopback(int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	must(!bind(fd, (struct sockaddr *)&sin, len));
	must(!getsockname(fd, (struct sockaddr *)&sin, &len));
	return sin;
}

/* The policy names these four ports: no input reaches anything else of this machine. */
static void make_peer(void)
{
	const int small = 64 << 10;	/* a peer that does not read is soon full */
	int udp_closed_fd;

	if (listener >= 0)
		return;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	listener_addr = bind_loopback(listener);
	must(!listen(listener, 4));	/* few: some connects shall have to wait */
	closed_port_fd = socket(AF_INET, SOCK_STREAM, 0);
	closed_addr = bind_loopback(closed_port_fd);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	udp_addr = bind_loopback(udp);
	udp_closed_fd = socket(AF_INET, SOCK_DGRAM, 0);
	udp_closed_addr = bind_loopback(udp_closed_fd);
	close(udp_closed_fd);	/* one that is bound and not read refuses nothing */
}

static void allow(const char *what, const struct sockaddr_in *to)
{
	char rule[64];

	snprintf(rule, sizeof(rule), "%s 127.0.0.1/32:%u", what, ntohs(to->sin_port));
	must(!mn_policy_add(&w.config.policy, MN_POLICY_ALLOW, rule, NULL, 0));
}

static void *map(int memfd)
{
	void *base = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	must(base != MAP_FAILED);
	return base;
}

void make_world(bool spins, uint32_t flows, uint64_t memory)
{
	int memfd;

	make_peer();
	w = (struct world){
		.config = {
			.loop = &w.loop, .report = report, .ring_guest = ring_guest,
			.features = FEATURES, .give_back = give_back, .in_use = in_use,
			.memory = memory,
			.geometry = { .region_bytes = REGION_BYTES, .channels = CHANNELS,
				      .flows = flows, .arena_bytes = ARENA_BYTES },
		},
		.courier = -1,
		.awake = { eventfd(1, EFD_NONBLOCK), stays_awake },
	};
	now_ns = NSEC_PER_SEC;
	must(!mn_spin_parse(spins ? "adaptive:50us" : "0", &w.config.spin));
	allow("tcp", &listener_addr);
	allow("tcp", &closed_addr);
	allow("udp", &udp_addr);
	allow("udp", &udp_closed_addr);
	must(!mn_policy_add(&w.config.policy, MN_POLICY_ALLOW, "listen any " LISTEN_ADDR, NULL, 0));
	must(!mn_geometry_make(&w.config.geometry));
	memfd = mn_host_make_memfd(REGION_BYTES);
	w.guest = map(memfd);
	w.config.region = map(memfd);
	close(memfd);
	must(!mn_loop_init(&w.loop));
	must(!mn_loop_add(&w.loop, &w.awake, EPOLLIN));
	must(!mn_host_create(&w.host, &w.config));
	make_courier();
}

void end_world(void)
{
	mn_host_destroy(w.host);
	end_courier();
	mn_loop_close_fd(&w.loop, &w.awake);
	mn_loop_close(&w.loop);
	end_peers();
	munmap(w.guest, REGION_BYTES);
	munmap(w.config.region, REGION_BYTES);
}

/* The lowest free descriptor: one that leaked has taken it, or will. */
int lowest_fd(void)
{
	int fd;

	make_peer();	/* it outlives inputs */
	fd = dup(listener);
	must(fd >= 0);
	close(fd);
	return fd;
}
