/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which accelerator: "kvm" or "tcg". /dev/kvm proves nothing; a kernel of this
 * project that reached its init under KVM does. The answer is kept in a file
 * with what it was true for: kernel, image, QEMU, host and its boot.
 */
#ifndef HARNESS_ACCEL_H
#define HARNESS_ACCEL_H

#include <stddef.h>

#include "harness/vm.h"

struct accel {
	const char *name;	/* "kvm" or "tcg" */
	char reason[400];	/* why, in words */
};

/*
 * @want is "auto", "kvm" or "tcg". @vm gives kernel, initrd and log_dir for the
 * probe; @cache is the file of the answer. 0; -EINVAL: not such a word; -ENODEV: "kvm", and
 * no kernel boots under it, a->reason says why. Inside the sandbox; at most a few seconds.
 */
int accel_choose(struct accel *a, const char *want, const struct vm_config *vm, const char *cache);

/*
 * The same from what is known, anywhere and at once; of @vm kernel and initrd count. -EAGAIN:
 * it has to be tried.
 */
int accel_recall(struct accel *a, const char *want, const struct vm_config *vm, const char *cache);

#endif
