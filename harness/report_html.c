/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/report_html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Nothing on the page is wider than the page: what is, scrolls in a box (class scroll).
 * Figures stay light in the dark, for they are drawn on white.
 */
static const char style[] =
	":root{color-scheme:light dark;--line:#bbb;--soft:#f3f4f6;--link:#0072b2}\n"
	"@media(prefers-color-scheme:dark){:root{--line:#555;--soft:#22262b;--link:#56b4e9}}\n"
	"*{box-sizing:border-box}\n"
	"body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:75rem;"
	"overflow-wrap:anywhere}\n"
	"h1{font-size:1.6rem;line-height:1.25}\n"
	"h2{font-size:1.25rem;border-bottom:1px solid var(--line);margin-top:2.2rem}\n"
	"h3{font-size:1.05rem;margin-bottom:.3rem}\n"
	"p,li{max-width:48rem}\n"
	"a{color:var(--link)}\n"
	"nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;max-width:none}\n"
	".scroll{overflow-x:auto;max-width:100%;border:1px solid var(--line);border-radius:4px;"
	"margin:.6rem 0}\n"
	".scroll:focus{outline:2px solid var(--link)}\n"
	"table{border-collapse:collapse;font-size:.9rem;min-width:100%}\n"
	"th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line);"
	"overflow-wrap:normal;min-width:4.5rem}\n"
	"th{background:var(--soft)}\n"
	"td:last-child{overflow-wrap:anywhere;min-width:11rem}\n"
	"pre{margin:0;padding:.6rem;font:13px/1.4 ui-monospace,monospace;overflow-wrap:normal}\n"
	"code{font-family:ui-monospace,monospace;font-size:.92em}\n"
	"figure{margin:1.6rem 0}\n"
	"figure .scroll{background:#fff}\n"
	"figure svg{display:block;width:100%;min-width:44rem;height:auto}\n"
	"figcaption{font-size:.95rem;max-width:48rem}\n"
	".caveat{border-left:4px solid #d55e00;padding:.1rem .8rem;background:var(--soft)}\n"
	"summary{cursor:pointer;padding:.3rem 0}\n"
	"@media print{body{max-width:none;padding:0;font-size:11pt}nav{display:none}"
	".scroll{overflow:visible;border:0}pre{font-size:7.5pt;white-space:pre-wrap}"
	"table{font-size:8pt}th,td{padding:.15rem .3rem;min-width:0}"
	"figure,tr{break-inside:avoid}"
	"h2,h3{break-after:avoid}figure svg{min-width:0;max-height:22cm}}\n";

void html_begin(FILE *out, const char *title)
{
	fprintf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		/* Nothing in the page acts or loads, so nothing has to be allowed to. */
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'; img-src data:\">\n"
		"<link rel=\"icon\" href=\"data:,\">\n");
	html_element(out, "title", "%s", title);
	fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
	html_element(out, "h1", "%s", title);
}

void html_end(FILE *out)
{
	fputs("</main>\n</body>\n</html>\n", out);
}

void html_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '&')
			fputs("&amp;", out);
		else if (c == '<')
			fputs("&lt;", out);
		else if (c == '>')
			fputs("&gt;", out);
		else if (c == '"')
			fputs("&quot;", out);
		else if (c == '\'')
			fputs("&#39;", out);
		else
			fputc(c < ' ' && c != '\n' && c != '\t' ? ' ' : c, out);
	}
}

static void html_vprintf(FILE *out, const char *format, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, format, ap) < 0)
		return;
	html_text(out, text);
	free(text);
}

void html_printf(FILE *out, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	html_vprintf(out, format, ap);
	va_end(ap);
}

void html_element(FILE *out, const char *tag, const char *format, ...)
{
	va_list ap;

	fprintf(out, "<%s>", tag);
	va_start(ap, format);
	html_vprintf(out, format, ap);
	va_end(ap);
	fprintf(out, "</%s>\n", tag);
}

