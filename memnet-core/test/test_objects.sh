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

if command -v script >/dev/null; then	# on a terminal, what is free
	run script -qec 'memnet ls' /dev/null
	tr -d '\r' <"$top/out" | tail -1 >"$top/last"
	echo '     7204864 free of 8388608, 7204864 in one piece' | cmp - "$top/last" || fails "ls"
fi

refused 'in: the name is taken' memnet put "$top/in"
refused 'taken: the name is taken' sh -c "memnet put --name taken '$top/in' &&
	memnet put --name taken '$top/in'"
works memnet rm taken
refused 'No such file' memnet get none
refused 'wants a --name' memnet put -
refused 'wants 8388608 bytes in one piece, and 7204864 are free; memnet rm what is not needed, '\
'give a smaller --max, or' memnet put --name large --max 8M "$top/in"
truncate -s 9000000 "$top/large"
refused 'wants 9000000 bytes in one piece, and 7204864 are free; memnet rm what is not needed, '\
'or give' memnet put "$top/large"
refused "$top/in: has more than the 4096 bytes there was room for; give a larger --max (7204864" \
	memnet put --name less --max 4K "$top/in"
refused 'wants 7204865 bytes in one piece, and 7204864 are free; memnet rm' sh -c \
	"head -c 7300000 /dev/zero | memnet put --name less --max 7204864 -"
works memnet put --name less "$top/empty"
for name in a/b 'a b' '' "$(printf %064d 0)"; do
	refused "memnet: $name: want a name of 1 to 63" memnet put --name "$name" "$top/in"
done
refused "memnet: $(printf %064d 0): want a name of 1 to 63" memnet get "$(printf %064d 0)"
refused 'No such file' memnet rm in none
works memnet put "$top/in"

# What goes wrong with files is told as of files; one that get made goes.
ln -s /dev/full "$top/full"
refused 'full: No space left on device' memnet get in "$top/full"
[ -L "$top/full" ] || fails "what was there is removed"
refused 'ls: No space left on device' sh -c 'exec memnet ls >/dev/full'
echo kept >"$top/was.there"
for file in new was.there; do
	refused "$file: File too large" sh -c "trap '' XFSZ; ulimit -f 8; memnet get in '$top/$file'"
done
[ ! -e "$top/new" ] || fails "half a file stays"
[ -s "$top/was.there" ] || fails "a file that was there is removed"
refused 'no/folder: No such file' memnet get in "$top/no/folder"
{ env --default-signal=PIPE memnet get in; echo $? >"$top/status"; } 2>"$top/err" | head -c 10 \
	>"$top/out"
[ "$(cat "$top/status")" = 141 ] && [ ! -s "$top/err" ] || fails "a reader that goes"

# What libcurl would guess is demanded.
for command in "put $top/in" 'send in' get serve; do
	# shellcheck disable=SC2086
	refused 'x: want a URL with its scheme' memnet $command 127.0.0.1:8000/x
done
refused 'http://: the URL lacks a host' memnet get http://
refused 'the URL lacks a host' memnet send in http://:80/x
refused 'the URL lacks a host' memnet get sftp://me@/x
refused '2048 bytes at most' memnet get "http://h/$(printf %02048d 0)"
refused 'write them as %20' memnet get 'http://h/a b'
refused 'want an address of the host' memnet serve http://localhost:8100/
refused 'want an address of the host' memnet serve 'http://[name]:8100/'
works memnet rm in piped less nothing
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
grep -qF -- 'does not fit into a region' "$top/err" || fails "--arena of the whole region"
run memnetd --dir "$top" --arena 8M --vm a --guest-ram /dev/null
grep -qF -- 'leave out one of --arena and --guest-ram' "$top/err" || fails "--guest-ram"

finish objects
