/* SPDX-License-Identifier: BSD-2-Clause */
/* How flows come to be: connect, bind, listen, accept, by the control ring. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/address.h"
#include "memnet-core/guest/memnet_internal.h"

/* The address into the submission. AF_UNSPEC: family 0. 0 or -EINVAL, -EAFNOSUPPORT. */
static int put_address(struct mn_submission *s, const struct sockaddr *addr, socklen_t len)
{
	union mn_sockaddr a = { 0 };

	if (len < sizeof(addr->sa_family))
		return -EINVAL;
	if (addr->sa_family == AF_UNSPEC)
		return 0;
	if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	if (len < (addr->sa_family == AF_INET ? sizeof(a.in) : sizeof(a.in6)))
		return -EINVAL;
	memcpy(&a, addr, addr->sa_family == AF_INET ? sizeof(a.in) : sizeof(a.in6));
	s->family = mn_address_split(&a, &s->port, s->addr, &s->scope);
	return 0;
}

/* --- connect ---------------------------------------------------------------------------- */

static int connect_datagrams(struct memnet_flow *f, struct mn_submission *s)
{
	struct mn_completion c;

	s->flow = f->id;
	return mn_control_call(f->m, s, &c);
}

static int start(struct memnet_flow *f, struct mn_submission *s)
{
	struct mn_call *call = malloc(sizeof(*call));
	int ret = -ENOMEM;

	if (call)
		ret = mn_control_start(f->m, s, call);
	if (ret)
		free(call);
	else
		f->connecting = call;
	return ret;
}

int memnet_connect_start(struct memnet *m, const struct sockaddr *peer, socklen_t len,
			 struct memnet_flow **flow)
{
	struct mn_submission s = { .op = MN_OP_CONNECT, .flow = MN_NO_FLOW };
	struct memnet_flow *f = *flow;
	int ret = put_address(&s, peer, len);

	if (ret)
		return ret;
	if (f && f->kind == MN_DATAGRAMS)
		return connect_datagrams(f, &s);
	if (f)
		s.flow = f->id;
	else
		f = mn_flow_new(m);
	ret = f ? start(f, &s) : -ENOMEM;
	if (ret && f != *flow)
		free(f);
	if (!ret)
		*flow = f;
	return ret;
}

/* The completion is there: what it says. */
static int finish(struct memnet_flow *f)
{
	const struct mn_completion *c = &f->connecting->completion;
	int ret = c->result;

	if (!ret && !f->kind)
		ret = mn_flow_attach(f, c->flow, c->generation);
	free(f->connecting);
	f->connecting = NULL;
	f->connect_error = ret;
	return ret;
}

/* @ret as mn_control_look(). */
static int result(struct memnet_flow *f, int ret)
{
	if (ret > 0)
		return -EINPROGRESS;
	if (!ret)
		return finish(f);
	free(f->connecting);	/* nobody answers it any more */
	f->connecting = NULL;
	f->connect_error = ret;
	return ret;
}

int memnet_connect_result(struct memnet_flow *f)
{
	if (!f->connecting)
		return f->connect_error;
	return result(f, mn_control_look(f->m, f->connecting));
}

int memnet_connect(struct memnet *m, const struct sockaddr *peer, socklen_t len,
		   struct memnet_flow **out)
{
	struct memnet_flow *f = NULL;
	int ret = memnet_connect_start(m, peer, len, &f);

	if (ret)
		return ret;
	ret = result(f, mn_control_wait(m, f->connecting));
	if (ret)
		memnet_release(f);
	else
		*out = f;
	return ret;
}

/* --- bind, listen, accept ---------------------------------------------------------------- */

int memnet_bind(struct memnet *m, int type, const struct sockaddr *addr, socklen_t len,
		unsigned int flags, struct memnet_flow **out)
{
	struct mn_submission s = {
		.op = MN_OP_BIND, .flow = MN_NO_FLOW, .flags = flags,
		.kind = type == SOCK_STREAM ? MN_STREAM : MN_DATAGRAMS,
	};
	struct memnet_flow *f = mn_flow_new(m);
	struct mn_completion c;
	int ret = f ? put_address(&s, addr, len) : -ENOMEM;

	if (!ret)
		ret = mn_control_call(m, &s, &c);
	if (!ret)
		ret = mn_flow_attach(f, c.flow, c.generation);
	if (ret)
		free(f);
	else
		*out = f;
	return ret;
}

int memnet_listen(struct memnet_flow *f, int backlog)
{
	struct mn_submission s = { .op = MN_OP_LISTEN, .flow = f->id, .value = backlog };
	struct mn_completion c;
	int ret = mn_control_call(f->m, &s, &c);

	if (!ret)
		f->kind = MN_LISTENER;
	return ret;
}

/* One record. 1; 0: none; -errno. */
static int next_record(struct memnet_flow *listener, struct mn_accepted *a)
{
	struct iovec spans[2];
	ssize_t n = mn_of_this_session(listener, 0);

	if (!n)
		n = mn_consumer_peek(&listener->in, sizeof(*a), spans);
	if (n > 0)
		memcpy(a, spans[0].iov_base, sizeof(*a));	/* none straddles the wrap */
	n = mn_of_this_session(listener, n);
	if (n <= 0)
		return n < 0 ? n : mn_consumer_at_end(&listener->in);
	if (n != sizeof(*a))
		return -EPROTO;
	mn_tell_flow(listener->m, listener->id, mn_consumer_release(&listener->in, sizeof(*a)));
	return 1;
}

int memnet_accept(struct memnet_flow *listener, struct memnet_flow **out)
{
	struct mn_accepted a;
	int ret;

	if (listener->kind != MN_LISTENER)
		return -EINVAL;
	while (!(ret = next_record(listener, &a))) {
		ret = mn_flow_wait_data(listener);
		if (ret)
			return ret;
	}
	if (ret < 0)
		return ret;
	ret = memnet_adopt(listener->m, a.flow, a.generation, out);
	return ret == -ESTALE ? -ECONNABORTED : ret;	/* it has been reset meanwhile */
}

int memnet_set_option(struct memnet_flow *f, int option, int value)
{
	struct mn_submission s = { .op = MN_OP_OPTION, .flow = f->id, .option = option,
				   .value = value };
	struct mn_completion c;

	return mn_control_call(f->m, &s, &c);
}
