/* SPDX-License-Identifier: BSD-2-Clause */
/* A rule a line, "allow" or "deny" before it; "#" begins a comment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/nearest.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/policy.h"

#define FILE_SIZE	(64u << 10)
#define SPACE		" \t\r"

static int add_line(struct mn_policy *p, char *text, char *why, size_t size)
{
	static const char *const actions[] = { "deny", "allow" };	/* enum mn_policy_action */
	char *word, *rule;
	const char *meant;

	text[strcspn(text, "#")] = '\0';
	word = text + strspn(text, SPACE);
	if (!*word)
		return 0;
	rule = word + strcspn(word, SPACE);
	if (*rule)
		*rule++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(word, actions[i]))
			return mn_policy_add(p, i, rule, why, size);
	meant = mn_nearest(word, actions, ARRAY_SIZE(actions));
	snprintf(why, size, "a line begins with allow or deny, not with '%.40s'%s%s%s", word,
		 meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
	return -EINVAL;
}

static int add_lines(struct mn_policy *p, const char *path, char *text, char *why, size_t size)
{
	char *line, *rest = text, wrong[300];
	size_t before;
	int ret;

	for (unsigned int n = 1; (line = strsep(&rest, "\n")); n++) {
		before = p->rules;
		ret = add_line(p, line, wrong, sizeof(wrong));
		if (ret) {
			snprintf(why, size, "%s:%u: %s", path, n, wrong);
			return ret;
		}
		if (p->rules > before)
			p->rule[before].line = n;
	}
	return 0;
}

/* Of a regular file: whoever waits at a FIFO for its writer serves no VM. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	struct stat st;
	ssize_t n;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	n = mn_read_file(path, text, size);
	return n >= 0 && strlen(text) != (size_t)n ? -EILSEQ : n;
}

static const char *read_error(ssize_t ret)
{
	switch (-ret) {
	case ENOENT:
		return "there is no such file; make it (an empty one allows nothing), or leave "
		       "--policy out";
	case ENOTSUP:
		return "not a regular file; a policy is read again at each reload";
	case E2BIG:
		return "more than 64 KiB";
	case EILSEQ:
		return "there are zero bytes in it; a policy is text";
	default:
		return strerror(-ret);
	}
}

int mn_policy_read(struct mn_policy *p, const char *path, char *why, size_t size)
{
	static char text[FILE_SIZE];
	struct mn_policy whole = *p;
	ssize_t ret = read_text(path, text, sizeof(text));

	if (ret < 0) {
		snprintf(why, size, "%s: %s", path, read_error(ret));
		return ret;
	}
	ret = add_lines(&whole, path, text, why, size);
	if (!ret)
		*p = whole;
	return ret;
}
