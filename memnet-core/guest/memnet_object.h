/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects: memory of the region that a program produces into in place, and that the host then
 * sends, or fills, or serves, by HTTP and what else libcurl has there. The guest copies nothing.
 *
 *	memnet_open(&m);
 *	memnet_store_open(m, &s);
 *	memnet_object_create(s, "result", 1 << 20, &o);
 *	n = produce(memnet_object_data(o), memnet_object_room(o));
 *	memnet_object_seal(o, n);
 *	memnet_object_deliver(o, "http://192.0.2.1/result", &job);
 *	... meanwhile the next one is produced ...
 *	memnet_job_wait(job, -1, &result);
 *	memnet_object_release(o);
 *
 * An object is sealed once, and from then on the same for everybody; nothing enforces that
 * against other processes of this guest, which trust each other with the region. A sealed
 * object with a name stays until it is removed, whoever made it; any other goes with its
 * release, and with the process.
 *
 * Thread-safe, but for a store or an object that is being closed or released. Functions return
 * 0 or -errno; besides what each says:
 *   -ECONNRESET  the session ended, or the agent; close, and open anew
 *   -EOPNOTSUPP  the host gives this VM no arena (memnetd --arena)
 */
#ifndef MEMNET_OBJECT_H
#define MEMNET_OBJECT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct memnet;	/* memnet.h */

#define MEMNET_OBJECT_NAME	64	/* with its 0; of printable ASCII, no blank, no slash */

struct memnet_store;
struct memnet_object;
struct memnet_job;

/* Of @m, which outlives it and is a client of an agent. -ENOTSUP: it is none. */
int memnet_store_open(struct memnet *m, struct memnet_store **out);

/* @s, whose objects are released and whose jobs have ended. NULL is ignored. */
void memnet_store_close(struct memnet_store *s);

/*
 * Room for @max bytes; 0: half of the largest piece that is free. @name (NULL: none) is taken from
 * now on. -ENOSPC: so much is not free in one piece; -EEXIST: the name is taken; -EINVAL: it
 * is none; -EMFILE: too many objects.
 */
int memnet_object_create(struct memnet_store *s, const char *name, uint64_t max,
			 struct memnet_object **out);

/* A sealed object, to read in place. -ENOENT. */
int memnet_object_open(struct memnet_store *s, const char *name, struct memnet_object **out);

/* Where it is; page-aligned. To be written only until it is sealed. */
void *memnet_object_data(const struct memnet_object *o);

/* "" of none; as long as @o. */
const char *memnet_object_name(const struct memnet_object *o);

/* Bytes that fit, and those that it has once it is sealed (0 before). */
uint64_t memnet_object_room(const struct memnet_object *o);
uint64_t memnet_object_length(const struct memnet_object *o);

/* It is whole: its first @length bytes. What room is beyond is given back. -EINVAL; -EBADF. */
int memnet_object_seal(struct memnet_object *o, uint64_t length);

/* Has no job under way. NULL is ignored. */
void memnet_object_release(struct memnet_object *o);

/* The name is nobody's any more; who has the object open keeps it. -ENOENT. */
int memnet_object_remove(struct memnet_store *s, const char *name);

struct memnet_object_info {
	char name[MEMNET_OBJECT_NAME];
	uint64_t length;
};

/*
 * The sealed object whose name is the next after @info's in the order of strcmp(); "" begins.
 * -ENOENT: there is no further one.
 */
int memnet_object_next(struct memnet_store *s, struct memnet_object_info *info);

struct memnet_space {
	uint64_t bytes;		/* for objects; whole pages of it are in use, or */
	uint64_t free;		/* so much is not; */
	uint64_t largest;	/* so much of that in one piece */
};

/* What is so now: others take and give back. */
int memnet_store_space(struct memnet_store *s, struct memnet_space *out);

/* --- what the host does with it --------------------------------------------------------- */

struct memnet_job_result {
	int error;		/* 0, or -errno: */
	/*
	 *   -EACCES      the host's policy forbids the destination
	 *   -EREMOTEIO   the server refused: see @status
	 *   -EPERM       the server refused the URL's user or password, of FTP and SFTP
	 *   -EISDIR      the URL of FTP or SFTP names no file
	 *   -EPROTO      the server does not speak the protocol as it should
	 *   -EFBIG       of fetch: there is more than fits
	 *   -EPROTONOSUPPORT, -EINVAL  the URL's scheme; the URL, or one without
	 *   -EBADMSG     of https: no TLS there, or none that the host speaks
	 *   -EHOSTUNREACH  the host cannot resolve the name, or not reach it
	 *   -EKEYREJECTED  the server's certificate or key is not one to trust
	 *   -EBUSY       24 jobs of this guest are under way
	 *   -ECONNABORTED  what does this on the host died; try again
	 *   -ECANCELED   memnet_job_cancel()
	 *   -ECONNREFUSED, -ETIMEDOUT, -ENOENT, -EIO ...
	 */
	unsigned int status;	/* of HTTP; 0: none */
	uint64_t bytes;		/* moved; of -EFBIG: that there are, 0: the server does not say */
};

/*
 * Have the host begin; 0: @out is under way, and the object stays and its bytes are left
 * alone until memnet_job_wait() has told its end. -ENOSPC: there is no page for the URL;
 * -EINVAL: no URL, longer than 2048 bytes, or, of deliver and serve, the object is not sealed.
 *
 * deliver: PUT the object to @url. fetch: from @url into an object that is not sealed; then it
 * can be, with result.bytes. serve: answer GET and HEAD, ranges too, at @url, which begins with
 * http:// and an address of the host's, until memnet_job_cancel().
 */
int memnet_object_deliver(struct memnet_object *o, const char *url, struct memnet_job **out);
int memnet_object_fetch(struct memnet_object *o, const char *url, struct memnet_job **out);
int memnet_object_serve(struct memnet_object *o, const char *url, struct memnet_job **out);

/*
 * Wait for its end, at most @timeout_ms (-1: for ever), through signals. 0: *@result has it,
 * and @job is freed; -ETIMEDOUT: it goes on; -ECONNRESET: nobody will tell, and it is freed.
 */
int memnet_job_wait(struct memnet_job *job, int timeout_ms, struct memnet_job_result *result);

/* Have the host end it soon; memnet_job_wait() tells how it ended. */
int memnet_job_cancel(struct memnet_job *job);

#ifdef __cplusplus
}
#endif

#endif
