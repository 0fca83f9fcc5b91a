/* SPDX-License-Identifier: BSD-2-Clause */
/* Run fuzz_host.c over files: those given (of folders, all in them), else seeds/. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "memnet-core/fuzz/actions.h"

#define INPUT_BYTES	(1u << 16)
#define SEEDS		"memnet-core/fuzz/seeds"

static unsigned int ran;

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	size_t n;

	if (!f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	/* Of its own size: the address sanitizer sees who reads behind it. */
	data = malloc(INPUT_BYTES);
	n = fread(data, 1, INPUT_BYTES, f);
	fclose(f);
	data = realloc(data, n ? n : 1);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	ran++;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void run_path(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_visible, alphasort);

	if (n < 0) {
		run_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		printf("%s\n", file);
		run_file(file);
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc < 2)
		run_path(SEEDS);
	printf("%u inputs, no claim broken\n", ran);
	return ran ? EXIT_SUCCESS : EXIT_FAILURE;
}
