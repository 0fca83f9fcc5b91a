/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page in which a QEMU counts the instructions of its guest, and others read.
 *
 * The plugin writes all of it: the header once, the magic last; each line by the thread
 * of its vCPU only. Counts only grow. A reader checks the header once and then loads
 * whole words: nothing else orders the two counts of a line, or two lines.
 */
#ifndef MEMNET_ENERGY_PLUGIN_INSNS_PAGE_H
#define MEMNET_ENERGY_PLUGIN_INSNS_PAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define INSNS_PAGE_MAGIC	0x736e736e694e4d20ULL	/* " MNinsns" */
#define INSNS_PAGE_VERSION	1u
#define INSNS_PAGE_BYTES	4096
#define INSNS_LINE_BYTES	128
#define INSNS_MAX_VCPUS		31

enum insns_mode { INSNS_USER, INSNS_KERNEL, INSNS_MODES };

struct insns_header {
	uint64_t magic;
	uint32_t version;
	uint32_t vcpus;			/* lines in use */
	uint32_t writer;		/* process id of QEMU, in its own namespace */
	uint8_t zero[INSNS_LINE_BYTES - 20];
};

struct insns_line {
	uint64_t insns[INSNS_MODES];
	uint8_t zero[INSNS_LINE_BYTES - 8 * INSNS_MODES];
};

struct insns_page {
	struct insns_header header;
	struct insns_line vcpu[INSNS_MAX_VCPUS];
};

static_assert(offsetof(struct insns_header, version) == 8, "layout");
static_assert(offsetof(struct insns_header, vcpus) == 12, "layout");
static_assert(offsetof(struct insns_header, writer) == 16, "layout");
static_assert(sizeof(struct insns_header) == INSNS_LINE_BYTES, "one line");
static_assert(sizeof(struct insns_line) == INSNS_LINE_BYTES, "one line");
static_assert(offsetof(struct insns_page, vcpu) == INSNS_LINE_BYTES, "layout");
static_assert(sizeof(struct insns_page) == INSNS_PAGE_BYTES, "one page");

#endif
