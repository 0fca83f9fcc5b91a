/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets are files in PREFIX/share/memnet/events, found from where the program is:
 * BIN/../share/memnet/events. The build has the same shape.
 */
#include "energy/tool/events.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "energy/counters.h"
#include "energy/tool/tool.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/nearest.h"

#define FROM_PREFIX	"share/memnet/events"
#define SUFFIX		".events"

struct list {
	char **names;
	size_t n;
};

static bool list_has(const struct list *list, const char *name, size_t len)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strlen(list->names[i]) == len && !memcmp(list->names[i], name, len))
			return true;
	}
	return false;
}

/* Each name once. 0 or -ENOMEM; the list always ends with NULL. */
static int list_add(struct list *list, const char *name, size_t len)
{
	char **names;

	if (list_has(list, name, len))
		return 0;
	names = reallocarray(list->names, list->n + 2, sizeof(*names));
	if (!names)
		return -ENOMEM;
	list->names = names;
	names[list->n + 1] = NULL;
	names[list->n] = strndup(name, len);
	return names[list->n++] ? 0 : -ENOMEM;
}

void events_free(char **events)
{
	for (size_t i = 0; events && events[i]; i++)
		free(events[i]);
	free(events);
}

const char *events_dir(void)
{
	static char dir[PATH_MAX];

	return mn_beside_program(2, FROM_PREFIX, dir, sizeof(dir)) ? "" : dir;
}

int events_sets(char ***sets)
{
	struct list list = { 0 };
	struct dirent *entry;
	DIR *dir = opendir(events_dir());
	int ret = 0;

	*sets = NULL;
	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir))) {
		const char *suffix = strstr(entry->d_name, SUFFIX);

		if (suffix && !suffix[strlen(SUFFIX)])
			ret = list_add(&list, entry->d_name, suffix - entry->d_name);
	}
	closedir(dir);
	*sets = list.names;
	return ret;
}

/* A name a line; # begins a comment, at the line's start or after blanks. */
static int add_line(struct list *list, char *line)
{
	char *begin = line + strspn(line, " \t"), *end = begin + strcspn(begin, "#\r\n");

	while (end > begin && strchr(" \t", end[-1]))
		end--;
	return end > begin ? list_add(list, begin, end - begin) : 0;
}

static int add_file(struct list *list, const char *path, char *err, size_t errlen)
{
	FILE *f = fopen(path, "re");
	size_t size = 0;
	char *line = NULL;
	int ret = f ? 0 : -errno;

	while (!ret && getline(&line, &size, f) >= 0)
		ret = add_line(list, line);
	if (!ret && ferror(f))
		ret = -EIO;
	free(line);
	if (f)
		fclose(f);
	if (ret)
		snprintf(err, errlen, "event set %s: %s", path, strerror(-ret));
	return ret;
}

static int copy_default(struct list *list)
{
	int ret = 0;

	for (size_t i = 0; counters_default[i] && !ret; i++)
		ret = list_add(list, counters_default[i], strlen(counters_default[i]));
	return ret;
}

/* An event that was typed: what nobody knows is a mistake, to be told before hours of work. */
static int add_typed(struct list *list, const char *word, size_t len, char *err, size_t errlen)
{
	char name[256], why[256];
	const char *meant;
	size_t n = 0;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	ret = counters_check_name(name, why, sizeof(why));
	if (!ret)
		return list_add(list, word, len);
	while (counters_default[n])
		n++;
	meant = mn_nearest(name, counters_default, n);
	snprintf(err, errlen, "--events %s%s%s%s; nothing was measured", why,
		 meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
	return ret;
}

/* A set's name, @FILE, or an event. */
static int add_word(struct list *list, const char *word, size_t len, char *err, size_t errlen)
{
	char path[PATH_MAX + 256];

	if (word[0] == '@') {
		snprintf(path, sizeof(path), "%.*s", (int)len - 1, word + 1);
		return add_file(list, path, err, errlen);
	}
	snprintf(path, sizeof(path), "%s/%.*s" SUFFIX, events_dir(), (int)len, word);
	if (events_dir()[0] && !memchr(word, '/', len) && !access(path, F_OK))
		return add_file(list, path, err, errlen);
	if (len == strlen("default") && !strncmp(word, "default", len))
		return copy_default(list);	/* also where no sets are installed */
	return add_typed(list, word, len, err, errlen);
}

/* The length of the first word; a comma within /.../ does not end it. */
static size_t word_length(const char *text)
{
	bool filter = false;
	size_t i;

	for (i = 0; text[i] && (filter || text[i] != ','); i++)
		filter ^= text[i] == '/' && text[0] != '@';
	return i;
}

static int add_words(struct list *list, const char *text, char *err, size_t errlen)
{
	int ret = 0;

	while (!ret) {
		size_t len = word_length(text);

		if (!len) {
			snprintf(err, errlen, "--events: an empty name");
			return -EINVAL;
		}
		ret = add_word(list, text, len, err, errlen);
		if (!text[len])
			break;
		text += len + 1;
	}
	return ret;
}

int events_parse(const char *text, char ***events, char *err, size_t errlen)
{
	struct list list = { 0 };
	int ret;

	snprintf(err, errlen, "out of memory");
	ret = text ? add_words(&list, text, err, errlen) : copy_default(&list);
	if (!ret && !list.n) {
		snprintf(err, errlen, "--events %s: no event in it", text);
		ret = -ENODATA;
	}
	if (ret) {
		events_free(list.names);
		return ret;
	}
	*events = list.names;
	return 0;
}
