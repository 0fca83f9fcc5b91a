/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

#include "memnet-core/base/util.h"

static const int allowed[] = {
#include "memnet-core/host/syscalls.h"
};

/* Below 0: this machine has no such call, but one that does the same, in the list as well. */
static int allow_all(scmp_filter_ctx filter)
{
	int ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && !ret; i++)
		if (allowed[i] >= 0)
			ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	return ret;
}

int mn_seccomp_make(void **out)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = filter ? allow_all(filter) : -ENOMEM;

	if (ret) {
		mn_seccomp_free(filter);
		return ret;
	}
	*out = filter;
	return 0;
}

void mn_seccomp_free(void *filter)
{
	if (filter)
		seccomp_release(filter);
}

int mn_seccomp_enter(void *filter)
{
	return seccomp_load(filter);
}
