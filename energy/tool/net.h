/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run cost above idle, and how much of it was the command's. */
#ifndef ENERGY_TOOL_NET_H
#define ENERGY_TOOL_NET_H

#include "energy/tool/tool.h"

/*
 * Measure the machine for as long as --idle says. What cannot be had is absent, with the
 * reason. Returns the signal that ended it too soon, or 0.
 */
int idle_measure(const struct session *session, struct idle_window *idle);

/* idle and net, from the total and the idle windows of @record if there are; and its share. */
void net_fill(const struct session *session, struct record *record);

#endif
