/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the peers of a run tell: what they count while it runs, in a file of 64 bytes
 * (magic, ops, bytes, state; u64 each, see workloads/progress.h, which the harness
 * executes but does not include), and a result line for each flow behind it.
 */
#include "harness/run_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/interrupt.h"
#include "memnet-core/base/clock.h"

#define PROGRESS_BYTES 64
#define PROGRESS_WORD_BYTES 2
#define RESULTS_TIMEOUT_MS 3000

const uint64_t *run_map_peer(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *base;

	if (fd < 0)
		return NULL;
	base = mmap(NULL, PROGRESS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return base == MAP_FAILED ? NULL : base;
}

void run_unmap_peer(const uint64_t *peer)
{
	if (peer)
		munmap((void *)peer, PROGRESS_BYTES);
}

uint64_t run_peer_bytes(const uint64_t *peer)
{
	return peer ? __atomic_load_n(&peer[PROGRESS_WORD_BYTES], __ATOMIC_RELAXED) : 0;
}

/* Add up the result lines of @text; what is left of a last line that is not whole. */
static size_t add_results(struct run_vm *to, char *text, size_t len)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', len - (line - text)))) {
		int64_t bytes;

		*end = '\0';
		if (!strncmp(line, "result ", 7) && !guest_value(line, "bytes", &bytes)) {
			to->peer_results++;
			to->peer_result_bytes += bytes;
		}
		line = end + 1;
	}
	len -= line - text;
	memmove(text, line, len);
	return len;
}

void run_take_results(const struct vm *vm, struct run_vm *to)
{
	int64_t deadline = mn_now_ns() + RESULTS_TIMEOUT_MS * NSEC_PER_MSEC, want = 0;
	char buf[2048];
	size_t len = 0;

	guest_value(vm->link.slots[1].result, "bytes", &want);
	while (to->peer_result_bytes < want && mn_now_ns() < deadline && !interrupted()) {
		ssize_t n = read(vm->peer_out, buf + len, sizeof(buf) - len);

		if (n > 0)
			len = add_results(to, buf, len + n);
		if (n == 0 || len == sizeof(buf))
			return;
		if (n < 0)
			mn_sleep_until_ns(mn_now_ns() + 5 * NSEC_PER_MSEC);
	}
}

void run_drain_peer(const struct vm *vm)
{
	char buf[512];

	while (read(vm->peer_out, buf, sizeof(buf)) > 0)
		;
}
