/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The region in guest RAM, in VMs under TCG: memnetd finds the pages the agent
 * announces, below and above 4 GiB; streams are right both ways; worker and agent
 * may die. And what memnetd believes of a q35 machine's RAM is what QEMU says.
 * Skips (77) without QEMU or an image. About 15 s: two boots.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/test/guest_vm.h"
#include "harness/test/programs.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"

#define GIB		((uint64_t)1 << 30)
#define MIB		((uint64_t)1 << 20)
#define STREAM_BYTES	"8M"	/* several laps of a FIFO of 1 MiB */
#define WAIT_MS		10000
#define FOUND		"region in guest RAM: 16 pages"
#define LET_GO		"the guest is silent; its memory is let go"

static const char *folder;

/* A VM and what is around it. */
static struct {
	struct guest_vm vm;
	pid_t memnetd, peer;
	int ram;		/* memfd */
	char log[200];		/* memnetd's messages */
	unsigned int port;	/* the peer's */
} fx;

/* --- around the VM ------------------------------------------------------------------- */

/* How often memnetd has said @what; the last time is at *@last. */
static unsigned int times_said(const char *what, const char **last)
{
	static char text[16384];
	unsigned int n = 0;

	*last = text;
	if (mn_read_file(fx.log, text, sizeof(text)) < 0)
		text[0] = '\0';
	for (const char *at = text; (at = strstr(at, what)); n++)
		*last = at++;
	return n;
}

/* Wait until memnetd has said it more than @before times. The last one. */
static const char *wait_said(const char *what, unsigned int before)
{
	int64_t end = mn_now_ns() + WAIT_MS * NSEC_PER_MSEC;
	const char *last;

	while (times_said(what, &last) <= before) {
		if (mn_now_ns() > end)
			fail_msg("memnetd did not say '%s' %u times", what, before + 1);
		mn_sleep_until_ns(mn_now_ns() + 20 * NSEC_PER_MSEC);
	}
	return last;
}

static unsigned int regions_found(void)
{
	const char *last;

	return times_said(FOUND, &last);
}

/* The guest-physical address of the first page of the region memnetd found after @before others. */
static uint64_t next_region(unsigned int before)
{
	const char *at = strstr(wait_said(FOUND, before), "at 0x");

	assert_non_null(at);
	return strtoull(at + 3, NULL, 16);
}

