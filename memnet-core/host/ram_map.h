/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a VM's guest-physical memory lies in the file that is its RAM. Pure. */
#ifndef MEMNET_RAM_MAP_H
#define MEMNET_RAM_MAP_H

#include <stddef.h>
#include <stdint.h>

#define MN_RAM_PIECES 8

struct mn_ram_map {
	size_t n;
	struct mn_ram_piece {
		uint64_t gpa, bytes, offset;
	} pieces[MN_RAM_PIECES];
};

/*
 * "GPA:BYTES:OFFSET[,...]", each as mn_parse_bytes() reads it or hexadecimal with 0x.
 * 0, -EINVAL; -ERANGE: a piece is empty or goes past 2^64; -E2BIG: too many.
 */
int mn_ram_map_parse(const char *text, struct mn_ram_map *map);

/* QEMU's q35 machine with a RAM of @bytes in one backend. */
void mn_ram_map_q35(uint64_t bytes, struct mn_ram_map *map);

/* The offset of the @bytes at @gpa when one piece has them all. 0 or -ENOENT. */
int mn_ram_map_find(const struct mn_ram_map *map, uint64_t gpa, uint64_t bytes, uint64_t *offset);

#endif
