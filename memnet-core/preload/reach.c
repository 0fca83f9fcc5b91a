/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A static program has no dynamic linker, one of another C library has another, and with
 * privileges of its own (set-user-ID, file capabilities) it heeds no LD_PRELOAD: see ld.so(8).
 */
#include "memnet-core/preload/reach.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "memnet-core/base/explain.h"
#include "memnet-core/base/util.h"

#define SCRIPT_BYTES	256	/* of its first line, as the kernel: BINPRM_BUF_SIZE */
#define SCRIPT_DEPTH	5	/* scripts whose interpreter is one, as the kernel */

/* What of a program tells how it is begun. */
struct program {
	ElfW(Ehdr) elf;			/* all zeroes: none */
	char linker[PATH_MAX];		/* "": static */
	char script[SCRIPT_BYTES];	/* its interpreter; "": no script */
};

static bool is_elf(const ElfW(Ehdr) *e)
{
	return !memcmp(e->e_ident, ELFMAG, SELFMAG);
}

static void read_linker(int fd, struct program *p)
{
	ElfW(Phdr) h;

	for (int i = 0; i < p->elf.e_phnum; i++) {
		if (pread(fd, &h, sizeof(h), p->elf.e_phoff + i * sizeof(h)) != sizeof(h))
			return;
		if (h.p_type != PT_INTERP || h.p_filesz > sizeof(p->linker))
			continue;
		if (pread(fd, p->linker, h.p_filesz, h.p_offset) != (ssize_t)h.p_filesz)
			p->linker[0] = '\0';
		p->linker[sizeof(p->linker) - 1] = '\0';
		return;
	}
}

/* "#! /bin/sh -e" */
static void read_script(int fd, struct program *p)
{
	char line[SCRIPT_BYTES + 1] = "", *from = line + 2;

	if (pread(fd, line, SCRIPT_BYTES, 0) < 2 || memcmp(line, "#!", 2))
		return;
	line[strcspn(line, "\n")] = '\0';
	from += strspn(from, " \t");
	from[strcspn(from, " \t")] = '\0';
	snprintf(p->script, sizeof(p->script), "%s", from);
}

/* 0 or -errno. */
static int read_program(const char *path, struct program *p, bool *privileged)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	*p = (struct program){ 0 };
	if (fd < 0)
		return -errno;
	*privileged = !fstat(fd, &st) && ((st.st_mode & S_ISUID && st.st_uid != getuid()) ||
					  (st.st_mode & S_ISGID && st.st_gid != getgid()) ||
					  (getuid() && fgetxattr(fd, "security.capability", NULL,
								 0) > 0));
	if (pread(fd, &p->elf, sizeof(p->elf), 0) != sizeof(p->elf) || !is_elf(&p->elf)) {
		p->elf = (ElfW(Ehdr)){ 0 };
		read_script(fd, p);
	} else if (p->elf.e_phentsize == sizeof(ElfW(Phdr))) {
		read_linker(fd, p);
	}
	close(fd);
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int judge(const char *path, const struct program *p, bool privileged, char *why, size_t size)
{
	struct program self;
	bool ignored;
	int ret = read_program("/proc/self/exe", &self, &ignored);

	if (ret || !is_elf(&p->elf))
		return 0;	/* let exec() say what it is */
	if (privileged)
		return mn_explain(why, size, -ENOTSUP,
				  "%s has privileges of its own (set-user-ID, capabilities)", path);
	if (p->elf.e_machine != self.elf.e_machine ||
	    p->elf.e_ident[EI_CLASS] != self.elf.e_ident[EI_CLASS])
		return mn_explain(why, size, -ENOTSUP, "%s is of another machine",
				  path);
	if (!p->linker[0])
		return mn_explain(why, size, -ENOTSUP, "%s is statically linked", path);
	if (strcmp(last_part(p->linker), last_part(self.linker)))
		return mn_explain(why, size, -ENOTSUP, "%s is of another C library (%s)", path,
				  p->linker);
	return 0;
}

int mn_reach_check(const char *path, char *why, size_t size)
{
	bool privileged = false;
	struct program p;
	int ret = read_program(path, &p, &privileged);

	for (int i = 0; !ret && p.script[0] && i < SCRIPT_DEPTH; i++) {
		static char interpreter[SCRIPT_BYTES];

		memcpy(interpreter, p.script, sizeof(interpreter));
		path = interpreter;
		ret = read_program(path, &p, &privileged);
	}
	if (ret)
		return ret == -EACCES || ret == -ENOENT ? 0 : ret;
	return judge(path, &p, privileged, why, size);
}
