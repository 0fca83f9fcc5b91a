/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a stream by each call there is, and their flags. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "memnet-core/conformance/conform.h"

static void send_recv(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];
	ssize_t n;

	RET("5", send(fd, "hello", 5, 0));
	PEER("hello", "recv 9");
	PEER("4", "send back");
	n = RET("4", recv(fd, buf, sizeof(buf), 0));
	TEXT("back", buf, n);
}

static void read_write(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];
	ssize_t n;

	RET("5", write(fd, "hello", 5));
	PEER("hello", "recv 9");
	PEER("4", "send back");
	n = RET("2", read(fd, buf, 2));
	TEXT("ba", buf, n);
	n = RET("2", read(fd, buf, sizeof(buf)));
	TEXT("ck", buf, n);
}

static void readv_writev(int family)
{
	struct iovec out[] = { { "one ", 4 }, { "", 0 }, { "two", 3 } };
	char a[3], b[8];
	struct iovec in[] = { { a, sizeof(a) }, { b, sizeof(b) } };
	int fd = stream_to_peer(family);
	ssize_t n;

	RET("7", writev(fd, out, 3));
	PEER("one two", "recvall 7");
	PEER("7", "send abcdefg");
	n = RET("7", readv(fd, in, 2));
	TEXT("abc", a, 3);
	TEXT("defg", b, n - 3);
}

static void sendmsg_recvmsg(int family)
{
	struct iovec out[] = { { "one ", 4 }, { "two", 3 } };
	char a[3], b[8];
	struct iovec in[] = { { a, sizeof(a) }, { b, sizeof(b) } };
	struct addr name;
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	int fd = stream_to_peer(family);
	ssize_t n;

	RET("7", sendmsg(fd, &m, 0));
	PEER("one two", "recvall 7");
	PEER("7", "send abcdefg");
	m = (struct msghdr){ .msg_iov = in, .msg_iovlen = 2, .msg_name = &name.room,
			     .msg_namelen = sizeof(name.room), .msg_flags = -1 };
	n = RET("7", recvmsg(fd, &m, 0));
	TEXT("defg", b, n - 3);
	NUMBER("0", m.msg_flags);
	NUMBER("0", m.msg_controllen);
	NUMBER("0", m.msg_namelen);	/* a stream has no sender */
}

static void sendmmsg_recvmmsg(int family)
{
	struct iovec out[] = { { "one", 3 }, { "three", 5 } };
	struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = &out[0], .msg_iovlen = 1 } },
				{ .msg_hdr = { .msg_iov = &out[1], .msg_iovlen = 1 } } };
	char a[3], b[3];
	struct iovec in[] = { { a, 3 }, { b, 3 } };
	int fd = stream_to_peer(family);

	RET("2", sendmmsg(fd, m, 2, 0));
	NUMBER("3", m[0].msg_len);
	NUMBER("5", m[1].msg_len);
	PEER("onethree", "recvall 8");
	PEER("6", "send abcdef");
	NUMBER("1", readable(fd));
	m[0] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &in[0], .msg_iovlen = 1 } };
	m[1] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &in[1], .msg_iovlen = 1 } };
	RET("2", recvmmsg(fd, m, 2, 0, NULL));
	TEXT("abc", a, m[0].msg_len);
	TEXT("def", b, m[1].msg_len);
}

/* A connected stream needs no address, and does not look at one. */
static void sendto_recvfrom(int family)
{
	int fd = stream_to_peer(family);
	struct addr other = peer_at(family, 9), from = { .len = sizeof(from.room) };
	char buf[8];

	RET("5", sendto(fd, "hello", 5, 0, &other.any, other.len));
	PEER("hello", "recv 9");
	PEER("4", "send back");
	RET("4", recvfrom(fd, buf, sizeof(buf), 0, &from.any, &from.len));
	NUMBER("0", from.len);
}

static void peek(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	PEER("5", "send hello");
	TEXT("hel", buf, RET("3", recv(fd, buf, 3, MSG_PEEK)));
	TEXT("hello", buf, RET("5", recv(fd, buf, 8, MSG_PEEK)));
	TEXT("he", buf, RET("2", recv(fd, buf, 2, 0)));
	TEXT("llo", buf, RET("3", recv(fd, buf, 8, MSG_PEEK)));
	TEXT("llo", buf, RET("3", recv(fd, buf, 8, 0)));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_PEEK | MSG_DONTWAIT));
}

