/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A run speaks with its guests, and waits for them. Whatever ends a wait ends the run, and
 * the row says why: what has died is looked for first, as all else follows from it.
 */
#include "harness/run_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/clock.h"

int run_lost(struct run *r, int ret, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (r->row->status[0])
		return ret;
	ROW_TEXT(r->row->status, "failed");
	ROW_TEXT(r->row->reason, "%s", ret == -EINTR ? "interrupted" : text);
	return ret;
}

/* While the harness waits for a guest: has anything of any VM died? */
static int watchdog(void *arg)
{
	return vm_set_casualty(arg) ? -ECHILD : 0;
}

void run_watch(struct vm_set *vms, bool on)
{
	for (unsigned int i = 0; i < vms->n; i++) {
		vms->vm[i].link.watchdog = on ? watchdog : NULL;
		vms->vm[i].link.watchdog_arg = vms;
	}
}

/* What has died; after a broken channel with some patience: it is closed before its end is told. */
static const char *find_casualty(struct vm_set *vms, bool patient)
{
	int64_t deadline = mn_now_ns() + (patient ? NSEC_PER_SEC : 0);
	const char *casualty;

	while (!(casualty = vm_set_casualty(vms)) && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	return casualty;
}

int run_lost_waiting(struct run *r, const struct vm *vm, int ret, const char *what)
{
	const char *casualty = find_casualty(r->ctx->vms, ret == -EPIPE);

	if (casualty)
		return run_lost(r, ret, "%s while %s; see its log", casualty, what);
	if (ret == -ETIMEDOUT)
		return run_lost(r, ret, "%s did not answer while %s", vm->guest_name, what);
	return run_lost(r, ret, "the control channel of %s failed while %s: %s", vm->guest_name,
			what, strerror(-ret));
}

int run_command_all(struct run *r, const char *command, const char *word,
		    struct guest_answer *answers, const char *what)
{
	struct vm_set *vms = r->ctx->vms;
	struct guest_link *links[MAX_VMS];
	unsigned int i;
	int ret;

	for (i = 0; i < vms->n; i++)
		links[i] = &vms->vm[i].link;
	ret = guest_command_all(links, vms->n, command, word, answers, ANSWER_TIMEOUT_MS);
	if (!ret)
		return 0;
	for (i = 0; i + 1 < vms->n && answers[i].at_ns; i++)
		;
	return run_lost_waiting(r, &vms->vm[i], ret, what);
}

/* Why a workload ended early: its connection is reset before who held it can be waited for. */
static int lost_workload(struct run *r, const struct vm *vm, int i)
{
	const struct guest_slot *s = &vm->link.slots[i];
	const char *name = *r->ctx->config->app ? "app's" : i ? "network" : "compute";
	const char *casualty = find_casualty(r->ctx->vms, i);

	if (casualty)
		return run_lost(r, -ECHILD, "%s, and the %s workload in %s with it; see its log",
				casualty, name, vm->guest_name);
	return run_lost(r, -ECANCELED, "the %s workload in %s ended early (%s)%s%s", name,
			vm->guest_name, s->status, s->complaint[0] ? ": " : "", s->complaint);
}

/* A workload that ended when it should not have. */
static int check_slots_of(struct run *r, const struct vm *vm, bool may_have_ended)
{
	for (int i = 0; i < GUEST_SLOTS; i++) {
		const struct guest_slot *s = &vm->link.slots[i];
		bool failed = s->exited && strcmp(s->status, "status=0");

		if (s->spawned && (failed || (s->exited && !may_have_ended)))
			return lost_workload(r, vm, i);
	}
	return 0;
}

int run_check_slots(struct run *r, bool may_have_ended)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++)
		ret = check_slots_of(r, &r->ctx->vms->vm[i], may_have_ended);
	return ret;
}

int run_wait_slots(struct run *r, bool (*done)(const struct guest_slot *), int timeout_ms,
		   const char *what)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < r->ctx->vms->n; i++) {
		struct vm *vm = &r->ctx->vms->vm[i];

		ret = guest_wait_slots(&vm->link, done, timeout_ms);
		if (ret)
			run_lost_waiting(r, vm, ret, what);
	}
	return ret;
}

int run_pass_time(struct run *r, int64_t deadline_ns, const char *what)
{
	int64_t left_ms = (deadline_ns - mn_now_ns() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	int ret = left_ms > 0 ? guest_pass_time(&r->ctx->vms->vm[0].link, left_ms) : 0;

	return ret ? run_lost_waiting(r, &r->ctx->vms->vm[0], ret, what) : 0;
}
