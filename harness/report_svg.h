/* SPDX-License-Identifier: BSD-2-Clause */
/* An SVG file as a part of an HTML page: what can act is left out, names are made its own. */
#ifndef MEMNET_HARNESS_REPORT_SVG_H
#define MEMNET_HARNESS_REPORT_SVG_H

#include <stdio.h>

/*
 * Write the drawing @svg to @out. Only elements that draw stay, with their text; of the
 * attributes none that can run or load anything. Ids, and what refers to them, get @name
 * and a hyphen in front, so that several drawings do not clash in one page. The drawing is
 * an image to those who hear the page, described by the element whose id is @label.
 * 0; -EINVAL, perhaps with a part written: it is no SVG, or ends within a tag.
 */
int svg_inline(FILE *out, const char *svg, const char *name, const char *label);

#endif
