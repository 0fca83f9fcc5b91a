#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The program memnet, with memnetd and memnet-agent on this machine: objects as a shell sees them.

. "$(dirname "$0")/objects_help.sh"

seq 100000 >"$top/in"
: >"$top/empty"

start --size 16M --arena 8M
works memnet ls
[ ! -s "$top/out" ] || fails "a new store is empty"
works memnet put "$top/in"
works memnet get in "$top/back"
cmp "$top/in" "$top/back" || fails "put, get"
cat "$top/in" | memnet put --name piped - || fails "put from a pipe"
memnet get piped | cmp - "$top/in" || fails "get to a pipe"
works memnet put --name=nothing "$top/empty"
works memnet get nothing
[ ! -s "$top/out" ] || fails "an empty object is empty"
works memnet ls
printf '%12u %s\n' 588895 in 0 nothing 588895 piped | cmp - "$top/out" || fails "ls"

refused 'memnet rm it' memnet put "$top/in"
refused 'No such file' memnet get none
refused 'wants a --name' memnet put -
refused 'memnet rm what is not needed' memnet put --name large --max 8M "$top/in"
refused 'there is more than fits' memnet put --name less --max 4K "$top/in"
works memnet put --name less "$top/empty"
refused 'Invalid argument' memnet put --name a/b "$top/in"
refused 'No such file' memnet rm in none
works memnet rm piped less nothing
works memnet ls
[ ! -s "$top/out" ] || fails "all were removed"
run memnet put
[ "$status" = 64 ] || fails "put without an argument"
run memnet sing
[ "$status" = 64 ] || fails "a command that is none"

# A worker that dies takes nothing along; a process that dies, what it had not sealed.
works memnet put --name stays "$top/in"
mkfifo "$top/fifo"
memnet put --name half "$top/fifo" 2>/dev/null &
half=$!
exec 3>"$top/fifo"
cat "$top/in" >&3
refused 'memnet rm it' memnet put --name half "$top/in"
kill -9 $half
wait $half 2>/dev/null
exec 3>&-
half_is_gone() { memnet put --name half "$top/empty"; }
wait_for half_is_gone
kill -9 "$(child_of_memnetd 1)"
wait_for grep -q 'attaching anew' "$top/log"
stays() { memnet get stays | cmp -s - "$top/in"; }
wait_for stays
end

start
refused 'start memnetd with --arena' memnet ls
end
refused 'no memnet-agent answers' memnet ls

run memnetd --dir "$top" --arena 1000 --vm a
grep -qF -- '--arena 1000: want bytes in pages' "$top/err" || fails "--arena 1000"
run memnetd --dir "$top" --arena 32M --vm a
grep -qF -- 'do not fit into a region' "$top/err" || fails "--arena of the whole region"
run memnetd --dir "$top" --arena 8M --vm a --guest-ram /dev/null
grep -qF -- 'leave out one of --arena and --guest-ram' "$top/err" || fails "--guest-ram"

finish objects
