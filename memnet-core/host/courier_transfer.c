/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PUT and GET by libcurl. What it may do is narrowed here: four protocols, no redirects, no
 * proxies, no netrc, no cookies, and only addresses that the policy permits. FTP connects to its
 * data, never the other way round, and to the server alone, wherever that says they are.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "memnet-core/base/util.h"
#include "memnet-core/host/courier_internal.h"

#define KNOWN_HOSTS	"/etc/ssh/ssh_known_hosts"
#define BUFFER_BYTES	(512L << 10)
/* A server that does nothing for so long fails, and a transfer that takes so long. */
#define CONNECT_S	15L
#define STALL_S		30L
#define WHOLE_S		3600L

/* --- policy ---------------------------------------------------------------- */

/* What fails after a denial, with nothing permitted since, fails by it. */
static bool may_connect(struct courier_job *job, const union mn_sockaddr *to)
{
	bool permitted;

	pthread_mutex_lock(&job->c->policy_lock);
	permitted = mn_policy_permits(&job->c->policy, MN_POLICY_CONNECT, IPPROTO_TCP, &to->sa);
	pthread_mutex_unlock(&job->c->policy_lock);
	job->to = *to;
	job->denied_use = permitted ? 0 : MN_POLICY_CONNECT;
	return permitted;
}

/* Each address of a name, before anything is said to it. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct courier_job *job = arg;
	union mn_sockaddr addr = { 0 };
	int fd;

	if (to->socktype != SOCK_STREAM || to->addrlen > sizeof(addr))
		return CURL_SOCKET_BAD;
	memcpy(&addr, &to->addr, to->addrlen);
	if (!may_connect(job, &addr))
		return CURL_SOCKET_BAD;
	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd >= 0 && job->apart && !apart_opened(job->apart, fd)) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* Also where a connection of before is used again, which the policy may not permit any more. */
static int before_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	union mn_sockaddr to = { .in = { .sin_family = AF_INET, .sin_port = htons(peer_port) } };

	if (inet_pton(AF_INET, peer, &to.in.sin_addr) != 1) {
		to = (union mn_sockaddr){ .in6 = { .sin6_family = AF_INET6,
						   .sin6_port = htons(peer_port) } };
		if (inet_pton(AF_INET6, peer, &to.in6.sin6_addr) != 1)
			return CURL_PREREQFUNC_ABORT;
	}
	return may_connect(arg, &to) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* --- bytes ----------------------------------------------------------------- */

/* How much there is, as the server says; 0: it does not. */
static uint64_t promised(const struct courier_job *job)
{
	curl_off_t n = 0;

	curl_easy_getinfo(job->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
	return MAX(n, 0);
}

static size_t take(char *from, size_t size, size_t n, void *arg)
{
	struct courier_job *job = arg;

	if (n > job->bytes - job->at || promised(job) > job->bytes) {
		job->error = -EFBIG;
		return 0;
	}
	memcpy(job->data + job->at, from, n);
	job->at += n;
	return n;
}

/* What a server says to what it was given. */
static size_t ignore(char *from, size_t size, size_t n, void *arg)
{
	return n;
}

static size_t give(char *to, size_t size, size_t n, void *arg)
{
	struct courier_job *job = arg;
	size_t some = MIN(size * n, job->bytes - job->at);

	memcpy(to, job->data + job->at, some);
	job->at += some;
	return some;
}

static int seek(void *arg, curl_off_t offset, int origin)
{
	struct courier_job *job = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > job->bytes)
		return CURL_SEEKFUNC_FAIL;
	job->at = offset;
	return CURL_SEEKFUNC_OK;
}

/* --- how it went ----------------------------------------------------------- */

