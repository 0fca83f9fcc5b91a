/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of runs.csv made up for tests: single ones, and a whole experiment. */
#ifndef MEMNET_HARNESS_TEST_MADE_ROWS_H
#define MEMNET_HARNESS_TEST_MADE_ROWS_H

#include <string.h>

#include "harness/columns.h"

/* A valid measured run of one second in the spare-core arm under TCG. */
static inline struct run_row made_run(const char *path, const char *scenario, int64_t block)
{
	struct run_row r;

	columns_clear(runs_columns(), &r);
	ROW_TEXT(r.plan, "made-up");
	ROW_TEXT(r.git, "0123456");
	ROW_TEXT(r.run_id, "%s-%s-%d", path, scenario, (int)block);
	ROW_TEXT(r.kind, "measure");
	ROW_TEXT(r.status, "ok");
	ROW_TEXT(r.path, "%s", path);
	ROW_TEXT(r.scenario, "%s", scenario);
	ROW_TEXT(r.direction, "send");
	ROW_TEXT(r.arm, "spare-core");
	ROW_TEXT(r.topology, "one-vm");
	r.vms = 1;
	ROW_TEXT(r.accelerator, "tcg");
	ROW_TEXT(r.compute_kernel, "sha256");
	ROW_TEXT(r.energy_source, "model");
	ROW_TEXT(r.energy_quality, "estimated");
	r.block = block;
	r.order = block;
	r.repetition = block;
	r.window_s = 1;
	r.window_begin_ns = 1000000000LL * (block + 1);
	return r;
}

/* What the runs of one path in one scenario are around. */
struct made_level {
	const char *scenario, *arm, *path;
	double compute, network;		/* ops/s, bytes/s */
	double vcpu, qemu, memnetd, peer;	/* s */
	double window;				/* s */
};

static const struct made_level made_levels[] = {
	{ "hybrid-saturate", "spare-core", "virtio-tap", 650, 62e6, 1.98, 1.2, NAN, 0.5, 2 },
	{ "hybrid-saturate", "spare-core", "memnet", 665, 530e6, 1.98, 0.02, 1.1, 0.9, 2 },
	{ "hybrid-saturate", "equal-core", "virtio-tap", 560, 52e6, 1.3, 0.68, NAN, 0.4, 2 },
	{ "hybrid-saturate", "equal-core", "memnet", 640, 270e6, 1.2, 0.01, 0.75, 0.6, 2 },
	{ "hybrid-paced", "spare-core", "virtio-tap", 720, 37e6, 1.98, 0.8, NAN, 0.35, 2 },
	{ "hybrid-paced", "spare-core", "memnet", 1430, 37.1e6, 1.97, 0.02, 0.14, 0.12, 2 },
	{ "hybrid-paced", "equal-core", "virtio-tap", 610, 31e6, 1.4, 0.58, NAN, 0.3, 2 },
	{ "hybrid-paced", "equal-core", "memnet", 1020, 31e6, 1.8, 0.01, 0.15, 0.1, 2 },
	{ "hybrid-fixed", "spare-core", "virtio-tap", 520, 50e6, 2.3, 1.1, NAN, 0.5, 2.6 },
	{ "hybrid-fixed", "spare-core", "memnet", 970, 93e6, 1.35, 0.02, 0.22, 0.18, 1.4 },
	{ "hybrid-fixed", "equal-core", "virtio-tap", 400, 38e6, 2.4, 1, NAN, 0.5, 3.4 },
	{ "hybrid-fixed", "equal-core", "memnet", 790, 76e6, 1.4, 0.02, 0.25, 0.2, 1.7 },
};

/* +-5 %, the same in every run of the test. */
static inline double made_noise(uint64_t *seed)
{
	return 0.95 + 0.1 * (mn_splitmix64(seed) >> 11) / (double)(1ULL << 53);
}

