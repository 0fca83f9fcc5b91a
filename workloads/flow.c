/* SPDX-License-Identifier: BSD-2-Clause */
#include "workloads/flow.h"

#include <errno.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "workloads/wire.h"
#include "workloads/workload.h"

/* Is @ret a wait that a signal cut short? *ret becomes final where it is not to be repeated. */
static bool repeat(ssize_t *ret)
{
	if (*ret != -EINTR)
		return false;
	if (!stop_overdue())
		return true;
	*ret = -ETIMEDOUT;
	return false;
}

ssize_t flow_read_some(struct flow *f, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = f->transport->recv(f->stream, (char *)buf + done, len - done);

		if (repeat(&n))
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

int flow_read(struct flow *f, void *record, size_t len)
{
	ssize_t n = flow_read_some(f, record, len);

	return n < 0 ? n : n < (ssize_t)len ? -EPIPE : 0;
}

int flow_write(struct flow *f, const void *record, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = f->transport->send(f->stream, (const char *)record + done, len - done);

		if (repeat(&n))
			continue;
		if (n < 0)
			return n;
		done += n;
	}
	return 0;
}

static void account(struct flow *f, size_t n)
{
	f->bytes += n;
	f->calls++;
	progress_add(&f->progress->ops, 1);
	progress_add(&f->progress->bytes, n);
}

/* Sleep where the pace says so. True: there is something to send now. */
static bool pace_permits(struct pace *pace)
{
	int64_t until_ns;

	if (pace_may_send(pace))
		return true;
	until_ns = pace_deadline_ns(pace, mn_now_ns());
	if (!until_ns)
		return true;
	mn_sleep_until_ns(until_ns);
	return false;
}

int flow_send_pattern(struct flow *f, struct pace *pace, bool (*ended)(const struct flow *f))
{
	f->begin_ns = mn_now_ns();
	while (f->bytes < f->limit && !ended(f)) {
		size_t len = MIN(f->chunk, f->limit - f->bytes);
		ssize_t n;

		if (!pace_permits(pace))
			continue;
		n = f->transport->send(f->stream, pattern_make(&f->pattern, f->bytes, len), len);
		if (repeat(&n))
			continue;
		if (n < 0)
			return n;
		pace_sent(pace, n);
		account(f, n);
	}
	return 0;
}

static void verify(struct flow *f, const void *buf, size_t n)
{
	size_t good;

	if (f->bad)
		return;
	good = pattern_verify(&f->pattern, f->bytes, buf, n);
	f->verified_bytes += good;
	f->bad = good < n;
}

int flow_write_message(struct flow *f, size_t len)
{
	int ret = flow_write(f, pattern_make(&f->pattern, f->bytes, len), len);

	if (ret)
		return ret;
	f->bytes += len;
	f->calls++;
	return 0;
}

void flow_check_message(struct flow *f, const void *buf, size_t len)
{
	verify(f, buf, len);
	f->bytes += len;
	f->calls++;
}

int flow_recv_pattern(struct flow *f, void *buf, bool (*stop)(void))
{
	struct wire_record stop_record = wire_record(WIRE_STOP);
	bool told = false;

	for (;;) {
		ssize_t n;

		if (!told && stop()) {
			told = true;
			n = flow_write(f, &stop_record, sizeof(stop_record));
			if (n)
				return n;
		}
		n = f->transport->recv(f->stream, buf, f->chunk);
		if (repeat(&n))
			continue;
		if (n <= 0)
			return n;
		if (!f->bytes && !f->begin_ns)
			f->begin_ns = mn_now_ns();
		verify(f, buf, n);
		account(f, n);
	}
}
