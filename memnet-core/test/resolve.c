/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For test_resolve.sh: resolve NODE SERVICE FAMILY SOCKTYPE FLAGS [THREADS]. "-" is NULL; FAMILY
 * 0, 4, 6; SOCKTYPE stream, dgram, any; FLAGS letters of the table below; "null" there: no hints.
 * Prints "ADDRESS PORT SOCKTYPE CANONICAL; ..." or the error's name, with errno's of EAI_SYSTEM.
 * SIGUSR1 is caught. Threads ask ten times each, all at once, and must all be told the same.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/util.h"
#include "memnet-core/guest/memnet.h"

#define MOST_THREADS	16
#define TIMES		10

struct question {
	const char *node, *service;
	struct addrinfo hints, *given;
	struct memnet *m;
};

static void put_error(char *text, size_t size, int error)
{
	static const struct { int error; const char *name; } names[] = {
		{ EAI_NONAME, "EAI_NONAME" }, { EAI_SERVICE, "EAI_SERVICE" },
		{ EAI_FAMILY, "EAI_FAMILY" }, { EAI_BADFLAGS, "EAI_BADFLAGS" },
		{ EAI_AGAIN, "EAI_AGAIN" }, { EAI_NODATA, "EAI_NODATA" },
		{ EAI_ADDRFAMILY, "EAI_ADDRFAMILY" },
	};

	snprintf(text, size, "error %d", error);
	if (error == EAI_SYSTEM)
		snprintf(text, size, "EAI_SYSTEM %s", strerrorname_np(errno));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].error == error)
			snprintf(text, size, "%s", names[i].name);
}

static void put_list(char *text, size_t size, const struct addrinfo *list)
{
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
		size_t at = strlen(text);

		getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(text + at, size - at, "%s%s %s %s%s%s", at ? "; " : "", host, port,
			 a->ai_socktype == SOCK_STREAM ? "stream" :
			 a->ai_socktype == SOCK_DGRAM ? "dgram" : "raw",
			 a->ai_canonname ? " " : "", a->ai_canonname ? a->ai_canonname : "");
	}
}

static void ask(const struct question *q, char *text, size_t size)
{
	struct addrinfo *list = NULL;
	int ret = memnet_resolve(q->m, q->node, q->service, q->given, &list);

	*text = '\0';
	if (ret) {
		put_error(text, size, ret);
		return;
	}
	put_list(text, size, list);
	freeaddrinfo(list);
}

/* What all of them said, or NULL. */
static void *ask_often(void *arg)
{
	static char first[8192];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char *same = first;

	for (int i = 0; i < TIMES && same; i++) {
		char text[sizeof(first)];

		ask(arg, text, sizeof(text));
		pthread_mutex_lock(&lock);
		if (!*first)
			strcpy(first, text);
		else if (strcmp(first, text))
			same = NULL;
		pthread_mutex_unlock(&lock);
	}
	return same;
}

static const char *ask_by_threads(struct question *q, int n)
{
	pthread_t threads[MOST_THREADS];
	void *said = NULL;
	bool same = true;

	n = MIN(n, MOST_THREADS);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, ask_often, q))
			abort();
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], &said);
		same = same && said;
	}
	return same ? said : "not all the same";
}

static int flags_of(const char *letters)
{
	static const struct { char letter; int flag; } flags[] = {
		{ 'n', AI_NUMERICHOST }, { 's', AI_NUMERICSERV }, { 'c', AI_CANONNAME },
		{ 'm', AI_V4MAPPED }, { 'a', AI_ALL }, { 'p', AI_PASSIVE },
		{ 'g', AI_ADDRCONFIG },
	};
	int all = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strchr(letters, flags[i].letter))
			all |= flags[i].flag;
	return all;
}

static void nothing(int signal)
{
}

int main(int argc, char **argv)
{
	struct question q = { 0 };
	char text[8192];
	int ret;

	if (argc < 6)
		return 2;
	q.node = strcmp(argv[1], "-") ? argv[1] : NULL;
	q.service = strcmp(argv[2], "-") ? argv[2] : NULL;
	q.hints.ai_family = *argv[3] == '4' ? AF_INET : *argv[3] == '6' ? AF_INET6 : AF_UNSPEC;
	q.hints.ai_socktype = *argv[4] == 's' ? SOCK_STREAM : *argv[4] == 'd' ? SOCK_DGRAM : 0;
	q.hints.ai_flags = flags_of(argv[5]);
	q.given = strcmp(argv[5], "null") ? &q.hints : NULL;
	signal(SIGUSR1, nothing);
	ret = memnet_open(&q.m);
	if (ret) {
		fprintf(stderr, "memnet_open(): %s\n", strerror(-ret));
		return 1;
	}
	if (argc > 6)
		puts(ask_by_threads(&q, atoi(argv[6])));
	else
		puts((ask(&q, text, sizeof(text)), text));
	memnet_detach(q.m);
	return 0;
}
