/* SPDX-License-Identifier: BSD-2-Clause */
/* A tree of small files in a directory of its own, as cmocka setup and teardown. */
#ifndef MEMNET_ENERGY_FAKE_SYSFS_H
#define MEMNET_ENERGY_FAKE_SYSFS_H

#include <stdint.h>

#include "energy/energy.h"
#include "memnet-core/base/util.h"

#define RANGE_UJ	262143328850ULL	/* 0xffffffff x 2^-14 J, as Intel's clients have it */
#define FAKE_MAX_W	200		/* of each zone fake_zone() makes */

int fake_setup(void **state);
int fake_teardown(void **state);

const char *fake_root(void);
/* Create or rewrite <root>/@path, and the directories above it; same inode. */
void fake_write(const char *path, const char *fmt, ...) PRINTF_LIKE(2, 3);
void fake_mkdir(const char *path);
void fake_remove(const char *path);

/* class/powercap/@dir with the counter at @uj. */
void fake_zone(const char *dir, const char *name, uint64_t uj);
void fake_energy(const char *dir, uint64_t uj);

/* A `power` PMU whose energy-pkg counts CPU clock: 1 J a second, on each CPU. */
void fake_power_pmu(const char *cpumask);

/* The CPU's topology: to what package and die it belongs. */
void fake_cpu(int cpu, int package, int die);

/* class/hwmon/@dir/@file, and the name of the chip. */
void fake_chip(const char *dir, const char *name);
void fake_sensor(const char *dir, const char *file, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* energy_open() on the tree, of an Intel CPU no table knows. */
struct energy *fake_open(const char *source);
/* Of a tree with a power PMU, of @cpu or as above if NULL; skips the test where perf is refused. */
struct energy *fake_open_perf(const char *source, const struct energy_cpu *cpu);
/* energy_read(), as if at @t_s seconds. */
void fake_read(const struct energy *e, double t_s, struct energy_reading *readings);
size_t fake_find(const struct energy *e, const char *domain);
/* Is @part in one of the notes of @source? */
bool fake_noted(const struct energy *e, const char *source, const char *part);

#endif
