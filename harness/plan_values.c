/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of [plan]: each is a line of the table below, with how its text is read and
 * written. What is written is read back as the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/plan_internal.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

/* --- texts ------------------------------------------------------------------- */

int plan_parse_text(void *field, const struct plan_key *key, const char *text)
{
	if (!*text || strlen(text) >= key->max)
		return -EINVAL;
	strncpy(field, text, key->max);	/* and nothing of a longer one before it */
	return 0;
}

/* A word that can name a folder. */
int plan_parse_word(void *field, const struct plan_key *key, const char *text)
{
	if (*text == '.' || strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789._+-") != strlen(text))
		return -EINVAL;
	return plan_parse_text(field, key, text);
}

/* Names as Debian's policy has them: nothing that means something to apt or to a file system. */
static int parse_packages(void *field, const struct plan_key *key, const char *text)
{
	for (const char *word = text; *word; word += strcspn(word, PLAN_BLANKS)) {
		word += strspn(word, PLAN_BLANKS);
		if (*word && !strchr("abcdefghijklmnopqrstuvwxyz0123456789", *word))
			return -EINVAL;
	}
	if (text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-" PLAN_BLANKS)])
		return -EINVAL;
	return plan_parse_text(field, key, text);
}

/* Those of memnet-work compute. */
static int parse_kernel(void *field, const struct plan_key *key, const char *text)
{
	if (strcmp(text, "sha256") && strcmp(text, "matmul"))
		return -EINVAL;
	return plan_parse_text(field, key, text);
}

void plan_format_text(const void *field, char text[PLAN_TEXT_SIZE])
{
	snprintf(text, PLAN_TEXT_SIZE, "%s", (const char *)field);
}

static int parse_flag(void *field, const struct plan_key *key, const char *text)
{
	if (strcmp(text, "yes") && strcmp(text, "no"))
		return -EINVAL;
	*(bool *)field = !strcmp(text, "yes");
	return 0;
}

static void format_flag(const void *field, char text[PLAN_TEXT_SIZE])
{
	strcpy(text, *(const bool *)field ? "yes" : "no");
}

/* --- numbers ----------------------------------------------------------------- */

static int store(void *field, const struct plan_key *key, int ret, uint64_t number)
{
	if (ret || number < key->min || number > key->max)
		return -EINVAL;
	*(uint64_t *)field = number;
	return 0;
}

static int parse_count(void *field, const struct plan_key *key, const char *text)
{
	uint64_t number;
	int ret = mn_parse_u64(text, &number);

	return store(field, key, ret, number);
}

static void format_count(const void *field, char text[PLAN_TEXT_SIZE])
{
	snprintf(text, PLAN_TEXT_SIZE, "%llu", (unsigned long long)*(const uint64_t *)field);
}

static int parse_bytes(void *field, const struct plan_key *key, const char *text)
{
	uint64_t number;
	int ret = mn_parse_bytes(text, &number);

	return store(field, key, ret, number);
}

static int parse_chunk(void *field, const struct plan_key *key, const char *text)
{
	uint64_t number;
	int ret = mn_parse_bytes(text, &number);

	return store(field, key, ret || number % PLAN_CHUNK_LEAST, number);
}

/* A number in the largest of @units, each @step times the one before, that divides it. */
static void format_unit(uint64_t number, const char *const *units, size_t n, uint64_t step,
			char *text, size_t size)
{
	size_t unit = 0;

	while (number && number % step == 0 && unit + 1 < n) {
		number /= step;
		unit++;
	}
	snprintf(text, size, "%llu%s", (unsigned long long)number, units[unit]);
}

void plan_format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "", "k", "M", "G" };

	format_unit(bytes, units, ARRAY_SIZE(units), 1024, text, size);
}

static void format_bytes(const void *field, char text[PLAN_TEXT_SIZE])
{
	plan_format_bytes(*(const uint64_t *)field, text, PLAN_TEXT_SIZE);
}

static const char *const rate_units[] = { "bit", "kbit", "Mbit", "Gbit" };

static int parse_rate(void *field, const struct plan_key *key, const char *text)
{
	size_t digits = strspn(text, "0123456789"), unit = 0;
	char number[20] = "";
	uint64_t rate;

	if (!strcmp(text, "none"))
		return store(field, &(struct plan_key){ 0 }, 0, 0);
	while (unit < ARRAY_SIZE(rate_units) && strcasecmp(text + digits, rate_units[unit]))
		unit++;
	if (unit == ARRAY_SIZE(rate_units) || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, digits);
	if (mn_parse_u64(number, &rate))
		return -EINVAL;
	for (; unit; unit--)
		if (__builtin_mul_overflow(rate, 1000, &rate))
			return -EINVAL;
	return store(field, key, 0, rate);
}

static void format_rate(const void *field, char text[PLAN_TEXT_SIZE])
{
	uint64_t rate = *(const uint64_t *)field;

	strcpy(text, "none");
	if (rate)
		format_unit(rate, rate_units, ARRAY_SIZE(rate_units), 1000, text, PLAN_TEXT_SIZE);
}

int plan_parse_time(void *field, const struct plan_key *key, const char *text)
{
	int64_t ns;

	if (mn_parse_duration_ns(text, &ns) || ns < (int64_t)key->min * NSEC_PER_MSEC ||
	    ns > (int64_t)key->max * NSEC_PER_MSEC)
		return -EINVAL;
	*(int64_t *)field = ns;
	return 0;
}