static const struct { CURLcode code; int error; } errors[] = {
	{ CURLE_OK, 0 },
	{ CURLE_UNSUPPORTED_PROTOCOL, -EPROTONOSUPPORT },
	{ CURLE_URL_MALFORMAT, -EINVAL },
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
	{ CURLE_HTTP_RETURNED_ERROR, -EREMOTEIO },
	{ CURLE_UPLOAD_FAILED, -EREMOTEIO },
	{ CURLE_REMOTE_FILE_NOT_FOUND, -ENOENT },
	{ CURLE_REMOTE_ACCESS_DENIED, -EREMOTEIO },
	{ CURLE_REMOTE_DISK_FULL, -EREMOTEIO },
	{ CURLE_FTP_COULDNT_RETR_FILE, -EREMOTEIO },
	{ CURLE_SSH, -EREMOTEIO },	/* "failure" is what SFTP says of much */
	{ CURLE_LOGIN_DENIED, -EPERM },
	{ CURLE_WEIRD_SERVER_REPLY, -EPROTO },
	{ CURLE_FTP_WEIRD_PASV_REPLY, -EPROTO },
	{ CURLE_FTP_WEIRD_227_FORMAT, -EPROTO },
	{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED },
	{ CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED },
	{ CURLE_SSL_CONNECT_ERROR, -EBADMSG },
	{ CURLE_GOT_NOTHING, -ECONNRESET },
	{ CURLE_SEND_ERROR, -ECONNRESET },
	{ CURLE_RECV_ERROR, -ECONNRESET },
	{ CURLE_PARTIAL_FILE, -ECONNRESET },
	{ CURLE_OUT_OF_MEMORY, -ENOMEM },
};

static int error_of(const struct courier_job *job, CURLcode code, long status)
{
	long os = 0;

	if (job->cancelled)
		return -ECANCELED;
	if (code == CURLE_OK)
		return status >= 300 ? -EREMOTEIO : 0;	/* elsewhere: nobody goes there */
	if (job->error)
		return job->error;
	if (job->denied_use)
		return -EACCES;
	if (code == CURLE_COULDNT_CONNECT) {
		curl_easy_getinfo(job->easy, CURLINFO_OS_ERRNO, &os);
		return os > 0 ? -os : -ECONNREFUSED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].code == code)
			return errors[i].error;
	return -EIO;
}

static void done(struct courier_job *job, CURLcode code)
{
	struct mn_courier_answer a = { .job = job - job->c->jobs, .bytes = job->at };
	const char *scheme = NULL;
	long status = 0;

	curl_easy_getinfo(job->easy, CURLINFO_SCHEME, &scheme);
	if (scheme && !strncasecmp(scheme, "http", 4))	/* others have numbers of their own */
		curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
	a.status = status;
	a.result = error_of(job, code, status);
	if (a.result == -EFBIG)
		a.bytes = promised(job);
	a.use = job->denied_use;
	a.to = job->to;
	curl_easy_cleanup(job->easy);
	job->used = false;
	courier_answer(job->c, &a);
}

/* --- what it may do -------------------------------------------------------- */

static const struct { CURLoption option; long value; } limits[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_QUICK_EXIT, 1 },	/* no wait for the resolver */
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_CONNECTTIMEOUT, CONNECT_S },
	{ CURLOPT_LOW_SPEED_LIMIT, 1 },
	{ CURLOPT_LOW_SPEED_TIME, STALL_S },
	{ CURLOPT_TIMEOUT, WHOLE_S },
	{ CURLOPT_SERVER_RESPONSE_TIMEOUT, STALL_S },
	{ CURLOPT_FTP_SKIP_PASV_IP, 1 },
	{ CURLOPT_FAILONERROR, 1 },
	{ CURLOPT_BUFFERSIZE, BUFFER_BYTES },
	{ CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES },
};

/* All of them, or the job is refused: libcurl without one of these may do what it must not. */
static bool set_limits(CURL *e, const struct courier *c)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		bad |= curl_easy_setopt(e, limits[i].option, limits[i].value);
	bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, c->protocols);
	bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
	if (strstr(c->protocols, "sftp")) {
		bad |= curl_easy_setopt(e, CURLOPT_SSH_KNOWNHOSTS, KNOWN_HOSTS);
		bad |= curl_easy_setopt(e, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PASSWORD);
	}
	return !bad;
}

static bool set_put(CURL *e, struct courier_job *job)
{
	int bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
	bad |= curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->bytes);
	bad |= curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
	bad |= curl_easy_setopt(e, CURLOPT_READDATA, job);
	bad |= curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek);
	bad |= curl_easy_setopt(e, CURLOPT_SEEKDATA, job);
	bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore);
	return !bad;
}

