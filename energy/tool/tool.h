/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy: what its parts say to each other. */
#ifndef ENERGY_TOOL_H
#define ENERGY_TOOL_H

#include <stdio.h>
#include <sys/types.h>

#include "energy/attribution.h"
#include "energy/counters.h"
#include "energy/energy.h"
#include "energy/sampler.h"
#include "memnet-core/base/util.h"

#define SCHEMA_VERSION	1
#define MAX_PIDS	64

/* Statuses of our own, as env(1) and timeout(1) have them; else the command's. */
enum { STATUS_TOOL = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

struct output_ops;

struct options {
	char **command;			/* ended by NULL; NULL: none */
	pid_t pids[MAX_PIDS];
	size_t n_pids;
	bool all;			/* counters of all CPUs */
	int64_t interval_ns, timeout_ns; /* 0: none */
	int64_t idle_ns;		/* before and after each run; 0: none */
	unsigned repeat;		/* 0: not asked for */
	const char *events;		/* as typed; NULL: the default set */
	const char *source, *sysfs;
	const char *file;		/* NULL: standard error */
	const struct output_ops *output;
};

/* What all windows of one call have in common. */
struct session {
	const struct options *options;
	const struct energy *energy;
	const char *const *events;	/* ended by NULL */
	size_t n_events;
	const bool *event_is_time;	/* [n_events]: it counts ns */
	char (*event_notes)[256];	/* [n_events]: why absent or partial; or "" */
	unsigned cpus;			/* online */
};

struct cpu_use {			/* seconds; NaN: not known */
	double command, user, system;	/* of the command; of -p those alone, not their children */
	double busy, steal, idle;	/* of the whole machine */
};

/* The machine while nothing of ours ran. */
struct idle_window {
	struct energy_value total;
	double duration_s;
	double busy_s, busy_share;	/* CPU time, and as a share of all CPUs; NaN: not known */
};

enum record_kind { RECORD_RUN, RECORD_INTERVAL };

/* What one window, or one interval of it, cost. */
struct record {
	enum record_kind kind;
	unsigned run, interval;		/* from 1; interval 0: the whole window */
	double begin_s, duration_s;	/* since the first window began */
	struct energy_value total;
	struct energy_value *domains;	/* [energy_domain_count()] */
	struct energy_check *checks;	/* the same; text is "" where there is no witness */
	struct idle_window before, after;	/* these three: with --idle only */
	struct energy_idle idle;
	struct energy_value net;	/* total less idle */
	struct energy_value share;	/* of net, or without --idle of total: the command's */
	struct counter_sum *counters;	/* [n_events]; error is for those without any thread */
	struct cpu_use cpu;
	struct sampler_stats sampler;
	int status;			/* as a shell has it; -1: no command, or not ended */
	int ended_by;			/* the signal that ended the command, or 0 */
	unsigned missed_threads;	/* began while -p attached: maybe not counted */
	unsigned gone;			/* of -p: no CPU time since their last sample */
};

/* One number of a record, whatever it is of; for all that goes over numbers. */
struct value {
	const char *metric;		/* with its unit: "energy_j", "cpu_user_s", "count" */
	const char *name;		/* of the domain or the event; else "" */
	const char *source;
	enum energy_quality quality;
	double value;			/* NaN: absent */
	double low, high;		/* band, or NaN */
	unsigned gaps;
	bool in_total, witness;
	const struct counter_sum *counter;	/* or NULL */
	char reason[400];
};

size_t record_value_count(const struct session *session);
void record_value(const struct session *session, const struct record *record, size_t i,
		  struct value *value);

/* One line to standard error, with the program's name. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* Did all of standard output get there? 0; else a complaint, and STATUS_TOOL. */
int said_it_all(void);

/*
 * Why @source is not used: the last note that is an error, for it says what was wanting after
 * all others were passed over; else its last; else @otherwise. NULL: the first one tried.
 */
const char *refusal(const struct energy *e, const char *source, const char *otherwise);

/* There is no source @name: say so; STATUS_TOOL. */
int refuse_source(const char *name);

/* "'build/x --threads 2'", "process 123": what is measured; "" for the machine. */
void describe(const struct options *options, char *buf, size_t size);

/* Open everything, measure, report; the exit status. */
int session_run(const struct options *options);

/* What works on this machine and what mends the rest; the exit status. */
int doctor(const struct options *options);

/* Idle watts and slope of this machine, by its own counters; options of its own follow its word. */
int calibrate(const struct options *options);

#endif
