/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-energy's JSON, read back strictly. What is not there fails the test. */
#ifndef MEMNET_ENERGY_READ_REPORT_H
#define MEMNET_ENERGY_READ_REPORT_H

#include <jansson.h>

/* The objects of the report, one a line; json_decref() the array. @text is cut up. */
json_t *report_read(char *text);

/* The value of @metric and @name in a record, "" for no name; NULL: none. Borrowed. */
json_t *report_find(json_t *record, const char *metric, const char *name);

/* Its number under @key, "value", "low", ...; NaN for null. */
double report_value(json_t *record, const char *metric, const char *name, const char *key);

/* Its text under @key, "quality", "reason", ...; "" for null. */
const char *report_text(json_t *record, const char *metric, const char *name, const char *key);

#endif
