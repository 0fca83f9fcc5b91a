/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab: experiments. */
#include "harness/lab.h"
#include "harness/lock.h"

int main(int argc, char **argv)
{
	struct lab lab = {
		.experiment = {
			.results = "results", .accel = "auto", .build = "build", .lock = LOCK_FILE,
		},
	};

	lab_parse(&lab, argc, argv);
	return lab.command->run(&lab);
}
