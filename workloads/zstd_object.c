/* SPDX-License-Identifier: BSD-2-Clause */
/* The compressor writes into an object, and the host sends it: nobody here copies a byte. */
#include <stdio.h>
#include <string.h>

#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/memnet_object.h"
#include "workloads/zstd.h"

static struct memnet *m;
static struct memnet_store *store;
static const char *url;
static size_t room;
static struct memnet_object *objects[ZSTD_SLOTS];
static struct memnet_job *jobs[ZSTD_SLOTS];

static int say(const char *what, int ret)
{
	if (ret)
		fprintf(stderr, "memnet-zstd: %s: %s\n", what, strerror(-ret));
	return ret;
}

static int open_store(const char *to, size_t bytes)
{
	int ret = memnet_open(&m);

	url = to;
	room = bytes;
	if (ret)
		return say("no memnet-agent here", ret);
	return say("no objects here (memnetd --arena)", memnet_store_open(m, &store));
}

static int begin(unsigned int slot, void **to)
{
	int ret = memnet_object_create(store, NULL, room, &objects[slot]);

	if (!ret)
		*to = memnet_object_data(objects[slot]);
	return say("no room for a piece", ret);
}

static int deliver(unsigned int slot, size_t bytes)
{
	int ret = memnet_object_seal(objects[slot], bytes);

	if (!ret)
		ret = memnet_object_deliver(objects[slot], url, &jobs[slot]);
	return say(url, ret);
}

static int end(unsigned int slot)
{
	struct memnet_job_result r = { 0 };
	int ret = memnet_job_wait(jobs[slot], -1, &r);

	memnet_object_release(objects[slot]);
	return say(url, ret ? ret : r.error);
}

static void close_store(void)
{
	memnet_store_close(store);
	memnet_detach(m);
}

const struct zstd_way zstd_object = { "object", open_store, begin, deliver, end, close_store };
