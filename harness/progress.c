/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"

#define CLEAR_LINE "\r\033[K"
#define LINE_SIZE 1024

void progress_init(struct progress *p, const struct plan *plan, const char *accel,
		   const char *build, const struct plan_run *runs, size_t n, bool *left,
		   bool calibrate)
{
	*p = (struct progress){
		.runs = runs, .n_runs = n, .left = left, .start_ns = mn_now_ns(),
		.terminal = mn_is_terminal(STDERR_FILENO), .colour = mn_has_colour(STDERR_FILENO),
	};
	for (size_t i = 0; i < n; i++)
		p->total += left[i];
	forecast_init(&p->forecast, plan, accel, build);
	if (calibrate)
		p->calibration_s = forecast_calibration_s(&p->forecast);
}

void progress_free(struct progress *p)
{
	if (p->forecast.plan)
		forecast_free(&p->forecast);
	free(p->left);
	p->left = NULL;
}

static double seconds_since(int64_t ns)
{
	return (double)(mn_now_ns() - ns) / NSEC_PER_SEC;
}

/* "1:02", "1:00:02". */
static const char *clock_text(double seconds, char text[32])
{
	long s = seconds + 0.5;

	if (s >= 3600)
		snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
	return text;
}

static double left_s(const struct progress *p)
{
	double now = p->run_ns ? seconds_since(p->run_ns) : 0;

	/* of the run in hand what has passed is over */
	return MAX(forecast_left_s(&p->forecast, p->runs, p->n_runs, p->left, p->booted) +
		   p->calibration_s - now, 0);
}

static size_t width(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20 ? 80 : size.ws_col;
}

static const char *colour_of(const struct progress *p, const char *status)
{
	if (!p->colour)
		return "";
	if (!strcmp(status, "failed"))
		return "\033[31m";
	return !strcmp(status, "invalid") || !strcmp(status, "skipped") ? "\033[33m" : "";
}

/*
 * A line about @what: of a terminal's it is @lasting, or the next is written over it. What
 * is written over must not be wider than the terminal.
 */
static void line(const struct progress *p, bool lasting, const char *what, const char *format, ...)
	PRINTF_LIKE(4, 5);

static void line(const struct progress *p, bool lasting, const char *what, const char *format, ...)
{
	const char *colour = colour_of(p, what);
	char text[LINE_SIZE], passed[32], left[32];
	size_t n;
	va_list ap;

	n = snprintf(text, sizeof(text), "[%3zu/%zu] %5s passed, %5s left  %-8s ", p->done,
		     p->total, clock_text(seconds_since(p->start_ns), passed),
		     clock_text(left_s(p), left), what);
	va_start(ap, format);
	vsnprintf(text + n, sizeof(text) - n, format, ap);
	va_end(ap);
	if (p->terminal && !lasting && strlen(text) >= width())
		text[width() - 1] = '\0';
	fprintf(stderr, "%s%s%s%s%s", p->terminal ? CLEAR_LINE : "", colour, text,
		*colour ? "\033[0m" : "", p->terminal && !lasting ? "" : "\n");
}

void progress_boot(struct progress *p, const struct plan_run *run)
{
	p->boot_ns = mn_now_ns();
	p->run_ns = 0;
	if (!run) {
		line(p, false, "booting", "for the calibration");
		return;
	}
	p->calibration_s = 0;
	line(p, false, "booting", "%s, boot %u", run->config->name, run->boot);
}

void progress_calibrated(const struct progress *p, const char *id, const char *status,
			 const char *reason)
{
	if (*reason)
		line(p, true, status, "%s: %s", id, reason);
}

void progress_begin(struct progress *p, const struct plan_run *run)
{
	if (p->boot_ns)
		forecast_saw_boot(&p->forecast, seconds_since(p->boot_ns));
	p->boot_ns = 0;
	p->booted = run->boot;
	p->run_ns = mn_now_ns();
	if (p->terminal)
		line(p, false, "running", "%s", run->id);
}

static void finish(struct progress *p, const struct plan_run *run)
{
	bool *left = &p->left[run - p->runs];

	p->done += *left;
	*left = false;
}

void progress_step(struct progress *p, const struct plan_run *run, const char *id,
		   const char *status, const char *reason, bool final)
{
	bool ok = !strcmp(status, "ok");

	if (strcmp(status, "failed"))
		forecast_saw_run(&p->forecast, run->config, seconds_since(p->run_ns));
	p->run_ns = 0;
	if (final)
		finish(p, run);
	if (!p->terminal || !ok)
		line(p, !ok, status, "%s%s%s", id, *reason ? ": " : "", reason);
}

void progress_unmade(struct progress *p, const struct plan_run *run, size_t n, const char *status,
		     const char *reason)
{
	size_t first = run - p->runs, length = plan_boot_length(run, p->n_runs - first);

	p->run_ns = 0;
	for (size_t i = 0; i < length; i++)
		finish(p, &run[i]);
	line(p, true, status, "%s, %zu runs: %s", run->config->name, n, reason);
}

void progress_clear(struct progress *p)
{
	if (p->terminal)
		fputs(CLEAR_LINE, stderr);
}
