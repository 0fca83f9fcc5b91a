/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between memnet-courier.c (orders, the loop), courier_transfer.c (libcurl), courier_apart.c
 * (what of libcurl waits) and courier_serve.c (libmicrohttpd).
 */
#ifndef MEMNET_COURIER_INTERNAL_H
#define MEMNET_COURIER_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#include "memnet-core/host/courier.h"

struct courier;
struct courier_apart;
struct courier_server;

struct courier_job {
	struct courier *c;
	bool used;
	uint32_t op;			/* enum mn_op */
	uint8_t *data;			/* its extent, */
	uint64_t bytes;			/* so large, */
	uint64_t at;			/* moved so far */
	int error;			/* why we broke the transfer off, or 0 */
	bool cancelled;			/* and it has not ended yet */
	union mn_sockaddr to;		/* what it asked the policy for last, */
	uint32_t denied_use;		/* enum mn_policy_use; 0: it may */
	CURL *easy;			/* of PUT and GET; */
	struct courier_apart *apart;	/* where they have a thread */
	struct courier_server *server;	/* of SERVE, */
	char path[MN_URL_BYTES + 1];	/* decoded */
};

struct courier {
	const char *name;	/* of the VM */
	uint8_t *arena;
	uint64_t arena_bytes;
	pthread_mutex_t policy_lock;
	struct mn_policy policy;	/* changed by the main thread */
	CURLM *multi;
	struct curl_slist *headers;
	char protocols[32];	/* of PUT and GET, in libcurl's words */
	struct courier_server *servers[MN_COURIER_JOBS];
	bool ended;
	struct courier_job jobs[MN_COURIER_JOBS];
};

/* Tell the worker how a job ended; the job is free. */
void courier_answer(struct courier *c, const struct mn_courier_answer *a);

/* --- courier_confine.c --- */

/* For good. 0 or -errno. */
int courier_confine(void);

/* --- courier_transfer.c --- */

/* 0 or -errno. */
int transfer_init(struct courier *c);

/* Begin. 0: transfer_work() answers; -errno. */
int transfer_start(struct courier_job *job, const char *url);

/* Touch its extent no more; no answer. False: soon; transfer_work() answers. */
bool transfer_end(struct courier_job *job);

/* Move what can be moved, answer what has ended. */
void transfer_work(struct courier *c);

/* --- courier_apart.c --- */

/* Move what job->easy says. 0 or -errno. */
int apart_start(struct courier_job *job);

/* Its thread has made a socket. False: it is to have none. */
bool apart_opened(struct courier_apart *a, int fd);

/* End soon. */
void apart_stop(struct courier_apart *a);

/* Then the job is the caller's, @a is gone, and so are the connections. */
bool apart_is_over(struct courier_apart *a, CURLcode *code);

/* --- courier_serve.c --- */

/* From now on, until serve_end(). 0 or -errno. */
int serve_start(struct courier_job *job, const char *url);
void serve_end(struct courier_job *job);

/* What to poll, at most MN_COURIER_JOBS of @fds, and how long at most. How many. */
unsigned int serve_wait_for(struct courier *c, struct curl_waitfd *fds, int *timeout_ms);

/* Answer what has been asked. */
void serve_work(struct courier *c);

#endif