static bool set_get(CURL *e, struct courier_job *job)
{
	int bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
	bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, job);
	return !bad;
}

static bool set_job(CURL *e, struct courier_job *job, const char *url)
{
	int bad = 0;

	bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, job);
	bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, job);
	bad |= curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
	bad |= curl_easy_setopt(e, CURLOPT_PREREQDATA, job);
	bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, job->c->headers);
	bad |= curl_easy_setopt(e, CURLOPT_URL, url);
	return !bad && (job->op == MN_OP_PUT ? set_put(e, job) : set_get(e, job));
}

/* --- URLs ------------------------------------------------------------------ */

/*
 * Of FTP and SFTP libcurl makes a list of a folder's files where no file is named, or by a type
 * of FTP's, of which one changes bytes, too.
 */
static int check_file(CURLU *u)
{
	char *path = NULL;
	int ret = curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE) ? -EINVAL : 0;

	if (!ret && path[strlen(path) - 1] == '/')
		ret = -EISDIR;
	else if (!ret && strcasestr(path, ";type="))
		ret = -EINVAL;
	curl_free(path);
	return ret;
}

/* Is it one that libcurl cannot move without waiting? 0 or -errno. */
static int look_at(const char *url, bool *waits)
{
	char *scheme = NULL;
	CURLU *u = curl_url();
	CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
	int ret = code == CURLUE_OUT_OF_MEMORY ? -ENOMEM :
		  code == CURLUE_UNSUPPORTED_SCHEME ? -EPROTONOSUPPORT :
		  code || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ? -EINVAL : 0;

	*waits = !ret && (!strcmp(scheme, "ftp") || !strcmp(scheme, "sftp"));
	if (*waits)
		ret = check_file(u);
	curl_free(scheme);
	curl_url_cleanup(u);
	return ret;
}

/* --- beginning and ending -------------------------------------------------- */

int transfer_start(struct courier_job *job, const char *url)
{
	bool waits;
	int ret;

	if (job->op != MN_OP_PUT && job->op != MN_OP_GET)
		return -EOPNOTSUPP;
	ret = look_at(url, &waits);
	if (ret)
		return ret;
	job->easy = curl_easy_init();
	if (!job->easy)
		return -ENOMEM;
	if (!set_limits(job->easy, job->c) || !set_job(job->easy, job, url))
		ret = -ENOMEM;
	else if (waits)
		ret = apart_start(job);
	else if (curl_multi_add_handle(job->c->multi, job->easy))
		ret = -ENOMEM;
	if (ret)
		curl_easy_cleanup(job->easy);
	return ret;
}

bool transfer_end(struct courier_job *job)
{
	if (job->apart) {
		job->cancelled = true;
		apart_stop(job->apart);
		return false;
	}
	curl_multi_remove_handle(job->c->multi, job->easy);
	curl_easy_cleanup(job->easy);
	return true;
}

void transfer_work(struct courier *c)
{
	int running, left;
	CURLMsg *msg;
	CURLcode code;

	curl_multi_perform(c->multi, &running);
	while ((msg = curl_multi_info_read(c->multi, &left))) {
		struct courier_job *job;

		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &job);
		curl_multi_remove_handle(c->multi, job->easy);
		done(job, code);
	}
	for (size_t i = 0; i < MN_COURIER_JOBS; i++)
		if (c->jobs[i].apart && apart_is_over(c->jobs[i].apart, &code))
			done(&c->jobs[i], code);
}

/* Those of ours that this libcurl has: it refuses a list with one that it has not. */
static void list_protocols(struct courier *c)
{
	static const char *const ours[] = { "http", "https", "ftp", "sftp" };
	const char *const *its = curl_version_info(CURLVERSION_NOW)->protocols;

	for (; *its; its++)
		for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
			if (!strcmp(*its, ours[i])) {
				if (c->protocols[0])
					strcat(c->protocols, ",");
				strcat(c->protocols, ours[i]);
			}
}

int transfer_init(struct courier *c)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	list_protocols(c);
	c->multi = curl_multi_init();
	/* Without it libcurl waits a second for a server's leave to send. */
	c->headers = curl_slist_append(NULL, "Expect:");
	return c->multi && c->headers ? 0 : -ENOMEM;
}
