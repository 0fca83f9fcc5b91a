/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-bench: the FIFO against the best two cores can do without it.
 *
 * One thread copies pieces into the FIFO, another copies them out, pinned to two
 * CPUs. Beside it, in the same run and in turns, two threads that each memcpy
 * the same bytes and never speak to each other. The ratio is what the FIFO
 * costs; only ratios are printed as results, for absolute rates belong to one
 * machine at one moment.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/fifo.h"

#define FIFO_BYTES	(2u << 20)
#define BYTES		(1ull << 30)	/* each side copies, a round */
#define ROUNDS		9

struct side {
	int cpu;
	size_t piece;
	struct mn_producer *p;	/* NULL: memcpy alone */
	struct mn_consumer *c;
	uint8_t *far, *near;	/* FIFO_BYTES, piece bytes */
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *copy_in(void *arg)
{
	struct side *s = arg;
	struct iovec spans[2];

	pin(s->cpu);
	for (uint64_t done = 0; done < BYTES;) {
		ssize_t n = mn_producer_reserve(s->p, s->piece, spans);

		memcpy(spans[0].iov_base, s->near, spans[0].iov_len);
		memcpy(spans[1].iov_base, s->near + spans[0].iov_len, spans[1].iov_len);
		mn_producer_commit(s->p, n);
		done += n;
	}
	return NULL;
}

static void *copy_out(void *arg)
{
	struct side *s = arg;
	struct iovec spans[2];

	pin(s->cpu);
	for (uint64_t done = 0; done < BYTES;) {
		ssize_t n = mn_consumer_peek(s->c, s->piece, spans);

		memcpy(s->near, spans[0].iov_base, spans[0].iov_len);
		memcpy(s->near + spans[0].iov_len, spans[1].iov_base, spans[1].iov_len);
		mn_consumer_release(s->c, n);
		done += n;
	}
	return NULL;
}

/* The same accesses in the same order, by one side that waits for nobody. */
static void *copy_alone(void *arg)
{
	struct side *s = arg;

	pin(s->cpu);
	for (uint64_t done = 0; done < BYTES; done += s->piece) {
		memcpy(s->far + done % FIFO_BYTES, s->near, s->piece);
		__asm__ volatile("" ::: "memory");
	}
	return NULL;
}

/* Both threads to their end, ns. */
static int64_t together(void *(*a)(void *), struct side *sa, void *(*b)(void *), struct side *sb)
{
	int64_t begin = mn_now_ns();
	pthread_t ta, tb;

	pthread_create(&ta, NULL, a, sa);
	pthread_create(&tb, NULL, b, sb);
	pthread_join(ta, NULL);
	pthread_join(tb, NULL);
	return mn_now_ns() - begin;
}

static uint8_t *buffer(size_t bytes)
{
	uint8_t *b = aligned_alloc(MN_PAGE, (bytes + MN_PAGE - 1) / MN_PAGE * MN_PAGE);

	if (!b) {
		fprintf(stderr, "memnet-bench: no memory for %zu bytes\n", bytes);
		exit(1);
	}
	memset(b, 1, bytes);
	return b;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double fifo_round(size_t piece, const int cpu[2])
{
	struct mn_index index = { 0 };
	struct mn_producer p;
	struct mn_consumer c;
	uint8_t *data = buffer(FIFO_BYTES);
	struct side in = { .cpu = cpu[0], .piece = piece, .p = &p, .near = buffer(piece) };
	struct side out = { .cpu = cpu[1], .piece = piece, .c = &c, .near = buffer(piece) };
	int64_t ns;

	mn_producer_init(&p, &index, data, FIFO_BYTES);
	mn_consumer_init(&c, &index, data, FIFO_BYTES);
	ns = together(copy_in, &in, copy_out, &out);
	free(data);
	free(in.near);
	free(out.near);
	return ns;
}

static double memcpy_round(size_t piece, const int cpu[2])
{
	struct side a = { .cpu = cpu[0], .piece = piece, .far = buffer(FIFO_BYTES),
			  .near = buffer(piece) };
	struct side b = { .cpu = cpu[1], .piece = piece, .far = buffer(FIFO_BYTES),
			  .near = buffer(piece) };
	int64_t ns = together(copy_alone, &a, copy_alone, &b);

	free(a.far);
	free(a.near);
	free(b.far);
	free(b.near);
	return ns;
}

static void bench(size_t piece, const int cpu[2])
{
	double ratio[ROUNDS], fifo[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double alone = memcpy_round(piece, cpu);

		fifo[i] = fifo_round(piece, cpu);
		ratio[i] = alone / fifo[i];
	}
	qsort(ratio, ROUNDS, sizeof(ratio[0]), by_value);
	qsort(fifo, ROUNDS, sizeof(fifo[0]), by_value);
	printf("fifo throughput  %7zu B  %5.2fx of two memcpy  (%.2f .. %.2f, n=%d; %.1f GB/s here)\n",
	       piece, ratio[ROUNDS / 2], ratio[0], ratio[ROUNDS - 1], ROUNDS,
	       (double)BYTES / fifo[ROUNDS / 2]);
}

/* The first two CPUs this process may use. */
static int two_cpus(int cpu[2])
{
	cpu_set_t set;
	int n = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	return n == 2 ? 0 : -EINVAL;
}

int main(void)
{
	static const size_t pieces[] = { 4u << 10, 64u << 10, 1u << 20 };
	int cpu[2];

	if (two_cpus(cpu)) {
		fprintf(stderr, "memnet-bench: needs two CPUs; widen its affinity (taskset)\n");
		return 1;
	}
	printf("CPUs %d and %d, FIFO of %u KiB, medians of %d rounds in turns (min .. max)\n",
	       cpu[0], cpu[1], FIFO_BYTES >> 10, ROUNDS);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		bench(pieces[i], cpu);
	return 0;
}
