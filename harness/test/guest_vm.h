/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest image in VMs under TCG, for tests: boot it, talk to its init. What
 * goes wrong fails the test, except in guest_vm_prepare().
 */
#ifndef HARNESS_TEST_GUEST_VM_H
#define HARNESS_TEST_GUEST_VM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GUEST_VM_BOOT_MS	60000
#define GUEST_VM_ANSWER_MS	20000

struct guest_vm {
	const char *name;
	pid_t pid;
	int control;
	size_t len;
	char buf[8192], line[4200];
};

/* What differs from the plainest machine. */
struct guest_vm_setup {
	const char *name;		/* where several run at a time, one for each; may be NULL */
	const char *initrd;		/* of $BUILD/guest */
	const char *append;		/* to the kernel's command line */
	const char *const *options;	/* more of QEMU's, NULL at the end; may be NULL */
};

/*
 * Make the folder of sockets and console; returns its path. Ends the program as
 * skipped (77) without QEMU or without @initrd in $BUILD/guest, where this
 * program is $BUILD/harness/test/NAME; the last line of @initrd.why is the reason.
 */
const char *guest_vm_prepare(const char *initrd);

/* Remove the folder. 0, or not when something unexpected was in it. */
int guest_vm_clean_up(void);

/* Start QEMU; the guest's first line is not waited for. */
void guest_vm_boot(struct guest_vm *vm, const struct guest_vm_setup *setup);

/* Wait until its init is ready; if it does not get there, the console tells why. */
void guest_vm_expect_ready(struct guest_vm *vm);

/* The next line from the guest; NULL: none within @ms, or the end. */
const char *guest_vm_next_line(struct guest_vm *vm, int ms);

/* The next line, which must begin with @start. */
const char *guest_vm_expect(struct guest_vm *vm, const char *start);

/* Send a line to the guest. */
void guest_vm_command(struct guest_vm *vm, const char *text);

/* Wait until QEMU has ended, with status 0. */
void guest_vm_expect_power_off(struct guest_vm *vm);

/* The number behind " @key=" in @line, where it must be. */
uint64_t guest_vm_value(const char *line, const char *key);

/* Kill what still runs, remove its files. */
void guest_vm_end(struct guest_vm *vm);

#endif
