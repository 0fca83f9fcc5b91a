/* SPDX-License-Identifier: BSD-2-Clause */
/* What memnet-agent does before it serves: each prints what went wrong, and the mend. */
#ifndef MEMNET_AGENT_SETUP_H
#define MEMNET_AGENT_SETUP_H

#include <sys/types.h>

#include "memnet-core/base/unix_socket.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/region.h"

struct agent_options {
	const char *region;	/* PROVIDER[:ARG] */
	const char *socket;	/* where clients connect, */
	mode_t mode;		/* who may */
};

/* Does not return on what is no option, nor after --help. */
void agent_parse(int argc, char **argv, struct agent_options *o);

/* Each flow that is kept is a descriptor here, and there are as many as the host has flows. */
void agent_raise_limits(void);

/* Open and time it; a server's when that is there. 0 or -errno. */
int agent_open_region(struct mn_region *r, const char *spec);

/* What is to be done where attaching to @r failed so. */
const char *agent_attach_mend(const struct mn_region *r, int why);

void agent_say_attached(const struct mn_region *r, const struct memnet_facts *facts);

/* A listening descriptor, or -errno. */
int agent_listen(const struct agent_options *o, struct mn_socket_file *file);

#endif
