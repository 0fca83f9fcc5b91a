/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers with units, as options and plans write them. All return 0, -EINVAL
 * (not such a number, or something after it), or -ERANGE (does not fit); the
 * result is written only on success.
 */
#ifndef MEMNET_BASE_PARSE_H
#define MEMNET_BASE_PARSE_H

#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>

/* "1234", base 10, no sign. */
int mn_parse_u64(const char *text, uint64_t *value);

/* Bytes: "65536", "64k", "2M", "1G" (powers of 1024; k/K, m/M, g/G). */
int mn_parse_bytes(const char *text, uint64_t *bytes);

/* A time: "2s", "250ms", "40us", "5ns"; a unit is required. Result in ns. */
int mn_parse_duration_ns(const char *text, int64_t *ns);

/* "198.18.0.1:7000", IPv4 with a port of 1..65535. */
int mn_parse_addr(const char *text, struct sockaddr_in *addr);

/* A CPU list as the kernel writes it: "0", "0,32", "0-3,8". */
int mn_parse_cpu_list(const char *text, cpu_set_t *cpus);

#endif
