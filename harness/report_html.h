/* SPDX-License-Identifier: BSD-2-Clause */
/* The page that a report is: its frame, escaped text, tables, and markdown of our own. */
#ifndef MEMNET_HARNESS_REPORT_HTML_H
#define MEMNET_HARNESS_REPORT_HTML_H

#include <stdio.h>

#include "memnet-core/base/util.h"

/* The page from its beginning to its first heading, and its end. @title is escaped. */
void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

/* @text, whatever is in it, as text of the page; bytes that no text has become blanks. */
void html_text(FILE *out, const char *text);

/* Formatted text, escaped as a whole. */
void html_printf(FILE *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* <TAG>formatted text</TAG> and a line end. */
void html_element(FILE *out, const char *tag, const char *format, ...) PRINTF_LIKE(3, 4);

/* A heading with an anchor that the page's contents lead to. */
void html_heading(FILE *out, const char *id, const char *text);

/* A table in a box of its own that scrolls; @heads ends with NULL. Rows are for the caller. */
void html_table(FILE *out, const char *label, const char *const *heads);
void html_table_end(FILE *out);

/* Preformatted text in such a box. */
void html_pre(FILE *out, const char *label, const char *text);

/*
 * The markdown that results_reference() writes: headings, tables, paragraphs, `code`.
 * Headings become two levels lower.
 */
void html_markdown(FILE *out, const char *markdown);

#endif
