/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sources, one form of reading: counts of the page are counter values whose time on
 * the PMU is not known, so nothing is scaled; those of perf are summed over the
 * threads with their times, and scaled where the PMU was shared.
 */
#include "energy/guest_insns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "energy/plugin/insns_page.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

static_assert((int)GUEST_USER == INSNS_USER && (int)GUEST_KERNEL == INSNS_KERNEL &&
	      (int)GUEST_MODES == INSNS_MODES, "the page has the same modes");

/* In the order of the modes; :mg is the guest's part alone. */
static const char *const events[] = { "instructions:u:mg", "instructions:k:mg", NULL };

struct guest_insns {
	const struct insns_page *page;	/* NULL: perf */
	size_t n;			/* vCPUs */
	struct counters *counters[];	/* of perf, one set for each */
};

/* --- the page -------------------------------------------------------------------- */

static int map_page(const char *path, const struct insns_page **page)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (st.st_size < INSNS_PAGE_BYTES)
		ret = -ENODATA;
	if (!ret) {
		*page = mmap(NULL, INSNS_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
		ret = *page == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	return ret;
}

static int check_page(const struct insns_page *page, pid_t writer)
{
	const struct insns_header *h = &page->header;

	if (__atomic_load_n(&h->magic, __ATOMIC_ACQUIRE) != INSNS_PAGE_MAGIC)
		return -EBADMSG;
	if (h->version != INSNS_PAGE_VERSION)
		return -EPROTO;
	if (!h->vcpus || h->vcpus > INSNS_MAX_VCPUS)
		return -EBADMSG;
	return writer && h->writer != (uint32_t)writer ? -ESTALE : 0;
}

static int explain_page(char *why, size_t size, int ret, const char *path)
{
	static const struct { int error; const char *text; } texts[] = {
		{ -ENOENT, "there is no such page: was QEMU started with the plugin?" },
		{ -ENODATA, "the file is shorter than a page of the plugin" },
		{ -EBADMSG, "not a page of the plugin, or not a finished one" },
		{ -EPROTO, "a page of another version of the plugin: build both anew (make)" },
		{ -ESTALE, "the page is another QEMU's" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].error == ret)
			return mn_explain(why, size, ret, "%s: %s", path, texts[i].text);
	return mn_explain(why, size, ret, "%s: %s", path, strerror(-ret));
}

int guest_insns_open_page(struct guest_insns **out, const char *path, pid_t writer, char *why,
			  size_t why_size)
{
	struct guest_insns *g = calloc(1, sizeof(*g));
	int ret = g ? map_page(path, &g->page) : -ENOMEM;

	if (ret) {
		free(g);
		return explain_page(why, why_size, ret, path);
	}
	ret = check_page(g->page, writer);
	if (ret) {
		guest_insns_close(g);
		return explain_page(why, why_size, ret, path);
	}
	g->n = g->page->header.vcpus;
	*out = g;
	return 0;
}

static uint64_t sum_page(const struct guest_insns *g, enum guest_mode mode)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < g->n; i++)
		sum += __atomic_load_n(&g->page->vcpu[i].insns[mode], __ATOMIC_RELAXED);
	return sum;
}

static void read_page(const struct guest_insns *g, struct guest_insns_reading *r)
{
	r->n = 1;
	for (int mode = 0; mode < GUEST_MODES; mode++) {
		r->value[0][mode] = (struct counter_value){ .t_ns = mn_now_ns() };
		r->value[0][mode].value = sum_page(g, mode);
	}
}

/* --- perf -------------------------------------------------------------------------- */

/* The error of the first event of @c that is absent; its note in @why. */
static int first_absent(const struct counters *c, char *why, size_t why_size)
{
	struct counter_value v[GUEST_MODES];

	counters_read(c, v);
	for (int mode = 0; mode < GUEST_MODES; mode++)
		if (v[mode].error)
			return mn_explain(why, why_size, v[mode].error, "%s",
					  counters_note(c, mode));
	return 0;
}

int guest_insns_open_perf(struct guest_insns **out, const pid_t *tids, size_t n, char *why,
			  size_t why_size)
{
	struct guest_insns *g = calloc(1, sizeof(*g) + n * sizeof(g->counters[0]));
	int ret = g ? 0 : mn_explain(why, why_size, -ENOMEM, "out of memory");

	if (!ret && n > GUEST_MAX_VCPUS)
		ret = mn_explain(why, why_size, -E2BIG, "%zu vCPUs are more than the %d that can be "
				 "counted", n, GUEST_MAX_VCPUS);
	for (size_t i = 0; !ret && i < n; i++) {
		ret = counters_open(&g->counters[i], tids[i], events);
		if (ret) {
			mn_explain(why, why_size, ret, "%s", strerror(-ret));
			break;
		}
		g->n++;
		ret = first_absent(g->counters[i], why, why_size);
	}
	if (ret) {
		guest_insns_close(g);
		return ret;
	}
	*out = g;
	return 0;
}

static void read_perf(const struct guest_insns *g, struct guest_insns_reading *r)
{
	r->n = g->n;
	for (size_t i = 0; i < g->n; i++)
		counters_read(g->counters[i], r->value[i]);
}

/* --- both ---------------------------------------------------------------------------- */

void guest_insns_close(struct guest_insns *g)
{
	if (!g)
		return;
	if (g->page)
		munmap((void *)g->page, INSNS_PAGE_BYTES);
	else
		for (size_t i = 0; i < g->n; i++)
			counters_close(g->counters[i]);
	free(g);
}

const char *guest_insns_source(const struct guest_insns *g)
{
	return g->page ? "tcg-plugin" : "perf-hw";
}

void guest_insns_read(const struct guest_insns *g, struct guest_insns_reading *r)
{
	if (g->page)
		read_page(g, r);
	else
		read_perf(g, r);
}

int guest_insns_delta(const struct guest_insns_reading *begin,
		      const struct guest_insns_reading *end, enum guest_mode mode, uint64_t *insns)
{
	struct counter_sum sum = { 0 };

	for (size_t i = 0; i < end->n; i++) {
		struct counter_value delta;

		counter_delta(&begin->value[i][mode], &end->value[i][mode], &delta);
		counter_sum_add(&sum, &delta);
	}
	if (!sum.absent)
		*insns = sum.value;
	return sum.error;
}

int guest_insns_gauge(void *ctx, uint64_t *insns)
{
	const struct guest_insns_gauge *gauge = ctx;
	struct guest_insns_reading r;
	struct counter_sum sum = { 0 };

	guest_insns_read(gauge->from, &r);
	for (size_t i = 0; i < r.n; i++)
		counter_sum_add(&sum, &r.value[i][gauge->mode]);
	if (!sum.absent)
		*insns = sum.value;
	return sum.error;
}
