/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/metrics.h"

#include <string.h>

#include "harness/interference.h"

static double duration(const struct run_row *row)
{
	return strcmp(row->scenario, "hybrid-fixed") && !*row->app ? NAN : row->window_s;
}

static double guest_busy(const struct run_row *row)
{
	return row->guest_user_s + row->guest_system_s + row->guest_irq_s + row->guest_softirq_s;
}

/* Where the stream is all that was done: elsewhere it would pay for the computing. */
static double per_gb(const struct run_row *row, double cost)
{
	if ((strcmp(row->scenario, "network") && strcmp(row->scenario, "network-paced")) ||
	    row->stream_bytes <= 0)
		return NAN;
	return cost / (row->stream_bytes / 1e9);
}

static double per_1000_requests(const struct run_row *row, double cost)
{
	if ((strcmp(row->scenario, "rr") && strcmp(row->scenario, "conn")) || row->requests <= 0)
		return NAN;
	return cost / (row->requests / 1e3);
}

static double cpu_per_gb(const struct run_row *row)
{
	return per_gb(row, row->cpu_total_s);
}

static double cpu_per_1000_requests(const struct run_row *row)
{
	return per_1000_requests(row, row->cpu_total_s);
}

static double insns_per_byte(const struct run_row *row, int64_t insns)
{
	if (insns == ABSENT_INTEGER)
		return NAN;
	return per_gb(row, insns / 1e9);
}

static double guest_insns_per_byte(const struct run_row *row)
{
	return insns_per_byte(row, row->guest_insns_user) +
	       insns_per_byte(row, row->guest_insns_kernel);
}

static double guest_insns_user_per_byte(const struct run_row *row)
{
	return insns_per_byte(row, row->guest_insns_user);
}

static double guest_insns_kernel_per_byte(const struct run_row *row)
{
	return insns_per_byte(row, row->guest_insns_kernel);
}

static double per_mb(const struct run_row *row, int64_t count)
{
	return count == ABSENT_INTEGER ? NAN : per_gb(row, count / 1e3);
}

static double syscalls_per_mb(const struct run_row *row)
{
	return per_mb(row, row->syscalls);
}

static double kvm_exits_per_mb(const struct run_row *row)
{
	return per_mb(row, row->kvm_exits);
}

static double energy(const struct run_row *row)
{
	if (strcmp(row->energy_quality, "measured") && strcmp(row->energy_quality, "estimated"))
		return NAN;
	return row->energy_j;
}

static double energy_per_gb(const struct run_row *row)
{
	return per_gb(row, energy(row));
}

static double energy_per_1000_requests(const struct run_row *row)
{
	return per_1000_requests(row, energy(row));
}

static double kicks(const struct run_row *row)
{
	if (row->kicks_to_host == ABSENT_INTEGER || row->kicks_to_guest == ABSENT_INTEGER)
		return NAN;
	return row->kicks_to_host + row->kicks_to_guest;
}

/*
 * Of the whole stream, as the counts are; not of the window. Not deterministic: where the two
 * sides share a core it repeats within 3 %, where each has its own it is a race, +-20 %.
 */
static double kicks_per_mb(const struct run_row *row)
{
	if (row->stream_verified_bytes <= 0)
		return NAN;
	return kicks(row) / (row->stream_verified_bytes / 1e6);
}

