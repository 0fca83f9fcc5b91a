/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that sends to a TCP peer in writes of 64 KiB: through memnetd, and by a
 * kernel socket of its own. The peer reads what comes, the same for both. The
 * sender is on the first CPU and the peer on the second; memnetd is wherever the
 * scheduler puts it, for it is a third process on two CPUs.
 *
 * Two figures: bytes per second, and the sender's own CPU time per byte, which is
 * what a guest would spend.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/bench/bench.h"
#include "memnet-core/bench/service.h"

#define WRITE_BYTES	(64u << 10)
#define TURN_NS		(300 * NSEC_PER_MSEC)

static int peer_cpu;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* One connection after the other, read to its end. */
static void drain(int listener)
{
	static char buf[256u << 10];

	pin(peer_cpu);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
}

struct figures {
	double ns_per_byte, cpu_ns_per_byte;
};

/* Send for a turn by @send, and note what it took. 0 or -errno. */
static int turn(ssize_t (*send)(void *to, const void *buf, size_t len), void *to,
		struct figures *out)
{
	static char buf[WRITE_BYTES];
	int64_t begin = mn_now_ns(), cpu = service_cpu_ns(getpid()), ns = 0;
	uint64_t bytes = 0;

	while (ns < TURN_NS) {
		ssize_t n = send(to, buf, sizeof(buf));

		if (n < 0)
			return n;
		bytes += n;
		ns = mn_now_ns() - begin;
	}
	*out = (struct figures){ (double)ns / bytes,
				 (double)(service_cpu_ns(getpid()) - cpu) / bytes };
	return 0;
}

static ssize_t send_memnet(void *to, const void *buf, size_t len)
{
	return memnet_send(to, buf, len);
}

static ssize_t send_socket(void *to, const void *buf, size_t len)
{
	ssize_t n = write(*(int *)to, buf, len);

	return n < 0 ? -errno : n;
}

static int memnet_turn(struct service *s, struct figures *out)
{
	struct memnet_flow *flow;
	int ret = memnet_connect(s->vm[0], (const struct sockaddr *)&s->peer_addr,
			     sizeof(struct sockaddr_in), &flow);

	if (ret)
		return ret;
	ret = turn(send_memnet, flow, out);
	memnet_close(flow);
	return ret;
}

static int socket_turn(struct service *s, struct figures *out)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = -errno;

	if (fd < 0)
		return ret;
	if (!connect(fd, (struct sockaddr *)&s->peer_addr, sizeof(s->peer_addr)))
		ret = turn(send_socket, &fd, out);
	else
		ret = -errno;
	close(fd);
	return ret;
}

static int rounds(const struct mn_bench_env *env, struct service *s, double *figures)
{
	double *speed = figures, *ours_ns = speed + env->rounds;
	double *cpu = ours_ns + env->rounds, *cpu_ns = cpu + env->rounds;
	int ret = 0;

	for (int i = 0; i < env->rounds && !ret; i++) {
		struct figures ours = { 0 }, theirs = { 0 };

		/* Neither is always the first. */
		if (i % 2)
			ret = memnet_turn(s, &ours);
		if (!ret)
			ret = socket_turn(s, &theirs);
		if (!ret && i % 2 == 0)
			ret = memnet_turn(s, &ours);
		if (ret)
			break;
		speed[i] = theirs.ns_per_byte / ours.ns_per_byte;
		ours_ns[i] = ours.ns_per_byte;
		cpu[i] = ours.cpu_ns_per_byte / theirs.cpu_ns_per_byte;
		cpu_ns[i] = ours.cpu_ns_per_byte * (1 << 20);
	}
	if (ret)
		return ret;
	mn_bench_row(&(struct mn_comparison){
		.label = "tcp 64 KiB, throughput", .unit = "GB/s",
		.reference_label = "a kernel socket",
		.scale = 1, .target = 0.9 }, speed, ours_ns, env->rounds, "");
	mn_bench_row(&(struct mn_comparison){
		.label = "tcp 64 KiB, sender's CPU", .unit = "ns/MiB",
		.reference_label = "a kernel socket", .target = 0.5, .slowdown = true },
		cpu, cpu_ns, env->rounds, "");
	return 0;
}

static int run(const struct mn_bench_env *env)
{
	static const char *const argv[] = { "--flows", "8", NULL };
	double *figures = calloc(4 * env->rounds, sizeof(*figures));
	struct service s;
	cpu_set_t before;
	int ret;

	if (!figures)
		return -ENOMEM;
	peer_cpu = env->cpu[1];
	ret = service_start(&s, 1, argv, drain);
	if (!ret)
		ret = service_attach(&s, 0);
	sched_getaffinity(0, sizeof(before), &before);
	pin(env->cpu[0]);
	if (!ret)
		ret = rounds(env, &s, figures);
	sched_setaffinity(0, sizeof(before), &before);
	service_stop(&s);
	free(figures);
	return ret;
}

const struct mn_bench mn_bench_tcp = {
	.name = "tcp", .summary = "process -> memnetd -> TCP peer, against a kernel socket",
	.run = run,
};
