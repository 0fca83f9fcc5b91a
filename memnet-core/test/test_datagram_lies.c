/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that lies about datagrams. See session_fixture.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/util.h"
#include "memnet-core/event.h"
#include "memnet-core/test/datagram_help.h"
#include "memnet-core/test/session_fixture.h"

#define SOON_MS	5000

/* As a guest's library would: a record of @len bytes that begins with @d. */
static void put(struct memnet_flow *f, const struct mn_datagram *d, uint64_t len)
{
	memcpy(f->out.data, d, sizeof(*d));
	mn_publish(&f->out.mine->p_head, len);
	mn_tell_flow(f->m, f->id, true);
}

static void more_than_there_is(struct memnet_flow *f)
{
	put(f, &(struct mn_datagram){ .bytes = 9 }, sizeof(struct mn_datagram) + 8);
}

static void more_than_there_can_be(struct memnet_flow *f)
{
	put(f, &(struct mn_datagram){ .bytes = ~0u }, sizeof(struct mn_datagram) + 8);
}

static void more_than_a_datagram(struct memnet_flow *f)
{
	put(f, &(struct mn_datagram){ .bytes = 65536 }, mn_datagram_room(65536));
}

static void half_a_header(struct memnet_flow *f)
{
	put(f, &(struct mn_datagram){ .bytes = 0 }, sizeof(struct mn_datagram) / 2);
}

static void head_too_far(struct memnet_flow *f)
{
	put(f, &(struct mn_datagram){ .bytes = 0 }, f->out.size + 8);
}

static void tail_too_far(struct memnet_flow *f)
{
	mn_publish(&f->in.mine->c_tail, 1ULL << 40);
	mn_tell_flow(f->m, f->id, true);
}

static void lie_is_caught(struct fixture *fx, void (*tell)(struct memnet_flow *f))
{
	struct memnet *m = attach(fx), *honest;
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);
	struct udp p = udp_at("127.0.0.1", 0);
	static char much[40000];
	struct sockaddr_storage to;
	char byte;

	memnet_local(f, &to);	/* of a flow that has ended there is none */
	tell(f);
	for (int i = 0; i < 4; i++)	/* more than the receive FIFO holds: it looks at the tail */
		assert_int_equal(sendto(p.fd, much, sizeof(much), 0, (struct sockaddr *)&to,
					sizeof(struct sockaddr_in)), sizeof(much));
	for (int ms = 0; ms < SOON_MS && mn_session_check(&m->session) != -EPROTO; ms++)
		poll(NULL, 0, 1);
	assert_int_equal(mn_session_check(&m->session), -EPROTO);
	assert_true(host_said(fx, "guest broke the protocol"));
	assert_true(host_said(fx, "datagrams"));
	memnet_close(f);
	memnet_detach(m);
	honest = attach(fx);
	f = bound(honest, "127.0.0.1", 0);
	assert_int_equal(send_to(f, "x", 1, &p.addr), 1);
	assert_int_equal(recv(p.fd, &byte, 1, 0), 1);
	memnet_close(f);
	memnet_detach(honest);
	close(p.fd);
}

static void each_lie_ends_its_session(void **state)
{
	static void (*const lies[])(struct memnet_flow *) = {
		more_than_there_is, more_than_there_can_be, more_than_a_datagram, half_a_header,
		head_too_far, tail_too_far,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		lie_is_caught(*state, lies[i]);
}

static void a_family_that_there_is_not_is_no_lie(void **state)
{
	struct memnet *m = attach(*state);
	struct memnet_flow *f = bound(m, "127.0.0.1", 0);

	put(f, &(struct mn_datagram){ .bytes = 8, .family = 99 }, mn_datagram_room(8));
	assert_int_equal(wait_for_error(f), EAFNOSUPPORT);
	assert_int_equal(mn_session_check(&m->session), 0);
	memnet_close(f);
	memnet_detach(m);
}

#define lies_test(f)	cmocka_unit_test_setup_teardown(f, datagrams_setup, session_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lies_test(each_lie_ends_its_session),
		lies_test(a_family_that_there_is_not_is_no_lie),
	};

	return cmocka_run_group_tests_name("datagram lies", tests, NULL, NULL);
}
