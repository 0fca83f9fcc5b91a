/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What open flows cost that nobody uses: two VMs of one memnetd, one with a single
 * flow, one with a thousand; in turns the one active flow of each carries requests
 * of 64 bytes and their answers. Compared is the CPU time of the worker for a
 * round trip, and the round trip itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/service.h"

#define OPEN_FLOWS	1000
#define MESSAGE		64
#define TRIPS		5000	/* of a turn */

/* Every connection gets its bytes back. */
static void echo(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener };
	int epoll = epoll_create1(0);
	char buf[4096];

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev);
	while (epoll_wait(epoll, &ev, 1, -1) == 1) {
		ssize_t n;

		if (ev.data.fd == listener) {
			ev = (struct epoll_event){ .events = EPOLLIN,
						   .data.fd = accept(listener, NULL, NULL) };
			epoll_ctl(epoll, EPOLL_CTL_ADD, ev.data.fd, &ev);
			continue;
		}
		n = read(ev.data.fd, buf, sizeof(buf));
		if (n <= 0 || write(ev.data.fd, buf, n) != n)
			close(ev.data.fd);
	}
}

static int trip(struct memnet_flow *flow)
{
	char message[MESSAGE] = { 0 };
	ssize_t n = memnet_send(flow, message, sizeof(message));

	for (size_t got = 0; n >= 0 && got < sizeof(message); got += n) {
		n = memnet_recv(flow, message, sizeof(message) - got);
		if (n == 0)
			n = -ECONNRESET;
	}
	return n < 0 ? n : 0;
}

/* One turn on @flow, served by @worker. 0 or -errno. */
static int turn(struct memnet_flow *flow, pid_t worker, double *cpu_ns, double *ns)
{
	int64_t begin = mn_now_ns(), cpu = service_cpu_ns(worker);

	for (int i = 0; i < TRIPS; i++) {
		int ret = trip(flow);

		if (ret)
			return ret;
	}
	*ns = (double)(mn_now_ns() - begin) / TRIPS;
	*cpu_ns = (double)(service_cpu_ns(worker) - cpu) / TRIPS;
	return 0;
}

static int rounds(const struct mn_bench_env *env, const struct service *s,
		  struct memnet_flow *one, struct memnet_flow *of_many, double *figures)
{
	double *cpu = figures, *cpu_ns = cpu + env->rounds;
	double *time = cpu_ns + env->rounds, *time_ns = time + env->rounds;
	int ret = 0;

	for (int i = 0; i < env->rounds && !ret; i++) {
		double one_cpu = 0, one_ns = 0;

		/* Neither is always the first. */
		if (i % 2)
			ret = turn(of_many, s->worker[1], &cpu_ns[i], &time_ns[i]);
		if (!ret)
			ret = turn(one, s->worker[0], &one_cpu, &one_ns);
		if (!ret && i % 2 == 0)
			ret = turn(of_many, s->worker[1], &cpu_ns[i], &time_ns[i]);
		cpu[i] = cpu_ns[i] / one_cpu;
		time[i] = time_ns[i] / one_ns;
	}
	if (ret)
		return ret;
	mn_bench_row(&(struct mn_comparison){
		.label = "1000 flows, worker's CPU", .unit = "ns/trip", .reference_label = "1 flow",
		.target = 1.1, .slowdown = true }, cpu, cpu_ns, env->rounds, "");
	mn_bench_row(&(struct mn_comparison){
		.label = "1000 flows, round trip", .unit = "ns", .reference_label = "1 flow",
		.target = 1.1, .slowdown = true }, time, time_ns, env->rounds, "");
	return 0;
}

/* A thousand sockets here, in memnetd and at the peer. */
static int want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_max < OPEN_FLOWS + 100)
		return -EMFILE;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

static int run(const struct mn_bench_env *env)
{
	static const char *const argv[] = { "--size", "128M", "--flows", "1024", NULL };
	static struct memnet_flow *one, *many[OPEN_FLOWS];
	double *figures = calloc(4 * env->rounds, sizeof(*figures));
	struct service s = { 0 };
	int ret, opened = 0;

	if (!figures)
		return -ENOMEM;
	ret = want_descriptors();
	if (!ret)
		ret = service_start(&s, 2, argv, echo);
	for (unsigned int i = 0; i < 2 && !ret; i++)
		ret = service_attach(&s, i);
	if (!ret)
		ret = memnet_connect(s.vm[0], (const struct sockaddr *)&s.peer_addr,
			     sizeof(struct sockaddr_in), &one);
	while (!ret && opened < OPEN_FLOWS) {
		ret = memnet_connect(s.vm[1], (const struct sockaddr *)&s.peer_addr,
			     sizeof(struct sockaddr_in), &many[opened]);
		opened += !ret;
	}
	if (!ret)
		ret = rounds(env, &s, one, many[OPEN_FLOWS / 2], figures);
	while (opened)
		memnet_close(many[--opened]);
	if (one)
		memnet_close(one);
	service_stop(&s);
	free(figures);
	return ret;
}

const struct mn_bench mn_bench_flows = {
	.name = "flows", .summary = "1000 open flows and 1 active, against 1 open flow",
	.run = run,
};
