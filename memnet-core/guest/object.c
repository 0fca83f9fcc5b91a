/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects as a program sees them. Who has which pages is the agent's matter, asked over a
 * socket of our own (agent_protocol.h); what the host does is submitted on the control ring.
 * The URL of a job stands in an object of one page, which is released with the job.
 */
#include "memnet-core/guest/memnet_object.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/fdpass.h"
#include "memnet-core/guest/agent_protocol.h"
#include "memnet-core/guest/memnet_internal.h"

static_assert(MEMNET_OBJECT_NAME == MN_OBJECT_NAME, "one length of names");

struct memnet_store {
	struct memnet *m;
	pthread_mutex_t lock;	/* of the socket: a question and its answer */
	int fd;
};

struct memnet_object {
	struct memnet_store *s;
	bool sealed;
	struct mn_store_reply is;
};

struct memnet_job {
	struct memnet_store *s;
	struct mn_call call;
	uint64_t text;		/* the URL's object */
};

/* --- the agent ------------------------------------------------------------- */

int memnet_store_open(struct memnet *m, struct memnet_store **out)
{
	const struct mn_keep give = { .magic = MN_KEEP_MAGIC, .flow = MN_KEEP_STORE };
	struct memnet_store *s;
	int pair[2], ret;

	if (m->agent_fd < 0)
		return -ENOTSUP;
	if (!m->session.geometry.arena_bytes)
		return -EOPNOTSUPP;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		ret = -errno;
		free(s);
		return ret;
	}
	ret = mn_send_fds(m->agent_fd, &give, sizeof(give), &pair[1], 1);
	close(pair[1]);
	if (ret) {
		close(pair[0]);
		free(s);
		return ret;
	}
	s->m = m;
	s->fd = pair[0];
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void memnet_store_close(struct memnet_store *s)
{
	if (!s)
		return;
	close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Lock held. 0 or -errno of the conversation. */
static int exchange(int fd, const struct mn_store_request *q, struct mn_store_reply *r)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int ret;

	ret = mn_send_fds(fd, q, sizeof(*q), NULL, 0);
	if (ret)
		return ret == -EPIPE ? -ECONNRESET : ret;
	do
		ret = poll(&pfd, 1, MN_ATTACH_TIMEOUT_MS);
	while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	n = recv(fd, r, sizeof(*r), MSG_DONTWAIT);
	if (n != sizeof(*r))
		return -ECONNRESET;
	return 0;
}

static int ask(struct memnet_store *s, const struct mn_store_request *q, struct mn_store_reply *r)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	ret = exchange(s->fd, q, r);
	if (ret)	/* an answer that comes late is to another question */
		shutdown(s->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	return ret ? ret : r->error;
}

static int put_name(struct mn_store_request *q, const char *name)
{
	if (strlen(name) >= sizeof(q->name))
		return -EINVAL;
	strcpy(q->name, name);
	return 0;
}

static void give_back(struct memnet_store *s, uint64_t object)
{
	const struct mn_store_request q = { .op = MN_STORE_RELEASE, .object = object };
	struct mn_store_reply r;

	ask(s, &q, &r);	/* if it is gone, so is what it kept for us */
}

/* --- objects --------------------------------------------------------------- */

/* What the agent says, within the arena? */
static bool is_within(const struct memnet_store *s, const struct mn_store_reply *r)
{
	uint64_t arena = s->m->session.geometry.arena_bytes;

	return r->room <= arena && r->offset <= arena - r->room && r->length <= r->room;
}

static int new_object(struct memnet_store *s, const struct mn_store_request *q,
		      struct memnet_object **out)
{
	struct memnet_object *o = calloc(1, sizeof(*o));
	int ret = o ? ask(s, q, &o->is) : -ENOMEM;

	if (!ret && !is_within(s, &o->is))
		ret = -EPROTO;
	if (ret) {
		free(o);
		return ret;
	}
	o->s = s;
	o->sealed = q->op == MN_STORE_OPEN;
	*out = o;
	return 0;
}

int memnet_object_create(struct memnet_store *s, const char *name, uint64_t max,
			 struct memnet_object **out)
{
	struct mn_store_request q = { .op = MN_STORE_CREATE, .bytes = max };
	int ret = put_name(&q, name ? name : "");

	return ret ? ret : new_object(s, &q, out);
}

int memnet_object_open(struct memnet_store *s, const char *name, struct memnet_object **out)
{
	struct mn_store_request q = { .op = MN_STORE_OPEN };
	int ret = put_name(&q, name);

	return ret ? ret : new_object(s, &q, out);
}

static void *in_arena(const struct memnet_store *s, uint64_t offset)
{
	return (char *)s->m->region->base + mn_arena_offset(&s->m->session.geometry) + offset;
}

void *memnet_object_data(const struct memnet_object *o)
{
	return in_arena(o->s, o->is.offset);
}

