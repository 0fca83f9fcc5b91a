/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet-zstd: a pipeline. Each piece of a log is compressed by zstd and leaves by HTTP PUT
 * while the next one is compressed: as an object that the host sends, or from memory of ours by
 * libcurl in the guest. Both wait in the same places. harness/plans/objects.ini compares them.
 */
#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <zstd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/base/version.h"
#include "workloads/zstd.h"

struct options {
	const struct zstd_way *way;
	const char *url, *sink;
	uint64_t pieces, size, level;
};

static const struct zstd_way *const ways[] = { &zstd_object, &zstd_curl };

/* Lines of a log, the same each time: some 5 bytes of 6 go. */
static void fill(char *to, size_t size)
{
	static const char *const words[] = { "accepted", "refused", "timeout", "retry", "closed" };
	uint64_t x = 88172645463325252u;
	size_t at = 0;

	while (at < size) {
		char line[128];
		size_t n;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		n = snprintf(line, sizeof(line), "2026-01-02T03:%02u:%02u host%u service[%u]: "
			     "connection %s after %u ms\n", (unsigned)(at >> 14) % 60,
			     (unsigned)(at >> 8) % 60, (unsigned)(x >> 20) % 16,
			     (unsigned)(x >> 30) % 500, words[(x >> 40) % ARRAY_SIZE(words)],
			     (unsigned)(x >> 50) % 1000);
		n = MIN(n, size - at);
		memcpy(to + at, line, n);
		at += n;
	}
}

static int compress(const struct options *o, ZSTD_CCtx *ctx, const char *in, void *to,
		    size_t *bytes)
{
	*bytes = ZSTD_compressCCtx(ctx, to, ZSTD_compressBound(o->size), in, o->size, o->level);
	if (!ZSTD_isError(*bytes))
		return 0;
	fprintf(stderr, "memnet-zstd: zstd: %s\n", ZSTD_getErrorName(*bytes));
	return -EIO;
}

/* 0 and the bytes that left, or -errno. */
static int pump(const struct options *o, ZSTD_CCtx *ctx, const char *in, uint64_t *out)
{
	size_t bytes;
	void *to;

	for (uint64_t i = 0; i < o->pieces + ZSTD_SLOTS; i++) {
		unsigned int slot = i % ZSTD_SLOTS;
		int ret = i >= ZSTD_SLOTS ? o->way->end(slot) : 0;

		if (!ret && i < o->pieces) {
			ret = o->way->begin(slot, &to);
			if (!ret)
				ret = compress(o, ctx, in, to, &bytes);
			if (!ret)
				ret = o->way->send(slot, bytes);
			*out += ret ? 0 : bytes;
		}
		if (ret)
			return ret;
	}
	return 0;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int run(const struct options *o)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	char *in = malloc(o->size);
	uint64_t out = 0;
	int64_t begin_ns;
	double cpu, s;
	int ret;

	if (!ctx || !in)
		return EXIT_FAILURE;
	fill(in, o->size);
	ret = o->way->open(o->url, ZSTD_compressBound(o->size));
	cpu = cpu_s();
	begin_ns = mn_now_ns();
	if (!ret)
		ret = pump(o, ctx, in, &out);
	s = (mn_now_ns() - begin_ns) / 1e9;
	if (!ret)
		printf("%s: %llu pieces, %llu bytes in, %llu out, %.3f s, %.3f s of CPU, "
		       "%.2f MB/s\n", o->way->name, (unsigned long long)o->pieces,
		       (unsigned long long)(o->pieces * o->size), (unsigned long long)out, s,
		       cpu_s() - cpu, o->pieces * o->size / s / 1e6);
	o->way->close();
	ZSTD_freeCCtx(ctx);
	free(in);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'b':
		o->way = NULL;
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
			if (!strcmp(ways[i]->name, arg))
				o->way = ways[i];
		if (!o->way)
			argp_error(state, "--by %s: want object or curl", arg);
		break;
	case 'n':
		if (mn_parse_u64(arg, &o->pieces) || !o->pieces)
			argp_error(state, "--pieces %s: want 1 or more", arg);
		break;
	case 's':
		if (mn_parse_bytes(arg, &o->size) || !o->size || o->size > 1u << 30)
			argp_error(state, "--size %s: want bytes, such as 1M, at most 1G", arg);
		break;
	case 'l':
		if (mn_parse_u64(arg, &o->level) || !o->level ||
		    o->level > (uint64_t)ZSTD_maxCLevel())
			argp_error(state, "--level %s: want 1 to %d", arg, ZSTD_maxCLevel());
		break;
	case 'k':
		o->sink = arg;
		break;
	case ARGP_KEY_ARG:
		if (o->url)
			argp_error(state, "%s: one URL is enough", arg);
		o->url = arg;
		break;
	case ARGP_KEY_END:
		if (!o->url == !o->sink)
			argp_error(state, "want a URL, or --sink");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "by", 'b', "WAY", 0, "object: the host sends; curl: we do (object)" },
	{ "pieces", 'n', "N", 0, "to compress and send (16)" },
	{ "size", 's', "BYTES", 0, "of each, before (1M)" },
	{ "level", 'l', "N", 0, "of zstd (3)" },
	{ "sink", 'k', "ADDRESS:PORT", 0, "instead: be the server that takes them" },
	{ 0 }
};

static const struct argp argp = {
	option_table, parse_option, "URL", "Compress pieces of a log by zstd, and have each leave "
	"by HTTP PUT to URL while the next is compressed."
};

int main(int argc, char **argv)
{
	static struct options o = { .way = &zstd_object, .pieces = 16, .size = 1 << 20,
				    .level = 3 };

	argp_parse(&argp, argc, argv, 0, NULL, &o);
	return o.sink ? zstd_sink(o.sink) : run(&o);
}
