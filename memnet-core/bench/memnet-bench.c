/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of benches, and the command line. How benches are made: bench.h. */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/bench/bench.h"

static const struct mn_bench *const benches[] = {
	&mn_bench_ring,
	&mn_bench_fifo,
	&mn_bench_pingpong_spin,
	&mn_bench_pingpong_sleep,
	&mn_bench_tcp,
	&mn_bench_flows,
	&mn_bench_fair,
	&mn_bench_idle,
};

static const char usage[] =
	"usage: memnet-bench [--list] [--rounds=N] [--realtime] [NAME...]\n"
	"\n"
	"Compare MemNet's core with the best known way to do the same, in turns on two\n"
	"CPUs. Without a NAME: every bench. The first two CPUs of its affinity are used.\n"
	"\n"
	"  --list      what benches there are\n"
	"  --rounds=N  turns of each measurement; the default is 9\n"
	"  --realtime  run the two sides as SCHED_FIFO, for a machine that others use too;\n"
	"              needs CAP_SYS_NICE\n";

static void list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		printf("%-16s %s\n", benches[i]->name, benches[i]->summary);
}

static const struct mn_bench *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		if (!strcmp(benches[i]->name, name))
			return benches[i];
	return NULL;
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

static int run(const struct mn_bench *bench, const struct mn_bench_env *env)
{
	int ret = bench->run(env);

	if (ret)
		fprintf(stderr, "memnet-bench: %s: %s\n", bench->name, strerror(-ret));
	return ret ? 1 : 0;
}

static int run_all(char **names, int n, const struct mn_bench_env *env)
{
	int bad = 0;

	for (int i = 0; i < n; i++)
		if (!find(names[i])) {
			fprintf(stderr, "memnet-bench: no bench is called %s; see --list\n",
				names[i]);
			return 2;
		}
	printf("CPUs %d and %d; medians of %d rounds in turns (min .. max); line: how far apart the\n"
	       "CPUs were, a cache line there and back\n",
	       env->cpu[0], env->cpu[1], env->rounds);
	for (int i = 0; i < n; i++)
		bad |= run(find(names[i]), env);
	for (size_t i = 0; !n && i < ARRAY_SIZE(benches); i++)
		bad |= run(benches[i], env);
	return bad;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "realtime", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct mn_bench_env env = { .rounds = 9 };
	uint64_t rounds;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			list();
			return 0;
		case 'r':
			if (mn_parse_u64(optarg, &rounds) || rounds < 1 || rounds > 10000) {
				fprintf(stderr, "memnet-bench: --rounds is 1 to 10000\n");
				return 2;
			}
			env.rounds = rounds;
			break;
		case 't':
			env.realtime = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (two_cpus(env.cpu)) {
		fprintf(stderr, "memnet-bench: needs two CPUs; widen its affinity (taskset)\n");
		return 1;
	}
	return run_all(argv + optind, argc - optind, &env);
}
