/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel unpacks archives that stand behind one another, so the image is the initrd,
 * that of the plan's packages, and one of ours. Shared libraries are those that ldd finds; what a program opens by itself
 * (dlopen(), a configuration) a plan has to name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/app.h"
#include "harness/child.h"
#include "harness/cpio.h"
#include "memnet-core/base/explain.h"

#define CPIO_BLOCK 512	/* an archive ends on one */

/*
 * $1: the app; $2, $3: address and port of its peer; $4: memnet-run, or nothing. It arms itself as a workload does
 * (workloads/team.h). What the command writes goes into files and is told, each line behind
 * "| ", when it has ended. A SIGTERM is for the command: the shell stays and tells how it ended.
 *
 * The machine of memnet has a tap as well (paths/memnet.c). It is taken down: a program that
 * memnet-run cannot help, a static one, shall have no network rather than another.
 */
static const char runner[] =
	"sed \"s/" PLAN_PEER_ADDR "/$2/g; s/" PLAN_PEER_PORT "/$3/g\" \"/app/$1\" >/run/app\n"
	"trap : TERM\n"
	"[ -z \"$4\" ] || for i in /sys/class/net/e*; do ip link set \"${i##*/}\" down; done\n"
	"echo armed\n"
	"read -r go\n"
	"${4:+$4 --children} /bin/sh /run/app </dev/null >/run/app.out 2>/run/app.err\n"
	"echo \"result status=$?\"\n"
	"tail -c 1048576 /run/app.err | sed 's/^/| /' >&2\n"
	"tail -c 1048576 /run/app.out | sed 's/^/| /'\n"
	"exit 0\n";

/* "\tlibz.so.1 => /lib/libz.so.1 (0x7f...)", "\t/lib64/ld-linux.so.2 (0x7f...)". */
static int add_library(struct cpio *c, const char *program, char *line, char *why, size_t size)
{
	char *arrow = strstr(line, " => "), *at = arrow ? arrow + 4 : line + strspn(line, " \t");
	char *end = strstr(at, " (0x");
	int ret;

	if (arrow && *at != '/')
		return mn_explain(why, size, -ENOENT, "%s needs %.*s, which is not on this host",
				  program, (int)(arrow - line - strspn(line, " \t")),
				  line + strspn(line, " \t"));
	if (*at != '/' || !end)
		return 0;	/* the kernel's vdso, or no program at all */
	*end = '\0';
	ret = cpio_add_file(c, at);
	return ret ? mn_explain(why, size, ret, "%s: %s", at, strerror(-ret)) : 0;
}

/* 0, or -errno with a line in @why. */
static int add_libraries(struct cpio *c, const char *program, char *why, size_t size)
{
	char *argv[] = { "ldd", (char *)program, NULL }, line[4096];
	int pipe_fds[2], ret;
	struct child ldd;
	FILE *out;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return mn_explain(why, size, -errno, "ldd: %s", strerror(errno));
	ret = child_start(&ldd, "ldd", argv, "/dev/null", pipe_fds[1], NULL);
	close(pipe_fds[1]);
	out = fdopen(pipe_fds[0], "r");
	if (ret)
		mn_explain(why, size, ret, "ldd, which finds the libraries of %s: %s", program,
			   strerror(-ret));
	while (!ret && out && fgets(line, sizeof(line), out))
		ret = add_library(c, program, line, why, size);
	if (out)
		fclose(out);
	child_stop(&ldd, 1000);
	return ret;
}

static int add_files(struct cpio *c, const struct plan_app *app, const char *build, char *why,
		     size_t size)
{
	char files[PLAN_LINE_SIZE], path[APP_LINE_SIZE], *save = NULL, *f;
	int ret = 0;

	strcpy(files, app->files);
	for (f = strtok_r(files, PLAN_BLANKS, &save); !ret && f;
	     f = strtok_r(NULL, PLAN_BLANKS, &save)) {
		if (app_expand(f, build, path) || access(path, R_OK))
			continue;
		ret = cpio_add_file(c, path);
		if (ret)
			return mn_explain(why, size, ret, "[app %s] files: %s: %s", app->name,
					  path, strerror(-ret));
		ret = add_libraries(c, path, why, size);
	}
	return ret;
}

static int add_app(struct cpio *c, const struct plan_app *app, const char *build, char *why,
		   size_t size)
{
	char path[PLAN_APP_SIZE + 8], command[APP_LINE_SIZE], text[APP_LINE_SIZE + 2];
	int n, ret = app_expand(app->command, build, command);

	if (ret)
		return mn_explain(why, size, ret, "[app %s] command: with the name of %s it is too "
				  "long", app->name, build);
	n = snprintf(text, sizeof(text), "%s\n", command);
	snprintf(path, sizeof(path), "/app/%s", app->name);
	ret = cpio_add(c, path, 0644, text, n);
	return ret ? mn_explain(why, size, ret, "out of memory") :
		     add_files(c, app, build, why, size);
}

/* Up to the end of a block. */
static int copy_archive(FILE *out, const char *archive)
{
	static const char zeros[CPIO_BLOCK];
	char buf[65536];
	size_t n, all = 0;
	FILE *in = fopen(archive, "re");

	if (!in)
		return -errno;
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		all += fwrite(buf, 1, n, out);
	n = ferror(in);
	fclose(in);
	fwrite(zeros, 1, -all % CPIO_BLOCK, out);
	return n ? -EIO : 0;
}

/*
 * memnet-run, and its library where it looks for it: ../lib from there. And what tells whether
 * programs see over it what they see over the kernel's sockets.
 */
static int add_memnet_run(struct cpio *c, const char *build, char *why, size_t size)
{
	static const struct { const char *from, *to; } files[] = {
		{ "bin/memnet-run", APP_MEMNET_RUN },
		{ "lib/libmemnet-preload.so", "/lib/libmemnet-preload.so" },
		{ "bin/memnet-conform", "/app/memnet-conform" },
	};
	char path[600];
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", build, files[i].from);
		ret = cpio_add_file_as(c, path, files[i].to);
		if (ret)
			return mn_explain(why, size, ret, "%s: %s; make all", path,
					  strerror(-ret));
		ret = add_libraries(c, path, why, size);
	}
	return ret;
}

static int add_all(struct cpio *c, const struct plan *plan, const char *build, char *why,
		   size_t size)
{
	int ret = cpio_add(c, APP_RUNNER, 0755, runner, strlen(runner));

	if (ret)
		mn_explain(why, size, ret, "out of memory");
	for (size_t i = 0; !ret && i < plan->n_apps; i++)
		ret = add_app(c, &plan->apps[i], build, why, size);
	return ret ? ret : add_memnet_run(c, build, why, size);
}

int app_image_make(const struct plan *plan, const char *build, const char *const *archives,
		   const char *image, char *why, size_t size)
{
	FILE *out = fopen(image, "we");
	struct cpio c;
	int ret = 0;

	if (!out)
		return mn_explain(why, size, -errno, "%s: %s", image, strerror(errno));
	cpio_begin(&c, out);
	for (; !ret && *archives; archives++) {
		ret = copy_archive(out, *archives);
		if (ret)
			mn_explain(why, size, ret, "%s: %s", *archives, strerror(-ret));
	}
	if (!ret)
		ret = add_all(&c, plan, build, why, size);
	cpio_end(&c);
	if ((ferror(out) || fclose(out)) && !ret)
		ret = mn_explain(why, size, -ENOSPC, "cannot write %s, the guest image with the "
				 "plan's apps: is there so much memory?", image);
	return ret;
}
