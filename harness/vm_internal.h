/* SPDX-License-Identifier: BSD-2-Clause */
/* Between vm.c and vm_memnetd.c: the files that a VM and its memnetd meet at. */
#ifndef HARNESS_VM_INTERNAL_H
#define HARNESS_VM_INTERNAL_H

#include "harness/vm.h"

#define RAM_FILE	"ram"

/* A file of VM @number in the sandbox: "/dev/shm/vm2.bell". */
void vm_tmp_path(unsigned int number, const char *suffix, char path[64]);

/* Is the region of its memory with memnetd in the guest's RAM? */
bool vm_in_guest_ram(const struct vm_config *c);

#endif
