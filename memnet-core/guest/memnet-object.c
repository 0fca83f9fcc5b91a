/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memnet put|send|get|ls|rm|serve: the objects of this guest (memnet_object.h), from a shell.
 * Files are read into the region and written out of it; there is no other copy.
 */
#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
};

/* --- what goes wrong ------------------------------------------------------- */

static const struct { int err; const char *mend; } mends[] = {
	{ ENODEV, "no memnet-agent answers; start it, or say where it listens in MEMNET_AGENT" },
	{ EAGAIN, "every channel is in use; end a program, or give memnetd more --channels" },
	{ EOPNOTSUPP, "this VM has no room for objects; start memnetd with --arena" },
	{ EEXIST, "the name is taken; choose another by --name, or memnet rm it" },
	{ ENOSPC, "so much is not free in one piece; memnet rm what is not needed, give a smaller "
	  "--max, or memnetd a larger --arena" },
	{ EMFILE, "there are too many objects; memnet rm some" },
	{ EACCES, "not permitted; of a URL: the host's policy forbids it, see memnetd --allow" },
	{ EPERM, "not permitted; of a URL: the server refused its user or password" },
	{ EISDIR, "that is a folder; of a URL: name the file in it" },
	{ EREMOTEIO, "the server refused" },
	{ EPROTO, "what the server, or the host, answers cannot be" },
	{ EFBIG, "there is more than fits; give a larger --max" },
	{ EHOSTUNREACH, "the host cannot resolve the name, or has no way there" },
	{ EKEYREJECTED, "the server's certificate, or host key, is not one the host trusts" },
	{ ECONNABORTED, "what moves objects on the host died; try again" },
	{ ECONNRESET, "the connection broke, or the host or memnet-agent restarted; try again" },
	{ EPROTONOSUPPORT, "the host moves objects by http, https, ftp and sftp only, and "
	  "serves them by http" },
	{ EBUSY, "the host does as much as it can at once for this guest; end something" },
	{ EADDRINUSE, "somebody else serves there" },
	{ EADDRNOTAVAIL, "that is no address of the host's" },
};

/* Of @what. EXIT_FAILURE. */
static int failed(const char *what, int err, unsigned int status)
{
	const char *mend = strerror(-err);
	char http[40] = "";

	for (size_t i = 0; i < ARRAY_SIZE(mends); i++)
		if (mends[i].err == -err)
			mend = mends[i].mend;
	if (status)
		snprintf(http, sizeof(http), " (HTTP status %u)", status);
	fprintf(stderr, "memnet: %s: %s%s\n", what, mend, http);
	return EXIT_FAILURE;
}

static bool is_url(const char *text)
{
	return strstr(text, "://");
}

/* --- files ----------------------------------------------------------------- */