static inline struct run_row made_run_at(const struct made_level *l, int64_t block, uint64_t *seed)
{
	struct run_row r = made_run(l->path, l->scenario, block);
	bool fixed = !strcmp(l->scenario, "hybrid-fixed");
	bool paced = !strcmp(l->scenario, "hybrid-paced");

	ROW_TEXT(r.arm, "%s", l->arm);
	ROW_TEXT(r.run_id, "b%d-%s-%s-%s", (int)block, l->arm, l->path, l->scenario);
	r.window_s = l->window * (fixed ? made_noise(seed) : 1);
	r.compute_ops_per_s = fixed ? 1350 / r.window_s : l->compute * made_noise(seed);
	r.compute_ops = r.compute_ops_per_s * r.window_s + 0.5;
	r.stream_bytes_per_s = fixed ? 130e6 / r.window_s :
			       l->network * (paced ? 1 : made_noise(seed));
	r.stream_bytes = r.stream_bytes_per_s * r.window_s + 0.5;
	r.cpu_vcpu_s = l->vcpu * made_noise(seed);
	r.cpu_qemu_s = l->qemu * made_noise(seed);
	r.cpu_memnetd_s = l->memnetd * made_noise(seed);
	r.cpu_peer_s = l->peer * made_noise(seed);
	r.cpu_total_s = r.cpu_vcpu_s + r.cpu_qemu_s + r.cpu_peer_s +
			(isnan(l->memnetd) ? 0 : r.cpu_memnetd_s);
	r.energy_j = r.window_s * 1.5 + r.cpu_total_s * 2.8;
	r.energy_low_j = r.energy_j * 0.7;
	r.energy_high_j = r.energy_j * 1.35;
	return r;
}

#define MADE_RUNS(blocks) ((blocks) * ARRAY_SIZE(made_levels))

/* An experiment of @blocks blocks into @rows, MADE_RUNS(blocks) of them. */
static inline void made_experiment(struct run_row *rows, int blocks)
{
	uint64_t seed = 1;

	for (int b = 0; b < blocks; b++)
		for (size_t i = 0; i < ARRAY_SIZE(made_levels); i++)
			*rows++ = made_run_at(&made_levels[i], b, &seed);
}

/* A third path in @runs, beside each of the @n of the baseline; how many there are then. */
static inline size_t made_third_path(struct run_row *runs, size_t n, const char *path)
{
	size_t all = n;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(runs[i].path, "virtio-tap"))
			continue;
		runs[all] = runs[i];
		ROW_TEXT(runs[all].path, "%s", path);
		ROW_TEXT(runs[all].run_id, "%s-%zu", path, all);
		runs[all].stream_bytes_per_s *= 7;
		runs[all].stream_bytes *= 7;
		all++;
	}
	return all;
}

/* The same, of a path without a VM. */
static inline size_t made_bound(struct run_row *runs, size_t n)
{
	size_t all = made_third_path(runs, n, "native");

	for (size_t i = n; i < all; i++)
		ROW_TEXT(runs[i].accelerator, ACCELERATOR_NONE);
	return all;
}

/* A run of requests, or of a paced stream, with what a spin budget would do to it. */
static inline struct run_row made_spin_run(const char *path, const char *arm, const char *spin,
					   bool requests, int64_t block, uint64_t *seed)
{
	struct run_row r = made_run(path, requests ? "rr" : "network-paced", block);
	double level = strcmp(path, "memnet") ? 1 : *spin == '0' ? 0.7 : 0.3;

	ROW_TEXT(r.arm, "%s", arm);
	ROW_TEXT(r.spin, "%s", spin);
	ROW_TEXT(r.run_id, "b%d-%s-%s-%s-%s", (int)block, arm, path, r.scenario, spin);
	r.flows = 1;
	r.cpu_total_s = (1 - level / 2) * made_noise(seed);
	r.energy_j = 2 * r.cpu_total_s;
	if (requests) {
		ROW_TEXT(r.direction, "none");
		r.requests = 1000;
		r.request_rate_per_s = 1000;
		r.latency_count = 1000;
		r.latency_p50_ns = 200000 * level * made_noise(seed);
		r.latency_p99_ns = 900000 * level * made_noise(seed);
	} else {
		r.stream_bytes = 100000000;
		r.stream_bytes_per_s = 100000000;
	}
	return r;
}

static const char *const made_spins[] = { "0", "50us", "adaptive:200us" };

#define MADE_SPIN_RUNS(blocks) ((blocks) * 2 * 2 * (1 + ARRAY_SIZE(made_spins)))

