/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * The text is taken apart into tags and what is between them. A tag is written anew from
 * the attributes that may stay, so nothing of the file reaches the page that was not looked
 * at. An element that does not draw goes with all that is in it: `hidden` counts how deep
 * within such a one the text is. This is no XML parser: of a file that is not well-formed
 * it writes something that draws otherwise, but nothing that acts.
 */
#include "harness/report_svg.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "memnet-core/base/util.h"

struct span {
	const char *at;
	size_t len;
};

struct drawing {
	FILE *out;
	const char *name, *label;
	unsigned int hidden;
	bool begun;
};

static bool is(struct span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static bool begins(struct span s, const char *text)
{
	return s.len >= strlen(text) && !strncasecmp(s.at, text, strlen(text));
}

static bool draws(struct span element)
{
	static const char *const names[] = {
		"svg", "g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline",
		"polygon", "text", "tspan", "use", "pattern", "symbol", "clipPath",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (is(element, names[i]))
			return true;
	return false;
}

/* A width and height of the whole are the page's business; names of spaces HTML knows. */
static bool stays(struct span element, struct span attribute, struct span value)
{
	if (is(element, "svg"))
		return is(attribute, "viewBox");
	if (is(attribute, "xlink:href") || is(attribute, "href"))
		return begins(value, "#");
	if (begins(attribute, "on") || memchr(attribute.at, ':', attribute.len) ||
	    memchr(value.at, '\\', value.len) || memchr(value.at, '&', value.len))
		return false;
	for (size_t i = 0; i + 4 <= value.len; i++)
		if (!strncasecmp(value.at + i, "url(", 4) &&
		    (i + 4 == value.len || value.at[i + 4] != '#'))
			return false;
	return true;
}

static void write_escaped(FILE *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '"')
			fputs("&quot;", out);
		else if (s.at[i] == '<')
			fputs("&lt;", out);
		else if (s.at[i] == '>')
			fputs("&gt;", out);
		else
			fputc(s.at[i], out);
	}
}

/* The value, names of elements in it made this drawing's own. */
static void write_value(const struct drawing *d, struct span attribute, struct span value)
{
	bool whole = is(attribute, "id");

	if (whole)
		fprintf(d->out, "%s-", d->name);
	for (size_t i = 0; i < value.len; i++) {
		write_escaped(d->out, (struct span){ value.at + i, 1 });
		if (value.at[i] == '#' && !whole &&
		    (i ? value.at[i - 1] == '(' : attribute.at[attribute.len - 1] == 'f'))
			fprintf(d->out, "%s-", d->name);
	}
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && isspace((unsigned char)*at))
		at++;
	return at;
}

/* The next attribute from @at on; NULL behind the last. */
static const char *next_attribute(const char *at, const char *end, struct span *attribute,
				  struct span *value)
{
	const char *close;

	at = skip_space(at, end);
	attribute->at = at;
	while (at < end && !isspace((unsigned char)*at) && *at != '=')
		at++;
	attribute->len = at - attribute->at;
	at = skip_space(at, end);
	if (!attribute->len || at == end || *at != '=')
		return NULL;
	at = skip_space(at + 1, end);
	if (at == end || (*at != '"' && *at != '\''))
		return NULL;
	close = memchr(at + 1, *at, end - at - 1);
	if (!close)
		return NULL;
	*value = (struct span){ at + 1, close - at - 1 };
	return close + 1;
}

static void open_element(struct drawing *d, struct span element, const char *at, const char *end)
{
	struct span attribute, value;

	fprintf(d->out, "<%.*s", (int)element.len, element.at);
	if (!d->begun)
		fprintf(d->out, " role=\"img\" aria-labelledby=\"%s\"", d->label);
	d->begun = true;
	while ((at = next_attribute(at, end, &attribute, &value))) {
		if (!stays(element, attribute, value))
			continue;
		fputc(' ', d->out);
		write_escaped(d->out, attribute);
		fputs("=\"", d->out);
		write_value(d, attribute, value);
		fputc('"', d->out);
	}
}

/* A tag without its angle brackets. */
static void tag(struct drawing *d, const char *at, const char *end)
{
	bool closes = *at == '/', empty = end[-1] == '/';
	struct span element = { at + closes };

	while (element.at + element.len < end && !isspace((unsigned char)element.at[element.len]) &&
	       element.at[element.len] != '/')
		element.len++;
	if (!d->begun && (closes || !is(element, "svg")))
		return;
	if (d->hidden || !draws(element)) {
		if (closes)
			d->hidden -= !!d->hidden;
		else
			d->hidden += !empty;
		return;
	}
	if (closes)
		fprintf(d->out, "</%.*s>", (int)element.len, element.at);
	else {
		open_element(d, element, element.at + element.len, end - empty);
		fputs(empty ? "/>" : ">", d->out);
	}
}

/* The bracket that ends the tag begun at @at; one within quotes is none. */
static const char *tag_end(const char *at)
{
	char quote = '\0';

	for (; *at; at++) {
		if (quote)
			quote = *at == quote ? '\0' : quote;
		else if (*at == '"' || *at == '\'')
			quote = *at;
		else if (*at == '>')
			return at;
	}
	return NULL;
}

/* Behind the markup that is neither element nor text, begun at @at. */
static const char *skip_markup(const char *at)
{
	const char *close = !strncmp(at, "!--", 3) ? "-->" : *at == '?' ? "?>" : ">";
	const char *end = strstr(at, close);

	return end ? end + strlen(close) : NULL;
}

int svg_inline(FILE *out, const char *svg, const char *name, const char *label)
{
	struct drawing d = { .out = out, .name = name, .label = label };
	const char *at = svg, *end;

	while (at && *at) {
		size_t text = strcspn(at, "<");

		if (d.begun && !d.hidden)
			write_escaped(out, (struct span){ at, text });
		at += text;
		if (!*at)
			break;
		at++;
		if (*at == '!' || *at == '?') {
			at = skip_markup(at);
			continue;
		}
		end = tag_end(at);
		if (!end || end == at)
			return -EINVAL;
		tag(&d, at, end);
		at = end + 1;
	}
	return at && d.begun && !d.hidden ? 0 : -EINVAL;
}
