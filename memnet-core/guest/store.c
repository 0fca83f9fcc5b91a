/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The objects stand in a table by their number, and in @order by where they are, so what
 * is free lies between two neighbours. First fit: objects are few and large.
 */
#include "memnet-core/guest/store.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/layout.h"

struct object {
	uint64_t first, pages;	/* 0 pages: not in use */
	uint64_t length;	/* once it is sealed */
	bool sealed;
	uint32_t creator;	/* channel, until it is sealed */
	uint32_t generation;	/* of this use of the number */
	uint32_t users;		/* by channel, all together */
	uint16_t uses[MN_MAX_CHANNELS];
	char name[MN_OBJECT_NAME];
};

struct mn_store {
	uint64_t pages;		/* of the arena */
	uint32_t n;		/* objects */
	struct object *order[MN_STORE_OBJECTS];
	struct object objects[MN_STORE_OBJECTS];
};

struct mn_store *mn_store_new(void)
{
	return calloc(1, sizeof(struct mn_store));
}

void mn_store_free(struct mn_store *s)
{
	free(s);
}

/* --- pages ------------------------------------------------------------------------- */

static uint64_t pages_of(uint64_t bytes)
{
	return MAX(bytes / MN_PAGE + (bytes % MN_PAGE != 0), 1u);
}

static uint64_t end_of(const struct mn_store *s, uint32_t at)
{
	return at ? s->order[at - 1]->first + s->order[at - 1]->pages : 0;
}

/* Free pages before the object at @at of the order, or the arena's end. */
static uint64_t gap_before(const struct mn_store *s, uint32_t at)
{
	return (at < s->n ? s->order[at]->first : s->pages) - end_of(s, at);
}

/* The gap for @pages, the largest for 0. False: there is none. */
static bool find_gap(const struct mn_store *s, uint64_t pages, uint32_t *at)
{
	bool found = false;

	*at = 0;
	for (uint32_t i = 0; i <= s->n; i++) {
		uint64_t gap = gap_before(s, i);

		if (gap < MAX(pages, 1u) || (found && gap <= gap_before(s, *at)))
			continue;
		*at = i;
		found = true;
		if (pages)
			break;
	}
	return found;
}

static struct object *free_number(struct mn_store *s)
{
	for (uint32_t i = 0; i < MN_STORE_OBJECTS; i++)
		if (!s->objects[i].pages)
			return &s->objects[i];
	return NULL;
}

static void insert(struct mn_store *s, uint32_t at, struct object *o)
{
	memmove(&s->order[at + 1], &s->order[at], (s->n - at) * sizeof(s->order[0]));
	s->order[at] = o;
	s->n++;
}

static void free_object(struct mn_store *s, struct object *o)
{
	uint32_t at = 0;

	while (s->order[at] != o)
		at++;
	s->n--;
	memmove(&s->order[at], &s->order[at + 1], (s->n - at) * sizeof(s->order[0]));
	*o = (struct object){ .generation = o->generation };
}

void mn_store_set_arena(struct mn_store *s, uint64_t bytes)
{
	if (bytes / MN_PAGE == s->pages)
		return;
	while (s->n)
		free_object(s, s->order[0]);
	s->pages = bytes / MN_PAGE;
}

/* --- names and numbers --------------------------------------------------------------- */

static bool is_name(const char *name)
{
	size_t n = strnlen(name, MN_OBJECT_NAME);

	for (size_t i = 0; i < n; i++)
		if (!isascii(name[i]) || !isgraph(name[i]) || name[i] == '/')
			return false;
	return n > 0 && n < MN_OBJECT_NAME;
}

static struct object *by_name(struct mn_store *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->order[i]->name, name))
			return s->order[i];
	return NULL;
}

static uint64_t number_of(const struct mn_store *s, const struct object *o)
{
	return (uint64_t)o->generation << 32 | (o - s->objects);
}

/* What @channel has by that number, or NULL. */
static struct object *by_number(struct mn_store *s, uint32_t channel, uint64_t number)
{
	uint32_t i = number;

	if (i >= MN_STORE_OBJECTS || !s->objects[i].pages ||
	    s->objects[i].generation != number >> 32 || !s->objects[i].uses[channel])
		return NULL;
	return &s->objects[i];
}

static void describe(const struct mn_store *s, const struct object *o, struct mn_store_reply *r)
{
	r->object = number_of(s, o);
	r->offset = o->first * MN_PAGE;
	r->room = o->pages * MN_PAGE;
	r->length = o->length;
	memcpy(r->name, o->name, sizeof(r->name));
}

