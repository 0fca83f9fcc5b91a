/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of the arena are whose: the agent's directory of objects. It is memory of the
 * agent's own; the region has the bytes and nothing else.
 *
 * An object is one extent of whole pages. Who created it produces into it and seals it; from
 * then on nobody writes and everybody may open it by its name. It lives as long as it has a
 * name, or somebody (a channel) has it. A name is taken from the creation on. What is not
 * sealed, or has no name, goes with its creator.
 */
#ifndef MEMNET_STORE_H
#define MEMNET_STORE_H

#include <stdint.h>

#include "memnet-core/guest/agent_protocol.h"

#define MN_STORE_OBJECTS	1024

struct mn_store;

/* Without an arena. NULL: no memory. */
struct mn_store *mn_store_new(void);
void mn_store_free(struct mn_store *s);

/*
 * The arena of this session. One of another size than before begins empty; of the same size
 * the objects are still there: a session ends, the region stays.
 */
void mn_store_set_arena(struct mn_store *s, uint64_t bytes);

/*
 * Do what @channel asks. The reply's error: -EOPNOTSUPP: there is no arena; -ENOSPC: no piece
 * is so large; -EMFILE: too many objects; -EEXIST: the name is taken; -ENOENT: there is no
 * such object; -EBADF: it is not @channel's; -EINVAL.
 */
void mn_store_run(struct mn_store *s, uint32_t channel, const struct mn_store_request *request,
		  struct mn_store_reply *reply);

/* @channel's process is gone, and nothing on the host uses what it had. */
void mn_store_leave(struct mn_store *s, uint32_t channel);

#endif
