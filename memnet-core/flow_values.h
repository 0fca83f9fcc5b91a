/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs, libmemnet and the ring name alike: kinds of flows, flags, options. */
#ifndef MEMNET_FLOW_VALUES_H
#define MEMNET_FLOW_VALUES_H

enum mn_flow_kind {
	MN_STREAM = 1,	/* bytes both ways */
	MN_LISTENER,	/* recv: a struct mn_accepted for each connection */
	MN_DATAGRAMS,	/* both ways: struct mn_datagram, then its bytes, padded to 8 */
};

/* Flags of MN_OP_BIND: as the options of socket(7) and ipv6(7). */
#define MN_BIND_REUSEADDR	1u
#define MN_BIND_REUSEPORT	2u
#define MN_BIND_V6ONLY		4u

/* Of MN_OP_OPTION: as those of socket(7), tcp(7), ip(7). */
enum mn_option {
	MN_OPTION_NODELAY = 1,	/* on, unless it is set otherwise */
	MN_OPTION_KEEPALIVE,
	MN_OPTION_KEEPIDLE,	/* s */
	MN_OPTION_KEEPINTVL,	/* s */
	MN_OPTION_KEEPCNT,
	MN_OPTION_RCVBUF,	/* bytes */
	MN_OPTION_SNDBUF,	/* bytes */
	MN_OPTION_BROADCAST,
	MN_OPTION_TOS,
	MN_OPTION_TTL,
	MN_OPTION_USER_TIMEOUT,	/* ms */
	MN_OPTION_REUSEADDR,
	MN_OPTION_REUSEPORT,
	MN_OPTION_LINGER,	/* s; 0: MN_OP_CLOSE resets the stream; -1: as without */
};

#endif
