/* SPDX-License-Identifier: BSD-2-Clause */
/* Two made-up folders compared, for the tests of compare.c. */
#ifndef MEMNET_HARNESS_TEST_COMPARED_H
#define MEMNET_HARNESS_TEST_COMPARED_H

#include <stdlib.h>
#include <string.h>

#include "harness/compare.h"
#include "harness/test/made_rows.h"
#include "memnet-core/base/util.h"

static const struct margin_row margins[] = {
	{ "latency_p99", 10, 0, "" }, { "any", 2, 3, "" },
};

static struct run_row old[256], new[256], aa[256];
static size_t n_old, n_new, n_aa;
static struct comparison result;
static char *text;

static inline int begin(void **state)
{
	n_old = n_new = n_aa = 0;
	return 0;
}

static inline int release(void **state)
{
	comparison_release(&result);
	free(text);
	text = NULL;
	return 0;
}

static inline int compare_with(bool deterministic_only)
{
	const struct compare_input in = { old, new, aa, n_old, n_new, n_aa, margins,
					  ARRAY_SIZE(margins), deterministic_only };
	size_t len;
	FILE *f;
	int code;

	release(NULL);
	assert_int_equal(compare_rows(&in, &result), 0);
	f = open_memstream(&text, &len);
	code = comparison_print(&result, f, false);
	fclose(f);
	assert_null(strchr(text, '\033'));
	return code;
}

static inline int compare(void)
{
	return compare_with(false);
}

#endif
