/* SPDX-License-Identifier: BSD-2-Clause */
/* The compressor writes into memory of ours, and a thread sends it by libcurl. */
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/zstd.h"

static struct slot {
	CURL *easy;
	pthread_t thread;
	char *data;
	size_t bytes, at;
	CURLcode code;
	char why[CURL_ERROR_SIZE];
} slots[ZSTD_SLOTS];
static struct curl_slist *headers;

static size_t give(char *to, size_t size, size_t n, void *arg)
{
	struct slot *s = arg;
	size_t left = s->bytes - s->at, some = size * n < left ? size * n : left;

	memcpy(to, s->data + s->at, some);
	s->at += some;
	return some;
}

/* As the courier on the host has it. */
static int open_slot(struct slot *s, const char *url, size_t room)
{
	s->data = malloc(room);
	s->easy = curl_easy_init();
	if (!s->data || !s->easy)
		return -ENOMEM;
	memset(s->data, 0, room);	/* taken now, not in the pipeline */
	curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(s->easy, CURLOPT_URL, url);
	curl_easy_setopt(s->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(s->easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(s->easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
	curl_easy_setopt(s->easy, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(s->easy, CURLOPT_READDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->why);
	return 0;
}

static int open_curl(const char *url, size_t room)
{
	int ret = curl_global_init(CURL_GLOBAL_DEFAULT) ? -ENOMEM : 0;

	headers = curl_slist_append(NULL, "Expect:");
	for (unsigned int i = 0; i < ZSTD_SLOTS && !ret; i++)
		ret = open_slot(&slots[i], url, room);
	if (ret)
		fprintf(stderr, "memnet-zstd: libcurl: %s\n", strerror(-ret));
	return ret;
}

static int begin(unsigned int slot, void **to)
{
	*to = slots[slot].data;
	return 0;
}

static void *run(void *arg)
{
	struct slot *s = arg;

	s->code = curl_easy_perform(s->easy);
	return NULL;
}

static int send_slot(unsigned int slot, size_t bytes)
{
	struct slot *s = &slots[slot];

	s->bytes = bytes;
	s->at = 0;
	curl_easy_setopt(s->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)bytes);
	return -pthread_create(&s->thread, NULL, run, s);
}

static int end(unsigned int slot)
{
	pthread_join(slots[slot].thread, NULL);
	if (slots[slot].code == CURLE_OK)
		return 0;
	fprintf(stderr, "memnet-zstd: %s\n", slots[slot].why);
	return -EIO;
}

static void close_curl(void)
{
	for (unsigned int i = 0; i < ZSTD_SLOTS; i++) {
		curl_easy_cleanup(slots[i].easy);
		free(slots[i].data);
	}
	curl_slist_free_all(headers);
}

const struct zstd_way zstd_curl = { "curl", open_curl, begin, send_slot, end, close_curl };
