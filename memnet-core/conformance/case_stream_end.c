/* SPDX-License-Identifier: BSD-2-Clause */
/* How a stream ends: half, in order, by a reset, and who is told what. */
#include <signal.h>
#include <sys/sendfile.h>

#include "memnet-core/conformance/conform.h"

static void fin(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("3", "send end");
	PEER("0", "shutdown");
	TEXT("end", buf, RET("3", recv(fd, buf, 8, 0)));
	RET("0", recv(fd, buf, 8, 0));
	RET("0", recv(fd, buf, 8, MSG_DONTWAIT));
	RET("5", send(fd, "still", 5, 0));
	PEER("still", "recv 9");
}

static void half_close(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("4", send(fd, "last", 4, 0));
	RET("0", shutdown(fd, SHUT_WR));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	PEER("last", "recv 9");
	PEER("eof", "recv 9");
	PEER("5", "send reply");
	TEXT("reply", buf, RET("5", recv(fd, buf, 8, 0)));
	RET("0", shutdown(fd, SHUT_WR));
}

/* Linux: what is there can still be read, then there is an end; what comes is still taken. */
static void shutdown_read(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("4", "send here");
	NUMBER("1", readable(fd));
	RET("0", shutdown(fd, SHUT_RD));
	TEXT("he", buf, RET("2", recv(fd, buf, 2, MSG_PEEK)));
	TEXT("he", buf, RET("2", recv(fd, buf, 2, 0)));
	TEXT("re", buf, RET("2", recv(fd, buf, 8, MSG_WAITALL)));
	RET("0", recv(fd, buf, 8, 0));
	RET("0", recv(fd, buf, 8, MSG_PEEK));
	PEER("5", "send still");
	EVENTS("IN", events_once(fd, POLLIN, POLLIN));
	sleep_ms(QUIET_MS);
	TEXT("still", buf, RET("5", recv(fd, buf, 8, 0)));
	RET("0", recv(fd, buf, 8, 0));
	EVENTS("IN|OUT|RDHUP", events_now(fd, POLLIN | POLLOUT | POLLRDHUP));
	RET("4", send(fd, "more", 4, 0));
	PEER("more", "recv 9");
}

static void shutdown_both(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("0", shutdown(fd, SHUT_RDWR));
	RET("0", recv(fd, buf, 8, 0));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	PEER("eof", "recv 9");
	EVENTS("IN|OUT|HUP", events_now(fd, POLLIN | POLLOUT));
}

static void shutdown_how(int family)
{
	int fd = stream_to_peer(family);

	RET("-1 EINVAL", shutdown(fd, 7));
	RET("5", send(fd, "alive", 5, 0));
	PEER("alive", "recv 9");
}

static void close_in_order(int family)
{
	int fd = stream_to_peer(family);

	RET("4", send(fd, "last", 4, 0));
	RET("0", close(fd));
	PEER("last", "recv 9");
	PEER("eof", "recv 9");
}

/* RFC 2525: who closes with bytes unread resets, so that the sender learns of the loss. */
static void close_unread(int family)
{
	int fd = stream_to_peer(family);

	PEER("6", "send unread");
	NUMBER("1", readable(fd));
	RET("0", close(fd));
	PEER("ECONNRESET", "recv 9");
}

