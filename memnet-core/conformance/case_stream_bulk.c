/* SPDX-License-Identifier: BSD-2-Clause */
/* Much of it: contents checked both ways, full buffers, files, many at once. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "memnet-core/conformance/conform.h"

#define TOTAL	(8 << 20)
#define CHUNK	(48 << 10)	/* divides nothing */
#define SOME	(300 << 10)
#define MANY	64

static char content[TOTAL], taken[TOTAL];

static void large_out(int family)
{
	int fd = stream_to_peer(family);

	pattern_fill(content, TOTAL, 0, SEED_GUEST);
	peer_tell("check %d", TOTAL);
	NUMBER("8388608", send_all(fd, content, TOTAL));
	TEXT("same", peer_hear(), 4);
}

static void large_in(int family)
{
	int fd = stream_to_peer(family);

	peer_tell("put %d", TOTAL);
	NUMBER("8388608", recv_all(fd, taken, TOTAL));
	YES(pattern_same(taken, TOTAL, 0, SEED_PEER));
	TEXT("same", peer_hear(), 4);
}

/* Both ways from one thread, by poll(). */
static void large_both(int family)
{
	int fd = stream_to_peer(family);
	struct pollfd p = { .fd = fd };
	size_t out = 0, in = 0;

	pattern_fill(content, TOTAL, 0, SEED_GUEST);
	MUST(set_nonblocking(fd));
	peer_tell("exchange %d", TOTAL);
	while (out < TOTAL || in < TOTAL) {
		ssize_t n;

		p.events = (out < TOTAL ? POLLOUT : 0) | (in < TOTAL ? POLLIN : 0);
		if (poll(&p, 1, PATIENCE_MS) != 1)
			break;
		n = p.revents & POLLIN ? recv(fd, taken + in, TOTAL - in, 0) : 0;
		in += n > 0 ? n : 0;
		n = TOTAL - out < CHUNK ? TOTAL - out : CHUNK;
		n = p.revents & POLLOUT ? send(fd, content + out, n, 0) : 0;
		out += n > 0 ? n : 0;
	}
	NUMBER("8388608", out);
	NUMBER("8388608", in);
	YES(pattern_same(taken, TOTAL, 0, SEED_PEER));
	TEXT("same", peer_hear(), 4);
}

/* Small pieces, of all sizes to a prime. */
static void many_sizes(int family)
{
	int fd = stream_to_peer(family);
	size_t done = 0;

	pattern_fill(content, SOME, 0, SEED_GUEST);
	peer_tell("check %d", SOME);
	for (size_t len = 1; done < SOME; len = len % 1009 + 1) {
		size_t n = len < SOME - done ? len : SOME - done;

		if (send_all(fd, content + done, n) != (ssize_t)n)
			break;
		done += n;
	}
	NUMBER("307200", done);
	TEXT("same", peer_hear(), 4);
}

/* Until it would block; then nothing of it is lost. */
static void full(int family)
{
	int fd = stream_to_peer(family);
	size_t out = 0, before;
	ssize_t n;

	pattern_fill(content, TOTAL, 0, SEED_GUEST);
	MUST(set_int_option(fd, SOL_SOCKET, SO_SNDBUF, 65536));
	MUST(set_nonblocking(fd));
	do {	/* the buffers behind it grow for a while */
		before = out;
		while (out < TOTAL && (n = send(fd, content + out, TOTAL - out, 0)) > 0)
			out += n;
		sleep_ms(QUIET_MS);
	} while (out > before);
	RET("-1 EAGAIN", send(fd, content, TOTAL, 0));
	EVENTS("none", events_now(fd, POLLOUT));
	YES(out > 10000 && out < TOTAL);
	peer_tell("check %zu", out);
	TEXT("same", peer_hear(), 4);
	NUMBER("1", writable(fd));
	EVENTS("OUT", events_now(fd, POLLOUT));
}

static void send_blocks(int family)
{
	int fd = stream_to_peer(family);

	pattern_fill(content, TOTAL, 0, SEED_GUEST);
	peer_tell("sleep 200");
	peer_tell("check %d", TOTAL);
	RET("8388608", send(fd, content, TOTAL, 0));
	peer_hear();
	TEXT("same", peer_hear(), 4);
}

