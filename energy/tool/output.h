/* SPDX-License-Identifier: BSD-2-Clause */
/* Forms of the report. To add one: a file with this table, and its option in main.c. */
#ifndef ENERGY_TOOL_OUTPUT_H
#define ENERGY_TOOL_OUTPUT_H

#include "energy/tool/repeat.h"
#include "energy/tool/tool.h"

#define WHOLE_BELOW	9007199254740992.0	/* 2^53: a double has all its digits */

/* All write to @out; whether that went well is asked of ferror() by the caller. */
struct output_ops {
	void (*begin)(FILE *out, const struct session *session);
	void (*record)(FILE *out, const struct session *session, const struct record *record);
	void (*summary)(FILE *out, const struct session *session, struct repeat *repeat);
};

extern const struct output_ops output_text, output_csv, output_json;

#endif
