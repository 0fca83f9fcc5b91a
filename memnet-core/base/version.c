/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/base/version.h"

#include <argp.h>

const char version_git[] = VERSION_GIT;	/* given by the Makefile */

static void print(FILE *out, struct argp_state *state)
{
	fprintf(out, "%s (MemNet) %s\n", state->name, version_git);
}

/* A program that this is linked into has --version, by argp. */
void (*argp_program_version_hook)(FILE *out, struct argp_state *state) = print;
