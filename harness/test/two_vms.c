/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/test/two_vms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/test/programs.h"
#include "memnet-core/base/clock.h"

#define START_MS	20000	/* for a program, or a stream's first bytes, to be there */

void two_vms_pause_ms(int ms)
{
	mn_sleep_until_ns(mn_now_ns() + ms * NSEC_PER_MSEC);
}

void two_vms_boot(struct two_vms *t, int which)
{
	char region[200], bell[200];
	const char *const a[] = {
		"-chardev", region, "-device", "ivshmem-doorbell,chardev=mn,vectors=16",
		"-chardev", bell, "-device", "virtserialport,chardev=bell,name=memnet.bell", NULL
	};
	const char *const b[] = {
		"-device", "intel-iommu,intremap=on",
		"-chardev", region, "-device", "ivshmem-doorbell,chardev=mn,vectors=16", NULL
	};
	const struct guest_vm_setup setups[] = {
		[VM_A] = { .name = "a", .initrd = t->initrd, .append = "", .options = a },
		[VM_B] = { .name = "b", .initrd = t->initrd, .append = "intel_iommu=on",
			   .options = b },
	};
	const char *name = setups[which].name;

	snprintf(region, sizeof(region), "socket,id=mn,path=%s/%s.ivshmem", t->folder, name);
	snprintf(bell, sizeof(bell), "socket,id=bell,path=%s/%s.bell", t->folder, name);
	guest_vm_boot(&t->vm[which], &setups[which]);
}

void two_vms_spawn(struct two_vms *t, int which, int slot, const char *text)
{
	char line[300];

	snprintf(line, sizeof(line), "spawn %d %s", slot, text);
	guest_vm_command(&t->vm[which], line);
}

void two_vms_start_stream(struct two_vms *t, int which, int slot)
{
	char text[200];

	snprintf(text, sizeof(text), "memnet-work stream --transport memnet --peer 127.0.0.1:%u "
		 "--direction %s --progress @progress@", t->port[which],
		 slot == SEND ? "send" : "recv");
	two_vms_spawn(t, which, slot, text);
}

struct two_vms_edge two_vms_edge(struct two_vms *t, int which)
{
	struct two_vms_edge e;
	const char *line;

	guest_vm_command(&t->vm[which], "mark edge");
	line = guest_vm_expect(&t->vm[which], "mark edge ");
	e.t_ns = guest_vm_value(line, "t_ns");
	e.bytes[SEND] = guest_vm_value(line, "bytes0");
	e.bytes[RECV] = guest_vm_value(line, "bytes1");
	return e;
}

void two_vms_start_streams(struct two_vms *t, int which)
{
	int64_t until_ns = mn_now_ns() + START_MS * NSEC_PER_MSEC;
	struct two_vms_edge e;

	for (int slot = SEND; slot <= RECV; slot++) {
		two_vms_start_stream(t, which, slot);
		guest_vm_expect(&t->vm[which], slot == SEND ? "spawned 0 " : "spawned 1 ");
	}
	do {
		assert_true(mn_now_ns() < until_ns);
		two_vms_pause_ms(20);
		e = two_vms_edge(t, which);
	} while (!e.bytes[SEND] || !e.bytes[RECV]);
}

void two_vms_stop_streams(struct two_vms *t, int which)
{
	guest_vm_command(&t->vm[which], "stop");
	guest_vm_expect(&t->vm[which], "stopped");
	for (int ended = 0; ended < 2;) {
		const char *line = guest_vm_next_line(&t->vm[which], GUEST_VM_ANSWER_MS);

		if (!line) {
			fail_msg("%c says nothing", "ab"[which]);
			return;
		}
		if (!strncmp(line, "result ", 7)) {
			printf("%c: %s\n", "ab"[which], line);
			assert_non_null(strstr(line, " content=ok"));
		} else if (strcmp(line, "exit 0 status=0") && strcmp(line, "exit 1 status=0")) {
			fail_msg("'%s'", line);
		} else {
			ended++;
		}
	}
}

static void start_memnetd(struct two_vms *t)
{
	char *args[] = { "memnetd", "--dir", (char *)t->folder, "--allow", "127.0.0.0/8",
			 "--flows", "8", "--vm", "a", "--vm", "b", NULL };
	char socket_path[200];

	snprintf(t->log, sizeof(t->log), "%s/memnetd.log", t->folder);
	snprintf(socket_path, sizeof(socket_path), "%s/b.bell", t->folder);
	t->memnetd = program_start("memnetd", t->log, args);
	for (int i = 0; access(socket_path, F_OK); i++) {
		assert_in_range(i, 0, 500);
		two_vms_pause_ms(10);
	}
}

static void start_peer(struct two_vms *t, int which)
{
	char listen_at[32];
	char *args[] = { "memnet-work", "peer", "--listen", listen_at, NULL };

	t->port[which] = program_port();
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", t->port[which]);
	t->peer[which] = program_start("memnet-work", "/dev/null", args);
}

/* memnetd's workers are in the order of their VMs' start. */
static pid_t nth_worker(struct two_vms *t, unsigned int n)
{
	for (int ms = 0; program_child(t->memnetd, n) < 0; ms += 10) {
		assert_in_range(ms, 0, START_MS);
		two_vms_pause_ms(10);
	}
	return program_child(t->memnetd, n);
}

void two_vms_start(struct two_vms *t)
{
	start_memnetd(t);
	start_peer(t, VM_A);
	start_peer(t, VM_B);
	two_vms_boot(t, VM_B);
	t->worker[VM_B] = nth_worker(t, 0);
	two_vms_boot(t, VM_A);
	t->worker[VM_A] = nth_worker(t, 1);
	guest_vm_expect_ready(&t->vm[VM_B]);
	guest_vm_expect_ready(&t->vm[VM_A]);
}

int two_vms_end(struct two_vms *t)
{
	for (int i = 0; i < VMS; i++) {
		guest_vm_end(&t->vm[i]);
		program_stop(&t->peer[i]);
	}
	program_stop(&t->memnetd);
	unlink(t->log);
	return guest_vm_clean_up();
}