static const struct metric metrics[] = {
	{ "compute_rate", "ops/s", "workload", METRIC_MORE, "compute_ops_per_s", NULL,
	  "operations per second" },
	{ "network_rate", "B/s", "workload", METRIC_MORE, "stream_bytes_per_s", NULL,
	  "bytes per second" },
	{ "compute_rate_min", "ops/s", "workload", METRIC_MORE, "compute_ops_per_s_min", NULL,
	  "that of the slowest of several VMs that compute" },
	{ "compute_rate_max", "ops/s", "workload", METRIC_PLAIN, "compute_ops_per_s_max", NULL,
	  "that of the fastest" },
	{ "network_rate_min", "B/s", "workload", METRIC_MORE, "stream_bytes_per_s_min", NULL,
	  "that of the slowest of several VMs that stream" },
	{ "network_rate_max", "B/s", "workload", METRIC_PLAIN, "stream_bytes_per_s_max", NULL,
	  "that of the fastest" },
	{ "operations", "ops", "workload", METRIC_PLAIN, "compute_ops", NULL,
	  "operations in the window" },
	{ "bytes", "B", "workload", METRIC_PLAIN, "stream_bytes", NULL,
	  "bytes in the window" },
	{ "request_rate", "1/s", "workload", METRIC_MORE, "request_rate_per_s", NULL,
	  "requests answered per second (`conn`: connections)" },
	{ "request_rate_min", "1/s", "workload", METRIC_MORE, "request_rate_per_s_min", NULL,
	  "that of the slowest of several VMs that send requests" },
	{ "request_rate_max", "1/s", "workload", METRIC_PLAIN, "request_rate_per_s_max", NULL,
	  "that of the fastest" },
	{ "latency_p50", "ns", "workload", METRIC_LESS, "latency_p50_ns", NULL,
	  "median latency of a run's requests" },
	{ "latency_p90", "ns", "workload", METRIC_LESS, "latency_p90_ns", NULL,
	  "latency that nine tenths of a run's requests did not exceed" },
	{ "latency_p99", "ns", "workload", METRIC_LESS, "latency_p99_ns", NULL,
	  "the same, all but a hundredth" },
	{ "latency_p99_9", "ns", "workload", METRIC_LESS, "latency_p99_9_ns", NULL,
	  "the same, all but a thousandth" },
	{ "latency_max", "ns", "workload", METRIC_PLAIN, "latency_max_ns", NULL,
	  "the longest latency of a run" },
	{ "connect_p50", "ns", "workload", METRIC_LESS, "connect_p50_ns", NULL,
	  "median time a connect of a run took (`conn`)" },
	{ "connect_p90", "ns", "workload", METRIC_LESS, "connect_p90_ns", NULL,
	  "time that nine tenths of a run's connects did not exceed" },
	{ "connect_p99", "ns", "workload", METRIC_LESS, "connect_p99_ns", NULL,
	  "the same, all but a hundredth" },
	{ "duration", "s", "host-clock", METRIC_LESS_FOR_SAME, NULL, duration,
	  "time the fixed work took (`hybrid-fixed`), or the command of an app" },
	{ "app_score", NULL, "workload", METRIC_MORE, "app_value", NULL,
	  "what the `metric` of an app found, where its `better` is `higher`",
	  .app_better = "higher" },
	{ "app_cost", NULL, "workload", METRIC_LESS, "app_value", NULL,
	  "the same, where it is `lower`", .app_better = "lower" },
	{ "cpu_total", "s", "proc", METRIC_LESS_FOR_SAME, "cpu_total_s", NULL,
	  "CPU time of vCPU, QEMU, vhost, memnetd, helper and peer together" },
	{ "cpu_vcpu", "s", "proc", METRIC_PLAIN, "cpu_vcpu_s", NULL,
	  "part of `cpu_total`: vCPU threads" },
	{ "cpu_vcpu_compute", "s", "proc", METRIC_PLAIN, "cpu_vcpu_compute_s", NULL,
	  "part of `cpu_vcpu`: the VM that only computes (`two-vm`)" },
	{ "cpu_vcpu_network", "s", "proc", METRIC_PLAIN, "cpu_vcpu_network_s", NULL,
	  "part of `cpu_vcpu`: the VM that has only the network's work (`two-vm`)" },
	{ "cpu_qemu", "s", "proc", METRIC_PLAIN, "cpu_qemu_s", NULL,
	  "part of `cpu_total`: QEMU's other threads" },
	{ "cpu_vhost", "s", "proc", METRIC_PLAIN, "cpu_vhost_s", NULL,
	  "part of `cpu_total`: vhost threads" },
	{ "cpu_memnetd", "s", "proc", METRIC_PLAIN, "cpu_memnetd_s", NULL,
	  "part of `cpu_total`: memnetd" },
	{ "cpu_helper", "s", "proc", METRIC_PLAIN, "cpu_helper_s", NULL,
	  "part of `cpu_total`: a process of the path's own (passt)" },
	{ "cpu_peer", "s", "proc", METRIC_PLAIN, "cpu_peer_s", NULL,
	  "part of `cpu_total`: the peer" },
	{ "host_busy", "s", "proc", METRIC_LESS_FOR_SAME, "host_busy_s", NULL,
	  "CPU time of the whole host that was not idle" },
	{ "guest_busy", "s", "guest-proc", METRIC_LESS_FOR_SAME, NULL, guest_busy,
	  "guest CPU time: user, system, interrupts and soft interrupts" },
	{ "guest_user", "s", "guest-proc", METRIC_PLAIN, "guest_user_s", NULL,
	  "part of `guest_busy`: user mode" },
	{ "guest_system", "s", "guest-proc", METRIC_PLAIN, "guest_system_s", NULL,
	  "part of `guest_busy`: kernel" },
	{ "guest_irq", "s", "guest-proc", METRIC_PLAIN, "guest_irq_s", NULL,
	  "part of `guest_busy`: interrupts" },
	{ "guest_softirq", "s", "guest-proc", METRIC_PLAIN, "guest_softirq_s", NULL,
	  "part of `guest_busy`: soft interrupts" },
	{ "cpu_per_gb", "s/GB", "proc", METRIC_LESS, NULL, cpu_per_gb,
	  "`cpu_total` per 10^9 bytes (`network` and `network-paced`: elsewhere it would pay for "
	  "the computing)" },
	{ "cpu_per_1000_requests", "s", "proc", METRIC_LESS, NULL, cpu_per_1000_requests,
	  "`cpu_total` per 1000 requests (`rr`, and `conn`: connections)" },
	{ "guest_insns_per_byte", "insns/B", NULL, METRIC_LESS, NULL, guest_insns_per_byte,
	  "instructions of the guest, user and kernel, per byte (`network` and `network-paced`)",
	  "guest_insns_source", .deterministic = true },
	{ "guest_insns_user_per_byte", "insns/B", NULL, METRIC_PLAIN, NULL,
	  guest_insns_user_per_byte, "part of `guest_insns_per_byte`: user mode",
	  "guest_insns_source", .deterministic = true },
	{ "guest_insns_kernel_per_byte", "insns/B", NULL, METRIC_PLAIN, NULL,
	  guest_insns_kernel_per_byte, "part of `guest_insns_per_byte`: kernel",
	  "guest_insns_source", .deterministic = true },
	{ "syscalls_per_mb", "1/MB", "perf", METRIC_LESS, NULL, syscalls_per_mb,
	  "system calls of the host's side but the peer per 10^6 bytes (`network` and "
	  "`network-paced`)" },
	{ "kvm_exits_per_mb", "1/MB", "perf", METRIC_LESS, NULL, kvm_exits_per_mb,
	  "times the vCPUs left their guests per 10^6 bytes (the same scenarios)" },
	{ "energy", "J", NULL, METRIC_LESS_FOR_SAME, NULL, energy,
	  "energy of the window over disjoint domains" },
	{ "energy_net", "J", NULL, METRIC_LESS_FOR_SAME, NULL, NULL,
	  "`energy` less what the machine without a VM uses in the same time (net.csv)", NULL,
	  .net_column = "energy_net_j" },
	{ "energy_per_gb", "J/GB", NULL, METRIC_LESS, NULL, energy_per_gb,
	  "`energy` per 10^9 bytes (`network` and `network-paced`)" },
	{ "energy_per_1000_requests", "J", NULL, METRIC_LESS, NULL, energy_per_1000_requests,
	  "`energy` per 1000 requests (the same scenarios)" },
	{ "guest_interrupts", "1", "guest-proc", METRIC_PLAIN, "guest_interrupts", NULL,
	  "interrupts the guest took" },
	{ "guest_context_switches", "1", "guest-proc", METRIC_PLAIN, "guest_context_switches", NULL,
	  "context switches in the guest" },
	{ "vcpu_context_switches", "1", "proc", METRIC_PLAIN, "vcpu_context_switches", NULL,
	  "context switches of the vCPU threads" },
	{ "kicks", "1", "memnet", METRIC_PLAIN, NULL, kicks,
	  "wake-ups sent, both directions" },
	{ "kicks_per_mb", "1/MB", "memnet", METRIC_LESS, NULL, kicks_per_mb,
	  "`kicks` per 10^6 bytes of the whole stream" },
	{ "timer_rescues", "1", "memnet", METRIC_PLAIN, "timer_rescues", NULL,
	  "sleeps ended by the fallback timer" },
	{ "guest_spin", "ns", "memnet", METRIC_PLAIN, "guest_spin_ns", NULL,
	  "time the guest's side polled" },
	{ "guest_sleep", "ns", "memnet", METRIC_PLAIN, "guest_sleep_ns", NULL,
	  "time the guest's side slept" },
	{ "host_spin", "ns", "memnet", METRIC_PLAIN, "host_spin_ns", NULL,
	  "time memnetd polled" },
	{ "host_sleep", "ns", "memnet", METRIC_PLAIN, "host_sleep_ns", NULL,
	  "time memnetd slept" },
};

