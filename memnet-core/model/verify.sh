#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# verify.sh FOLDER: check every model below, exhaustively, one line each. What must
# hold has to hold, and each mutation has to be caught, in the way it should be:
# a model that cannot fail proves nothing. Everything made goes into FOLDER.

set -u
models=$(cd "$(dirname "$0")" && pwd)
folder=${1:?"usage: verify.sh FOLDER"}
failed=0

# Exhaustive and without bitstate; a search cut short by depth or memory is a failure.
pan_cflags='-w -DSAFETY -DCOLLAPSE -DMEMLIM=3000'
pan_depth=1000000

now_ms() {
	date +%s%3N
}

fail() {	# WHY...
	failed=$((failed + 1))
	printf '  %s; see %s\n' "$*" "$work"
}

# Leaves pan's words in $work/pan.out.
search() {	# COMPILER'S-OPTION MODEL OPTION...
	optimise=$1 model=$2
	shift 2
	work="$folder/$(echo "$model $*" | tr -d ' =')"
	rm -rf "$work"
	mkdir -p "$work" || exit 1
	cp "$models"/*.pml "$work" || exit 1
	# Sessions come to the end of their nonces: there a blocked process is no error.
	[ "$model" = session ] && ends=-E || ends=
	begin=$(now_ms)
	# shellcheck disable=SC2086
	(cd "$work" && spin -a "$@" "$model.pml" && ${CC:-cc} $optimise $pan_cflags -o pan pan.c &&
		./pan -m$pan_depth -w22 $ends) >"$work/pan.out" 2>&1
	ms=$(($(now_ms) - begin))
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/pan.out")
	depth=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' "$work/pan.out")
	errors=$(sed -n 's/.*, errors: \([0-9]*\)$/\1/p' "$work/pan.out")
	name="$model $(echo "$*" | sed 's/-D//g')"
}

line() {	# VERDICT
	printf '%-46s %9s states %7s deep  %-34s %d.%d s\n' \
		"$name" "${states:--}" "${depth:--}" "$1" $((ms / 1000)) $((ms % 1000 / 100))
}

holds() {	# MODEL OPTION...
	search -O2 "$@"
	if [ "$errors" != 0 ]; then
		line "DOES NOT HOLD"
		shift
		fail "$(grep -m1 -iE '^pan:|error' "$work/pan.out");" \
			"the way there: spin -t -p -g $* $model.pml"
	elif grep -q -e 'max search depth too small' -e 'Search not completed' \
			-e 'reached -DMEMLIM' -e 'out of memory' "$work/pan.out"; then
		line "SEARCH CUT SHORT"
		fail "the state space was not searched to its end"
	else
		line holds
		rm -rf "$work"
	fi
}

caught() {	# WHAT MODEL OPTION...	pan finds the assertion that names WHAT
	what=$1
	shift
	search -O0 "$@"	# short searches: compiling is most of it
	if grep -qF "assertion violated  !($what)" "$work/pan.out"; then
		line "counter-example found, as it must"
		rm -rf "$work"
	else
		line "NO COUNTER-EXAMPLE"
		fail "no assertion about '$what' failed"
	fi
}

holds fifo
holds fifo -DHOSTILE_CONSUMER
holds fifo -DHOSTILE_PRODUCER
caught outside fifo -DHOSTILE_CONSUMER -DNO_CHECK
caught outside fifo -DHOSTILE_PRODUCER -DNO_CHECK
caught outside fifo -DHOSTILE_CONSUMER -DDOUBLE_FETCH
caught outside fifo -DHOSTILE_PRODUCER -DDOUBLE_FETCH
caught garbled fifo -DCOMMIT_FIRST
caught garbled fifo -DGREEDY
caught garbled fifo -DEND_HEAD_FIRST

holds wake -DWANT_P=3 -DWANT_C=2
holds wake -DWANT_P=2 -DWANT_C=3
holds wake -DWANT_P=4 -DWANT_C=1
caught lost wake -DWANT_P=3 -DWANT_C=3
caught lost wake -DNO_FENCE_WAKER
caught lost wake -DNO_FENCE_SLEEPER
caught lost wake -DNO_RECHECK

holds wake -DC11 -DWANT_P=2 -DWANT_C=1
holds wake -DC11 -DWANT_P=1 -DWANT_C=2
caught lost wake -DC11 -DNO_FENCE_WAKER
caught lost wake -DC11 -DNO_FENCE_SLEEPER
caught lost wake -DC11 -DNO_RECHECK
caught race wake -DC11 -DRELAXED_PUBLISH
caught race wake -DC11 -DRELAXED_FETCH

holds pending
holds pending -DTWO_WORDS
holds pending -DKILL
caught lost pending -DNO_FENCE_COMMIT
caught lost pending -DNO_FENCE_ASLEEP
caught lost pending -DNO_RECHECK
caught lost pending -DSUMMARY_FIRST
caught lost pending -DWORDS_FIRST
caught lost pending -DCLEAR_BY_STORE
caught lost pending -DOR_BY_STORE
caught lost pending -DKILL -DONLY_IF_EMPTY
caught lost pending -DKILL -DONLY_IF_NEW

holds session -DKILLS=2
caught accused session -DNONCE_LAST
caught accused session -DSAME_NONCE
caught accused session -DANY_NONCE
caught stale session -DNO_RESET
caught at_odds session -DNO_ECHO
caught stale session -DCLIENT_STAYS

[ "$failed" = 0 ] && echo "verify: everything that must hold holds, every mutation is caught"
[ "$failed" = 0 ]