/* The part that was sent in time counts; only when nothing was it is EAGAIN. */
static void send_timeout(int family)
{
	int fd = stream_to_peer(family);
	int64_t begin;

	MUST(set_timeout(fd, SO_SNDTIMEO, 150));
	while (send(fd, content, TOTAL, 0) > 0)
		;
	begin = now_ms();
	RET("-1 EAGAIN", send(fd, content, TOTAL, 0));
	YES(took_about(begin, 150));
}

/* The peer is not to be able to send without end to who does not read. */
static void unread(int family)
{
	int fd = stream_to_peer(family);

	peer_tell("put %d", 4 * TOTAL);
	sleep_ms(200);
	EVENTS("IN", events_now(fd, POLLIN));
	for (int i = 0; i < 4; i++) {
		MUST(recv_all(fd, taken, TOTAL));
		YES(pattern_same(taken, TOTAL, (uint64_t)i * TOTAL, SEED_PEER));
	}
	TEXT("same", peer_hear(), 4);
}

static int file_of_content(size_t len)
{
	char path[] = "/tmp/memnet-conform.XXXXXX";
	int fd = MUST(mkstemp(path));

	unlink(path);
	pattern_fill(content, len, 0, SEED_GUEST);
	MUST(write(fd, content, len));
	return fd;
}

static void sendfile_whole(int family)
{
	int fd = stream_to_peer(family), file = file_of_content(SOME);
	off_t at = 0;

	peer_tell("check %d", SOME);
	while (at < SOME && sendfile(fd, file, &at, SOME - at) > 0)
		;
	NUMBER("307200", at);
	NUMBER("307200", lseek(file, 0, SEEK_CUR));	/* the offset given was used */
	TEXT("same", peer_hear(), 4);
	MUST(lseek(file, 100, SEEK_SET));
	RET("5", sendfile(fd, file, NULL, 5));
	NUMBER("105", lseek(file, 0, SEEK_CUR));
	RET("0", sendfile(fd, file, &(off_t){ SOME }, 5));
}

static void splice_out(int family)
{
	int fd = stream_to_peer(family), ends[2];

	MUST(pipe(ends));
	RET("5", write(ends[1], "piped", 5));
	RET("5", splice(ends[0], NULL, fd, NULL, 100, 0));
	PEER("piped", "recv 9");
	MUST(close(ends[1]));
	RET("0", splice(ends[0], NULL, fd, NULL, 100, 0));
}

static void splice_in(int family)
{
	int fd = stream_to_peer(family), ends[2];
	char buf[8];

	MUST(pipe(ends));
	PEER("5", "send piped");
	RET("5", splice(fd, NULL, ends[1], NULL, 100, 0));
	TEXT("piped", buf, RET("5", read(ends[0], buf, 8)));
	MUST(set_nonblocking(fd));
	RET("-1 EAGAIN", splice(fd, NULL, ends[1], NULL, 100, 0));
	PEER("0", "close");
	NUMBER("1", readable(fd));
	RET("0", splice(fd, NULL, ends[1], NULL, 100, 0));
	RET("-1 EINVAL", splice(fd, NULL, fd, NULL, 100, 0));
}

static void splice_shut(int family)
{
	int fd = stream_to_peer(family), ends[2];

	MUST(pipe(ends));
	PEER("5", "send piped");
	NUMBER("1", readable(fd));
	MUST(shutdown(fd, SHUT_RD));
	RET("5", splice(fd, NULL, ends[1], NULL, 100, 0));
	RET("0", splice(fd, NULL, ends[1], NULL, 100, 0));
}

