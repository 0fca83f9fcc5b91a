/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/guest_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/interrupt.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define SLICE_MS 100

/* Does @line begin with the whole word @word? The rest after it, or NULL. */
static const char *after_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) || (line[n] && line[n] != ' '))
		return NULL;
	return line[n] ? line + n + 1 : line + n;
}

static void keep_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

/* Keep an event of a slot: "armed 0", "result 1 bytes=...". */
static void take_event(struct guest_link *g, const char *line)
{
	static const char *const words[] = { "armed", "result", "exit", "err", "out" };
	const char *rest = NULL;
	struct guest_slot *slot;
	size_t i;
	char *end;
	long n;

	for (i = 0; i < ARRAY_SIZE(words) && !(rest = after_word(line, words[i])); i++)
		;
	if (!rest)
		return;
	n = strtol(rest, &end, 10);
	if (end == rest || n < 0 || n >= GUEST_SLOTS)
		return;
	slot = &g->slots[n];
	rest = *end ? end + 1 : end;
	switch (i) {
	case 0:
		slot->armed = true;
		break;
	case 1:
		keep_text(slot->result, sizeof(slot->result), rest);
		break;
	case 2:
		slot->exited = true;
		keep_text(slot->status, sizeof(slot->status), rest);
		break;
	case 3:
		keep_text(slot->complaint, sizeof(slot->complaint), rest);
		break;
	}
	if (i >= 3 && g->output)
		g->output(g->output_arg, i == 3, rest);
}

/* Take one whole line out of the buffer. False: there is none. */
static bool take_line(struct guest_link *g, char *line, size_t size)
{
	char *newline = memchr(g->buf, '\n', g->used);
	size_t len;

	if (!newline && g->used < sizeof(g->buf))
		return false;
	/* A line that fills the buffer is cut there: no line of the protocol is so long. */
	len = newline ? (size_t)(newline - g->buf) : g->used;
	snprintf(line, size, "%.*s", (int)len, g->buf);
	if (newline)
		len++;
	memmove(g->buf, g->buf + len, g->used - len);
	g->used -= len;
	return true;
}

/* Read what comes within @timeout_ms. 0 also when nothing came. */
static int fill(struct guest_link *g, int timeout_ms)
{
	struct pollfd pfd = { .fd = g->fd, .events = POLLIN };
	ssize_t n;
	int ret = poll(&pfd, 1, timeout_ms);

	if (interrupted())
		return -EINTR;
	if (ret <= 0)
		return 0;
	n = read(g->fd, g->buf + g->used, sizeof(g->buf) - g->used);
	if (n > 0)
		g->used += n;
	return n > 0 || (n < 0 && errno == EINTR) ? 0 : -EPIPE;
}

/*
 * The next line, its events taken. 0; -ETIMEDOUT after @deadline_ns; as the
 * header says.
 */
static int next_line(struct guest_link *g, char *line, size_t size, int64_t deadline_ns)
{
	while (!take_line(g, line, size)) {
		int64_t left_ms = (deadline_ns - mn_now_ns()) / NSEC_PER_MSEC;
		int ret = left_ms < 0 ? -ETIMEDOUT : fill(g, MIN(left_ms, (int64_t)SLICE_MS) + 1);

		if (!ret && g->watchdog)
			ret = g->watchdog(g->watchdog_arg);
		if (ret)
			return ret;
	}
	take_event(g, line);
	return 0;
}

/* Wait for @word, or for @other if it is not NULL. 0: @word came; 1: @other. */
static int wait_either(struct guest_link *g, const char *word, const char *other, char *line,
		       size_t size, int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;

	for (;;) {
		int ret = next_line(g, line, size, deadline);

		if (ret)
			return ret;
		if (after_word(line, word))
			return 0;
		if (other && after_word(line, other))
			return 1;
	}
}

int guest_wait_line(struct guest_link *g, const char *word, char *line, size_t size, int timeout_ms)
{
	return wait_either(g, word, NULL, line, size, timeout_ms);
}

