/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The C library's own functions, under the names of those that stand in their place.
 * Looked up when the library is loaded, or at the first call if another library's
 * constructor comes before.
 */
#ifndef MEMNET_PRELOAD_REAL_H
#define MEMNET_PRELOAD_REAL_H

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct real {
#define REAL(type, name, parameters) type (*name) parameters;
#include "memnet-core/preload/real.def"
#undef REAL
};

/*
 * Never NULL: a function that this C library lacks fails with ENOSYS; but epoll_pwait2() always
 * waits, where need be to the millisecond.
 */
const struct real *mn_real(void);

/* The function of ours that others are to see. */
#define EXPORT __attribute__((visibility("default")))

#endif