/* Of the pipe alone: the socket has its own O_NONBLOCK. What a full pipe does not take stays. */
static void splice_nonblocking(int family)
{
	int fd = stream_to_peer(family), ends[2];
	char buf[8];

	MUST(pipe(ends));
	RET("-1 EAGAIN", splice(ends[0], NULL, fd, NULL, 100, SPLICE_F_NONBLOCK));
	MUST(set_nonblocking(ends[1]));
	while (write(ends[1], content, sizeof(content)) > 0)
		;
	peer("send piped");
	NUMBER("1", readable(fd));
	RET("-1 EAGAIN", splice(fd, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	RET("-1 EAGAIN", splice(fd, NULL, ends[1], NULL, 100, 0));
	TEXT("piped", buf, RET("5", recv(fd, buf, 8, 0)));
	RET("-1 ESPIPE", splice(ends[0], &(loff_t){ 0 }, fd, NULL, 100, 0));
	RET("-1 EINVAL", splice(file_of_content(5), NULL, fd, NULL, 100, 0));
	RET("-1 EINVAL", sendfile(fd, ends[0], NULL, 5));
}

static void *splice_later(void *arg)
{
	int *fds = arg;

	return (void *)(intptr_t)splice(fds[0], NULL, fds[1], NULL, 100, 0);
}

/* Who waits for a pipe keeps nobody else from the connection. */
static void splice_waits(int family)
{
	int ends[2], fds[2] = { -1, stream_to_peer(family) };
	pthread_t thread;
	void *moved;

	MUST(pipe(ends));
	fds[0] = ends[0];
	pthread_create(&thread, NULL, splice_later, fds);
	sleep_ms(100);
	EVENTS("OUT", events_now(fds[1], POLLIN | POLLOUT));
	RET("6", send(fds[1], "others", 6, 0));
	PEER("others", "recv 9");
	RET("5", write(ends[1], "piped", 5));
	pthread_join(thread, &moved);
	NUMBER("5", (intptr_t)moved);
	PEER("piped", "recv 9");
}

/* As proxies do: from one connection to the other, by a pipe. */
static void splice_through(int family)
{
	int from = stream_to_peer(family), to, ends[2];
	size_t moved = 0;
	ssize_t n;

	to = stream_to_peer(family);
	MUST(pipe(ends));
	peer_tell("use 0");
	peer_tell("put 65536");
	peer_tell("use 1");
	peer_tell("echo");
	while (moved < 65536 && (n = splice(from, NULL, ends[1], NULL, 65536 - moved, 0)) > 0) {
		MUST(splice(ends[0], NULL, to, NULL, n, 0));
		moved += n;
	}
	NUMBER("65536", moved);
	MUST(shutdown(to, SHUT_WR));
	NUMBER("65536", recv_all(to, taken, 65536));
	YES(pattern_same(taken, 65536, 0, SEED_PEER));
	for (int i = 0; i < 3; i++)
		peer_hear();
	TEXT("65536", peer_hear(), 5);
}

/* Each has its own bytes; all are open at once. */
static void many(int family)
{
	struct addr to = peer_at(family, peer_listens(family));
	int fds[MANY], good = 0;
	char buf[16];

	for (int i = 0; i < MANY; i++) {
		fds[i] = MUST(socket(family, SOCK_STREAM, 0));
		MUST(connect(fds[i], &to.any, to.len));
		peer("accept");
	}
	for (int i = MANY - 1; i >= 0; i--) {
		snprintf(buf, sizeof(buf), "no %d", i);
		MUST(send(fds[i], buf, strlen(buf), 0));
		peer("use %d", i);
		peer("send %s", peer("recv 16"));
	}
	for (int i = 0; i < MANY; i++) {
		buf[MUST(recv(fds[i], buf, sizeof(buf) - 1, 0))] = '\0';
		good += atoi(buf + 3) == i;
	}
	NUMBER("64", good);
}

const struct conform_case stream_bulk_cases[] = {
	{ "bulk-out", large_out, "46" },
	{ "bulk-in", large_in, "46" },
	{ "bulk-both", large_both, "46" },
	{ "bulk-many-sizes", many_sizes, "4" },
	{ "bulk-full", full, "4" },
	{ "bulk-send-blocks", send_blocks, "4" },
	{ "bulk-send-timeout", send_timeout, "4" },
	{ "bulk-unread", unread, "4" },
	{ "bulk-sendfile", sendfile_whole, "46" },
	{ "bulk-splice-out", splice_out, "4" },
	{ "bulk-splice-in", splice_in, "4" },
	{ "bulk-splice-shut", splice_shut, "4" },
	{ "bulk-splice-nonblocking", splice_nonblocking, "4" },
	{ "bulk-splice-waits", splice_waits, "4" },
	{ "bulk-splice-through", splice_through, "4" },
	{ "bulk-many-at-once", many, "46" },
	{ 0 },
};
