/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of the control protocol: lines of ASCII, at most 4096 bytes with
 * the newline, over a virtio-serial port. The host commands, the guest answers in
 * order; events may come between. Times are the guest's CLOCK_MONOTONIC.
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
 */
#ifndef MEMNET_HARNESS_GUEST_CONTROL_H
#define MEMNET_HARNESS_GUEST_CONTROL_H

#include <stdbool.h>

/*
 * Serve until quit (0) or until the port fails (-errno). SIGCHLD must be blocked.
 * @deaf_to_mark: never answer a mark, for tests of the host.
 */
int control_serve(int port, bool deaf_to_mark);

#endif
