/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy calibrate: idle watts and slope of this machine, by its own counters. */
#ifndef ENERGY_TOOL_CALIBRATE_H
#define ENERGY_TOOL_CALIBRATE_H

/* @argv[0] is the subcommand. The exit status: 0, or 125. */
int tool_calibrate(int argc, char **argv);

#endif