void html_heading(FILE *out, const char *id, const char *text)
{
	fprintf(out, "<h2 id=\"%s\">", id);
	html_text(out, text);
	fputs("</h2>\n", out);
}

/* A box that scrolls must be reached by the keyboard, and have a name then. */
static void begin_box(FILE *out, const char *label)
{
	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", out);
	html_text(out, label);
	fputs("\">", out);
}

void html_table(FILE *out, const char *label, const char *const *heads)
{
	begin_box(out, label);
	fputs("<table>\n<thead><tr>", out);
	for (; *heads; heads++) {
		fputs("<th scope=\"col\">", out);
		html_text(out, *heads);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
}

void html_table_end(FILE *out)
{
	fputs("</tbody>\n</table></div>\n", out);
}

void html_pre(FILE *out, const char *label, const char *text)
{
	begin_box(out, label);
	fputs("<pre>", out);
	html_text(out, text);
	fputs("</pre></div>\n", out);
}

/* --- markdown ------------------------------------------------------------------ */

/* @len bytes of @text; what is between two backticks is code. */
static void markdown_text(FILE *out, const char *text, size_t len)
{
	bool code = false;
	char one[2] = "";

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '`') {
			fputs(code ? "</code>" : "<code>", out);
			code = !code;
			continue;
		}
		one[0] = text[i];
		html_text(out, one);
	}
	if (code)
		fputs("</code>", out);
}

/* "| a | b |", a bar in code is not one between cells. */
static void markdown_row(FILE *out, const char *line, size_t len, const char *cell)
{
	size_t begin = 1;
	bool code = false;

	fputs("<tr>", out);
	for (size_t i = 1; i < len; i++) {
		code ^= line[i] == '`';
		if (line[i] != '|' || code)
			continue;
		fprintf(out, "<%s>", cell);
		begin += i > begin && line[begin] == ' ';
		markdown_text(out, line + begin, i - begin - (i > begin && line[i - 1] == ' '));
		fprintf(out, "</%.2s>", cell);
		begin = i + 1;
	}
	fputs("</tr>\n", out);
}

enum block { BLOCK_NONE, BLOCK_PARAGRAPH, BLOCK_TABLE };

static enum block change_block(FILE *out, enum block from, enum block to)
{
	static const char *const end[] = { "", "</p>\n", "</tbody></table></div>\n" };

	if (from != to)
		fputs(end[from], out);
	if (from != to && to == BLOCK_PARAGRAPH)
		fputs("<p>", out);
	if (from != to && to == BLOCK_TABLE) {
		begin_box(out, "reference");
		fputs("<table><tbody>\n", out);
	}
	return to;
}

static enum block markdown_line(FILE *out, enum block block, const char *line, size_t len)
{
	size_t level = strspn(line, "#");

	if (!len || !strncmp(line, "<!--", 4))
		return change_block(out, block, BLOCK_NONE);
	if (level) {
		block = change_block(out, block, BLOCK_NONE);
		fprintf(out, "<h%zu>", level + 2);
		markdown_text(out, line + level + 1, len - level - 1);
		fprintf(out, "</h%zu>\n", level + 2);
	} else if (*line == '|') {
		bool first = block != BLOCK_TABLE;

		block = change_block(out, block, BLOCK_TABLE);
		if (strncmp(line, "|---", 4))
			markdown_row(out, line, len, first ? "th scope=\"col\"" : "td");
	} else {
		block = change_block(out, block, BLOCK_PARAGRAPH);
		markdown_text(out, line, len);
		fputc('\n', out);
	}
	return block;
}

void html_markdown(FILE *out, const char *markdown)
{
	enum block block = BLOCK_NONE;

	while (*markdown) {
		size_t len = strcspn(markdown, "\n");

		block = markdown_line(out, block, markdown, len);
		markdown += len + (markdown[len] == '\n');
	}
	change_block(out, block, BLOCK_NONE);
}