static void linger_reset(int family)
{
	int fd = stream_to_peer(family);
	struct linger now = { .l_onoff = 1 };

	RET("0", setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	RET("0", close(fd));
	PEER("ECONNRESET", "recv 9");
}

/* With time to linger, close() returns when all is acknowledged. */
static void linger_waits(int family)
{
	int fd = stream_to_peer(family);
	struct linger l = { .l_onoff = 1, .l_linger = 5 };

	RET("0", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	RET("4", send(fd, "last", 4, 0));
	RET("0", close(fd));
	PEER("last", "recv 9");
	PEER("eof", "recv 9");
}

static void reset(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("0", "reset");
	RET("-1 ECONNRESET", recv(fd, buf, 8, 0));
	RET("0", recv(fd, buf, 8, 0));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	RET("-1 ENOTCONN", getpeername(fd, (void *)buf, &(socklen_t){ sizeof(buf) }));
}

static void reset_so_error(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("0", "reset");
	EVENTS("IN|OUT|ERR|HUP", events_once(fd, POLLIN | POLLOUT, POLLERR));
	NUMBER("104", int_option(fd, SOL_SOCKET, SO_ERROR));	/* ECONNRESET */
	NUMBER("0", int_option(fd, SOL_SOCKET, SO_ERROR));
	EVENTS("IN|OUT|HUP", events_now(fd, POLLIN | POLLOUT));
	RET("0", recv(fd, buf, 8, 0));
}

static void reset_send(int family)
{
	int fd = stream_to_peer(family);

	PEER("0", "reset");
	events_once(fd, POLLIN | POLLOUT, POLLERR);
	RET("-1 ECONNRESET", send(fd, "x", 1, MSG_NOSIGNAL));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
}

/* Bytes that had come before the reset are not lost in Linux. */
static void reset_after_bytes(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("4", "send last");
	NUMBER("1", readable(fd));
	PEER("0", "reset");
	events_once(fd, POLLIN | POLLOUT, POLLERR);
	TEXT("last", buf, RET("4", recv(fd, buf, 8, 0)));
	RET("-1 ECONNRESET", recv(fd, buf, 8, 0));
}

static void reset_wakes(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	peer_tell("sleep 100");
	peer_tell("reset");
	RET("-1 ECONNRESET", recv(fd, buf, 8, 0));
}

/* The peer is gone; the first bytes are sent, and answered by a reset. */
static void send_after_close(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("0", "close");
	NUMBER("1", readable(fd));
	RET("1", send(fd, "x", 1, MSG_NOSIGNAL));
	EVENTS("IN|OUT|ERR|HUP", events_once(fd, POLLIN | POLLOUT, POLLERR));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	RET("0", recv(fd, buf, 8, 0));
}

static volatile sig_atomic_t pipes;

static void on_pipe(int signo)
{
	pipes++;
}

static void sigpipe(int family)
{
	int fd = stream_to_peer(family);

	signal(SIGPIPE, on_pipe);
	RET("0", shutdown(fd, SHUT_WR));
	RET("-1 EPIPE", send(fd, "x", 1, MSG_NOSIGNAL));
	NUMBER("0", pipes);
	RET("-1 EPIPE", send(fd, "x", 1, 0));
	NUMBER("1", pipes);
	RET("-1 EPIPE", write(fd, "x", 1));
	NUMBER("2", pipes);
	signal(SIGPIPE, SIG_IGN);
	RET("-1 EPIPE", write(fd, "x", 1));
	NUMBER("2", pipes);
}

/* sendfile() and splice() into what takes no more. */
static void sigpipe_of_files(int family)
{
	int fd = stream_to_peer(family), file = MUST(open("/proc/self/exe", O_RDONLY)), ends[2];

	signal(SIGPIPE, on_pipe);
	MUST(pipe(ends));
	MUST(write(ends[1], "piped", 5));
	RET("0", shutdown(fd, SHUT_WR));
	RET("-1 EPIPE", sendfile(fd, file, &(off_t){ 0 }, 10));
	NUMBER("1", pipes);
	RET("-1 EPIPE", splice(ends[0], NULL, fd, NULL, 100, 0));
	NUMBER("2", pipes);
	fd = MUST(socket(family, SOCK_STREAM, 0));
	RET("-1 EPIPE", sendfile(fd, file, &(off_t){ 0 }, 10));
	NUMBER("3", pipes);
}

static void reset_of_files(int family)
{
	int fd = stream_to_peer(family), file = MUST(open("/proc/self/exe", O_RDONLY)), ends[2];

	signal(SIGPIPE, on_pipe);
	MUST(pipe(ends));
	MUST(write(ends[1], "piped", 5));
	PEER("0", "reset");
	events_once(fd, POLLIN | POLLOUT, POLLERR);
	RET("-1 ECONNRESET", sendfile(fd, file, &(off_t){ 0 }, 10));
	NUMBER("0", pipes);
	RET("-1 EPIPE", sendfile(fd, file, &(off_t){ 0 }, 10));
	NUMBER("1", pipes);
	fd = stream_to_peer(family);
	PEER("0", "reset");
	events_once(fd, POLLIN | POLLOUT, POLLERR);
	RET("-1 ECONNRESET", splice(ends[0], NULL, fd, NULL, 100, 0));
	RET("-1 EPIPE", splice(ends[0], NULL, fd, NULL, 100, 0));
	NUMBER("2", pipes);
}

static void sigpipe_kills(int family)
{
	int fd = stream_to_peer(family);
	pid_t pid;

	RET("0", shutdown(fd, SHUT_WR));
	pid = fork();
	if (!pid) {
		write(fd, "x", 1);
		_exit(0);
	}
	NUMBER("13", ended_with(pid));	/* SIGPIPE */
}

/* SHUT_WR leaves what is in flight; the peer reads it all, slowly. */
static void end_after_much(int family)
{
	static char buf[1 << 20];
	int fd = stream_to_peer(family);

	pattern_fill(buf, sizeof(buf), 0, SEED_GUEST);
	peer_tell("sleep 100");
	peer_tell("check %zu", sizeof(buf));
	NUMBER("1048576", send_all(fd, buf, sizeof(buf)));
	RET("0", close(fd));
	peer_hear();
	TEXT("same", peer_hear(), 4);
	PEER("eof", "recv 9");
}

const struct conform_case stream_end_cases[] = {
	{ "end-fin", fin, "46" },
	{ "end-half-close", half_close, "46" },
	{ "end-shutdown-read", shutdown_read, "4" },
	{ "end-shutdown-both", shutdown_both, "4" },
	{ "end-shutdown-how", shutdown_how, "4" },
	{ "end-close", close_in_order, "46" },
	{ "end-close-unread", close_unread, "4" },
	{ "end-linger-reset", linger_reset, "46" },
	{ "end-linger-waits", linger_waits, "4" },
	{ "end-reset", reset, "46" },
	{ "end-reset-so-error", reset_so_error, "4" },
	{ "end-reset-send", reset_send, "4" },
	{ "end-reset-after-bytes", reset_after_bytes, "4" },
	{ "end-reset-wakes", reset_wakes, "4" },
	{ "end-send-after-close", send_after_close, "4" },
	{ "end-sigpipe", sigpipe, "4" },
	{ "end-sigpipe-of-files", sigpipe_of_files, "4" },
	{ "end-reset-of-files", reset_of_files, "4" },
	{ "end-sigpipe-kills", sigpipe_kills, "4" },
	{ "end-after-much", end_after_much, "46" },
	{ 0 },
};
