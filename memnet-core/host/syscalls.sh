#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# syscalls.sh FILE...: what the files name behind "#syscalls" in their head comments, each once,
# as the entries of a C array. A name that is none does not compile.

set -u
found=$(sed -n 's/^ \* #syscalls //p' "$@" | tr -s ' \t' '\n\n' | sort -u)
[ -n "$found" ] || { echo "syscalls.sh: no file names a system call" >&2; exit 1; }
for name in $found; do
	printf 'SCMP_SYS(%s),\n' "$name"
done
