/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/qemu_argv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_add(struct qemu_argv *v, const char *option, const char *format, ...)
{
	va_list ap;
	int n;

	if (v->n + 3 > QEMU_MAX_ARGS)
		return -ENOMEM;
	v->args[v->n] = strdup(option);
	if (!v->args[v->n])
		return -ENOMEM;
	v->n++;
	if (!format)
		return 0;
	va_start(ap, format);
	n = vasprintf(&v->args[v->n], format, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	v->n++;
	return 0;
}

void qemu_argv_free(struct qemu_argv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->args[i]);
	memset(v, 0, sizeof(*v));
}
