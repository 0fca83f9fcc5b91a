/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/peer_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "memnet-core/base/clock.h"
#include "workloads/flow.h"
#include "workloads/turn.h"
#include "workloads/wire.h"
#include "workloads/workload.h"

#define HELLO_SECONDS 10
#define SILENT_SECONDS 20

/* "198.18.0.2:40000" */
static const char *name_of(const struct peer_session *s, char name[32])
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &s->from.sin_addr, host, sizeof(host));
	snprintf(name, 32, "%s:%u", host, ntohs(s->from.sin_port));
	return name;
}

static void complain(const struct peer_session *s, uint64_t bytes, const char *text)
{
	char name[32];

	work_error("peer: stream from %s ended after %" PRIu64 " bytes: %s", name_of(s, name),
		   bytes, text);
}

static const char *verdict_on(const struct flow *f)
{
	return f->bad ? "bad" : f->bytes ? "ok" : "unchecked";
}

/* @answered: bytes that went the other way. */
static void print_result(const struct peer_session *s, const struct flow *f, uint64_t answered,
			 const char *direction, const char *content)
{
	int64_t duration_ns = f->begin_ns ? mn_now_ns() - f->begin_ns : 0;
	char name[32], bad[48] = "";

	if (f->bad)
		snprintf(bad, sizeof(bad), " first_bad_offset=%" PRIu64, f->verified_bytes);
	printf("result workload=peer direction=%s bytes=%" PRIu64 " duration_ns=%" PRId64
	       " content=%s%s from=%s\n", direction, f->bytes + answered,
	       duration_ns, content, bad, name_of(s, name));
	fflush(stdout);
}

/* A guest that was killed sends no end: notice by keepalive and unanswered data. */
static void notice_silence(int fd)
{
	int on = 1, idle_s = 5, silent_ms = SILENT_SECONDS * 1000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof(silent_ms));
}

