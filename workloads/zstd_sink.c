/* SPDX-License-Identifier: BSD-2-Clause */
/* The other side of the pipeline: an HTTP server that takes what is PUT and forgets it. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/zstd.h"

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *bytes, void **state)
{
	static int seen;
	struct MHD_Response *response;
	enum MHD_Result ret;

	if (!*state || *bytes) {	/* the head; a piece of the body */
		*state = &seen;
		*bytes = 0;
		return MHD_YES;
	}
	response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	ret = MHD_queue_response(connection, strcmp(method, "PUT") ? MHD_HTTP_METHOD_NOT_ALLOWED :
				 MHD_HTTP_CREATED, response);
	MHD_destroy_response(response);
	return ret;
}

/* Also of a port that the server before has just left. */
static struct MHD_Daemon *start(const struct sockaddr_in *at)
{
	return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL,
				answer, NULL, MHD_OPTION_SOCK_ADDR, at,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(256 << 10),
				MHD_OPTION_END);
}

int zstd_sink(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct MHD_Daemon *daemon;
	char host[64];
	unsigned int port;
	sigset_t end;
	int signal;

	if (sscanf(address, "%63[0-9.]:%u", host, &port) != 2 || port > 65535 ||
	    inet_pton(AF_INET, host, &at.sin_addr) != 1) {
		fprintf(stderr, "memnet-zstd: --sink %s: want ADDRESS:PORT\n", address);
		return EXIT_FAILURE;
	}
	at.sin_port = htons(port);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	daemon = start(&at);
	if (!daemon) {
		fprintf(stderr, "memnet-zstd: cannot listen at %s\n", address);
		return EXIT_FAILURE;
	}
	sigwait(&end, &signal);
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}
