/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Digits, then a suffix out of @units; no sign, no space, no fraction. */
static int parse_with_units(const char *text, const struct unit *units,
			    size_t n_units, uint64_t *value)
{
	unsigned long long v;
	uint64_t scaled;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	for (size_t i = 0; i < n_units; i++) {
		if (strcasecmp(end, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &scaled))
			return -ERANGE;
		*value = scaled;
		return 0;
	}
	return -EINVAL;
}

int mn_parse_u64(const char *text, uint64_t *value)
{
	static const struct unit units[] = { { "", 1 } };

	return parse_with_units(text, units, ARRAY_SIZE(units), value);
}

int mn_parse_bytes(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "k", 1 << 10 }, { "m", 1 << 20 }, { "g", 1 << 30 },
	};

	return parse_with_units(text, units, ARRAY_SIZE(units), bytes);
}

int mn_parse_duration_ns(const char *text, int64_t *ns)
{
	static const struct unit units[] = {
		{ "ns", 1 }, { "us", NSEC_PER_USEC },
		{ "ms", NSEC_PER_MSEC }, { "s", NSEC_PER_SEC },
	};
	uint64_t value;
	int ret = parse_with_units(text, units, ARRAY_SIZE(units), &value);

	if (ret)
		return ret;
	if (value > INT64_MAX)
		return -ERANGE;
	*ns = value;
	return 0;
}

int mn_parse_addr(const char *text, struct sockaddr_in *addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, colon - text);
	host[colon - text] = '\0';
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		return -EINVAL;
	if (mn_parse_u64(colon + 1, &port))
		return -EINVAL;
	if (port < 1 || port > 65535)
		return -ERANGE;
	sin.sin_port = htons(port);
	*addr = sin;
	return 0;
}

int mn_parse_cpu_list(const char *text, cpu_set_t *cpus)
{
	cpu_set_t set;
	char *end;

	CPU_ZERO(&set);
	for (;; text = end + 1) {
		unsigned long first, last;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		first = last = strtoul(text, &end, 10);
		if (*end == '-') {
			if (end[1] < '0' || end[1] > '9')
				return -EINVAL;
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first)
			return -EINVAL;
		if (last >= CPU_SETSIZE)
			return -ERANGE;
		for (; first <= last; first++)
			CPU_SET(first, &set);
		if (*end == '\0')
			break;
		if (*end != ',')
			return -EINVAL;
	}
	*cpus = set;
	return 0;
}
