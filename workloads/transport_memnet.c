/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP made by the host, the bytes through shared memory (memnet-core/guest/memnet.h).
 * The streams of a process share one attachment: the first opens it, the last ends it.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "memnet-core/guest/memnet.h"
#include "workloads/transport.h"

static struct {
	pthread_mutex_t lock;
	struct memnet *memnet;
	unsigned int streams;
} attachment = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int attach(void)
{
	int ret = 0;

	pthread_mutex_lock(&attachment.lock);
	if (!attachment.streams)
		ret = memnet_open(&attachment.memnet);
	if (!ret)
		attachment.streams++;
	pthread_mutex_unlock(&attachment.lock);
	return ret;
}

static void detach(void)
{
	pthread_mutex_lock(&attachment.lock);
	if (!--attachment.streams) {
		memnet_detach(attachment.memnet);
		attachment.memnet = NULL;
	}
	pthread_mutex_unlock(&attachment.lock);
}

static int stream_connect(const struct sockaddr_in *peer, void **stream)
{
	struct memnet_flow *flow;
	int ret = attach();

	if (ret)
		return ret;
	ret = memnet_connect(attachment.memnet, (const struct sockaddr *)peer,
			     sizeof(struct sockaddr_in), &flow);
	if (ret)
		detach();
	else
		*stream = flow;
	return ret;
}

static ssize_t stream_send(void *stream, const void *buf, size_t len)
{
	return memnet_send(stream, buf, len);
}

static ssize_t stream_recv(void *stream, void *buf, size_t len)
{
	return memnet_recv(stream, buf, len);
}

static int stream_shutdown_send(void *stream)
{
	return memnet_shutdown_send(stream);
}

static void stream_close(void *stream)
{
	memnet_close(stream);
	detach();
}

static void stream_counters(void *stream, struct transport_counters *out)
{
	struct memnet_counters c;

	memnet_read_counters(attachment.memnet, &c);
	*out = (struct transport_counters){ .row = {
		{ "kicks_to_host", c.kicks_to_host },
		{ "kicks_suppressed", c.kicks_suppressed },
		{ "kicks_to_guest", c.kicks_to_guest },
		{ "kicks_spurious", c.kicks_spurious },
		{ "timer_rescues", c.timer_rescues },
		{ "spin_ns", c.spin_ns },
		{ "sleep_ns", c.sleep_ns },
	} };
}

static void stream_facts(void *stream, struct transport_facts *out)
{
	struct memnet_facts f;

	memnet_read_facts(attachment.memnet, &f);
	*out = (struct transport_facts){ .row = {
		{ "provider", f.provider }, { "cache", f.cache }, { "wake", f.wake },
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
	.facts = stream_facts,
};
