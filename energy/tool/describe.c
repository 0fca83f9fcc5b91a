/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "energy/tool/tool.h"

static void add(char *buf, size_t size, const char *word)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s", len ? " " : "", word);
}

static void describe_pids(const struct options *options, char *buf, size_t size)
{
	char pid[16];

	add(buf, size, options->n_pids == 1 ? "process" : "processes");
	for (size_t i = 0; i < options->n_pids; i++) {
		snprintf(pid, sizeof(pid), "%d", options->pids[i]);
		add(buf, size, pid);
	}
}

void describe(const struct options *options, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	if (options->n_pids) {
		describe_pids(options, buf, size);
		return;
	}
	if (!options->command)
		return;
	for (char **word = options->command; *word && len < size; word++)
		len += snprintf(buf + len, size - len, "%s%s", len ? " " : "'", *word);
	/* A command too long is cut, and ends with dots. */
	if (len + 2 > size)
		strcpy(buf + size - 5, "...'");
	else
		strcpy(buf + len, "'");
}

const char *refusal(const struct energy *e, const char *source, const char *otherwise)
{
	const struct energy_note *note, *best = NULL;

	for (size_t i = 0; (note = energy_note(e, i)); i++) {
		if (!source)
			source = note->source;
		if (!strcmp(note->source, source) && (note->error || !best || !best->error))
			best = note;
	}
	return best ? best->text : otherwise;
}