static void use(struct object *o, uint32_t channel)
{
	o->uses[channel]++;
	o->users++;
}

/* @n uses of @channel end. */
static void unuse(struct mn_store *s, struct object *o, uint32_t channel, uint16_t n)
{
	o->uses[channel] -= n;
	o->users -= n;
	if (!o->sealed && o->creator == channel && !o->uses[channel])
		o->name[0] = '\0';
	if (!o->users && !o->name[0])
		free_object(s, o);
}

/* --- what is asked ------------------------------------------------------------------- */

static int create(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		  struct mn_store_reply *r)
{
	struct object *o = free_number(s);
	uint32_t at;

	if (q->name[0] && !is_name(q->name))
		return -EINVAL;
	if (q->name[0] && by_name(s, q->name))
		return -EEXIST;
	if (!o)
		return -EMFILE;
	if (!find_gap(s, q->bytes ? pages_of(q->bytes) : 0, &at))
		return -ENOSPC;
	*o = (struct object){
		.first = end_of(s, at), .creator = channel, .generation = o->generation + 1,
		.pages = q->bytes ? pages_of(q->bytes) : (gap_before(s, at) + 1) / 2,
	};
	memcpy(o->name, q->name, sizeof(o->name));
	insert(s, at, o);
	use(o, channel);
	describe(s, o, r);
	return 0;
}

static int seal(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		struct mn_store_reply *r)
{
	struct object *o = by_number(s, channel, q->object);

	if (!o || o->sealed || o->creator != channel)
		return -EBADF;
	if (q->bytes > o->pages * MN_PAGE)
		return -EINVAL;
	o->sealed = true;
	o->length = q->bytes;
	o->pages = pages_of(q->bytes);
	describe(s, o, r);
	return 0;
}

static int open_object(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		       struct mn_store_reply *r)
{
	struct object *o = is_name(q->name) ? by_name(s, q->name) : NULL;

	if (!o || !o->sealed)
		return -ENOENT;
	if (o->uses[channel] == UINT16_MAX)
		return -EMFILE;
	use(o, channel);
	describe(s, o, r);
	return 0;
}

static int release(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		   struct mn_store_reply *r)
{
	struct object *o = by_number(s, channel, q->object);

	if (!o)
		return -EBADF;
	unuse(s, o, channel, 1);
	return 0;
}

/* Who has it open reads on. */
static int remove_name(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		       struct mn_store_reply *r)
{
	struct object *o = is_name(q->name) ? by_name(s, q->name) : NULL;

	if (!o || !o->sealed)
		return -ENOENT;
	o->name[0] = '\0';
	if (!o->users)
		free_object(s, o);
	return 0;
}

static int next(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		struct mn_store_reply *r)
{
	const struct object *best = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct object *o = s->order[i];

		if (o->sealed && strcmp(o->name, q->name) > 0 &&
		    (!best || strcmp(o->name, best->name) < 0))
			best = o;
	}
	if (!best)
		return -ENOENT;
	describe(s, best, r);
	return 0;
}

static int space(struct mn_store *s, uint32_t channel, const struct mn_store_request *q,
		 struct mn_store_reply *r)
{
	for (uint32_t i = 0; i <= s->n; i++) {
		r->length += gap_before(s, i) * MN_PAGE;
		r->room = MAX(r->room, gap_before(s, i) * MN_PAGE);
	}
	return 0;
}

void mn_store_run(struct mn_store *s, uint32_t channel, const struct mn_store_request *request,
		  struct mn_store_reply *reply)
{
	static int (*const run[])(struct mn_store *, uint32_t, const struct mn_store_request *,
				  struct mn_store_reply *) = {
		[MN_STORE_CREATE] = create, [MN_STORE_SEAL] = seal, [MN_STORE_OPEN] = open_object,
		[MN_STORE_RELEASE] = release, [MN_STORE_REMOVE] = remove_name,
		[MN_STORE_NEXT] = next, [MN_STORE_SPACE] = space,
	};

	*reply = (struct mn_store_reply){ 0 };
	if (!s->pages)
		reply->error = -EOPNOTSUPP;
	else if (request->op >= ARRAY_SIZE(run) || !run[request->op] ||
		 request->name[MN_OBJECT_NAME - 1])
		reply->error = -EINVAL;
	else
		reply->error = run[request->op](s, channel, request, reply);
}

void mn_store_leave(struct mn_store *s, uint32_t channel)
{
	for (uint32_t i = 0; i < MN_STORE_OBJECTS; i++) {
		struct object *o = &s->objects[i];

		if (o->pages && o->uses[channel])
			unuse(s, o, channel, o->uses[channel]);
	}
}
