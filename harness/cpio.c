/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN 4
#define HEADER_SIZE 110

void cpio_begin(struct cpio *c, FILE *out)
{
	*c = (struct cpio){ .out = out };
}

static void pad(struct cpio *c, size_t written)
{
	static const char zeros[ALIGN];

	fwrite(zeros, 1, -written % ALIGN, c->out);
}

/* A header, its name and what is in it. The kernel looks at neither device nor checksum. */
static void write_entry(struct cpio *c, const char *name, unsigned int mode, const void *data,
			size_t size)
{
	size_t name_size = strlen(name) + 1;

	fprintf(c->out, "070701%08zx%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", c->n, mode,
		0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	fwrite(name, 1, name_size, c->out);
	pad(c, HEADER_SIZE + name_size);
	fwrite(data, 1, size, c->out);
	pad(c, size);
}

static bool has(const struct cpio *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->names[i], name))
			return true;
	return false;
}

static int add(struct cpio *c, const char *name, unsigned int mode, const void *data, size_t size)
{
	char **names, *copy;

	if (has(c, name))
		return 0;
	names = reallocarray(c->names, c->n + 1, sizeof(*names));
	copy = strdup(name);
	if (names)
		c->names = names;
	if (!names || !copy) {
		free(copy);
		return -ENOMEM;
	}
	names[c->n++] = copy;
	write_entry(c, name, mode, data, size);
	return 0;
}

/* The folders of @name, from the outermost. */
static int add_folders(struct cpio *c, const char *name)
{
	int ret = 0;

	for (const char *end = strchr(name, '/'); !ret && end; end = strchr(end + 1, '/')) {
		char *folder = strndup(name, end - name);

		ret = folder ? add(c, folder, S_IFDIR | 0755, "", 0) : -ENOMEM;
		free(folder);
	}
	return ret;
}

int cpio_add(struct cpio *c, const char *path, unsigned int mode, const void *data, size_t size)
{
	const char *name = path + strspn(path, "/");

	return add_folders(c, name) ?: add(c, name, S_IFREG | (mode & 0777), data, size);
}

int cpio_add_file_as(struct cpio *c, const char *path, const char *name)
{
	int ret = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
	void *data = (void *)"";
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if (st.st_size)
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		ret = -errno;
	close(fd);
	if (ret)
		return ret;
	ret = cpio_add(c, name, st.st_mode, data, st.st_size);
	if (st.st_size)
		munmap(data, st.st_size);
	return ret;
}

void cpio_end(struct cpio *c)
{
	write_entry(c, "TRAILER!!!", 0, "", 0);
	for (size_t i = 0; i < c->n; i++)
		free(c->names[i]);
	free(c->names);
	*c = (struct cpio){ 0 };
}