/* The paper's figures: MemNet, IEEE CLOUD 2016, on KVM. */
static const struct gain gains[] = {
	{ "network_gain", "hybrid-saturate", "network_rate", false,
	  { { "compute_rate", 0.95, INFINITY } }, "compute no lower", 1.70,
	  "byte rate over the baseline's, both workloads unpaced" },
	{ "compute_gain", "hybrid-paced", "compute_rate", false,
	  { { "network_rate", 0.95, 1.05 } }, "equal byte rates", 1.27,
	  "compute rate over the baseline's at equal byte rates" },
	{ "cpu_efficiency_gain", "hybrid-fixed", "cpu_total", true,
	  { { "operations", 0.99, 1.01 }, { "bytes", 0.99, 1.01 } }, "same work", NAN,
	  "CPU seconds of the baseline over those of the path, for the same work" },
	{ "energy_efficiency_gain", "hybrid-fixed", "energy", true,
	  { { "operations", 0.99, 1.01 }, { "bytes", 0.99, 1.01 } }, "same work", 1.32,
	  "joules of the baseline over those of the path, for the same work, idle power included" },
	{ "energy_efficiency_gain_net", "hybrid-fixed", "energy_net", true,
	  { { "operations", 0.99, 1.01 }, { "bytes", 0.99, 1.01 } }, "same work", NAN,
	  "the same of joules net of idle: less what the machine without a VM uses in that time" },
	{ "app_score_gain", "app", "app_score", false, { { NULL } }, "the same command", NAN,
	  "the app's metric over the baseline's, higher is better" },
	{ "app_cost_gain", "app", "app_cost", true, { { NULL } }, "the same command", NAN,
	  "the app's metric of the baseline over that of the path, lower is better" },
	{ "app_duration_gain", "app", "duration", true, { { NULL } }, "the same command", NAN,
	  "time the baseline took over that of the path, of an app without a metric" },
};

