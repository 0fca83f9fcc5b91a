/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab: experiments. */
#include "harness/lab.h"

int main(int argc, char **argv)
{
	struct lab lab = {
		.experiment = { .results = "results", .accel = "auto", .build = "build" },
	};

	lab_parse(&lab, argc, argv);
	return lab.command->run(&lab);
}