static void wait_at_most(int fd, int seconds)
{
	struct timeval tv = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static int reply(struct flow *f, int error)
{
	struct wire_record r = wire_record(WIRE_REPLY);

	r.error = error;
	return flow_write(f, &r, sizeof(r));
}

void peer_session_refuse(int fd, int error)
{
	struct flow f = { .transport = &transport_socket, .stream = transport_socket_stream(fd) };

	reply(&f, error);
}

/* Read and check the client's hello. 0, or -errno after the reason was told. */
static int hear_hello(struct peer_session *s, struct flow *f, struct wire_hello *hello)
{
	const char *why;
	int ret;

	wait_at_most(s->fd, HELLO_SECONDS);
	ret = flow_read(f, hello, sizeof(*hello));
	wait_at_most(s->fd, 0);
	if (ret) {
		complain(s, 0, ret == -EAGAIN ? "no hello came" : "it left before its hello");
		return ret;
	}
	ret = wire_check_hello(hello, &why);
	if (ret) {
		complain(s, 0, why);
		reply(f, -ret);
	}
	return ret;
}

static bool never(void)
{
	return false;
}

static void fill_verdict(const struct flow *f, struct wire_record *verdict)
{
	verdict->content_ok = !f->bad;
	verdict->bytes = f->bytes;
	verdict->verified_bytes = f->verified_bytes;
	verdict->first_bad_offset = f->bad ? f->verified_bytes : 0;
}

static int take_stream(struct peer_session *s, struct flow *f, const struct wire_hello *hello)
{
	struct wire_record verdict = wire_record(WIRE_VERDICT);
	void *buf = malloc(f->chunk);
	int ret = buf ? flow_recv_pattern(f, buf, never) : -ENOMEM;

	free(buf);
	if (ret)
		return ret;
	fill_verdict(f, &verdict);
	print_result(s, f, 0, "send", verdict_on(f));
	return flow_write(f, &verdict, sizeof(verdict));
}

/* A request whole, or the end where one would begin: then 0. */
static ssize_t take_request(struct flow *requests, void *buf)
{
	ssize_t n = flow_read_some(requests, buf, requests->chunk);

	return n > 0 && n < (ssize_t)requests->chunk ? -EPIPE : n;
}

static int answer_all(struct peer_session *s, struct flow *requests, struct flow *responses,
		      void *buf)
{
	ssize_t n;

	while ((n = take_request(requests, buf)) > 0) {
		int ret;

		if (!requests->begin_ns)
			requests->begin_ns = mn_now_ns();
		flow_check_message(requests, buf, n);
		ret = flow_write_message(responses, responses->chunk);
		if (ret)
			return ret;
		progress_add(&s->progress->ops, 1);
		progress_add(&s->progress->bytes, n + responses->chunk);
	}
	return n;
}

/* Requests and responses are two flows over the one stream. */
static int answer_stream(struct peer_session *s, struct flow *requests,
			 const struct wire_hello *hello)
{
	struct flow responses = *requests;
	struct wire_record verdict = wire_record(WIRE_VERDICT);
	void *buf = malloc(requests->chunk);
	int ret;

	responses.chunk = hello->response_bytes;
	ret = pattern_init(&responses.pattern, wire_response_seed(hello->seed), responses.chunk);
	if (!ret && !buf)
		ret = -ENOMEM;
	transport_socket.no_delay(requests->stream);
	if (!ret)
		ret = answer_all(s, requests, &responses, buf);
	free(buf);
	pattern_free(&responses.pattern);
	if (ret)
		return ret;
	fill_verdict(requests, &verdict);
	print_result(s, requests, responses.bytes, "exchange", verdict_on(requests));
	return flow_write(requests, &verdict, sizeof(verdict));
}

/* The client said stop, ended its side, said what it must not, or is gone. */
static bool client_ended(const struct flow *f)
{
	int fd = (int)(intptr_t)f->stream;
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

/* Its stop or its end. One that got all it asked for may also leave without a word: a reset. */
static int hear_end(struct flow *f)
{
	struct wire_record stop;
	ssize_t n = flow_read_some(f, &stop, sizeof(stop));

	if (n == 0 || (n == -ECONNRESET && f->bytes == f->limit))
		return 0;
	if (n < 0)
		return n;
	return n == sizeof(stop) && wire_is_record(&stop, WIRE_STOP) ? 0 : -EPROTO;
}

/* 0: it said go. -EPIPE: it called the stream off at its barrier. */
static int hear_go(struct flow *f)
{
	struct wire_record go;
	int ret = flow_read(f, &go, sizeof(go));

	return !ret && !wire_is_record(&go, WIRE_GO) ? -EPROTO : ret;
}

static int give(struct flow *f, const struct wire_hello *hello)
{
	struct pace pace;
	int ret;

	pace_start(&pace, hello->rate_bytes_per_s, hello->burst_ns, mn_now_ns());
	ret = flow_send_pattern(f, &pace, client_ended);
	if (!ret)
		ret = f->transport->shutdown_send(f->stream);
	return ret ? ret : hear_end(f);
}

static int give_stream(struct peer_session *s, struct flow *f, const struct wire_hello *hello)
{
	int ret = hear_go(f);

	if (ret == -EPIPE)
		ret = 0;
	else if (!ret)
		ret = give(f, hello);
	if (!ret)
		print_result(s, f, 0, "recv", "sent");
	return ret;
}

static int account_for_turns(struct peer_session *s, struct flow *f,
			     const struct wire_hello *hello)
{
	struct wire_record verdict;
	int ret;

	f->begin_ns = mn_now_ns();
	ret = turn_account(f, hello, &verdict);
	if (ret)
		return ret;
	f->bad = !verdict.content_ok;
	print_result(s, f, verdict.bytes, "turns", f->bad ? "bad" : verdict.bytes ? "ok" :
		     "unchecked");
	return flow_write(f, &verdict, sizeof(verdict));
}

static int (*const serve[])(struct peer_session *s, struct flow *f,
			    const struct wire_hello *hello) = {
	[WIRE_SEND] = take_stream, [WIRE_RECV] = give_stream, [WIRE_EXCHANGE] = answer_stream,
};

/* Those that have to be quick, and keep no pattern. */
static int serve_turns(struct peer_session *s, struct flow *f, const struct wire_hello *hello)
{
	return hello->direction == WIRE_TURN ? turn_answer(f, hello) :
					       account_for_turns(s, f, hello);
}

static int serve_flow(struct peer_session *s, struct flow *f, const struct wire_hello *hello)
{
	int ret;

	f->chunk = hello->chunk_bytes;
	f->limit = hello->limit_bytes ? hello->limit_bytes : UINT64_MAX;
	ret = pattern_init(&f->pattern, hello->seed, f->chunk);
	if (ret) {
		reply(f, ENOMEM);
		return ret;
	}
	ret = reply(f, 0);
	if (!ret)
		ret = serve[hello->direction](s, f, hello);
	pattern_free(&f->pattern);
	return ret;
}

void peer_session_serve(struct peer_session *s)
{
	struct flow f = { .transport = &transport_socket, .progress = s->progress,
			  .stream = transport_socket_stream(s->fd) };
	struct wire_hello hello;
	int ret;

	notice_silence(s->fd);
	if (hear_hello(s, &f, &hello))
		return;
	ret = hello.direction >= WIRE_TURNS ? serve_turns(s, &f, &hello) :
					      serve_flow(s, &f, &hello);
	if (ret)
		complain(s, f.bytes, stop_requested() ? "this peer was stopped" : strerror(-ret));
}
