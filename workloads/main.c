/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-work: what runs in guests and at the peer. Each workload is one row here. */
#include <string.h>

#include "memnet-core/base/util.h"
#include "workloads/workload.h"

static const struct workload *const workloads[] = {
	&workload_compute,
	&workload_stream,
	&workload_rr,
	&workload_conn,
	&workload_peer,
	&workload_copy,
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage: memnet-work WORKLOAD [OPTION...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		fprintf(to, "  %-8s %s\n", workloads[i]->name, workloads[i]->summary);
	fprintf(to, "\nEach workload explains itself: memnet-work WORKLOAD --help\n");
}

int main(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_help(stdout);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(workloads); i++) {
		if (strcmp(argv[1], workloads[i]->name))
			continue;
		stop_install();
		return workloads[i]->run(argc - 1, argv + 1);
	}
	if (argc > 1)
		work_error("there is no workload '%s'", argv[1]);
	print_help(stderr);
	return 2;
}