void plan_format_time(const void *field, char text[PLAN_TEXT_SIZE])
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	format_unit(*(const int64_t *)field, units, ARRAY_SIZE(units), 1000, text,
		    PLAN_TEXT_SIZE);
}

static int parse_cpus(void *field, const struct plan_key *key, const char *text)
{
	return mn_parse_cpu_list(text, field);
}

/* With ranges: never longer than what was read. */
static void format_cpus(const void *field, char text[PLAN_TEXT_SIZE])
{
	const cpu_set_t *set = field;
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0, last; i < CPU_SETSIZE && n < PLAN_TEXT_SIZE; i = last + 1) {
		for (last = i; last < CPU_SETSIZE && CPU_ISSET(last, set); last++)
			;
		if (last > i)
			n += snprintf(text + n, PLAN_TEXT_SIZE - n, "%s%d", n ? "," : "", i);
		if (last > i + 1 && n < PLAN_TEXT_SIZE)
			n += snprintf(text + n, PLAN_TEXT_SIZE - n, "-%d", last - 1);
	}
}

/* --- the table --------------------------------------------------------------- */

#define AT(field) offsetof(struct plan, field)
#define SIZE_OF(field) sizeof(((struct plan *)0)->field)
#define TEXT_OF(field) plan_parse_text, plan_format_text, AT(field), 0, SIZE_OF(field)
#define COUNT parse_count, format_count
#define BYTES parse_bytes, format_bytes
#define TIME plan_parse_time, plan_format_time

static const struct plan_key keys[] = {
	{ "name", plan_parse_word, plan_format_text, AT(name), 0, SIZE_OF(name),
	  "a word of letters, digits and ._+-: it names the results folder" },
	{ "repetitions", COUNT, AT(repetitions), 1, 1000, "1 to 1000" },
	{ "seed", COUNT, AT(seed), 0, UINT64_MAX, "a number; 0 draws one" },
	{ "settle", TIME, AT(settle_ns), 0, 60000, "a time up to 60s, such as 100ms" },
	{ "warmup", TIME, AT(warmup_ns), 0, 60000, "a time up to 60s, such as 300ms" },
	{ "window", TIME, AT(window_ns), 100, 3600000, "a time from 100ms to 3600s" },
	{ "idle_window", TIME, AT(idle_ns), 0, 60000, "a time up to 60s; 0s: none" },
	{ "fixed", TIME, AT(fixed_ns), 100, 3600000, "a time from 100ms to 3600s" },
	{ "burst", TIME, AT(burst_ns), 1, 1000, "1ms to 1s" },
	{ "pace_percent", COUNT, AT(pace_percent), 1, 100, "1 to 100" },
	{ "pace", parse_rate, format_rate, AT(pace_bits_per_s), 1000000, 400000000000,
	  "a rate from 1Mbit to 400Gbit, such as 400Mbit; none: by pace_percent" },
	{ "steal_percent", COUNT, AT(steal_percent), 0, 100, "0 to 100" },
	{ "chunk", parse_chunk, format_bytes, AT(chunk_bytes), PLAN_CHUNK_LEAST,
	  PLAN_CHUNK_MOST,
	  "4k to 4M, a multiple of 4k" },
	{ "request_bytes", BYTES, AT(request_bytes), 1, 4 << 20, "1 to 4M" },
	{ "response_bytes", BYTES, AT(response_bytes), 1, 4 << 20, "1 to 4M" },
	{ "rr_rate", COUNT, AT(rr_rate), 0, 10000000,
	  "requests per second up to 10000000; 0: each follows the answer to the last" },
	{ "link_rate", parse_rate, format_rate, AT(link_rate_bits_per_s), 1000000, 400000000000,
	  "a rate from 1Mbit to 400Gbit, such as 200Mbit; none: as fast as it goes" },
	{ "link_delay", TIME, AT(link_delay_ns), 0, 1000, "a time up to 1s, such as 5ms; 0s: none" },
	{ "vcpus", COUNT, AT(vcpus), 1, 16, "1 to 16" },
	{ "memory_mib", COUNT, AT(memory_mib), 128, 1 << 20, "128 to 1048576" },
	{ "packages", parse_packages, plan_format_text, AT(packages), 0, SIZE_OF(packages),
	  "names of Debian packages, by blanks" },
	{ "compute", parse_kernel, plan_format_text, AT(compute), 0, SIZE_OF(compute),
	  "sha256 or matmul" },
	{ "guest_insns", parse_flag, format_flag, AT(guest_insns), 0, 0, "yes or no" },
	{ "syscalls", parse_flag, format_flag, AT(syscalls), 0, 0, "yes or no" },
	{ "cpu_model", TEXT_OF(cpu_model), "auto, or a model of QEMU's -cpu" },
	{ "vcpu_cpus", parse_cpus, format_cpus, AT(vcpu_cpus), 0, 0,
	  "a CPU list such as 0 or 2-3", true },
	{ "host_cpus", parse_cpus, format_cpus, AT(host_cpus), 0, 0,
	  "a CPU list such as 1 or 4,6", true },
};

const struct plan_key *plan_key_at(size_t i)
{
	return i < ARRAY_SIZE(keys) ? &keys[i] : NULL;
}

int plan_key_parse(struct plan *plan, const struct plan_key *key, const char *text)
{
	plan->cpus_given |= key->is_cpus;
	return key->parse((char *)plan + key->offset, key, text);
}

void plan_key_format(const struct plan *plan, const struct plan_key *key,
		     char text[PLAN_TEXT_SIZE])
{
	text[0] = '\0';
	if (!key->is_cpus || plan->cpus_given)
		key->format((const char *)plan + key->offset, text);
}