const char *memnet_object_name(const struct memnet_object *o)
{
	return o->is.name;
}

uint64_t memnet_object_room(const struct memnet_object *o)
{
	return o->is.room;
}

uint64_t memnet_object_length(const struct memnet_object *o)
{
	return o->is.length;
}

int memnet_object_seal(struct memnet_object *o, uint64_t length)
{
	const struct mn_store_request q = {
		.op = MN_STORE_SEAL, .object = o->is.object, .bytes = length,
	};
	struct mn_store_reply r;
	int ret = ask(o->s, &q, &r);

	if (!ret && !is_within(o->s, &r))
		ret = -EPROTO;
	if (!ret) {
		o->is = r;
		o->sealed = true;
	}
	return ret;
}

void memnet_object_release(struct memnet_object *o)
{
	if (!o)
		return;
	give_back(o->s, o->is.object);
	free(o);
}

int memnet_object_remove(struct memnet_store *s, const char *name)
{
	struct mn_store_request q = { .op = MN_STORE_REMOVE };
	struct mn_store_reply r;
	int ret = put_name(&q, name);

	return ret ? ret : ask(s, &q, &r);
}

int memnet_object_next(struct memnet_store *s, struct memnet_object_info *info)
{
	struct mn_store_request q = { .op = MN_STORE_NEXT };
	struct mn_store_reply r;
	int ret = put_name(&q, info->name);

	if (!ret)
		ret = ask(s, &q, &r);
	if (ret)
		return ret;
	memcpy(info->name, r.name, sizeof(info->name));
	info->name[sizeof(info->name) - 1] = '\0';
	info->length = r.length;
	return 0;
}

int memnet_store_space(struct memnet_store *s, struct memnet_space *out)
{
	const struct mn_store_request q = { .op = MN_STORE_SPACE };
	struct mn_store_reply r;
	int ret = ask(s, &q, &r);

	if (!ret)
		*out = (struct memnet_space){
			.bytes = s->m->session.geometry.arena_bytes, .free = r.length,
			.largest = r.room,
		};
	return ret;
}

/* --- jobs ------------------------------------------------------------------ */

static int put_url(struct memnet_job *job, const char *url, struct mn_submission *submission)
{
	const struct mn_store_request q = { .op = MN_STORE_CREATE, .bytes = MN_URL_BYTES };
	struct mn_store_reply r;
	size_t n = strlen(url);
	int ret;

	if (!n || n > MN_URL_BYTES)
		return -EINVAL;
	ret = ask(job->s, &q, &r);
	if (ret)
		return ret;
	job->text = r.object;
	if (!is_within(job->s, &r) || r.room < n)
		return -EPROTO;
	memcpy(in_arena(job->s, r.offset), url, n);
	submission->text_offset = r.offset;
	submission->text_bytes = n;
	return 0;
}

static int start(struct memnet_object *o, enum mn_op op, uint64_t bytes, const char *url,
		 struct memnet_job **out)
{
	struct mn_submission submission = {
		.op = op, .flow = MN_NO_FLOW, .object_offset = o->is.offset, .object_bytes = bytes,
	};
	struct memnet_job *job = calloc(1, sizeof(*job));
	int ret;

	if (!job)
		return -ENOMEM;
	job->s = o->s;
	ret = put_url(job, url, &submission);
	if (!ret)
		ret = mn_control_start(o->s->m, &submission, &job->call);
	if (!ret) {
		*out = job;
		return 0;
	}
	if (job->text)
		give_back(job->s, job->text);
	free(job);
	return ret;
}

int memnet_object_deliver(struct memnet_object *o, const char *url, struct memnet_job **out)
{
	return o->sealed ? start(o, MN_OP_PUT, o->is.length, url, out) : -EINVAL;
}

int memnet_object_serve(struct memnet_object *o, const char *url, struct memnet_job **out)
{
	return o->sealed ? start(o, MN_OP_SERVE, o->is.length, url, out) : -EINVAL;
}

int memnet_object_fetch(struct memnet_object *o, const char *url, struct memnet_job **out)
{
	return o->sealed ? -EINVAL : start(o, MN_OP_GET, o->is.room, url, out);
}

int memnet_job_wait(struct memnet_job *job, int timeout_ms, struct memnet_job_result *result)
{
	const struct mn_completion *c = &job->call.completion;
	int64_t deadline = timeout_ms < 0 ? INT64_MAX : mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	int ret = mn_control_wait_until(job->s->m, &job->call, deadline);

	if (ret == -ETIMEDOUT)
		return ret;
	if (!ret)
		*result = (struct memnet_job_result){
			.error = c->result, .status = c->status, .bytes = c->bytes,
		};
	give_back(job->s, job->text);
	free(job);
	return ret;
}

int memnet_job_cancel(struct memnet_job *job)
{
	return mn_control_cancel(job->s->m, &job->call);
}
