/* SPDX-License-Identifier: BSD-2-Clause */
/* "Did you mean": words that differ in a few letters. */
#ifndef MEMNET_BASE_NEAREST_H
#define MEMNET_BASE_NEAREST_H

#include <stddef.h>

/* The one of @n words that @word is most likely meant to be, or NULL. */
const char *mn_nearest(const char *word, const char *const *words, size_t n);

#endif