static int open_file(const char *path, int flags, int standard)
{
	int fd = strcmp(path, "-") ? open(path, flags | O_CLOEXEC, 0666) : standard;

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

/* Wait for it. EXIT_SUCCESS, or after a message. */
static int finish(const char *url, struct memnet_job *job, uint64_t *bytes)
{
	struct memnet_job_result r = { 0 };
	int ret = memnet_job_wait(job, -1, &r);

	if (ret || r.error)
		return failed(url, ret ? ret : r.error, r.status);
	*bytes = r.bytes;
	return EXIT_SUCCESS;
}

static int deliver(struct memnet_object *o, const char *url)
{
	struct memnet_job *job;
	uint64_t bytes;
	int ret = memnet_object_deliver(o, url, &job);

	return ret ? failed(url, ret, 0) : finish(url, job, &bytes);
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

static int put(struct command_line *c)
{
	const char *path = c->args[0], *url = c->n > 1 ? c->args[1] : NULL;
	struct memnet_object *o;
	int fd = open_file(path, O_RDONLY, STDIN_FILENO), ret;
	ssize_t n;

	if (fd < 0)
		return failed(path, fd, 0);
	if (!url && !name_of(c, path)) {
		fprintf(stderr, "memnet: an object from standard input wants a --name\n");
		return EXIT_FAILURE;
	}
	ret = memnet_object_create(c->store, name_of(c, path), size_of(c, fd), &o);
	if (ret)
		return failed(path, ret, 0);
	n = read_all(fd, memnet_object_data(o), memnet_object_room(o));
	ret = n < 0 ? n : memnet_object_seal(o, n);
	if (ret)
		ret = failed(path, ret, 0);
	else if (url)
		ret = deliver(o, url);
	memnet_object_release(o);
	return ret;
}

static int send_named(struct command_line *c)
{
	struct memnet_object *o;
	int ret = memnet_object_open(c->store, c->args[0], &o);

	if (ret)
		return failed(c->args[0], ret, 0);
	ret = deliver(o, c->args[1]);
	memnet_object_release(o);
	return ret;
}

static int write_out(struct command_line *c, const struct memnet_object *o, uint64_t length)
{
	const char *path = c->n > 1 ? c->args[1] : "-";
	int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
	int ret = fd < 0 ? fd : mn_write_all(fd, memnet_object_data(o), length);

	return ret ? failed(path, ret, 0) : EXIT_SUCCESS;
}

static int get_url(struct command_line *c)
{
	struct memnet_object *o;
	struct memnet_job *job;
	uint64_t bytes;
	int ret = memnet_object_create(c->store, c->name, c->max, &o);

	if (ret)
		return failed(c->name ? c->name : c->args[0], ret, 0);
	ret = memnet_object_fetch(o, c->args[0], &job);
	ret = ret ? failed(c->args[0], ret, 0) : finish(c->args[0], job, &bytes);
	if (!ret) {
		ret = memnet_object_seal(o, bytes);
		if (ret)
			ret = failed(c->args[0], ret, 0);
		else if (!c->name || c->n > 1)
			ret = write_out(c, o, bytes);
	}
	memnet_object_release(o);
	return ret;
}

static int get(struct command_line *c)
{
	struct memnet_object *o;
	int ret;

	if (is_url(c->args[0]))
		return get_url(c);
	ret = memnet_object_open(c->store, c->args[0], &o);
	if (ret)
		return failed(c->args[0], ret, 0);
	ret = write_out(c, o, memnet_object_length(o));
	memnet_object_release(o);
	return ret;
}

static int ls(struct command_line *c)
{
	struct memnet_object_info info = { .name = "" };
	int ret;

	while (!(ret = memnet_object_next(c->store, &info)))
		printf("%12llu %s\n", (unsigned long long)info.length, info.name);
	if (ret != -ENOENT)
		return failed("ls", ret, 0);
	if (fflush(stdout))
		return failed("ls", -errno, 0);
	return EXIT_SUCCESS;
}

static int rm(struct command_line *c)
{
	int status = EXIT_SUCCESS;

	for (size_t i = 0; i < c->n; i++) {
		int ret = memnet_object_remove(c->store, c->args[i]);

		if (ret)
			status = failed(c->args[i], ret, 0);
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
		if (named && n < named)
			snprintf(info.name, sizeof(info.name), "%s", c->args[1 + n]);
		else if (named || n == MAX_ARGS || memnet_object_next(c->store, &info))
			return n;
		ret = memnet_object_open(c->store, info.name, &o[n]);
		if (ret)
			return -failed(info.name, ret, 0);
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
			return failed(url, ret ? ret : r.error, 0);
		printf("%s\n", url);
		fflush(stdout);
	}
	ret = memnet_job_wait(jobs[0], -1, &r);
	return failed(c->args[0], ret ? ret : r.error, 0);
}

static const struct command commands[] = {
	{ "put", 1, 2, put },
	{ "send", 2, 2, send_named },
	{ "get", 1, 2, get },
	{ "ls", 0, 0, ls },
	{ "rm", 1, MAX_ARGS, rm },
	{ "serve", 1, MAX_ARGS, serve },
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

int main(int argc, char **argv)
{
	static struct command_line c;
	struct memnet *m;
	int ret;

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	signal(SIGPIPE, SIG_IGN);
	ret = memnet_open(&m);
	if (ret)
		return failed(c.command->name, ret, 0);
	ret = memnet_store_open(m, &c.store);
	ret = ret ? failed(c.command->name, ret, 0) : c.command->run(&c);
	memnet_store_close(c.store);
	memnet_detach(m);
	return ret;
}
