/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every workload of memnet-work is made of: a row in main.c's table, an
 * option table that is its parser and its help, an orderly stop, a barrier.
 * A workload prints one `result key=value ...` line on stdout when it ends and
 * one line on stderr for an error; exit status 0, 1 (failed), 2 (usage).
 */
#ifndef MEMNET_WORKLOADS_WORKLOAD_H
#define MEMNET_WORKLOADS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct option_spec {
	const char *name;	/* without the dashes */
	const char *arg;	/* what --help calls the value; NULL: a switch (a bool) */
	const char *help;
	int (*parse)(const char *text, void *value);	/* 0, or -errno and *value as it was */
	size_t offset;		/* of the value in the workload's structure of options */
};

struct workload {
	const char *name, *summary, *examples;
	const struct option_spec *options;	/* ends with a NULL name */
	int (*run)(int argc, char **argv);	/* argv[0]: the workload; gives the status */
};

extern const struct workload workload_compute, workload_stream, workload_rr, workload_conn,
			     workload_peer, workload_copy;

#define work_error(fmt, ...) fprintf(stderr, "memnet-work: " fmt "\n", ##__VA_ARGS__)

/*
 * Fill @values (preset with defaults) from the command line. Prints and ends
 * the program itself: status 0 after --help, 2 after a mistake.
 */
void options_parse(const struct workload *w, int argc, char **argv, void *values);

/* option_spec.parse for: const char *, uint64_t count, uint64_t bytes, int64_t ns, sockaddr_in. */
int option_text(const char *text, void *value);
int option_u64(const char *text, void *value);
int option_bytes(const char *text, void *value);
int option_duration(const char *text, void *value);
int option_addr(const char *text, void *value);

/*
 * Stop in order on SIGTERM, SIGINT or after a time. Blocking calls return
 * -EINTR then, also one entered just after stop_requested() was asked.
 */
void stop_install(void);
void stop_after_ns(int64_t ns);
bool stop_overdue(void);	/* 5 s and more have passed since the stop was asked for */

extern int stop_count;
static inline bool stop_requested(void)
{
	return __atomic_load_n(&stop_count, __ATOMIC_RELAXED) != 0;
}

/*
 * With @wanted: say `armed`, wait for a line on stdin. False: the run is off
 * (end of file, or a stop), leave quietly.
 */
bool barrier_pass(bool wanted);

#endif
