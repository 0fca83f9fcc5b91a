/* SPDX-License-Identifier: BSD-2-Clause */
/* May values of two sittings be put together? By what their environment.json say. */
#ifndef MEMNET_HARNESS_HOST_CLASS_H
#define MEMNET_HARNESS_HOST_CLASS_H

#include <jansson.h>
#include <stddef.h>

/* What a member of environment.json is about. */
enum environment_about {
	ABOUT_EXPERIMENT,	/* accelerator, QEMU, guest kernel */
	ABOUT_HOST,		/* CPU, kernel, what is set of clock rate, threads and memory */
	ABOUT_ENERGY,		/* where joules are from */
};

typedef void environment_differs(void *arg, enum environment_about about, const char *key,
				 const char *a, const char *b);

/*
 * Call @differs for each member that makes numbers what they are and is not the same in
 * the environments @a and @b; one that is null is as good as absent. 0 or -ENOMEM.
 */
int environment_compare(const json_t *a, const json_t *b, environment_differs *differs, void *arg);

/*
 * Are the environments @a and @b (files) of one class of host, with one source of energy?
 * 0; -EXDEV with what differs in @why; -errno with a line in @why.
 */
int host_class_compare(const char *a, const char *b, char *why, size_t why_size);

#endif
