/* SPDX-License-Identifier: BSD-2-Clause */
/* Telling who started a daemon that it serves, as sd_notify(3) does. */
#ifndef MEMNET_BASE_NOTIFY_H
#define MEMNET_BASE_NOTIFY_H

/*
 * READY=1 to the socket that the environment's NOTIFY_SOCKET names, a path or, behind '@', an
 * abstract name. 0, also where there is none; -errno.
 */
int mn_notify_ready(void);

#endif