const struct metric *metrics_at(size_t index)
{
	return index < ARRAY_SIZE(metrics) ? &metrics[index] : NULL;
}

const struct metric *metrics_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (!strcmp(metrics[i].name, name))
			return &metrics[i];
	return NULL;
}

const struct gain *gains_at(size_t index)
{
	return index < ARRAY_SIZE(gains) ? &gains[index] : NULL;
}

const struct gain *gains_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(gains); i++)
		if (!strcmp(gains[i].name, name))
			return &gains[i];
	return NULL;
}

double metric_value(const struct metric *metric, const struct run_row *row,
		    const struct net_row *net)
{
	if (metric->net_column)
		return !net ? NAN :
		       column_number(columns_find(net_columns(), metric->net_column), net);
	if (metric->value)
		return metric->value(row);
	if (metric->app_better && strcmp(metric->app_better, row->app_better))
		return NAN;
	return column_number(columns_find(runs_columns(), metric->column), row);
}

double metric_scale(const struct metric *metric, double like, const char *kernel,
		    const char **unit)
{
	static const struct {
		const char *unit, *kernel;
		double least;
		const char *shown;
		double factor;
	} scales[] = {
		{ "B/s", "", 1.25e8, "Gb/s", 8e-9 }, { "B/s", "", 0, "Mb/s", 8e-6 },
		{ "ops/s", "sha256", 0, "MB/s", SHA256_OP_BYTES * 1e-6 },
		{ "ns", "", 1e7, "ms", 1e-6 }, { "ns", "", 0, "us", 1e-3 },
		{ "1", "", 0, "%", 100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(scales); i++)
		if (!strcmp(metric->unit, scales[i].unit) && like >= scales[i].least &&
		    (!*scales[i].kernel || !strcmp(kernel, scales[i].kernel))) {
			*unit = scales[i].shown;
			return scales[i].factor;
		}
	*unit = metric->unit;
	return 1;
}

const char *metric_unit(const struct metric *metric, const struct run_row *row)
{
	return metric->app_better ? row->app_unit : metric->unit;
}

/*
 * Both paths did the same work, so less CPU time or energy is better. An app that has a metric
 * may do as much as it can in a time of its own.
 */
static bool has_same_work(const struct run_row *row)
{
	return !strcmp(row->scenario, "idle") || !strcmp(row->scenario, "hybrid-fixed") ||
	       (*row->app && !*row->app_better);
}

bool metric_is_judged(const struct metric *metric, const struct run_row *row)
{
	if (metric->app_better && strcmp(metric->app_better, row->app_better))
		return false;
	if (metric->sense == METRIC_LESS_FOR_SAME)
		return has_same_work(row);
	return metric->sense != METRIC_PLAIN;
}

bool scenario_is(const char *scenario, const char *name)
{
	return !strcmp(scenario, name) ||
	       (!strcmp(name, "app") && !strncmp(scenario, "app-", 4));
}

static void check_reference(FILE *out, const struct gain *gain)
{
	fprintf(out, "%s%s", gain->held, gain->check[0].metric ? ":" : "");
	for (size_t i = 0; i < ARRAY_SIZE(gain->check) && gain->check[i].metric; i++) {
		const struct gain_check *check = &gain->check[i];

		fprintf(out, "%s `%s` ", i ? "," : "", check->metric);
		if (isinf(check->high))
			fprintf(out, "at least %g", check->low);
		else
			fprintf(out, "%g .. %g", check->low, check->high);
	}
}

void results_reference(FILE *out)
{
	static const char *const better[] = {
		"more", "less", "less, in `idle`, `hybrid-fixed` and apps without a metric", "",
	};

	columns_reference(out);
	fprintf(out, "\n## Metrics\n\n"
		"Each is a value of one run; summary.csv has its median over the valid runs and,\n"
		"as `ratio`, the median over the blocks of path / baseline. What is deterministic\n"
		"is under TCG the same on any host but for a few percent.\n\n"
		"| metric | unit | source | better is | meaning |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		fprintf(out, "| `%s` | %s | %s | %s | %s%s |\n", metrics[i].name,
			metrics[i].unit ? metrics[i].unit : "as the run says",
			metrics[i].source ? metrics[i].source : "as the run says",
			better[metrics[i].sense], metrics[i].doc,
			metrics[i].deterministic ? "; deterministic" : "");
	fprintf(out, "\n## Gains\n\n"
		"Above 1 is better than the baseline. A gain is `not comparable` unless the\n"
		"median ratios (path / baseline) under \"holds while\" are as stated.\n\n"
		"| gain | scenario | meaning | holds while |\n|---|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(gains); i++) {
		fprintf(out, "| `%s` | %s | %s | ", gains[i].name, gains[i].scenario, gains[i].doc);
		check_reference(out, &gains[i]);
		fprintf(out, " |\n");
	}
	interference_reference(out);
}
