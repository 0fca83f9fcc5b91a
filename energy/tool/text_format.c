/* SPDX-License-Identifier: BSD-2-Clause */
#include "energy/tool/text_format.h"

#include <math.h>
#include <string.h>

const char *grouped(uint64_t n, char *buf, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *p = buf;

	for (int i = 0; i < len && p < buf + size - 2; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return buf;
}

const char *short_number(double value, char *buf, size_t size)
{
	double size_of = fabs(value);
	int decimals = size_of >= 1000 ? 0 : size_of >= 100 ? 1 : size_of >= 10 ? 2 : 3;

	if (isfinite(value))
		snprintf(buf, size, "%.*f", decimals, value);
	else
		snprintf(buf, size, "-");
	return buf;
}

const char *range(double low, double high, char *buf, size_t size)
{
	char a[32], b[32];

	buf[0] = '\0';
	if (isfinite(low) && isfinite(high))
		snprintf(buf, size, "%s .. %s", short_number(low, a, sizeof(a)),
			 short_number(high, b, sizeof(b)));
	return buf;
}

const char *count_text(const struct value *v, char *buf, size_t size)
{
	if (!isfinite(v->value))
		snprintf(buf, size, "absent");
	else if (!strcmp(v->metric, "time_ns"))
		snprintf(buf, size, "%.2f ms", v->value / 1e6);
	else
		grouped(v->counter->value, buf, size);
	return buf;
}

const char *source_word(const char *source)
{
	return strcmp(source, "model") ? source : MODEL_WORD;
}

bool is_model(const struct session *session)
{
	return !strcmp(energy_source(session->energy), "model");
}

const char *reason_of(const struct value *v)
{
	size_t len = strlen(v->name);

	return !strncmp(v->reason, v->name, len) && v->reason[len] == ':' ? v->reason + len + 2
									  : v->reason;
}

const char *scaled_mark(const struct value *v, char *buf, size_t size)
{
	const struct counter_sum *sum = v->counter;

	buf[0] = '\0';
	/* Two clocks of the kernel, read one after the other, are not quite the same. */
	if (isfinite(v->value) && sum && sum->running_ns < 0.9995 * sum->enabled_ns)
		snprintf(buf, size, " (%.1f%%)", 100.0 * sum->running_ns / sum->enabled_ns);
	return buf;
}

const char *count_marks(const struct value *v, char *buf, size_t size)
{
	const struct counter_sum *sum = v->counter;
	size_t len;

	buf[0] = '\0';
	if (!sum || !isfinite(v->value))
		return buf;
	len = snprintf(buf, size, "%s", sum->user_only ? ":u" : "");
	len += strlen(scaled_mark(v, buf + len, size - len));
	if (sum->absent)
		snprintf(buf + len, size - len, " (not on %u of %u)", sum->absent,
			 sum->absent + sum->threads);
	return buf;
}
