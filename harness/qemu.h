/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU: its command line, and the little of QMP that is needed. */
#ifndef HARNESS_QEMU_H
#define HARNESS_QEMU_H

#include <stddef.h>
#include <sys/types.h>

#include "harness/path.h"
#include "harness/qemu_argv.h"

#define QEMU_PROGRAM	"qemu-system-x86_64"
#define QEMU_MAX_VCPUS	16

struct qemu_config {
	const char *accel;	/* "tcg" or "kvm" */
	const char *cpu_model;	/* of -cpu */
	unsigned int vcpus, memory_mib;
	const char *kernel, *initrd, *append;
	const char *console_log;
	int control_fd;		/* our end's peer of the control port */
	int qmp_fd;		/* the same for QMP; -1: none */
	/* The devices of an experiment; all or none. */
	const struct path *path;	/* NULL: none */
	const struct path_end *end;
	const char *ivshmem_path, *bell_path;	/* memnetd's sockets; NULL: no ivshmem device */
	const char *ram_path;	/* the file that is its RAM, shared; NULL: none */
	const char *plugin, *insns_page;	/* counts instructions there; NULL: none */
};

/* The command line for @c. Free with qemu_argv_free(). 0 or -ENOMEM. */
int qemu_argv_make(struct qemu_argv *v, const struct qemu_config *c);
/* The same for a QEMU that only loads the plugin, and waits. */
int qemu_trial_argv_make(struct qemu_argv *v, const char *plugin, const char *insns_page);

/*
 * Negotiate QMP at @fd and ask for the thread ids of the vCPUs (as this PID
 * namespace sees them). Their number, or -errno; -EPROTO: not QMP, or an error.
 */
int qemu_vcpu_threads(int fd, pid_t tids[QEMU_MAX_VCPUS], int timeout_ms);

#endif