static void dontwait(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_DONTWAIT));
	PEER("5", "send hello");
	NUMBER("1", readable(fd));
	RET("5", recv(fd, buf, 8, MSG_DONTWAIT));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_DONTWAIT));
	YES(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

static void nonblocking(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	MUST(set_nonblocking(fd));
	RET("-1 EAGAIN", read(fd, buf, 8));
	RET("-1 EAGAIN", recv(fd, buf, 8, MSG_WAITALL));
	PEER("5", "send hello");
	NUMBER("1", readable(fd));
	RET("5", recv(fd, buf, 8, MSG_WAITALL));
}

/* What was sent before is there at once; recv() then waits for the rest. */
static void recv_waits(int family)
{
	int fd = stream_to_peer(family);
	int64_t begin = now_ms();
	char buf[8];

	peer_tell("sleep 100");
	peer_tell("send late");
	TEXT("late", buf, RET("4", recv(fd, buf, 8, 0)));
	YES(took_about(begin, 100));
}

static void waitall(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	peer_tell("send hello");
	peer_tell("sleep 100");
	peer_tell("send world");
	TEXT("helloworld", buf, RET("10", recv(fd, buf, 10, MSG_WAITALL)));
}

static void waitall_eof(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	peer_tell("send hello");
	peer_tell("sleep 50");
	peer_tell("close");
	TEXT("hello", buf, RET("5", recv(fd, buf, 10, MSG_WAITALL)));
	RET("0", recv(fd, buf, 10, MSG_WAITALL));
}

static void waitall_peek(int family)
{
	int fd = stream_to_peer(family);
	char buf[16];

	peer_tell("send hello");
	peer_tell("sleep 50");
	peer_tell("send world");
	TEXT("hellowor", buf, RET("8", recv(fd, buf, 8, MSG_WAITALL | MSG_PEEK)));
	TEXT("helloworld", buf, RET("10", recv(fd, buf, 10, MSG_WAITALL)));
}

static void nothing_asked(int family)
{
	int fd = stream_to_peer(family);
	struct iovec none = { "", 0 };
	char buf[8];

	RET("0", send(fd, "", 0, 0));
	RET("0", write(fd, "", 0));
	RET("0", writev(fd, &none, 1));
	RET("0", read(fd, buf, 0));
	PEER("1", "send x");
	NUMBER("1", readable(fd));
	RET("0", recv(fd, buf, 0, 0));
	RET("1", recv(fd, buf, 8, 0));
}

/* tcp(7): MSG_TRUNC throws bytes away. */
static void discard(int family)
{
	int fd = stream_to_peer(family);
	char buf[8] = "untouch";

	PEER("7", "send skipped");
	NUMBER("1", readable(fd));
	RET("4", recv(fd, buf, 4, MSG_TRUNC));
	TEXT("untouch", buf, 7);
	TEXT("ped", buf, RET("3", recv(fd, buf, 7, 0)));
}

static void more(int family)
{
	int fd = stream_to_peer(family);

	RET("3", send(fd, "one", 3, MSG_MORE));
	RET("3", send(fd, "two", 3, 0));
	PEER("onetwo", "recvall 6");
}

static void fionread(int family)
{
	int fd = stream_to_peer(family), n = -1;
	char buf[8];

	RET("0", ioctl(fd, FIONREAD, &n));
	NUMBER("0", n);
	PEER("5", "send hello");
	NUMBER("1", readable(fd));
	RET("0", ioctl(fd, FIONREAD, &n));
	NUMBER("5", n);
	RET("2", recv(fd, buf, 2, 0));
	RET("0", ioctl(fd, FIONREAD, &n));
	NUMBER("3", n);
}

static void fdopened(int family)
{
	int fd = stream_to_peer(family);
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[32] = "";

	YES(in && out);
	YES(fileno(in) == fd && fileno_unlocked(in) == fd && fileno(out) != fd);
	YES(fcntl(fileno(out), F_GETFD) == 0);
	YES(fprintf(out, "hello %d", 7) == 7 && !fflush(out));
	PEER("hello 7", "recvall 7");
	peer("send one\ntwo\n");
	YES(fgets(line, sizeof(line), in));
	TEXT("one", line, strcspn(line, "\n"));
	YES(fgets(line, sizeof(line), in));
	TEXT("two", line, strcspn(line, "\n"));
	RET("0", fclose(out));
	peer("close");
	YES(!fgets(line, sizeof(line), in) && feof(in));
	RET("0", fclose(in));
	fd = stream_to_peer(family);
	in = fdopen(fd, "r");
	YES(in && fileno(in) == fd);
	in = fopen("/dev/null", "r");
	YES(in && fileno(in) > fd);
}

extern int __dprintf_chk(int fd, int flag, const char *format, ...);

static void printed(int family)
{
	static char much[1000000];
	int fd = stream_to_peer(family);

	RET("7", dprintf(fd, "hello %d", 7));
	PEER("hello 7", "recv 9");
	RET("7", __dprintf_chk(fd, 1, "hello %d", 8));	/* as of _FORTIFY_SOURCE */
	PEER("hello 8", "recv 9");
	memset(much, 'x', sizeof(much) - 1);
	peer_tell("ending");
	RET("999999", dprintf(fd, "%s", much));
	MUST(shutdown(fd, SHUT_WR));
	TEXT("eof", peer_hear(), 3);
	signal(SIGPIPE, SIG_IGN);
	RET("-1 EPIPE", dprintf(fd, "x"));
}

/* Past the C library: what is said to have been taken has to arrive. */
static void written_past_the_library(int family)
{
	int fd = stream_to_peer(family);
	long n;

	sleep_ms(QUIET_MS);
	signal(SIGPIPE, SIG_IGN);
	n = syscall(SYS_write, fd, "raw", 3);
	YES(n == 3 || (n < 0 && errno == EPIPE));
	YES(n < 0 || !strcmp(peer("recv 9"), "raw"));
	RET("5", send(fd, "later", 5, 0));
	PEER("later", "recv 9");
}

static void urgent(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	RET("-1 EINVAL", recv(fd, buf, 1, MSG_OOB));
	RET("2", send(fd, "ab", 2, 0));
	RET("1", send(fd, "!", 1, MSG_OOB));
	RET("2", send(fd, "cd", 2, 0));
	PEER("ab", "recv 9");
}

/* tcp(7): what is urgent is not in the stream, unless SO_OOBINLINE. */
static void urgent_from_peer(int family)
{
	int fd = stream_to_peer(family);
	char buf[8];

	peer("send ab");
	peer("urgent !");
	peer("send cd");
	NUMBER("1", readable(fd));
	sleep_ms(QUIET_MS);
	EVENTS("IN|PRI", events_now(fd, POLLIN | POLLPRI));
	TEXT("ab", buf, recv(fd, buf, 8, 0));
	TEXT("!", buf, RET("1", recv(fd, buf, 1, MSG_OOB)));
	TEXT("cd", buf, recv(fd, buf, 8, 0));
}

static void bad_buffers(int family)
{
	int fd = stream_to_peer(family);
	struct iovec bad = { NULL, 4 };
	volatile int below = -1;
	char buf[8];

	RET("-1 EFAULT", send(fd, NULL, 4, 0));
	RET("-1 EFAULT", writev(fd, &bad, 1));
	RET("-1 EINVAL", writev(fd, &bad, below));
	PEER("4", "send kept");
	NUMBER("1", readable(fd));
	RET("-1 EFAULT", recv(fd, NULL, 4, 0));
	TEXT("kept", buf, RET("4", recv(fd, buf, 8, 0)));
}

const struct conform_case stream_cases[] = {
	{ "stream-send-recv", send_recv, "46" },
	{ "stream-read-write", read_write, "46" },
	{ "stream-readv-writev", readv_writev, "4" },
	{ "stream-sendmsg-recvmsg", sendmsg_recvmsg, "46" },
	{ "stream-sendmmsg-recvmmsg", sendmmsg_recvmmsg, "4" },
	{ "stream-sendto-recvfrom", sendto_recvfrom, "46" },
	{ "stream-peek", peek, "4" },
	{ "stream-dontwait", dontwait, "4" },
	{ "stream-nonblocking", nonblocking, "4" },
	{ "stream-recv-waits", recv_waits, "4" },
	{ "stream-waitall", waitall, "4" },
	{ "stream-waitall-eof", waitall_eof, "4" },
	{ "stream-waitall-peek", waitall_peek, "4" },
	{ "stream-nothing-asked", nothing_asked, "4" },
	{ "stream-discard", discard, "4" },
	{ "stream-more", more, "4" },
	{ "stream-fionread", fionread, "4" },
	{ "stream-fdopen", fdopened, "46" },
	{ "stream-dprintf", printed, "46" },
	{ "stream-past-the-library", written_past_the_library, "4" },
	{ "stream-urgent", urgent, "4" },
	{ "stream-urgent-from-peer", urgent_from_peer, "4" },
	{ "stream-bad-buffers", bad_buffers, "4" },
	{ 0 },
};
