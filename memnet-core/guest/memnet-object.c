/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet put|send|get|ls|rm|serve: the objects of this guest (memnet_object.h), from a shell.
 * Files are read into the region and written out of it; there is no other copy.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/base/version.h"
#include "memnet-core/guest/memnet.h"
#include "memnet-core/guest/memnet_object.h"
#include "memnet-core/guest/object_say.h"

#define MAX_ARGS	64	/* of a command */
#define REFUSAL_MS	100	/* a host that refuses to serve has said so by then */

struct command_line {
	const struct command *command;
	const char *name;	/* --name */
	uint64_t max;		/* --max; 0: not given */
	const char *args[1 + MAX_ARGS];
	size_t n;
	struct memnet_store *store;
};

struct command {
	const char *name;
	size_t least, most;	/* arguments */
	int (*run)(struct command_line *c);	/* exit status */
	size_t url;		/* of the arguments, if it is there, and */
	const char *(*fault)(const char *url);	/* what is wrong with it; NULL: nothing */
};

/* No name has a slash. */
static bool is_url(const char *text)
{
	return strchr(text, '/');
}

/* --- files ----------------------------------------------------------------- */

static int open_input(const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	return fd < 0 ? -errno : fd;
}

/* As a file says it; of a pipe --max, or 0: half of what is free. */
static uint64_t size_of(const struct command_line *c, int fd)
{
	struct stat st;

	if (c->max || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return c->max;
	return MAX(st.st_size, 1);
}

/* Up to @room bytes and the end of the file. Their number, -EFBIG: there are more, or -errno. */
static ssize_t read_all(int fd, char *to, uint64_t room)
{
	uint64_t at = 0;
	char more;

	for (;;) {
		ssize_t n = at < room ? read(fd, to + at, room - at) : read(fd, &more, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return at;
		if (at == room)
			return -EFBIG;
		at += n;
	}
}

/* --- commands -------------------------------------------------------------- */

/* For @what, of @name or of none (NULL). 0, or a message. */
static int make(struct command_line *c, const char *what, const char *name, uint64_t max,
		struct memnet_object **o)
{
	int ret = name && !name[0] ? -EINVAL : memnet_object_create(c->store, name, max, o);

	if (ret == -ENOSPC)
		return say_no_room(c->store, what, max, c->max);
	if (!ret)
		return 0;
	return name ? say_name(name, ret) : say_object(what, ret);
}

/* Wait for it. 0, or a message. */
static int finish(const char *url, struct memnet_job *job)
{
	struct memnet_job_result r = { 0 };
	int ret = memnet_job_wait(job, -1, &r);

	return ret || r.error ? say_job(url, ret ? ret : r.error, r.status) : 0;
}

static int deliver(struct memnet_object *o, const char *url)
{
	struct memnet_job *job;
	int ret = memnet_object_deliver(o, url, &job);

	return ret ? say_job(url, ret, 0) : finish(url, job);
}

/* --name; else, of what only goes to a URL, none; else the file's. */
static const char *name_of(const struct command_line *c, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (c->name)
		return c->name;
	if (c->n > 1 || !strcmp(file, "-"))
		return NULL;
	return slash ? slash + 1 : file;
}

/* All of @fd, and seal it. -EFBIG: there is more; or a message. */
static int fill(const char *path, int fd, struct memnet_object *o)
{
	ssize_t n = read_all(fd, memnet_object_data(o), memnet_object_room(o));
	int ret;

	if (n < 0)
		return n == -EFBIG ? n : say_file(path, n);
	ret = memnet_object_seal(o, n);
	return ret ? say_object(path, ret) : 0;
}

static int put(struct command_line *c)
{
	const char *path = c->args[0], *url = c->n > 1 ? c->args[1] : NULL;
	int fd = open_input(path), ret;
	struct memnet_object *o;
	uint64_t room;

	if (fd < 0)
		return say_file(path, fd);
	if (!url && !name_of(c, path)) {
		fprintf(stderr, "memnet: an object from standard input wants a --name\n");
		return EXIT_FAILURE;
	}
	if (make(c, path, name_of(c, path), size_of(c, fd), &o))
		return EXIT_FAILURE;
	room = memnet_object_room(o);
	ret = fill(path, fd, o);
	if (!ret && url)
		ret = deliver(o, url);
	memnet_object_release(o);
	return ret == -EFBIG ? say_too_large(c->store, path, 0, room) : ret;
}

static int send_named(struct command_line *c)
{
	struct memnet_object *o;
	int ret = memnet_object_open(c->store, c->args[0], &o);

	if (ret)
		return say_name(c->args[0], ret);
	ret = deliver(o, c->args[1]);
	memnet_object_release(o);
	return ret;
}

static int write_file(const char *path, const struct memnet_object *o, uint64_t length)
{
	bool ours = true;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), ret;

	if (fd < 0) {
		ours = false;
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	if (fd < 0)
		return -errno;
	ret = mn_write_all(fd, memnet_object_data(o), length);
	if (close(fd) && !ret)	/* some file systems tell only then */
		ret = -errno;
	if (ret && ours)
		unlink(path);
	return ret;
}

static int write_out(struct command_line *c, const struct memnet_object *o, uint64_t length)
{
	const char *path = c->n > 1 ? c->args[1] : "-";
	int ret = strcmp(path, "-") ? write_file(path, o, length) :
		  mn_write_all(STDOUT_FILENO, memnet_object_data(o), length);

	return ret ? say_file(path, ret) : EXIT_SUCCESS;
}

/* Into @o, and seal it. -EFBIG: there is more, *@bytes if anybody knows; or a message. */
static int fetch(const char *url, struct memnet_object *o, uint64_t *bytes)
{
	struct memnet_job_result r = { 0 };
	struct memnet_job *job;
	int ret = memnet_object_fetch(o, url, &job);

	if (!ret)
		ret = memnet_job_wait(job, -1, &r);
	if (!ret)
		ret = r.error;
	*bytes = r.bytes;
	if (!ret)
		ret = memnet_object_seal(o, r.bytes);
	return ret && ret != -EFBIG ? say_job(url, ret, r.status) : ret;
}

static int get_url(struct command_line *c)
{
	const char *url = c->args[0];
	struct memnet_object *o;
	uint64_t bytes, room;
	int ret;

	if (make(c, url, c->name, c->max, &o))
		return EXIT_FAILURE;
	room = memnet_object_room(o);
	ret = fetch(url, o, &bytes);
	if (!ret && (!c->name || c->n > 1))
		ret = write_out(c, o, bytes);
	memnet_object_release(o);
	return ret == -EFBIG ? say_too_large(c->store, url, bytes, room) : ret;
}

static const char *get_fault(const char *name_or_url)
{
	return is_url(name_or_url) ? url_fault(name_or_url) : NULL;
}

static int get(struct command_line *c)
{
	struct memnet_object *o;
	int ret;

	if (is_url(c->args[0]))
		return get_url(c);
	ret = memnet_object_open(c->store, c->args[0], &o);
	if (ret)
		return say_name(c->args[0], ret);
	ret = write_out(c, o, memnet_object_length(o));
	memnet_object_release(o);
	return ret;
}

/* To a terminal; a program that reads the list reads objects only. */
static int print_space(struct command_line *c)
{
	struct memnet_space space;
	int ret = memnet_store_space(c->store, &space);

	if (!ret)
		printf("%12llu free of %llu, %llu in one piece\n", (unsigned long long)space.free,
		       (unsigned long long)space.bytes, (unsigned long long)space.largest);
	return ret;
}

static int ls(struct command_line *c)
{
	struct memnet_object_info info = { .name = "" };
	int ret;

	while (!(ret = memnet_object_next(c->store, &info)))
		printf("%12llu %s\n", (unsigned long long)info.length, info.name);
	if (ret == -ENOENT)
		ret = isatty(STDOUT_FILENO) ? print_space(c) : 0;
	if (ret)
		return say_object("ls", ret);
	if (fflush(stdout))
		return say_file("ls", -errno);
	return EXIT_SUCCESS;
}

static int rm(struct command_line *c)
{
	int status = EXIT_SUCCESS;

	for (size_t i = 0; i < c->n; i++) {
		int ret = memnet_object_remove(c->store, c->args[i]);

		if (ret)
			status = say_name(c->args[i], ret);
	}
	return status;
}

/* Those objects, or all. How many; -errno, after a message. */
static int open_served(struct command_line *c, struct memnet_object *o[MAX_ARGS])
{
	struct memnet_object_info info = { .name = "" };
	size_t named = c->n - 1, n = 0;
	int ret = 0;

	for (;; n++) {
		const char *name = named && n < named ? c->args[1 + n] : info.name;

		if (name == info.name &&
		    (named || n == MAX_ARGS || memnet_object_next(c->store, &info)))
			return n;
		ret = memnet_object_open(c->store, name, &o[n]);
		if (ret)
			return -say_name(name, ret);
		c->args[1 + n] = memnet_object_name(o[n]);
	}
}

/* URL/NAME, whatever of the name means something in a URL escaped. */
static void make_url(char *url, size_t size, const char *prefix, const char *name)
{
	size_t n = strlen(prefix);
	int at = snprintf(url, size, "%s%s", prefix, n && prefix[n - 1] == '/' ? "" : "/");

	for (; *name && (size_t)at + 4 < size; name++)
		at += snprintf(url + at, size - at,
			       isalnum(*name) || strchr("-._~", *name) ? "%c" : "%%%02X", *name);
}

/* Each at URL/NAME, until this process ends. */
static int serve(struct command_line *c)
{
	struct memnet_object *o[MAX_ARGS];
	struct memnet_job *jobs[MAX_ARGS];
	struct memnet_job_result r = { 0 };
	int n = open_served(c, o), ret = 0;
	char url[4096];

	if (n <= 0) {
		if (!n)
			fprintf(stderr, "memnet: serve: there is no object; memnet put one\n");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < n; i++) {
		make_url(url, sizeof(url), c->args[0], c->args[1 + i]);
		ret = memnet_object_serve(o[i], url, &jobs[i]);
		if (!ret)
			ret = memnet_job_wait(jobs[i], REFUSAL_MS, &r);
		if (ret != -ETIMEDOUT)
			return say_job(url, ret ? ret : r.error, 0);
		printf("%s\n", url);
		fflush(stdout);
	}
	ret = memnet_job_wait(jobs[0], -1, &r);
	return say_job(c->args[0], ret ? ret : r.error, 0);
}

static const struct command commands[] = {
	{ "put", 1, 2, put, 1, url_fault },
	{ "send", 2, 2, send_named, 1, url_fault },
	{ "get", 1, 2, get, 0, get_fault },
	{ "ls", 0, 0, ls, 0, NULL },
	{ "rm", 1, MAX_ARGS, rm, 0, NULL },
	{ "serve", 1, MAX_ARGS, serve, 0, serve_fault },
};

/* --- options --------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void take_argument(struct command_line *c, const char *arg, struct argp_state *state)
{
	if (!c->command) {
		c->command = find_command(arg);
		if (!c->command)
			argp_error(state, "%s: no such command", arg);
		return;
	}
	if (c->n == c->command->most)
		argp_error(state, "%s %s: one argument too many", c->command->name, arg);
	c->args[c->n++] = arg;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command_line *c = state->input;

	switch (key) {
	case 'n':
		c->name = arg;
		break;
	case 'm':
		if (mn_parse_bytes(arg, &c->max) || !c->max)
			argp_error(state, "--max %s: want bytes, such as 64M", arg);
		break;
	case ARGP_KEY_ARG:
		take_argument(c, arg, state);
		break;
	case ARGP_KEY_END:
		if (!c->command)
			argp_error(state, "want a command");
		if (c->n < c->command->least)
			argp_error(state, "%s: an argument is missing", c->command->name);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "name", 'n', "NAME", 0, "of the object that put or get makes" },
	{ "max", 'm', "BYTES", 0,
	  "room for it, where no file says how large it is (half of what is free)" },
	{ 0 }
};

static const char args_doc[] =
	"put FILE [URL]\n"
	"send NAME URL\n"
	"get NAME|URL [FILE]\n"
	"ls\n"
	"rm NAME...\n"
	"serve URL [NAME...]";

static const char doc[] =
	"Objects of this guest: files in the memory it shares with its host, which the host moves "
	"by HTTP, HTTPS, FTP or SFTP.\v"
	"  memnet put results.csv                    keep a file as the object results.csv\n"
	"  zstd -c big | memnet put - http://192.0.2.1/big.zst\n"
	"                                            produce, and have the host send it\n"
	"  memnet send results.csv http://192.0.2.1/results.csv\n"
	"  memnet get http://192.0.2.1/input > input\n"
	"  memnet get --name=input http://192.0.2.1/input\n"
	"                                            have the host fetch it, and keep it\n"
	"  memnet get input | sha256sum\n"
	"  memnet ls; memnet rm input\n"
	"  memnet serve http://192.0.2.7:8000/       have the host serve them all there\n"
	"\n"
	"FILE may be -. What has no name is gone at the end. Environment: MEMNET_AGENT, the "
	"agent's socket (/run/memnet/agent.sock).";

static const struct argp argp = { option_table, parse_option, args_doc, doc };

static bool has_fault(const struct command_line *c)
{
	size_t url = c->command->url;
	const char *fault = c->command->fault && url < c->n ? c->command->fault(c->args[url]) : NULL;

	if (fault)
		fprintf(stderr, "memnet: %s: %s\n", c->args[url], fault);
	return fault;
}

int main(int argc, char **argv)
{
	static struct command_line c;
	struct memnet *m;
	int ret;

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	if (has_fault(&c))
		return EXIT_FAILURE;
	ret = memnet_open(&m);
	if (ret)
		return say_object(c.command->name, ret);
	ret = memnet_store_open(m, &c.store);
	ret = ret ? say_object(c.command->name, ret) : c.command->run(&c);
	memnet_store_close(c.store);
	memnet_detach(m);
	return ret;
}