static void start_memnetd(void)
{
	char ram[64], socket_path[200];
	char *args[] = { "memnetd", "--dir", (char *)folder, "--vm", "a", "--allow",
			 "127.0.0.0/8", "--flows", "8", "--guest-ram", ram, NULL };

	snprintf(ram, sizeof(ram), "/proc/%d/fd/%d", getpid(), fx.ram);
	snprintf(fx.log, sizeof(fx.log), "%s/memnetd.log", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/a.bell", folder);
	fx.memnetd = program_start("memnetd", fx.log, args);
	for (int i = 0; access(socket_path, F_OK); i++) {
		assert_in_range(i, 0, 500);
		mn_sleep_until_ns(mn_now_ns() + 10 * NSEC_PER_MSEC);
	}
}

static void start_peer(void)
{
	char listen_at[32];
	char *args[] = { "memnet-work", "peer", "--listen", listen_at, NULL };

	fx.port = program_port();
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", fx.port);
	fx.peer = program_start("memnet-work", "/dev/null", args);
}

static void boot(uint64_t ram_bytes)
{
	char object[200], size[32], chardev[200];
	const char *options[] = {
		"-object", object, "-machine", "memory-backend=ram", "-m", size,
		"-chardev", chardev, "-device", "virtserialport,chardev=bell,name=memnet.bell", NULL
	};
	const struct guest_vm_setup setup = {
		.initrd = "initrd.img", .append = "", .options = options,
	};

	/* Held by us, whatever becomes of the others; QEMU inherits it. */
	fx.ram = memfd_create("guest RAM", 0);
	assert_true(fx.ram >= 0);
	start_memnetd();
	start_peer();
	snprintf(size, sizeof(size), "%" PRIu64 "M", ram_bytes / MIB);
	snprintf(object, sizeof(object), "memory-backend-file,id=ram,mem-path=/proc/self/fd/%d,"
		 "share=on,size=%s", fx.ram, size);
	snprintf(chardev, sizeof(chardev), "socket,id=bell,path=%s/a.bell", folder);
	guest_vm_boot(&fx.vm, &setup);
	assert_non_null(guest_vm_next_line(&fx.vm, GUEST_VM_BOOT_MS));
	guest_vm_expect(&fx.vm, "ready ");
}

static int end(void **state)
{
	guest_vm_end(&fx.vm);
	program_stop(&fx.memnetd);
	program_stop(&fx.peer);
	close(fx.ram);
	unlink(fx.log);
	return 0;
}

/* --- in the guest --------------------------------------------------------------------- */

/* The next line that is not of the agent a test has started in slot 1. */
static const char *next_line(void)
{
	const char *line;

	do {
		line = guest_vm_next_line(&fx.vm, GUEST_VM_ANSWER_MS);
		assert_non_null(line);
	} while (!strncmp(line, "err 1 ", 6));
	return line;
}

/* Run it; true: it ended with @status and, unless NULL, said @want. */
static bool run(const char *text, int status, const char *want)
{
	bool said = !want, ended = false, ok = false;
	char line[300], exit_line[32];

	snprintf(exit_line, sizeof(exit_line), "exit 0 status=%d", status);

	snprintf(line, sizeof(line), "spawn 0 %s", text);
	guest_vm_command(&fx.vm, line);
	assert_int_equal(strncmp(next_line(), "spawned 0 ", 10), 0);
	while (!ended) {
		const char *got = next_line();

		printf("%s\n", got);
		said |= want && strstr(got, want);
		ended = !strncmp(got, "exit 0 ", 7);
		ok = !strcmp(got, exit_line);
	}
	return ok && said;
}

static bool stream(const char *direction)
{
	char text[200];

	snprintf(text, sizeof(text), "memnet-work stream --transport memnet --peer 127.0.0.1:%u "
		 "--direction %s --bytes " STREAM_BYTES, fx.port, direction);
	return run(text, 0, " content=ok");
}

/* Somebody has died: within @s seconds all is well again. */
static void expect_recovery(unsigned int s)
{
	int64_t end = mn_now_ns() + s * NSEC_PER_SEC;

	while (!stream("send")) {
		assert_true(mn_now_ns() < end);
		mn_sleep_until_ns(mn_now_ns() + 100 * NSEC_PER_MSEC);
	}
	assert_true(stream("recv"));
}

/* --- tests ---------------------------------------------------------------------------- */

static void streams_are_right_above_4_gib(void **state)
{
	boot(5 * GIB);
	assert_in_range(next_region(0), 4 * GIB, 6 * GIB);
	assert_true(stream("send"));
	assert_true(stream("recv"));
}

static void another_worker_asks_and_is_answered(void **state)
{
	unsigned int found = regions_found();

	assert_true(program_child(fx.memnetd, 0) > 0);	/* -1 would be everybody */
	kill(program_child(fx.memnetd, 0), SIGKILL);
	assert_in_range(next_region(found), 4 * GIB, 6 * GIB);
	expect_recovery(5);
}

static void another_agent_takes_the_same_pages(void **state)
{
	unsigned int found = regions_found();
	uint64_t before = next_region(found - 1);

	assert_true(run("memnet-agent", 1, "another memnet-agent has it"));
	assert_true(run("busybox killall -9 memnet-agent", 0, NULL));
	assert_true(run("memnet-agent --region guest-ram:64M", 1, "there is one of another size"));
	guest_vm_command(&fx.vm, "spawn 1 memnet-agent");
	guest_vm_expect(&fx.vm, "spawned 1 ");
	guest_vm_expect(&fx.vm, "err 1 memnet-agent: attached: region guest-ram, write-back, "
			"woken by port");
	assert_true(next_region(found) == before);
	expect_recovery(5);
}

/* Stopped, so that what it held of the memory is no longer the host's to write to. */
static void a_silent_guest_loses_its_host_and_gets_it_back(void **state)
{
	unsigned int found = regions_found();
	const char *last;
	unsigned int let_go = times_said(LET_GO, &last);

	kill(fx.vm.pid, SIGSTOP);
	wait_said(LET_GO, let_go);
	kill(fx.vm.pid, SIGCONT);
	next_region(found);
	expect_recovery(5);
}

static void streams_are_right_below_4_gib(void **state)
{
	boot(256 * MIB);
	assert_in_range(next_region(0), 0, 256 * MIB);
	assert_true(stream("send"));
	assert_true(stream("recv"));
}

/* A pool too small is enlarged, which cannot be done here, and left as it was. */
static void without_pages_the_agent_names_the_mend(void **state)
{
	static const char pool[] = "busybox cat /proc/sys/vm/nr_hugepages";

	assert_true(run(pool, 0, "out 0 16"));
	assert_true(run("busybox killall memnet-agent", 0, NULL));
	for (int i = 0; !run("busybox umount /run/memnet-hugepages", 0, NULL); i++)
		assert_in_range(i, 0, 100);	/* until the agent has ended */
	assert_true(run("memnet-agent --region guest-ram:256M", 1, "no free hugepages; while"));
	assert_true(run(pool, 0, "out 0 16"));
}

/* --- QEMU's memory map ------------------------------------------------------------------ */

/* In what "info mtree -f" says: where RAM at @gpa is in its backend; UINT64_MAX: none. */
static uint64_t offset_in_backend(FILE *mtree, uint64_t gpa)
{
	uint64_t first, last;
	char line[256];

	rewind(mtree);
	while (fgets(line, sizeof(line), mtree)) {
		const char *at = strstr(line, " @");

		if (!strstr(line, "): pc.ram") ||
		    sscanf(line, " %" SCNx64 "-%" SCNx64, &first, &last) != 2)
			continue;
		if (gpa >= first && gpa <= last)
			return (at ? strtoull(at + 2, NULL, 16) : 0) + (gpa - first);
	}
	return UINT64_MAX;
}

static FILE *ask_qemu(unsigned int mib)
{
	char command[300], line[256];
	FILE *kept = tmpfile(), *qemu;

	snprintf(command, sizeof(command), "printf 'info mtree -f\\nquit\\n' | qemu-system-x86_64 "
		 "-M q35 -S -m %u -nodefaults -display none -accel tcg -monitor stdio 2>&1", mib);
	qemu = popen(command, "r");
	assert_non_null(kept);
	assert_non_null(qemu);
	while (fgets(line, sizeof(line), qemu))
		fputs(line, kept);
	assert_int_equal(pclose(qemu), 0);
	return kept;
}

/* The sizes around the step, and of the VMs above. memnet-core/host/test has the same numbers. */
static void a_q35_machine_has_its_ram_where_memnetd_believes(void **state)
{
	static const struct { unsigned int mib, low_mib; } cases[] = {
		{ 256, 256 }, { 2814, 2814 }, { 2816, 2048 }, { 2818, 2048 }, { 5120, 2048 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t low = cases[i].low_mib * MIB, high = cases[i].mib * MIB - low;
		FILE *mtree = ask_qemu(cases[i].mib);

		assert_true(offset_in_backend(mtree, 2 * MIB) == 2 * MIB);
		assert_true(offset_in_backend(mtree, low - 1) == low - 1);
		assert_true(offset_in_backend(mtree, low) == UINT64_MAX);
		assert_true(offset_in_backend(mtree, 4 * GIB) == (high ? low : UINT64_MAX));
		if (high)
			assert_true(offset_in_backend(mtree, 4 * GIB + high - 1) == low + high - 1);
		assert_true(offset_in_backend(mtree, 4 * GIB + high) == UINT64_MAX);
		fclose(mtree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_q35_machine_has_its_ram_where_memnetd_believes),
		cmocka_unit_test(streams_are_right_above_4_gib),
		cmocka_unit_test(another_worker_asks_and_is_answered),
		cmocka_unit_test(another_agent_takes_the_same_pages),
		cmocka_unit_test_teardown(a_silent_guest_loses_its_host_and_gets_it_back, end),
		cmocka_unit_test(streams_are_right_below_4_gib),
		cmocka_unit_test_teardown(without_pages_the_agent_names_the_mend, end),
	};
	int ret;

	folder = guest_vm_prepare("initrd.img");
	ret = cmocka_run_group_tests_name("guest RAM", tests, NULL, NULL);
	guest_vm_clean_up();
	return ret;
}
