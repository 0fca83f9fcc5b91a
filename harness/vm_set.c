/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/vm_set.h"

#include <stdio.h>

#include "harness/interrupt.h"
#include "memnet-core/base/clock.h"

#define GRACE_MS	3000

static int start_all(struct vm_set *s, const struct vm_config *config, unsigned int first,
		     char *why, size_t size)
{
	int ret = 0;

	if (!config->path->no_vm)
		ret = vm_start_memnetd(&s->memnetd, config, first, s->n, why, size);
	for (unsigned int i = 0; !ret && i < s->n; i++)
		ret = vm_start(&s->vm[i], why, size);
	for (unsigned int i = 0; !ret && i < s->n; i++)
		ret = vm_wait_ready(&s->vm[i], why, size);
	return ret;
}

int vm_set_boot(struct vm_set *s, const struct vm_config *config, unsigned int n, char *why,
		size_t size)
{
	unsigned int first = n > 1;	/* an only VM has no number */
	int ret;

	s->n = n;
	s->memnetd = (struct child){ .name = config->path->no_vm ? NULL : "memnetd" };
	for (unsigned int i = 0; i < n; i++)
		vm_clear(&s->vm[i], config, first + i);
	ret = start_all(s, config, first, why, size);
	if (ret)
		vm_set_stop(s);
	return ret;
}

int vm_set_ensure_peers(struct vm_set *s)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < s->n; i++)
		ret = vm_ensure_peer(&s->vm[i]);
	return ret;
}

static const char *tell_if_dead(struct child *c)
{
	static char text[96];

	if (!c->name || !child_ended(c))	/* without a name: never started */
		return NULL;
	snprintf(text, sizeof(text), "%s ended (%s)", c->name, child_how_ended(c));
	return text;
}

const char *vm_set_vital_casualty(struct vm_set *s)
{
	const char *dead = NULL;

	for (unsigned int i = 0; !dead && i < s->n; i++)
		dead = tell_if_dead(&s->vm[i].qemu) ?: tell_if_dead(&s->vm[i].end.helper);
	return dead ? dead : tell_if_dead(&s->memnetd);
}

const char *vm_set_casualty(struct vm_set *s)
{
	const char *dead = vm_set_vital_casualty(s);

	for (unsigned int i = 0; !dead && i < s->n; i++)
		dead = tell_if_dead(&s->vm[i].peer);
	return dead;
}

const struct vm *vm_set_without_insns(const struct vm_set *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (!s->vm[i].insns)
			return &s->vm[i];
	return NULL;
}

static bool any_qemu(struct vm_set *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (!child_ended(&s->vm[i].qemu))
			return true;
	return false;
}

void vm_set_stop(struct vm_set *s)
{
	int64_t deadline = mn_now_ns() + GRACE_MS * NSEC_PER_MSEC;

	for (unsigned int i = 0; i < s->n; i++)
		vm_power_off(&s->vm[i]);
	while (any_qemu(s) && !interrupted() && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + 10 * NSEC_PER_MSEC);
	for (unsigned int i = 0; i < s->n; i++)
		vm_stop(&s->vm[i]);
	child_stop(&s->memnetd, GRACE_MS);
}
