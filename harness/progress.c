/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"

#define CLEAR_LINE "\r\033[K"

void progress_init(struct progress *p, size_t total)
{
	*p = (struct progress){
		.total = total, .start_ns = mn_now_ns(), .terminal = isatty(STDERR_FILENO),
	};
}

/* Time left if the rest goes as what is done has gone; "" before there is a rate. */
static const char *eta(const struct progress *p, char text[32])
{
	int64_t passed = mn_now_ns() - p->start_ns, left;

	text[0] = '\0';
	if (p->done) {
		left = passed / p->done * (p->total - p->done) / NSEC_PER_SEC;
		snprintf(text, 32, "ETA %lld:%02lld", (long long)left / 60, (long long)left % 60);
	}
	return text;
}

static void line(const struct progress *p, const char *what, const char *about)
{
	char time[32];

	fprintf(stderr, "%s[%3zu/%zu] %-10s %-9s %s%s", p->terminal ? CLEAR_LINE : "", p->done,
		p->total, eta(p, time), what, about, p->terminal ? "" : "\n");
}

void progress_boot(struct progress *p, const char *what)
{
	line(p, "booting", what);
}

void progress_begin(struct progress *p, const char *id)
{
	if (p->terminal)
		line(p, "running", id);
}

void progress_step(struct progress *p, const char *id, const char *status, const char *reason,
		   bool final)
{
	p->done += final;
	if (!p->terminal || strcmp(status, "ok")) {
		line(p, status, id);
		if (reason[0])
			fprintf(stderr, "%s%s\n", p->terminal ? ": " : "          ", reason);
	}
}

void progress_unmade(struct progress *p, size_t n, const char *what, const char *status,
		     const char *reason)
{
	p->done += n;
	line(p, status, what);
	fprintf(stderr, "%s%zu runs: %s\n", p->terminal ? ", " : "          ", n, reason);
}

void progress_clear(struct progress *p)
{
	if (p->terminal)
		fputs(CLEAR_LINE, stderr);
}
