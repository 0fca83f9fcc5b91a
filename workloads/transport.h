/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A way to move a stream of bytes to and from a peer. Adding one: a file with
 * such a table, and its line in transport.c. One thread at a time uses a stream,
 * several threads may use several. All calls block; a signal ends a wait with
 * -EINTR. They return -errno and print nothing.
 */
#ifndef MEMNET_WORKLOADS_TRANSPORT_H
#define MEMNET_WORKLOADS_TRANSPORT_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a transport counts, about all streams of the process together, under names of its
 * own; unused rows are zero. A name is [a-z_]+, static, and becomes a key of the result line.
 */
struct transport_counters {
	struct {
		const char *name;
		uint64_t value;
	} row[12];
};

/* What it can say about itself in one word each, such as how memory is mapped. */
struct transport_facts {
	struct {
		const char *name, *value;	/* static; no spaces */
	} row[4];
};

struct transport {
	const char *name, *summary;

	/* 0 and *stream, which close() frees; or -errno. */
	int (*connect)(const struct sockaddr_in *peer, void **stream);

	/*
	 * Optional: of one that a peer can have. An open descriptor or -errno; what accept()
	 * gives is a stream of transport_socket, @from is for messages.
	 */
	int (*listen)(const struct sockaddr_in *at, int backlog);
	int (*accept)(int listener, struct sockaddr_in *from);

	/* Bytes taken, at least 1, perhaps fewer than @len (> 0); or -errno. */
	ssize_t (*send)(void *stream, const void *buf, size_t len);

	/* Bytes received, 0 at the end of the stream; or -errno. */
	ssize_t (*recv)(void *stream, void *buf, size_t len);

	/* After all that was sent comes the end; receiving goes on. 0 or -errno. */
	int (*shutdown_send)(void *stream);

	void (*close)(void *stream);

	/* Optional. Messages are waited for: send each at once, whatever its size. */
	void (*no_delay)(void *stream);

	/* Optional. @out comes zeroed. */
	void (*counters)(void *stream, struct transport_counters *out);
	void (*facts)(void *stream, struct transport_facts *out);
};

extern const struct transport transport_socket, transport_vsock, transport_memnet;

/* A connected socket as a stream of transport_socket; the stream owns @fd. */
void *transport_socket_stream(int fd);

/* NULL: no transport of that name. */
const struct transport *transport_find(const char *name);

/* The @i-th transport, NULL after the last. */
const struct transport *transport_at(size_t i);

#endif
