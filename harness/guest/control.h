/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of the control protocol: lines of ASCII, at most 4096 bytes with
 * the newline, over a virtio-serial port, or without a VM (native.c) a socket. The
 * host commands, the guest answers in order; events may come between. Times are the
 * guest's CLOCK_MONOTONIC.
 *
 *	(at the start)    hello 1 kernel=<release>
 *	                  ready boot_ns=<CLOCK_BOOTTIME>
 *	spawn SLOT ARG... spawned SLOT PID | error spawn SLOT <errno name> <text>
 *	                  (words split at blanks; "@progress@" becomes the slot's file;
 *	                  words NAME=VALUE in front are the environment's)
 *	go                went t_ns=           every armed program got its line
 *	mark LABEL        mark LABEL t_ns= user= ... steal= (ns) intr= ctxt= ops0= bytes0= ...
 *	stop              stopped              SIGTERM to every program and what it started
 *	kill              killed               SIGKILL to them
 *	quit              bye                  then the power goes off
 *	(anything else)   error command <text>
 *
 *	events:           armed SLOT | result SLOT ... | out SLOT ... | err SLOT ...
 *	                  exit SLOT status=<n> | exit SLOT signal=<n>   (after all its lines;
 *	                  what it has started and left is killed)
 *
 * The host hanging up is a quit: no VM outlives who started it.
 *
 * Without a VM a mark has no counts of /proc/stat, which would be the whole machine's; the
 * host counts the CPU time of each program instead, and can do so until the next one is
 * spawned in its slot: till then one that has ended stays a zombie.
 */
#ifndef MEMNET_HARNESS_GUEST_CONTROL_H
#define MEMNET_HARNESS_GUEST_CONTROL_H

#include <stdbool.h>

struct control_config {
	int port;
	const char *progress_dir;	/* for the slots' files */
	bool on_host;			/* there is no VM */
	bool deaf_to_mark;		/* never answer a mark, for tests of the host */
};

/* Serve until quit (0) or until the port fails (-errno). SIGCHLD must be blocked. */
int control_serve(const struct control_config *config);

#endif
