/* SPDX-License-Identifier: BSD-2-Clause */
/* gethostbyname() and its like, of older programs, by way of getaddrinfo(): without aliases. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/preload/real.h"

static const void *address_of(const struct addrinfo *a)
{
	if (a->ai_family == AF_INET6)
		return &((const struct sockaddr_in6 *)a->ai_addr)->sin6_addr;
	return &((const struct sockaddr_in *)a->ai_addr)->sin_addr;
}

/* Into @buf: both lists of pointers, addresses, the name. 0 or ERANGE. */
static int put(const struct addrinfo *list, int family, struct hostent *h, char *buf, size_t size)
{
	const size_t bytes = family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	size_t n = 0, i = 0, pad = -(uintptr_t)buf % sizeof(char *);
	char **pointers = (char **)(buf + pad), *at;

	for (const struct addrinfo *a = list; a; a = a->ai_next)
		n++;
	if (pad + (n + 2) * sizeof(char *) + n * bytes + strlen(list->ai_canonname) + 1 > size)
		return ERANGE;
	at = (char *)(pointers + n + 2);
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		pointers[i++] = memcpy(at, address_of(a), bytes);
		at += bytes;
	}
	pointers[n] = pointers[n + 1] = NULL;
	*h = (struct hostent){ strcpy(at, list->ai_canonname), pointers + n + 1, family, bytes,
			       pointers };
	return 0;
}

/* As glibc: what is not there is no error, but no result. */
static int explain(int error, int *h_error)
{
	switch (error) {
	case EAI_NONAME:
		*h_error = HOST_NOT_FOUND;
		return 0;
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		*h_error = NO_DATA;
		return 0;
	case EAI_AGAIN:
		*h_error = TRY_AGAIN;
		return EAGAIN;
	case EAI_MEMORY:
		*h_error = NETDB_INTERNAL;
		return ENOMEM;
	default:
		*h_error = NO_RECOVERY;
		return EINVAL;
	}
}

EXPORT int gethostbyname2_r(const char *name, int family, struct hostent *h, char *buf,
			    size_t size, struct hostent **result, int *h_error)
{
	const struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_CANONNAME };
	struct addrinfo *list;
	int ret = getaddrinfo(name, NULL, &hints, &list);

	*result = NULL;
	if (ret)
		return explain(ret, h_error);
	ret = put(list, family, h, buf, size);
	*h_error = ret ? NETDB_INTERNAL : NETDB_SUCCESS;
	if (!ret)
		*result = h;
	freeaddrinfo(list);
	return ret;
}

EXPORT int gethostbyname_r(const char *name, struct hostent *h, char *buf, size_t size,
			   struct hostent **result, int *h_error)
{
	return gethostbyname2_r(name, AF_INET, h, buf, size, result, h_error);
}

EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
	static struct hostent h;
	static size_t size = 1024;
	static char *buf;
	struct hostent *result = NULL;

	while ((buf || (buf = malloc(size))) &&
	       gethostbyname2_r(name, family, &h, buf, size, &result, &h_errno) == ERANGE) {
		free(buf);
		buf = NULL;
		size *= 2;
	}
	return result;
}

EXPORT struct hostent *gethostbyname(const char *name)
{
	return gethostbyname2(name, AF_INET);
}
