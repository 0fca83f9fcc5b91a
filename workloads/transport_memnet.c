/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP made by the host, the bytes through shared memory (memnet-core/guest/memnet.h). */
#include <errno.h>
#include <stdlib.h>

#include "memnet-core/guest/memnet.h"
#include "workloads/transport.h"

struct memnet_stream {
	struct memnet *memnet;	/* attached for this one stream */
	struct memnet_flow *flow;
};

static int stream_connect(const struct sockaddr_in *peer, void **stream)
{
	struct memnet_stream *s = calloc(1, sizeof(*s));
	int ret = s ? memnet_open(&s->memnet) : -ENOMEM;

	if (!ret)
		ret = memnet_connect(s->memnet, peer, &s->flow);
	if (ret) {
		memnet_detach(s ? s->memnet : NULL);
		free(s);
		return ret;
	}
	*stream = s;
	return 0;
}

static ssize_t stream_send(void *stream, const void *buf, size_t len)
{
	return memnet_send(((struct memnet_stream *)stream)->flow, buf, len);
}

static ssize_t stream_recv(void *stream, void *buf, size_t len)
{
	return memnet_recv(((struct memnet_stream *)stream)->flow, buf, len);
}

static int stream_shutdown_send(void *stream)
{
	return memnet_shutdown_send(((struct memnet_stream *)stream)->flow);
}

static void stream_close(void *stream)
{
	struct memnet_stream *s = stream;

	memnet_close(s->flow);
	memnet_detach(s->memnet);
	free(s);
}

static void stream_counters(void *stream, struct transport_counters *out)
{
	struct memnet_counters c;

	memnet_read_counters(((struct memnet_stream *)stream)->memnet, &c);
	*out = (struct transport_counters){ .row = {
		{ "kicks_to_host", c.kicks_to_host },
		{ "kicks_suppressed", c.kicks_suppressed },
		{ "kicks_to_guest", c.kicks_to_guest },
		{ "timer_rescues", c.timer_rescues },
	} };
}

const struct transport transport_memnet = {
	.name = "memnet",
	.summary = "TCP made by the host, bytes through shared memory",
	.connect = stream_connect,
	.send = stream_send,
	.recv = stream_recv,
	.shutdown_send = stream_shutdown_send,
	.close = stream_close,
	.counters = stream_counters,
};
