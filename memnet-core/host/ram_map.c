/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/host/ram_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memnet-core/base/parse.h"

/*
 * QEMU's pc_q35_init(): RAM that reaches Q35_HOLE ends below 4 GiB at Q35_LOW, and the
 * rest begins at 4 GiB. harness/test/test_guest_ram.c asks a real QEMU.
 */
#define Q35_HOLE	0xb0000000ULL
#define Q35_LOW		0x80000000ULL
#define FOUR_GIB	(1ULL << 32)

static int parse_number(const char *text, uint64_t *value)
{
	char *end;

	if (strncmp(text, "0x", 2))
		return mn_parse_bytes(text, value);
	errno = 0;
	*value = strtoull(text + 2, &end, 16);
	return errno || end == text + 2 || *end ? -EINVAL : 0;
}

/* Three numbers out of @text, which is cut up. */
static int parse_piece(char *text, struct mn_ram_piece *p)
{
	uint64_t *const fields[] = { &p->gpa, &p->bytes, &p->offset };
	uint64_t end;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *field = strsep(&text, ":");

		if (!field || parse_number(field, fields[i]))
			return -EINVAL;
	}
	if (text)
		return -EINVAL;
	if (!p->bytes || __builtin_add_overflow(p->gpa, p->bytes, &end) ||
	    __builtin_add_overflow(p->offset, p->bytes, &end))
		return -ERANGE;
	return 0;
}

int mn_ram_map_parse(const char *text, struct mn_ram_map *map)
{
	char copy[MN_RAM_PIECES * 64], *rest = copy, *piece;
	struct mn_ram_map made = { 0 };

	if (strlen(text) >= sizeof(copy))
		return -E2BIG;
	strcpy(copy, text);
	while ((piece = strsep(&rest, ","))) {
		int ret;

		if (made.n == MN_RAM_PIECES)
			return -E2BIG;
		ret = parse_piece(piece, &made.pieces[made.n++]);
		if (ret)
			return ret;
	}
	*map = made;
	return 0;
}

void mn_ram_map_q35(uint64_t bytes, struct mn_ram_map *map)
{
	uint64_t low = bytes < Q35_HOLE ? bytes : Q35_LOW;

	*map = (struct mn_ram_map){
		.n = bytes > low ? 2 : 1,
		.pieces = { { 0, low, 0 }, { FOUR_GIB, bytes - low, low } },
	};
}

int mn_ram_map_find(const struct mn_ram_map *map, uint64_t gpa, uint64_t bytes, uint64_t *offset)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct mn_ram_piece *p = &map->pieces[i];

		if (gpa < p->gpa || bytes > p->bytes || gpa - p->gpa > p->bytes - bytes)
			continue;
		*offset = p->offset + (gpa - p->gpa);
		return 0;
	}
	return -ENOENT;
}
