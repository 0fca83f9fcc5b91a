/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of $BUILD/bin beside VMs, for tests. What goes wrong fails the test. */
#ifndef HARNESS_TEST_PROGRAMS_H
#define HARNESS_TEST_PROGRAMS_H

#include <sys/types.h>

/*
 * Start it, where this program is $BUILD/harness/test/NAME; its output goes to @log.
 * It ends with us.
 */
pid_t program_start(const char *name, const char *log, char *const *args);

/* End it by SIGTERM and collect it, if it was started; *@pid = 0. */
void program_stop(pid_t *pid);

/* Its @n-th child, in order of start; -1: it has fewer. */
pid_t program_child(pid_t pid, unsigned int n);

/* A TCP port of the loopback that nobody has at the moment. */
unsigned int program_port(void);

#endif
