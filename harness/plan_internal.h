/* SPDX-License-Identifier: BSD-2-Clause */
/* Between plan.c (the file) and its keys: plan_values.c, plan_apps.c, plan_lists.c. */
#ifndef HARNESS_PLAN_INTERNAL_H
#define HARNESS_PLAN_INTERNAL_H

#include "harness/plan.h"

#define PLAN_CHUNK_LEAST 4096	/* streams hand over whole blocks of their pattern */
#define PLAN_CHUNK_MOST (4 << 20)
#define PLAN_LIST_CHARS 160	/* so that it fits a line of libinih, 199, also as we write it */
#define PLAN_TEXT_SIZE 256	/* room for a value or a list, as text */

/* A key of [plan] or [app NAME]: one value. */
struct plan_key {
	const char *name;
	int (*parse)(void *field, const struct plan_key *key, const char *text);
	void (*format)(const void *field, char text[PLAN_TEXT_SIZE]);
	size_t offset;		/* of the field in struct plan, or struct plan_app */
	uint64_t min, max;	/* of numbers; ms of times; bytes with the NUL of texts */
	const char *want;	/* in words, for who wrote something else */
	bool is_cpus;		/* says which CPUs; else they are chosen */
};

/* Key number @i, NULL past the last. */
const struct plan_key *plan_key_at(size_t i);

/* Set the key from @text. 0 or -EINVAL. */
int plan_key_parse(struct plan *plan, const struct plan_key *key, const char *text);
/* Its text: plan_key_parse() makes the same of it. "" for CPUs that are still to be chosen. */
void plan_key_format(const struct plan *plan, const struct plan_key *key,
		     char text[PLAN_TEXT_SIZE]);

/* For the parse and format of keys: of any text; of a word that can name a folder; of times. */
int plan_parse_text(void *field, const struct plan_key *key, const char *text);
int plan_parse_word(void *field, const struct plan_key *key, const char *text);
int plan_parse_time(void *field, const struct plan_key *key, const char *text);
void plan_format_text(const void *field, char text[PLAN_TEXT_SIZE]);
void plan_format_time(const void *field, char text[PLAN_TEXT_SIZE]);

/* Key number @i of [app NAME], NULL past the last. */
const struct plan_key *plan_app_key_at(size_t i);

/* The app called @name, made anew where there is one. NULL, with what is wrong in @err. */
struct plan_app *plan_app_begin(struct plan *plan, const char *name, char *err, size_t errlen);

/* Set the key from @text. 0; -EINVAL with what is wrong in @err. */
int plan_app_parse(struct plan_app *app, const struct plan_key *key, const char *text, char *err,
		   size_t errlen);

/* Is it whole, now that its section has ended? 0; -EINVAL with what is wrong in @err. */
int plan_app_end(struct plan_app *app, char *err, size_t errlen);

/* Are all apps of @m in the plan? 0; -EINVAL with what is there instead in @err. */
int plan_app_check(const struct plan *plan, const struct plan_matrix *m, char *err, size_t errlen);

/* "65536" as "64k", which is read as the same. */
void plan_format_bytes(uint64_t bytes, char *text, size_t size);

/* A key of [matrix NAME]: a list of words. */
struct plan_list {
	const char *name;
	/* Put @word at place @i. 0 or -EINVAL. */
	int (*set)(struct plan_matrix *m, size_t i, const char *word);
	/* The word at place @i, which may be put into @buf. */
	const char *(*word)(const struct plan_matrix *m, size_t i, char buf[PLAN_SPIN_SIZE]);
	size_t count;		/* offset in struct plan_matrix of the number of words */
	/* Word number @i of those there are, NULL past the last; NULL: not words of a table but */
	const char *(*known)(size_t i);
	const char *want;	/* this */
	bool needed;
	/* Has the matrix anything that the list is for? NULL: always. */
	bool (*used)(const struct plan_matrix *m);
	const char *unused;	/* what it has not, in words */
	bool not_for_apps;	/* needed, but not by a matrix of apps alone */
};

/* Does the matrix lack this list, which it needs? */
bool plan_list_lacks(const struct plan_matrix *m, const struct plan_list *list);

/* List number @i, NULL past the last. */
const struct plan_list *plan_list_at(size_t i);

/* Set the list from @text. 0; -EINVAL with what is wrong in @err. */
int plan_list_parse(struct plan_matrix *m, const struct plan_list *list, const char *text,
		    char *err, size_t errlen);
size_t plan_list_count(const struct plan_matrix *m, const struct plan_list *list);
void plan_list_format(const struct plan_matrix *m, const struct plan_list *list,
		      char text[PLAN_TEXT_SIZE]);

/* All configurations of all matrices. 0; -ENOSPC: more than PLAN_MAX_CONFIGS. */
int plan_multiply(struct plan *plan);

#endif
