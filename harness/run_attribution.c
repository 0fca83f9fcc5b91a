/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joules of a run by thread class. Gross: what the machine uses idle is not known when
 * the row is written, the idle window behind it has yet to come. Whoever has both
 * idles divides what is above them by energy/attribution.h.
 */
#include "harness/run_internal.h"

#include "energy/attribution.h"
#include "memnet-core/base/util.h"

#define COLUMN(name) offsetof(struct run_row, name)

static const struct {
	size_t cpu_s, joules;		/* columns, by offset in the row */
	bool optional;			/* absent where there are no such threads */
} classes[] = {
	{ COLUMN(cpu_vcpu_s), COLUMN(energy_vcpu_j), false },
	{ COLUMN(cpu_qemu_s), COLUMN(energy_qemu_j), true },
	{ COLUMN(cpu_vhost_s), COLUMN(energy_vhost_j), true },
	{ COLUMN(cpu_memnetd_s), COLUMN(energy_memnetd_j), true },
	{ COLUMN(cpu_helper_s), COLUMN(energy_helper_j), true },
	{ COLUMN(cpu_peer_s), COLUMN(energy_peer_j), false },
};

static double *field(struct run_row *row, size_t offset)
{
	return (double *)((char *)row + offset);
}

void run_attribute(struct run_row *row)
{
	const struct attribution_window window = {
		.total_j = row->energy_j, .busy_cpu_s = row->host_busy_s,
	};
	struct attribution_part parts[ARRAY_SIZE(classes)];
	double *joules[ARRAY_SIZE(classes)];
	struct attribution a;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		double cpu_s = *field(row, classes[i].cpu_s);

		if (isnan(cpu_s) && classes[i].optional)
			continue;
		parts[n] = (struct attribution_part){ .cpu_s = cpu_s };
		joules[n++] = field(row, classes[i].joules);
	}
	attribute(&window, ATTRIBUTE_BUSY_SHARE, parts, n, &a);
	for (size_t i = 0; i < n; i++)
		*joules[i] = parts[i].joules;
	row->energy_other_j = a.other_j;
	if (a.quality != ENERGY_ABSENT)
		ROW_TEXT(row->energy_rule, "%s-gross", attribution_rule_name(a.rule));
}
