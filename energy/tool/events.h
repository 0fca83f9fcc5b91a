/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of events: typed, from a file, or a set by name. */
#ifndef ENERGY_TOOL_EVENTS_H
#define ENERGY_TOOL_EVENTS_H

#include <stddef.h>

/*
 * @text: names separated by commas; SET is what SET.events holds, @FILE what the file
 * holds: a name a line, # begins a comment. NULL: counters_default. What a set or a file names
 * may be absent here; a name that is typed must be known. *@events ends with NULL and is for
 * events_free(). 0, or -errno with one line in @err.
 */
int events_parse(const char *text, char ***events, char *err, size_t errlen);
void events_free(char **events);

/* Where the sets are; "" if nowhere. Static storage. */
const char *events_dir(void);
/* The names of the sets in events_dir(), as events_parse() gives names. 0 or -errno. */
int events_sets(char ***sets);

#endif
