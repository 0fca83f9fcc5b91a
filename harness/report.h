/* SPDX-License-Identifier: BSD-2-Clause */
/* report.html: a results folder as one page for people, that needs nothing beside it. */
#ifndef MEMNET_HARNESS_REPORT_H
#define MEMNET_HARNESS_REPORT_H

#include <stddef.h>

/*
 * Write @dir/report.html anew from what is in @dir: runs.csv and summary.csv, which must be
 * there (results_analyse() makes the second); net.csv, plan.ini, environment.json and the
 * drawings in figures/, whose absence the page tells. The same folder gives the same bytes. 0,
 * or -errno with one line in @err; then a report that was there before stays as it was.
 */
int report_write(const char *dir, char *err, size_t errlen);

#endif
