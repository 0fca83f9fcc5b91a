/* SPDX-License-Identifier: BSD-2-Clause */
/* memnet-lab: experiments. */
#include "harness/lab.h"
#include "harness/lock.h"

#include <stdlib.h>

#include "memnet-core/base/io.h"

int main(int argc, char **argv)
{
	struct lab lab = {
		.experiment = {
			.results = "results", .accel = "auto", .build = "build", .lock = LOCK_FILE,
		},
	};

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	lab_parse(&lab, argc, argv);
	return lab_end(lab.command, lab.command->run(&lab));
}
