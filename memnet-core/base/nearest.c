/* SPDX-License-Identifier: BSD-2-Clause */
/* Levenshtein's distance, for "did you mean": one row of the table at a time. */
#include "memnet-core/base/nearest.h"

#include <string.h>

#include "memnet-core/base/util.h"

#define MAX_WORD	64

static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[MAX_WORD + 1];

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t swap = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(swap, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *mn_nearest(const char *word, const char *const *words, size_t n)
{
	size_t least = strlen(word) / 2 + 1;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = strlen(words[i]) > MAX_WORD ? least : distance(word, words[i]);

		if (d < least) {
			least = d;
			best = words[i];
		}
	}
	return best;
}
