/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transfers by FTP and SFTP. In these libcurl waits for answers, and with it all that is in the
 * same multi handle: a minute for what follows a file, for the close of one, for the answer to
 * QUIT, for the end of SSH. So each has a thread and a multi handle of its own, and a server
 * that does not answer holds up itself alone.
 *
 * The job is the thread's until that is joined. What is over, or is to end, has its sockets shut
 * down: whatever libcurl waits for then, or has to say for farewell, fails at once.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/courier_internal.h"

#define STACK_BYTES	(1 << 20)
#define LOOK_MS		1000
/* To both addresses of a name at once, of the control connection and of the data. */
#define SOCKETS		4

struct courier_apart {
	struct courier_job *job;
	pthread_t thread;
	pthread_mutex_t lock;	/* of these: */
	CURLM *multi;		/* NULL: it is over */
	bool stopped;
	int sockets[SOCKETS];	/* -1: none */
	CURLcode code;		/* once it is over */
	atomic_bool over;
};

/* --- sockets --------------------------------------------------------------- */

/* Lock held; one that is @from becomes @to. False: there is none. */
static bool exchange(struct courier_apart *a, int from, int to)
{
	for (size_t i = 0; i < SOCKETS; i++)
		if (a->sockets[i] == from) {
			a->sockets[i] = to;
			return true;
		}
	return false;
}

bool apart_opened(struct courier_apart *a, int fd)
{
	bool kept;

	pthread_mutex_lock(&a->lock);
	kept = !a->stopped && exchange(a, -1, fd);
	pthread_mutex_unlock(&a->lock);
	return kept;
}

/* Nobody shuts down what has this number next. */
static int close_socket(void *arg, curl_socket_t fd)
{
	struct courier_apart *a = arg;
	int ret;

	pthread_mutex_lock(&a->lock);
	exchange(a, fd, -1);
	ret = close(fd);
	pthread_mutex_unlock(&a->lock);
	return ret;
}

/* Lock held. */
static void shut_down(struct courier_apart *a)
{
	a->stopped = true;
	for (size_t i = 0; i < SOCKETS; i++)
		if (a->sockets[i] >= 0)
			shutdown(a->sockets[i], SHUT_RDWR);
}

/* --- the thread ------------------------------------------------------------ */

static bool goes_on(struct courier_apart *a)
{
	bool stopped;

	pthread_mutex_lock(&a->lock);
	stopped = a->stopped;
	pthread_mutex_unlock(&a->lock);
	return !stopped;
}

static CURLcode move(struct courier_apart *a)
{
	int running = 1, left;
	CURLMsg *msg;

	while (running && goes_on(a) && !curl_multi_perform(a->multi, &running))
		if (running)
			curl_multi_poll(a->multi, NULL, 0, LOOK_MS, NULL);
	msg = curl_multi_info_read(a->multi, &left);
	return msg ? msg->data.result : CURLE_ABORTED_BY_CALLBACK;
}

static void *run(void *arg)
{
	struct courier_apart *a = arg;
	CURLM *multi = a->multi;

	a->code = move(a);
	pthread_mutex_lock(&a->lock);
	shut_down(a);
	a->multi = NULL;
	pthread_mutex_unlock(&a->lock);
	curl_multi_remove_handle(multi, a->job->easy);
	curl_multi_cleanup(multi);	/* and the connections */
	atomic_store(&a->over, true);
	curl_multi_wakeup(a->job->c->multi);
	return NULL;
}

/* --- begin and end --------------------------------------------------------- */

static void free_apart(struct courier_apart *a)
{
	a->job->apart = NULL;
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static int create_thread(struct courier_apart *a)
{
	pthread_attr_t attr;
	int ret = pthread_attr_init(&attr);

	if (ret)
		return -ret;
	ret = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (!ret)
		ret = pthread_create(&a->thread, &attr, run, a);
	pthread_attr_destroy(&attr);
	return ret ? -ENOMEM : 0;	/* EAGAIN: of threads or memory there are no more */
}

int apart_start(struct courier_job *job)
{
	struct courier_apart *a = calloc(1, sizeof(*a));
	int ret = -ENOMEM;

	if (!a)
		return ret;
	*a = (struct courier_apart){ .job = job, .multi = curl_multi_init(),
				     .sockets = { -1, -1, -1, -1 } };
	static_assert(SOCKETS == 4, "none yet of all of them");
	pthread_mutex_init(&a->lock, NULL);
	job->apart = a;
	if (a->multi && !curl_easy_setopt(job->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) &&
	    !curl_easy_setopt(job->easy, CURLOPT_CLOSESOCKETDATA, a) &&
	    !curl_multi_add_handle(a->multi, job->easy)) {
		ret = create_thread(a);
		if (!ret)
			return 0;
		curl_multi_remove_handle(a->multi, job->easy);
	}
	curl_multi_cleanup(a->multi);
	free_apart(a);
	return ret;
}

void apart_stop(struct courier_apart *a)
{
	pthread_mutex_lock(&a->lock);
	shut_down(a);
	if (a->multi)
		curl_multi_wakeup(a->multi);
	pthread_mutex_unlock(&a->lock);
}

bool apart_is_over(struct courier_apart *a, CURLcode *code)
{
	if (!atomic_load(&a->over))
		return false;
	pthread_join(a->thread, NULL);
	*code = a->code;
	free_apart(a);
	return true;
}
