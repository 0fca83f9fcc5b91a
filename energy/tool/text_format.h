/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and remarks as people read them. What takes a buffer returns it. */
#ifndef ENERGY_TOOL_TEXT_FORMAT_H
#define ENERGY_TOOL_TEXT_FORMAT_H

#include "energy/tool/tool.h"

#define MODEL_WORD	"MODEL"

/* "1,234,567". */
const char *grouped(uint64_t n, char *buf, size_t size);
/* Four digits that mean something, never fewer than the whole number has; "-": none. */
const char *short_number(double value, char *buf, size_t size);
/* "1.20 .. 1.30", or "". */
const char *range(double low, double high, char *buf, size_t size);

/* Of an event. Clocks are counted in ns and shown in ms. */
const char *count_text(const struct value *v, char *buf, size_t size);
/* " (83.2%)": scaled, for it was counted for that part of the time; or "". */
const char *scaled_mark(const struct value *v, char *buf, size_t size);
/* What a count lacks, where there is no room for reasons: ":u (83.2%)"; or "". */
const char *count_marks(const struct value *v, char *buf, size_t size);
/* A reason of an event begins with its name, which stands beside it already: what is behind. */
const char *reason_of(const struct value *v);

/* The source's name, of the model MODEL_WORD. */
const char *source_word(const char *source);
bool is_model(const struct session *session);

#endif