/* Requests and a paced stream in both arms, the baseline and memnet with each budget. */
static inline void made_spin_experiment(struct run_row *rows, int blocks)
{
	uint64_t seed = 2;

	for (int i = 0; i < 4 * blocks; i++) {
		const char *arm = i & 1 ? "spare-core" : "equal-core";

		*rows++ = made_spin_run("virtio-tap", arm, "", i & 2, i / 4, &seed);
		for (size_t s = 0; s < ARRAY_SIZE(made_spins); s++)
			*rows++ = made_spin_run("memnet", arm, made_spins[s], i & 2, i / 4, &seed);
	}
}

#define MADE_STREAM_RUNS(blocks) ((blocks) * 16)

/* Streams alone, both ways, of one flow and eight, with the guest's instructions. */
static inline void made_stream_experiment(struct run_row *rows, int blocks)
{
	uint64_t seed = 3;

	for (int i = 0; i < 16 * blocks; i++, rows++) {
		bool memnet = i & 1, receives = i & 2;

		*rows = made_run(memnet ? "memnet" : "virtio-tap", "network", i / 16);
		ROW_TEXT(rows->direction, receives ? "recv" : "send");
		ROW_TEXT(rows->arm, i & 4 ? "equal-core" : "spare-core");
		ROW_TEXT(rows->guest_insns_source, "tcg-plugin");
		ROW_TEXT(rows->run_id, "stream-%d", i);
		rows->order = i;
		rows->flows = i & 8 ? 8 : 1;
		rows->stream_bytes_per_s = (memnet ? 900e6 : 200e6) * made_noise(&seed);
		rows->stream_bytes = rows->stream_bytes_per_s;
		rows->cpu_total_s = 1.5 * made_noise(&seed);
		rows->energy_j = 2 * rows->cpu_total_s;
		rows->guest_insns_user = rows->stream_bytes * (memnet ? 0.14 : 0.006);
		rows->guest_insns_kernel = rows->stream_bytes * (memnet ? 0.004 : 0.6);
	}
}

/* Samples of the power of one run, ten a second from 1 s before the window to 0.5 s behind. */
#define MADE_SAMPLES 200
static inline size_t made_samples(const struct run_row *run, struct sample_row *out)
{
	static const char *const quantity[] = { "power", "power_low", "power_high" };
	static const double factor[] = { 1, 0.7, 1.35 };
	uint64_t seed = run->block + 1;
	size_t n = 0;

	for (int i = -10; i <= run->window_s * 10 + 5 && n + 3 <= MADE_SAMPLES; i++) {
		bool busy = i > -4 && i <= run->window_s * 10;
		double watts = (busy ? run->energy_j / run->window_s : 2) * made_noise(&seed);

		for (size_t q = 0; q < ARRAY_SIZE(quantity); q++, n++) {
			columns_clear(samples_columns(), &out[n]);
			ROW_TEXT(out[n].run_id, "%s", run->run_id);
			ROW_TEXT(out[n].phase, "%s", i <= -4 ? "settle" : i <= 0 ? "warmup" :
				 busy ? "window" : "drain");
			ROW_TEXT(out[n].source, "%s", run->energy_source);
			ROW_TEXT(out[n].domain, "total");
			ROW_TEXT(out[n].quantity, "%s", quantity[q]);
			ROW_TEXT(out[n].unit, "W");
			out[n].t_ns = run->window_begin_ns + i * 100000000LL;
			out[n].value = watts * factor[q];
		}
	}
	return n;
}

/* A hybrid-fixed run of both paths, idle before and behind: 2 W and a tenth of a CPU. */
static inline void made_net_rows(struct run_row rows[4])
{
	for (size_t i = 0; i < 4; i++) {
		bool idle = i == 0 || i == 3;

		rows[i] = made_run(i == 1 ? "virtio-tap" : i == 2 ? "memnet" : "", "hybrid-fixed", 0);
		ROW_TEXT(rows[i].kind, "%s", idle ? "idle" : "measure");
		rows[i].order = i + 1;
		rows[i].boot = i ? 1 : ABSENT_INTEGER;
		rows[i].compute_ops = rows[i].stream_bytes = 1000;
		rows[i].cpu_total_s = 1;
		rows[i].host_busy_s = 0.1;
		rows[i].energy_j = idle ? 2 : i == 1 ? 6 : 4;
		rows[i].energy_low_j = rows[i].energy_j - 0.5;
		rows[i].energy_high_j = rows[i].energy_j + 0.5;
	}
}

#endif
