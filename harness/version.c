/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/version.h"

const char version_git[] = VERSION_GIT;	/* given by the Makefile */
