/* SPDX-License-Identifier: BSD-2-Clause */
/* Of memnet-conform itself: a case that ends in a way none should. */
#include <signal.h>

#include "memnet-core/conformance/conform.h"

static void fine(int family)
{
	YES(1 + 1 == 2);
}

static void crash(int family)
{
	YES(1 + 1 == 2);
	raise(SIGSEGV);
}

static void hang(int family)
{
	if (!fork())
		pause();	/* nor is what it has started left */
	pause();
}

static void nothing(int family)
{
}

static void wrong(int family)
{
	RET("0", close(700));
	RET(NULL, close(700));	/* whatever it is */
}

static void wrong_child(int family)
{
	pid_t pid = fork();

	if (!pid) {
		RET("0", close(700));
		_exit(0);
	}
	NUMBER("0", ended_with(pid));
}

static void unable(int family)
{
	MUST(close(700));
	YES(1 + 1 == 2);
}

const struct conform_case meta_cases[] = {
	{ "meta-fine", fine, "" },
	{ "meta-crash", crash, "" },
	{ "meta-hang", hang, "" },
	{ "meta-nothing", nothing, "" },
	{ "meta-wrong", wrong, "" },
	{ "meta-wrong-child", wrong_child, "" },
	{ "meta-unable", unable, "" },
	{ 0 },
};
