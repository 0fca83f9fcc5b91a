/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control channel to the guest's init: lines over a virtio-serial port,
 * never over the path under test. Commands are answered; what the workloads do
 * (armed, result, exit) comes as events in between and is kept per slot.
 */
#ifndef HARNESS_GUEST_LINK_H
#define HARNESS_GUEST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_SLOTS 2	/* 0: compute, 1: stream */
#define GUEST_LINE 4096

struct guest_slot {
	bool spawned, armed, exited;
	char status[32];	/* "status=0", "signal=9" */
	char result[1024];	/* the line after "result SLOT ", empty without one */
	char complaint[256];	/* its last line on standard error */
};

struct guest_link {
	int fd;			/* stream socket to QEMU; -1 closed */
	char buf[GUEST_LINE];
	size_t used;
	struct guest_slot slots[GUEST_SLOTS];
	/* Called about ten times a second while waiting; not 0 ends the wait with it. */
	int (*watchdog)(void *arg);
	void *watchdog_arg;
	/* Takes the other lines of a program: on its standard error, or its output; or NULL. */
	void (*output)(void *arg, bool error, const char *text);
	void *output_arg;
};

/*
 * All waits return -ETIMEDOUT, -EPIPE (QEMU has gone), -EINTR (ctrl-C), or what
 * the watchdog returned.
 */

/* Wait for a line that begins with the word @word; copied into @line. 0 or as above. */
int guest_wait_line(struct guest_link *g, const char *word, char *line, size_t size,
		    int timeout_ms);

/* Let @time_ms pass, taking events. 0 or as above. */
int guest_pass_time(struct guest_link *g, int time_ms);

/*
 * Send @command, wait for the answer that begins with @answer. -EREMOTEIO when
 * the guest answered `error ...` (that line is in @line then).
 */
int guest_command(struct guest_link *g, const char *command, const char *answer, char *line,
		  size_t size, int timeout_ms);

struct guest_answer {
	char line[GUEST_LINE];
	int64_t at_ns;		/* when it was here, CLOCK_MONOTONIC; 0: it never was */
};

#define GUEST_MAX_LINKS 16

/*
 * The same for @n guests at once: all are told before any is waited for. Waits for
 * all, with the watchdog of the first; what it returns is of the first that failed.
 */
int guest_command_all(struct guest_link *const links[], size_t n, const char *command,
		      const char *answer, struct guest_answer *answers, int timeout_ms);

/* Wait until @done(slot) holds for every spawned slot. A slot that exits ends the wait too. */
int guest_wait_slots(struct guest_link *g, bool (*done)(const struct guest_slot *),
		     int timeout_ms);

/* Forget the slots of the run before. */
void guest_clear_slots(struct guest_link *g);

/* The number behind "@key=" in a line of key=value words. 0 or -ENOENT. */
int guest_value(const char *line, const char *key, int64_t *value);

/* The word behind "@key=", cut to @size; "" without it. */
void guest_text(const char *line, const char *key, char *text, size_t size);

#endif
