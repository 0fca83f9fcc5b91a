/* SPDX-License-Identifier: BSD-2-Clause */
/* Between parties.c (processes) and party_streams.c (what the peer and clients do). */
#ifndef MEMNET_TEST_PARTIES_INTERNAL_H
#define MEMNET_TEST_PARTIES_INTERNAL_H

#include "memnet-core/test/parties.h"

/* A child of this program that dies with it and tells its struct events into @events. */
struct party party_start(void (*body)(int events, const void *arg), const void *arg);

#endif