int guest_pass_time(struct guest_link *g, int time_ms)
{
	int64_t deadline = mn_now_ns() + time_ms * NSEC_PER_MSEC;
	char line[GUEST_LINE];
	int ret = 0;

	while (!ret)
		ret = next_line(g, line, sizeof(line), deadline);
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int send_command(struct guest_link *g, const char *command)
{
	char text[GUEST_LINE];
	int len = snprintf(text, sizeof(text), "%s\n", command);

	return len < (int)sizeof(text) ? mn_write_all(g->fd, text, len) : -E2BIG;
}

int guest_command(struct guest_link *g, const char *command, const char *answer, char *line,
		  size_t size, int timeout_ms)
{
	int ret = send_command(g, command);

	if (!ret)
		ret = wait_either(g, answer, "error", line, size, timeout_ms);
	return ret == 1 ? -EREMOTEIO : ret;
}

/* Take the lines that are there. 0: the answer is not among them; 1: it is; -errno. */
static int take_answer(struct guest_link *g, const char *answer, struct guest_answer *a)
{
	while (take_line(g, a->line, sizeof(a->line))) {
		take_event(g, a->line);
		if (after_word(a->line, "error"))
			return -EREMOTEIO;
		if (after_word(a->line, answer)) {
			a->at_ns = mn_now_ns();
			return 1;
		}
	}
	return 0;
}

/* Until one that has not answered has something to say, or a slice of time is over. */
static void wait_any(struct guest_link *const links[], size_t n,
		     const struct guest_answer *answers)
{
	struct pollfd pfds[GUEST_MAX_LINKS];

	for (size_t i = 0; i < n; i++)
		pfds[i] = (struct pollfd){ answers[i].at_ns ? -1 : links[i]->fd, POLLIN };
	poll(pfds, n, SLICE_MS);
}

/* One look at each that has not answered. How many are left, or -errno. */
static int look_at_all(struct guest_link *const links[], size_t n, const char *answer,
		       struct guest_answer *answers)
{
	int left = 0;

	for (size_t i = 0; i < n; i++) {
		int ret;

		if (answers[i].at_ns)
			continue;
		ret = take_answer(links[i], answer, &answers[i]);
		if (!ret)
			ret = fill(links[i], 0) ?: take_answer(links[i], answer, &answers[i]);
		if (ret < 0)
			return ret;
		left += !ret;
	}
	return left;
}

int guest_command_all(struct guest_link *const links[], size_t n, const char *command,
		      const char *answer, struct guest_answer *answers, int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	int ret = n > GUEST_MAX_LINKS ? -E2BIG : 0;

	for (size_t i = 0; i < n; i++)
		answers[i].at_ns = 0;
	for (size_t i = 0; !ret && i < n; i++)
		ret = send_command(links[i], command);
	while (!ret && (ret = look_at_all(links, n, answer, answers)) > 0) {
		wait_any(links, n, answers);
		ret = mn_now_ns() > deadline ? -ETIMEDOUT : 0;
		if (!ret && links[0]->watchdog)
			ret = links[0]->watchdog(links[0]->watchdog_arg);
	}
	return ret;
}

static bool slots_done(const struct guest_link *g, bool (*done)(const struct guest_slot *))
{
	for (int i = 0; i < GUEST_SLOTS; i++)
		if (g->slots[i].spawned && !g->slots[i].exited && !done(&g->slots[i]))
			return false;
	return true;
}

int guest_wait_slots(struct guest_link *g, bool (*done)(const struct guest_slot *), int timeout_ms)
{
	int64_t deadline = mn_now_ns() + timeout_ms * NSEC_PER_MSEC;
	char line[GUEST_LINE];
	int ret = 0;

	while (!ret && !slots_done(g, done))
		ret = next_line(g, line, sizeof(line), deadline);
	return ret;
}

void guest_clear_slots(struct guest_link *g)
{
	memset(g->slots, 0, sizeof(g->slots));
}

/* What is behind "@key=", or NULL. */
static const char *find_value(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = line; p; p = strchr(p, ' ')) {
		p += *p == ' ';
		if (!strncmp(p, key, n) && p[n] == '=')
			return p + n + 1;
	}
	return NULL;
}

int guest_value(const char *line, const char *key, int64_t *value)
{
	const char *at = find_value(line, key);

	if (!at)
		return -ENOENT;
	*value = strtoll(at, NULL, 10);
	return 0;
}

void guest_text(const char *line, const char *key, char *text, size_t size)
{
	const char *at = find_value(line, key);

	snprintf(text, size, "%.*s", at ? (int)strcspn(at, " ") : 0, at ? at : "");
}
