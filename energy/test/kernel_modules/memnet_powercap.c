// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Zones of the kernel's own powercap framework whose power is known, for a test in a VM: what
 * user space sees is the real class, its files, permissions and endings. A machine of two
 * sockets, psys between them, and package-0 once more, at a power nobody may count.
 *
 * As RAPL does, counters advance in steps of 1 ms and wrap; these soon. They run by
 * CLOCK_MONOTONIC: the joules of a window are watts times its length, give or take the
 * steps of its two edges. Dual licence because the framework is exported to GPL only.
 */
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/powercap.h>
#include <linux/timekeeping.h>

#define RANGE_UJ	100000000ULL
#define MAX_W		120

static const char *const control_names[] = { "intel-rapl", "intel-rapl-mmio" };
static struct powercap_control_type *controls[ARRAY_SIZE(control_names)];

static struct source {
	const char *name;
	int control, parent;		/* indices; parent -1: none, else a row above */
	unsigned int watts;
	struct powercap_zone *zone;
} sources[] = {
	{ "package-0", 0, -1, 50 },	/* once round in 2 s */
	{ "core", 0, 0, 30 },
	{ "dram", 0, 0, 5 },
	{ "psys", 0, -1, 100 },
	{ "package-1", 0, -1, 20 },
	{ "dram", 0, 4, 3 },
	{ "package-0", 1, -1, 7 },
};

static int get_energy_uj(struct powercap_zone *zone, u64 *uj)
{
	const struct source *s = powercap_get_zone_data(zone);
	u64 rest;

	/* 1 W is 1000 uJ a millisecond. */
	div64_u64_rem(div_u64(ktime_get_ns(), NSEC_PER_MSEC) * 1000 * s->watts, RANGE_UJ, &rest);
	*uj = rest;
	return 0;
}

static int get_max_energy_range_uj(struct powercap_zone *zone, u64 *uj)
{
	*uj = RANGE_UJ;
	return 0;
}

static const struct powercap_zone_ops zone_ops = {
	.get_energy_uj = get_energy_uj,
	.get_max_energy_range_uj = get_max_energy_range_uj,
};

static int get_max_power_uw(struct powercap_zone *zone, int constraint, u64 *uw)
{
	*uw = MAX_W * 1000000ULL;
	return 0;
}

static int get_time_window_us(struct powercap_zone *zone, int constraint, u64 *us)
{
	*us = USEC_PER_SEC;
	return 0;
}

static int set_nothing(struct powercap_zone *zone, int constraint, u64 value)
{
	return -EPERM;
}

static const char *get_name(struct powercap_zone *zone, int constraint)
{
	return "long_term";
}

/* The framework wants them all. */
static const struct powercap_zone_constraint_ops constraint_ops = {
	.get_max_power_uw = get_max_power_uw,
	.get_power_limit_uw = get_max_power_uw,
	.set_power_limit_uw = set_nothing,
	.get_time_window_us = get_time_window_us,
	.set_time_window_us = set_nothing,
	.get_name = get_name,
};

static void unregister_all(void)
{
	size_t i;

	/* Children are behind their parents. */
	for (i = ARRAY_SIZE(sources); i-- > 0;) {
		if (sources[i].zone)
			powercap_unregister_zone(controls[sources[i].control], sources[i].zone);
	}
	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		if (controls[i])
			powercap_unregister_control_type(controls[i]);
	}
}

static int register_zone(struct source *s)
{
	struct powercap_zone *parent = s->parent < 0 ? NULL : sources[s->parent].zone, *zone;

	zone = powercap_register_zone(NULL, controls[s->control], s->name, parent, &zone_ops, 1,
				      &constraint_ops);
	if (IS_ERR(zone))
		return PTR_ERR(zone);
	powercap_set_zone_data(zone, s);
	s->zone = zone;
	return 0;
}

static int __init register_all(void)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(controls); i++) {
		controls[i] = powercap_register_control_type(NULL, control_names[i], NULL);
		if (IS_ERR_OR_NULL(controls[i])) {
			ret = controls[i] ? PTR_ERR(controls[i]) : -EINVAL;
			controls[i] = NULL;
			goto fail;
		}
	}
	for (i = 0; i < ARRAY_SIZE(sources) && !ret; i++)
		ret = register_zone(&sources[i]);
	if (!ret)
		return 0;
fail:
	unregister_all();
	return ret;
}

module_init(register_all);
module_exit(unregister_all);
MODULE_DESCRIPTION("powercap zones of known power, for a test");
MODULE_LICENSE("Dual BSD/GPL");
