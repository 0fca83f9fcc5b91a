// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A perf PMU called "power", as the kernel's RAPL driver makes it, whose power is known:
 * beside memnet_powercap.c the second way to the same joules of package-0. By pkg_w= it
 * may tell others. Counters run by CLOCK_MONOTONIC in steps of 1 ms, 2^-32 J a count.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/timekeeping.h>

#define PKG_EVENT	2
#define RAM_EVENT	3
#define RAM_W		5

static unsigned int pkg_w = 50;
module_param(pkg_w, uint, 0444);

static u64 energy_now(const struct perf_event *event)
{
	u64 watts = event->attr.config == PKG_EVENT ? pkg_w : RAM_W;

	return div_u64(div_u64(ktime_get_ns(), NSEC_PER_MSEC) * watts << 32, 1000);
}

static void read_event(struct perf_event *event)
{
	u64 now = energy_now(event);

	local64_add(now - local64_xchg(&event->hw.prev_count, now), &event->count);
}

static void start_event(struct perf_event *event, int flags)
{
	local64_set(&event->hw.prev_count, energy_now(event));
	event->hw.state = 0;
}

static void stop_event(struct perf_event *event, int flags)
{
	if (event->hw.state & PERF_HES_STOPPED)
		return;
	read_event(event);
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int add_event(struct perf_event *event, int flags)
{
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (flags & PERF_EF_START)
		start_event(event, flags);
	return 0;
}

static int init_event(struct perf_event *event)
{
	if (event->attr.type != event->pmu->type)
		return -ENOENT;
	if (event->cpu < 0 || event->attr.sample_period ||
	    (event->attr.config != PKG_EVENT && event->attr.config != RAM_EVENT))
		return -EINVAL;
	return 0;
}

PMU_EVENT_ATTR_STRING(energy-pkg, pkg, "event=0x02");
PMU_EVENT_ATTR_STRING(energy-pkg.unit, pkg_unit, "Joules");
PMU_EVENT_ATTR_STRING(energy-pkg.scale, pkg_scale, "2.3283064365386962890625e-10");
PMU_EVENT_ATTR_STRING(energy-ram, ram, "event=0x03");
PMU_EVENT_ATTR_STRING(energy-ram.unit, ram_unit, "Joules");
PMU_EVENT_ATTR_STRING(energy-ram.scale, ram_scale, "2.3283064365386962890625e-10");

static struct attribute *event_attrs[] = {
	&pkg.attr.attr, &pkg_unit.attr.attr, &pkg_scale.attr.attr,
	&ram.attr.attr, &ram_unit.attr.attr, &ram_scale.attr.attr, NULL,
};

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}
static DEVICE_ATTR_RO(cpumask);

static struct attribute *cpumask_attrs[] = { &dev_attr_cpumask.attr, NULL };
static const struct attribute_group events_group = { .name = "events", .attrs = event_attrs };
static const struct attribute_group cpumask_group = { .attrs = cpumask_attrs };
static const struct attribute_group *groups[] = { &events_group, &cpumask_group, NULL };

static struct pmu power = {
	.module = THIS_MODULE,
	.attr_groups = groups,
	.task_ctx_nr = perf_invalid_context,
	.capabilities = PERF_PMU_CAP_NO_EXCLUDE,
	.event_init = init_event,
	.add = add_event,
	.del = stop_event,
	.start = start_event,
	.stop = stop_event,
	.read = read_event,
};

static int __init register_power(void)
{
	return perf_pmu_register(&power, "power", -1);
}

static void __exit unregister_power(void)
{
	perf_pmu_unregister(&power);
}

module_init(register_power);
module_exit(unregister_power);
MODULE_DESCRIPTION("a power PMU of known power, for a test");
MODULE_LICENSE("Dual BSD/GPL");
