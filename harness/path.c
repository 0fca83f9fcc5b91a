/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/path.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/io.h"

#define GRACE_MS 1000

static const struct path *const paths[] = {
	&path_virtio_tap,
	&path_virtio_vhost,
	&path_virtio_user,
	&path_passt,
	&path_vsock,
	&path_e1000,
	&path_memnet,
	&path_native,
};

const struct path *path_at(size_t i)
{
	return i < ARRAY_SIZE(paths) ? paths[i] : NULL;
}

const struct path *path_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(paths[i]->name, name))
			return paths[i];
	return NULL;
}

void path_reason(struct path_reasons *reasons, const char *format, ...)
{
	size_t used = strlen(reasons->text);
	va_list ap;

	if (used && used + 3 < sizeof(reasons->text)) {
		strcat(reasons->text, "; ");
		used += 2;
	}
	va_start(ap, format);
	vsnprintf(reasons->text + used, sizeof(reasons->text) - used, format, ap);
	va_end(ap);
}

/* mkimage lists an image's modules beside it. No list: all that its kernel has is built in. */
static bool image_has(const char *build, const char *module)
{
	char path[600], list[4096], line[64];

	snprintf(path, sizeof(path), "%s/guest/initrd.img.modules", build);
	snprintf(line, sizeof(line), "\n%s\n", module);
	list[0] = '\n';
	if (mn_read_file(path, list + 1, sizeof(list) - 2) < 0)
		return true;
	strcat(list, "\n");
	return strstr(list, line);
}

bool path_missing(const struct path *p, const char *build, struct path_reasons *reasons)
{
	reasons->text[0] = '\0';
	p->missing(reasons);
	if (p->module && !image_has(build, p->module))
		path_reason(reasons, "the guest's kernel has no module %s: build the image with one "
			    "that has, such as that of Debian's linux-image-amd64 (make guest-image "
			    "KERNEL=<bzImage> KMODULES=<its /lib/modules/... directory>)",
			    p->module);
	return reasons->text[0];
}

int path_open(const struct path *p, unsigned int number, struct path_end *end, const char *log,
	      char *why, size_t size)
{
	int ret;

	*end = (struct path_end){ .number = number, .fd = -1 };
	snprintf(end->guest, sizeof(end->guest), p->guest, number);
	snprintf(end->peer, sizeof(end->peer), p->peer, number);
	snprintf(end->listen, sizeof(end->listen), p->listen, number);
	if (p->reach)
		snprintf(end->reach, sizeof(end->reach), p->reach, number);
	ret = p->open ? p->open(end, log, why, size) : 0;
	if (ret)
		path_close(end);
	return ret;
}

void path_close(struct path_end *end)
{
	child_stop(&end->helper, GRACE_MS);
	if (end->fd >= 0)
		close(end->fd);
	end->fd = -1;
}
