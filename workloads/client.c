/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "workloads/workload.h"

/* "198.18.0.1:7000" */
static const char *name_of(const struct sockaddr_in *peer, char name[32])
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &peer->sin_addr, host, sizeof(host));
	snprintf(name, 32, "%s:%u", host, ntohs(peer->sin_port));
	return name;
}

int client_choose_transport(struct client *c, const char *name)
{
	const struct transport *t;

	c->transport = transport_find(name);
	if (c->transport)
		return 0;
	work_error("%s: there is no transport '%s'; there are:", c->workload, name);
	for (size_t i = 0; (t = transport_at(i)); i++)
		fprintf(stderr, "  %-8s %s\n", t->name, t->summary);
	return 2;
}

/* What may mend it; "" where the error says it all. */
static const char *mend(int err)
{
	switch (err) {
	case -ENODEV:
		return "; there must run: memnet-agent, or MEMNET_AGENT be its socket";
	case -EACCES:
		return "; the host's policy must allow it: memnetd --allow";
	case -ECONNREFUSED:
		return "; there must run: memnet-work peer --listen ";
	default:
		return "";
	}
}

int client_connect(const struct client *c, struct flow *f)
{
	int ret = c->transport->connect(&c->peer, &f->stream);
	char name[32];

	if (!ret) {
		f->transport = c->transport;
		return 0;
	}
	name_of(&c->peer, name);
	work_error("%s: %s to %s: %s%s%s", c->workload, c->transport->name, name, strerror(-ret),
		   mend(ret), ret == -ECONNREFUSED ? name : "");
	return 1;
}

int client_broke(const struct client *c, uint64_t bytes, int ret)
{
	char name[32];

	work_error("%s: %s to %s broke after %" PRIu64 " bytes: %s; its own stderr may say why",
		   c->workload, c->transport->name, name_of(&c->peer, name), bytes,
		   ret == -ETIMEDOUT ? "the peer did not end it within 5 s of the stop" :
		   strerror(-ret));
	return 1;
}

int client_greet(const struct client *c, struct flow *f, const struct wire_hello *hello)
{
	struct wire_record reply;
	int ret = flow_write(f, hello, sizeof(*hello));

	if (!ret)
		ret = flow_read(f, &reply, sizeof(reply));
	if (ret)
		return client_broke(c, 0, ret);
	if (!wire_is_record(&reply, WIRE_REPLY)) {
		work_error("%s: what answers at --peer is no memnet-work peer of this version",
			   c->workload);
		return 1;
	}
	if (reply.error) {
		work_error("%s: the peer refused: %s; its own stderr says why", c->workload,
			   strerror(reply.error & 0xfff));
		return 1;
	}
	return 0;
}

int client_take_verdict(struct flow *f, struct wire_record *verdict)
{
	int ret = f->transport->shutdown_send(f->stream);

	if (!ret)
		ret = flow_read(f, verdict, sizeof(*verdict));
	if (!ret && !wire_is_record(verdict, WIRE_VERDICT))
		ret = -EPROTO;
	return ret;
}

void client_print_transport(const struct flow *f)
{
	struct transport_counters c = { 0 };
	struct transport_facts facts = { 0 };

	if (f->transport->counters)
		f->transport->counters(f->stream, &c);
	for (size_t i = 0; i < ARRAY_SIZE(c.row) && c.row[i].name; i++)
		printf(" %s=%" PRIu64, c.row[i].name, c.row[i].value);
	if (f->transport->facts)
		f->transport->facts(f->stream, &facts);
	for (size_t i = 0; i < ARRAY_SIZE(facts.row) && facts.row[i].name; i++)
		printf(" %s=%s", facts.row[i].name, facts.row[i].value);
}
