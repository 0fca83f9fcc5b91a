/* SPDX-License-Identifier: BSD-2-Clause */
/* What memnet-agent says of a session that could be faster, and of one that it does not get. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/guest/agent_setup.h"

static char said[1000];

/* On standard error, by a session that is @wake. */
static void attach_woken_by(const char *wake)
{
	const struct mn_region r = { .cache = MN_CACHE_WRITE_BACK };
	const struct memnet_facts facts = { .provider = "p", .cache = "write-back", .wake = wake };
	int was = dup(STDERR_FILENO);
	FILE *file = tmpfile();

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	agent_say_attached(&r, &facts);
	dup2(was, STDERR_FILENO);
	close(was);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
}

static void a_timer_is_told_with_the_mend(void **state)
{
	attach_woken_by("timer");
	assert_non_null(strstr(said, "attached: region p, write-back, woken by timer\n"));
	assert_non_null(strstr(said, "memnet.bell and the guest virtio_console"));
	attach_woken_by("vectors");
	assert_null(strstr(said, "virtio_console"));
}

static void only_a_server_is_started_anew_behind_an_agent(void **state)
{
	struct mn_region r = { .provider = "server" };

	assert_non_null(strstr(agent_attach_mend(&r, -ETIMEDOUT), "restart memnet-agent"));
	r.provider = "ivshmem";
	assert_null(strstr(agent_attach_mend(&r, -ETIMEDOUT), "restart memnet-agent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_is_told_with_the_mend),
		cmocka_unit_test(only_a_server_is_started_anew_behind_an_agent),
	};

	return cmocka_run_group_tests_name("agent_setup", tests, NULL, NULL);
}
