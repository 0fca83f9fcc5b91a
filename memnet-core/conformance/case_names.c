/* SPDX-License-Identifier: BSD-2-Clause */
/* getaddrinfo(), as far as no name server has to be asked: those are test_names.sh's. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/conformance/conform.h"

static const char *error_name(int error)
{
	static const struct { int error; const char *name; } names[] = {
		{ 0, "0" }, { EAI_NONAME, "EAI_NONAME" }, { EAI_SERVICE, "EAI_SERVICE" },
		{ EAI_FAMILY, "EAI_FAMILY" }, { EAI_SOCKTYPE, "EAI_SOCKTYPE" },
		{ EAI_BADFLAGS, "EAI_BADFLAGS" }, { EAI_ADDRFAMILY, "EAI_ADDRFAMILY" },
		{ EAI_AGAIN, "EAI_AGAIN" }, { EAI_NODATA, "EAI_NODATA" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			return names[i].name;
	return "another";
}

/* The list, or NULL. */
static struct addrinfo *look_up(const char *what, const char *want, const char *node,
				const char *service, struct addrinfo hints)
{
	struct addrinfo *list = NULL;

	saw(what, want, "%s", error_name(getaddrinfo(node, service, &hints, &list)));
	return list;
}

#define LOOK_UP(want, node, service, ...) \
	look_up("getaddrinfo(" #node ", " #service ")", want, node, service, \
		(struct addrinfo){ __VA_ARGS__ })

static void saw_list(const char *want, struct addrinfo *list)
{
	char text[500] = "";

	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
		size_t at = strlen(text);

		getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(text + at, sizeof(text) - at, "%s%s %s %d %d%s%s", at ? "; " : "", host,
			 port, a->ai_socktype, a->ai_protocol, a->ai_canonname ? " " : "",
			 a->ai_canonname ? a->ai_canonname : "");
	}
	saw("the list", want, "%s", text);
	if (list)
		freeaddrinfo(list);
}

static void numeric(int family)
{
	const char *node = family == AF_INET6 ? PEER6 : PEER4;
	char want[200];

	snprintf(want, sizeof(want), "%s 80 1 6", node);
	saw_list(want, LOOK_UP("0", node, "80", .ai_socktype = SOCK_STREAM));
	saw_list(want, LOOK_UP("0", node, "80", .ai_family = family, .ai_socktype = SOCK_STREAM));
	snprintf(want, sizeof(want), "%s 80 1 6; %s 80 2 17; %s 80 3 0", node, node, node);
	saw_list(want, LOOK_UP("0", node, "80", .ai_family = family));
	snprintf(want, sizeof(want), "%s 80 2 17 %s", node, node);
	saw_list(want, LOOK_UP("0", node, "80", .ai_socktype = SOCK_DGRAM,
			       .ai_flags = AI_CANONNAME | AI_NUMERICHOST));
	LOOK_UP("EAI_ADDRFAMILY", node, "80",
		.ai_family = family == AF_INET6 ? AF_INET : AF_INET6);
}

static void no_node(int family)
{
	const char *loopback = family == AF_INET6 ? "::1 80 1 6" : "127.0.0.1 80 1 6";
	const char *any = family == AF_INET6 ? ":: 80 1 6" : "0.0.0.0 80 1 6";

	saw_list(loopback, LOOK_UP("0", NULL, "80", .ai_family = family,
				   .ai_socktype = SOCK_STREAM));
	saw_list(any, LOOK_UP("0", NULL, "80", .ai_family = family, .ai_socktype = SOCK_STREAM,
			      .ai_flags = AI_PASSIVE));
	LOOK_UP("EAI_NONAME", NULL, NULL, .ai_family = family);
}

static void mapped(int family)
{
	saw_list("::ffff:" PEER4 " 80 1 6",
		 LOOK_UP("0", PEER4, "80", .ai_family = AF_INET6, .ai_socktype = SOCK_STREAM,
			 .ai_flags = AI_V4MAPPED));
}

static void localhost(int family)
{
	saw_list("127.0.0.1 80 1 6", LOOK_UP("0", "localhost", "80", .ai_family = AF_INET,
					     .ai_socktype = SOCK_STREAM));
	saw_list("127.0.0.1 0 1 6", LOOK_UP("0", "localhost", NULL, .ai_family = AF_INET,
					    .ai_socktype = SOCK_STREAM));
}

/* What is wrong is told, and no server asked. */
static void mistakes(int family)
{
	int64_t since = now_ms();

	LOOK_UP("EAI_NONAME", "a.name.invalid", "80", .ai_flags = AI_NUMERICHOST);
	LOOK_UP("EAI_NONAME", "", "80", 0);
	LOOK_UP("EAI_SERVICE", "a.name.invalid", "no-such-service", 0);
	LOOK_UP("EAI_NONAME", "a.name.invalid", "http", .ai_flags = AI_NUMERICSERV);
	LOOK_UP("EAI_FAMILY", "a.name.invalid", "80", .ai_family = AF_UNIX);
	LOOK_UP("EAI_SOCKTYPE", "a.name.invalid", "80", .ai_socktype = 77);
	LOOK_UP("EAI_BADFLAGS", "a.name.invalid", "80", .ai_flags = 1 << 30);
	LOOK_UP("EAI_BADFLAGS", NULL, "80", .ai_flags = AI_CANONNAME);
	YES(now_ms() - since < 1000);
}

const struct conform_case name_cases[] = {
	{ "name-numeric", numeric, "46" },
	{ "name-no-node", no_node, "46" },
	{ "name-mapped", mapped, "" },
	{ "name-localhost", localhost, "" },
	{ "name-mistakes", mistakes, "" },
	{ 0 },
};
