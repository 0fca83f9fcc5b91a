#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# bash completion of memnet-lab: what is offered for what was typed.

BUILD=${BUILD:-build}
command -v bash >/dev/null || { echo "no bash here"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$tmp/results/smoke/one" "$tmp/results/smoke/two"
touch "$tmp/results/smoke/one/runs.csv" "$tmp/mine.ini"
ln -s smoke/one "$tmp/results/latest"
program=$(realpath "$BUILD/bin/memnet-lab")
script=$(realpath harness/completion/memnet-lab.bash)
cd "$tmp" || exit 1

# What is offered for WORD... as the readline of bash cuts them, sorted, in one line.
offered() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _memnet_lab
		printf "%s\n" "${COMPREPLY[@]}"' "$script" "$program" "$@" | sort | tr '\n' ' '
}

expect() {	# WANTED WORD...
	want=$1
	shift
	got=$(offered "$@")
	[ "$got" = "$want " ] || { echo "FAIL: $*: offered '$got', not '$want '"; exit 1; }
}

expect "plan plans" pl
expect "report resume run" r
expect "check" --accel = tcg ch
expect "columns compare" co
expect "--deterministic" compare --d
expect "results/smoke/one" compare results/latest results/smoke/o
expect "results/smoke/one" compare --aa = results/smoke/o
expect "--results --runs" run --r
expect "--seed" plan paper --se
expect "tcg" run --accel = t
expect "tcg" run -a t
expect "paper paths" run pa
expect "mine.ini" plan m
expect "results/latest results/smoke/one" report results/latest ""
expect "results/smoke/one" merge results/latest results/smoke/o
expect "" columns ""
expect "" run --seed = ""
case " $(offered "") " in
*" doctor merge plan "*) ;;
*) echo "FAIL: not all commands: $(offered "")"; exit 1 ;;
esac
echo "ok: completion"
