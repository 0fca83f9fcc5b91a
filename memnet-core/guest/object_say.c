/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/object_say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/layout.h"

static const struct { int err; const char *mend; } mends[] = {
	{ ENODEV, "no memnet-agent answers; start it, or say where it listens in MEMNET_AGENT" },
	{ EAGAIN, "every channel is in use; end a program, or give memnetd more --channels" },
	{ EOPNOTSUPP, "this VM has no room for objects; start memnetd with --arena" },
	{ EEXIST, "the name is taken; choose another by --name, or memnet rm it" },
	{ ENOSPC, "all room for objects is in use; memnet rm some, or give memnetd a larger "
	  "--arena" },
	{ EMFILE, "there are too many objects; memnet rm some" },
	{ EACCES, "not permitted; of a URL: the host's policy forbids it, see memnetd --allow" },
	{ EPERM, "not permitted; of a URL: the server refused its user or password" },
	{ EISDIR, "that is a folder; of a URL: name the file in it" },
	{ EREMOTEIO, "the server refused" },
	{ EPROTO, "what the server, or the host, answers cannot be" },
	{ EHOSTUNREACH, "the host cannot resolve the name, or has no way there" },
	{ EKEYREJECTED, "the server's certificate, or host key, is not one the host trusts" },
	{ EBADMSG, "there is no TLS there, or none that the host speaks; http:// perhaps" },
	{ ECONNABORTED, "what moves objects on the host died; try again" },
	{ ECONNRESET, "the connection broke, or the host or memnet-agent restarted; try again" },
	{ EPROTONOSUPPORT, "the host moves objects by http, https, ftp and sftp only, and "
	  "serves them by http" },
	{ EBUSY, "the host does as much as it can at once for this guest; end something" },
	{ EADDRINUSE, "somebody else serves there" },
	{ EADDRNOTAVAIL, "that is no address of the host's" },
};

static int say(const char *what, const char *mend)
{
	fprintf(stderr, "memnet: %s: %s\n", what, mend);
	return EXIT_FAILURE;
}

int say_object(const char *what, int err)
{
	for (size_t i = 0; i < ARRAY_SIZE(mends); i++)
		if (mends[i].err == -err)
			return say(what, mends[i].mend);
	return say(what, strerror(-err));
}

int say_name(const char *name, int err)
{
	return err == -EINVAL ? say(name, "want a name of 1 to 63 printable characters of ASCII, "
				    "without blank and slash") : say_object(name, err);
}

int say_file(const char *path, int err)
{
	return say(path, strerror(-err));
}

int say_job(const char *url, int err, unsigned int status)
{
	if (err == -EREMOTEIO && status) {
		fprintf(stderr, "memnet: %s: the server refused (HTTP status %u)\n", url, status);
		return EXIT_FAILURE;
	}
	return err == -EINVAL ? say(url, "that is no URL to the host") : say_object(url, err);
}

/* --- room ------------------------------------------------------------------ */

static unsigned long long largest(struct memnet_store *s)
{
	struct memnet_space space = { 0 };

	memnet_store_space(s, &space);	/* whatever failed is told, with 0 */
	return space.largest;
}

int say_no_room(struct memnet_store *s, const char *what, uint64_t bytes, bool may_be_less)
{
	fprintf(stderr, "memnet: %s: wants %llu bytes in one piece, and %llu are free; memnet rm "
		"what is not needed%s, or give memnetd a larger --arena\n", what,
		MAX(bytes, 1ull), largest(s), may_be_less ? ", give a smaller --max" : "");
	return EXIT_FAILURE;
}

int say_too_large(struct memnet_store *s, const char *what, uint64_t bytes, uint64_t room)
{
	unsigned long long free = largest(s);

	if (MAX(bytes, room + 1) > free)
		return say_no_room(s, what, MAX(bytes, room + 1), false);
	fprintf(stderr, "memnet: %s: has ", what);
	if (bytes)
		fprintf(stderr, "%llu bytes, and there was room for %llu; give --max %llu",
			(unsigned long long)bytes, (unsigned long long)room,
			(unsigned long long)bytes);
	else
		fprintf(stderr, "more than the %llu bytes there was room for; give a larger --max",
			(unsigned long long)room);
	fprintf(stderr, " (%llu are free in one piece)\n", free);
	return EXIT_FAILURE;
}

/* --- URLs ------------------------------------------------------------------ */

/* What follows SCHEME://[USER@], or NULL. */
static const char *host_of(const char *url)
{
	size_t scheme = strcspn(url, ":/?#@"), user;

	if (!scheme || strncmp(url + scheme, "://", 3))
		return NULL;
	url += scheme + 3;
	user = strcspn(url, "@/?#");
	return url[user] == '@' ? url + user + 1 : url;
}

const char *url_fault(const char *url)
{
	const char *host = host_of(url);

	if (!host)
		return "want a URL with its scheme, such as http://";
	if (!host[0] || strchr(":/?#", host[0]))
		return "the URL lacks a host, as in http://HOST/NAME";
	if (strlen(url) > MN_URL_BYTES)
		return "a URL has 2048 bytes at most";
	for (; *url; url++)
		if (*url <= ' ' || *url > '~')
			return "a URL is of ASCII and has no blanks; write them as %20";
	return NULL;
}

const char *serve_fault(const char *url)
{
	const char *fault = url_fault(url), *host = host_of(url);
	char address[INET6_ADDRSTRLEN] = "", byte[sizeof(struct in6_addr)];
	bool six;

	if (fault)
		return fault;
	six = host[0] == '[';
	snprintf(address, sizeof(address), "%.*s",
		 (int)(six ? strcspn(host + 1, "]") : strcspn(host, ":/?#")), host + six);
	return inet_pton(six ? AF_INET6 : AF_INET, address, byte) == 1 ? NULL :
	       "want an address of the host's, not a name";
}
