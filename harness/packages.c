/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The script writes lines to standard output and complains on standard error; where it fails the
 * last line of both is what is wrong. A download can be interrupted: ^C ends the wait.
 */
#include "harness/packages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/child.h"
#include "harness/interrupt.h"
#include "harness/plan.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"

#define SCRIPT "guest/mkpackages"
#define MAX_WORDS (PLAN_LINE_SIZE / 2)
#define FIXED_WORDS 8
#define END_NS (5 * NSEC_PER_SEC)
#define GRACE_MS 10000	/* the script ends after the program it runs, and cleans up */

struct packages_line {
	char text[1024];	/* the last one */
	void (*take)(const char *text);
};

static void read_lines(int fd, struct packages_line *line)
{
	FILE *in = fdopen(fd, "r");

	if (!in) {
		close(fd);
		return;
	}
	while (!interrupted() && fgets(line->text, sizeof(line->text), in)) {
		line->text[strcspn(line->text, "\n")] = '\0';
		if (line->take)
			line->take(line->text);
	}
	fclose(in);
}

static int start(struct child *child, const char *build, const char *what, const char *packages)
{
	char script[600], dir[600], words[PLAN_LINE_SIZE], *save = NULL;
	char *argv[FIXED_WORDS + MAX_WORDS] = {
		"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", script, (char *)what, dir
	};
	size_t n = 6;
	int fds[2], ret;

	snprintf(script, sizeof(script), "%s/" SCRIPT, build);
	snprintf(dir, sizeof(dir), "%s/" PACKAGES_DIR, build);
	strcpy(words, packages);
	for (char *w = strtok_r(words, PLAN_BLANKS, &save); w; w = strtok_r(NULL, PLAN_BLANKS, &save))
		argv[n++] = w;
	if (access(script, X_OK) || pipe2(fds, O_CLOEXEC))
		return -errno;
	ret = child_start(child, "mkpackages", argv, "/dev/null", fds[1], NULL);
	close(fds[1]);
	if (ret)
		close(fds[0]);
	return ret ? ret : fds[0];
}

/* 0, or -errno with a line in @why. @line: its last line, and what takes each. */
static int run(const char *build, const char *what, const char *packages,
	       struct packages_line *line, char *why, size_t size)
{
	struct child child;
	int fd = start(&child, build, what, packages), ret = 0;
	int64_t deadline;

	line->text[0] = '\0';
	if (fd < 0)
		return mn_explain(why, size, fd, "%s/" SCRIPT ", which finds the plan's packages: %s; "
				  "make all guest-image", build, strerror(-fd));
	read_lines(fd, line);
	deadline = mn_now_ns() + END_NS;
	while (!interrupted() && !child_ended(&child) && mn_now_ns() < deadline)
		mn_sleep_until_ns(mn_now_ns() + NSEC_PER_MSEC);
	if (interrupted())
		ret = mn_explain(why, size, -EINTR, "interrupted");
	else if (child.pid || child.status)
		ret = mn_explain(why, size, -ENOENT, "%s", line->text[0] ? line->text :
				 "mkpackages ended without a word");
	child_stop(&child, GRACE_MS);
	return ret;
}

int packages_image(const char *build, const char *packages, char *image, size_t image_size,
		   char *why, size_t size)
{
	struct packages_line line = { 0 };
	int ret = run(build, "image", packages, &line, why, size);

	if (!ret)
		snprintf(image, image_size, "%s", line.text);
	return ret;
}

int packages_list(const char *build, const char *packages, void (*take)(const char *text),
		  char *why, size_t size)
{
	struct packages_line line = { .take = take };

	return run(build, "list", packages, &line, why, size);
}
