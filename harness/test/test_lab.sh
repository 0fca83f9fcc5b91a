#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The command line of memnet-lab, as far as it goes without a VM.

BUILD=${BUILD:-build}
lab=$BUILD/bin/memnet-lab
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAIL: $case: $*"
	sed 's/^/    /' "$tmp/log"
	exit 1
}

lab() {		# WANTED-STATUS ARGUMENT...
	want=$1
	shift
	case="memnet-lab $*"
	"$lab" --build="$BUILD" --results="$tmp/results" "$@" >"$tmp/log" 2>&1
	status=$?
	[ "$status" = "$want" ] || fail "exit status $status, not $want"
}

says() {	# WORDS...
	for words in "$@"; do
		grep -qF -- "$words" "$tmp/log" || fail "does not say '$words'"
	done
}

cat > "$tmp/small.ini" <<-PLAN
	; A small one.
	[plan]
	repetitions = 2
	settle = 100ms
	warmup = 300ms
	window = 1s
	fixed = 2s
	[matrix m]
	paths = virtio-tap, memnet
	scenarios = idle, hybrid-fixed
	arms = spare-core
	directions = send
PLAN

lab 0 --help
says "Usage: memnet-lab COMMAND" "Exit status" "77 nothing"
for c in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$tmp/log"); do
	lab 0 "$c" --help
	says "Usage: memnet-lab $c" "Examples:" "  memnet-lab $c"
done
# The man page has each command, and each option of each.
lab 0 --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$tmp/log")
for c in $commands; do
	grep -q "^\.It Cm $c\>" harness/memnet-lab.1 || fail "the man page lacks $c"
	lab 0 "$c" --help
	for o in $(sed -n '/^Options:/,/^$/s/.*--\([a-z]*\).*/\1/p' "$tmp/log"); do
		grep -q "^\.It Fl .*-$o\>" harness/memnet-lab.1 || fail "the man page lacks --$o"
	done
done
# Quotes on one line stand within one another.
grep -nE '^\..*Ql .* Ql ' harness/memnet-lab.1 energy/tool/memnet-energy.1 >"$tmp/log" &&
	fail "nested quotes"
lab 0 --version
says "memnet-lab "

# What is wrong is said in one line that names the mend.
lab 64
says "which command?" "--help"
lab 64 pln
says "did you mean plan?"
lab 64 run --acel=tcg x
says "did you mean --accel?"
lab 64 run
says "run wants PLAN" "memnet-lab run --help"
lab 64 plan a b
says "'b': one argument too many"
lab 64 plan x --accel
says "its argument is missing"
lab 64 columns --seed=3
says "columns takes no --seed"
for bad in 3..1 0..2 1.. 1-2 x 1..2x; do
	lab 64 run --runs=$bad x
	says "want A..B"
done
lab 64 run --accel=warp x
says "want auto|kvm|tcg"
lab 1 plan "$tmp/none.ini"
says "none.ini: No such file" "memnet-lab plans"

# What cannot begin leaves nothing: programs and image are looked for, a wrong plan or part is
# told before the wait for another experiment. Here the image is empty, and boots nowhere.
lab 1 run "$tmp/small.ini" --build="$tmp/nothing" --lock="$tmp/lock"
says "$tmp/nothing/guest/vmlinuz: No such file" "--build=DIR"
mkdir -p "$tmp/build/guest"
ln -s "$(realpath "$BUILD/bin")" "$tmp/build/bin"
touch "$tmp/build/guest/vmlinuz" "$tmp/build/guest/initrd.img"
lab 1 run "$tmp/small.ini" --results="$tmp/no/such" --lock="$tmp/lock" --build="$tmp/build"
says "$tmp/no/such/small/"
[ "$(wc -l < "$tmp/log")" = 1 ] || fail "more than one line"
if [ -d /dev/shm ]; then
	shm=/dev/shm/memnet-test-lab.$$
	lab 1 run "$tmp/small.ini" --results="$shm" --lock="$tmp/lock" --build="$tmp/build"
	says "each experiment has a /dev/shm of its own" "--results=DIR"
	rmdir "$shm" || fail "a folder is left"
fi
(exec 9>"$tmp/lock" && flock 9 && exec sleep 60) &
holder=$!
until ! flock -n "$tmp/lock" true; do sleep 0.05; done
lab 75 run "$tmp/small.ini" --lock="$tmp/lock" --build="$tmp/build"
lab 1 run "$tmp/none.ini" --wait --lock="$tmp/lock" --build="$tmp/build"
says "none.ini: No such file"
lab 1 run "$tmp/small.ini" --seed=1 --runs=90..99 --wait --lock="$tmp/lock" --build="$tmp/build"
says "no boot begins there"
lab 1 resume "$tmp/none" --wait --lock="$tmp/lock" --build="$tmp/build"
says "$tmp/none: No such file"
grep waiting "$tmp/log" && fail "waits before it says so"
kill "$holder"
[ -e "$tmp/results" ] && fail "results are left"
if unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null; then
	lab 1 run "$tmp/small.ini" --accel=kvm --lock="$tmp/lock" --build="$tmp/build"
	says "--accel=kvm: " "--accel=tcg"
	[ "$(wc -l < "$tmp/log")" = 1 ] || fail "more than one line"
	[ "$(find "$tmp/results" -mindepth 1)" = "" ] || fail "a folder is left"
fi
lab 1 resume
says "results/latest: No such file" "--results=DIR"
lab 1 report
lab 2 check

# What cannot be gone on with is refused in one line, and left as it was.
cp -r results/reference/paper-tcg "$tmp/reference"
mkdir "$tmp/empty"
for dir in "$tmp/reference" "$tmp/empty" "$tmp/none"; do
	before=$(ls -l --full-time "$dir" 2>&1)
	lab 1 resume "$dir" --lock="$tmp/lock"
	says "$dir" "No such file"
	[ "$(wc -l < "$tmp/log")" = 1 ] || fail "more than one line"
	[ "$(ls -l --full-time "$dir" 2>&1)" = "$before" ] || fail "something was changed"
done

# Without a guest image nothing can run, and each path is told by its name.
lab 1 doctor --build="$tmp/nothing"
says "$tmp/nothing/guest/initrd.img is missing; make all guest-image" "before BROKEN is mended" \
	"PASS      virtio-user  path: "
for path in $(sed -n 's/^\t\.name = "\(.*\)",/\1/p' harness/paths/*.c); do
	grep -Eq "^(PASS|ABSENT) +$path +path(:| cannot run:) ." "$tmp/log" || fail "not of $path"
done
[ -e /dev/vhost-net ] || says "ABSENT    virtio-vhost path cannot run: " "modprobe vhost_net"

lab 0 plans
grep -vE '^[a-z-][a-z -]{11} [A-Z].*[.]$' "$tmp/log" && fail "not a name and a whole sentence"
for p in harness/plans/*.ini; do
	name=$(basename "$p" .ini)
	says "$name " "$(sed -n '1s/^; //p' "$p")"
	grep -q "^packages" "$p" || lab 0 plan "$name"	# those may be out of reach here
	lab 0 plans
done
# What a plan wants of this repository is in the build folder.
lab 0 plan objects
grep "runs of app" "$tmp/log" && fail "skips what is built"

# A plan of one's own, anywhere, goes by a shipped one; a file of that name beside it comes first.
printf '[plan]\ninherits = smoke.ini\n' > "$tmp/own.ini"
lab 0 plan "$tmp/own.ini"
says "name = own"
cp "$tmp/small.ini" "$tmp/smoke.ini"
lab 0 plan "$tmp/own.ini" --seed=1
says "runs        8: "
rm "$tmp/smoke.ini"
printf '[plan]\ninherits = smok.ini\n' > "$tmp/own.ini"
lab 1 plan "$tmp/own.ini"
says "$tmp/own.ini: inherits = smok.ini: neither $tmp/smok.ini nor " "memnet-lab plans"

# Installed, it finds its plans, and misses what it has not where it is.
case="make install"
make -s install BUILD="$BUILD" PREFIX="$tmp/prefix" >"$tmp/log" 2>&1 || fail "fails"
grep -q "^.It Pa $tmp/prefix/share/memnet/plans/" "$tmp/prefix/share/man/man1/memnet-lab.1" ||
	fail "the man page names another folder"
mkdir "$tmp/elsewhere"
(cd "$tmp/elsewhere" && "$tmp/prefix/bin/memnet-lab" run smoke >"$tmp/log" 2>&1) && fail "runs"
says "build/guest/vmlinuz: No such file" "--build=DIR"
[ "$(ls "$tmp/elsewhere")" = "" ] || fail "something is left"

case="make uninstall"
make -s uninstall BUILD="$BUILD" PREFIX="$tmp/wrong" >"$tmp/log" 2>&1 && fail "of nothing succeeds"
says "nothing is installed under $tmp/wrong"
grep -q "can't cd" "$tmp/log" && fail "and more"
if command -v gnuplot >/dev/null; then
	case="make plots"
	mkdir "$tmp/drawn"
	cp -r "$tmp/reference" "$tmp/drawn/paper"
	ln -s paper "$tmp/drawn/latest"
	make -s plots BUILD="$BUILD" RESULTS="$tmp/drawn" >"$tmp/log" 2>&1 || fail "fails"
	says "figures: $tmp/drawn/paper/figures/" "report: $tmp/drawn/paper/report.html"
fi

# What is shown of the reference is what it says: some of its lines, and all.
lab 0 report "$tmp/reference"
sed -n '/^    MemNet against/,/^!/s/^    //p' README.md >"$tmp/shown"
[ "$(wc -l <"$tmp/shown")" -gt 40 ] || fail "README has no table"
while IFS= read -r line; do
	grep -qxF -- "$line" "$tmp/log" || fail "README has of the reference: $line"
done <"$tmp/shown"
sed -n '/^    MemNet against/,$s/^    //p' results/reference/README.md >"$tmp/shown"
grep . "$tmp/log" | cmp - "$tmp/shown" || fail "results/reference/README.md has another table"

# A folder that cannot be written has a table all the same.
cp -r "$tmp/reference" "$tmp/unwritable"
mkdir "$tmp/unwritable/summary.csv.new"
lab 1 report "$tmp/unwritable"
says "MemNet against virtio-tap" "What kind of result this is"
tail -n 1 "$tmp/log" | grep -q "unwritable/summary.csv: cannot be written: " || fail "not why"

# What could not be told is no success.
for c in --help --version plans columns "plan smoke" "plan --help" "report $tmp/reference"; do
	case="memnet-lab $c > /dev/full"
	"$lab" --build="$BUILD" $c 2>"$tmp/log" >/dev/full
	[ $? = 1 ] || fail "succeeds"
	says "memnet-lab: standard output: No space left"
	[ "$(wc -l < "$tmp/log")" = 1 ] || fail "more than one line"
done
case="memnet-lab check > /dev/full"
"$lab" check "$tmp/reference" 2>"$tmp/log" >/dev/full
[ $? = 2 ] || fail "1 would be a regression"
says "standard output: No space left"

# Options stand anywhere. Two blocks of two boots of two runs.
lab 0 --accel=tcg plan "$tmp/small.ini" --seed=5
says "name = small" "order of seed 5:" "block 1, boot 1" "block 2, boot 4" \
	"runs        8: 4 configurations, 2 blocks"
[ "$(grep -c '^ *[0-9]*  b0' "$tmp/log")" = 8 ] || fail "not 8 runs"
# 3 x (0.4 + 1 + 0.05) + 4; 4 x 4 + 4 x (0.4 + 1 + 0.05) + 4 x (0.4 + 2 + 0.05) = 40
says "about 0:40 under tcg (asked for)" "of it 8 s calibration" "which is assumed"
says "CPUs        vcpu_cpus = " "(chosen)"
cp "$tmp/log" "$tmp/whole"

# A part has whole boots: those that begin in it.
lab 0 plan --runs=2..5 "$tmp/small.ini" --seed=5 -a tcg
[ "$(grep '^ *[0-9]*  b0' "$tmp/log" | awk '{ printf "%s ", $1 }')" = "3 4 5 6 " ] ||
	fail "other runs"
grep '^ *[0-9]*  b0' "$tmp/log" | grep -qvFf "$tmp/whole" && fail "not runs of the whole"
lab 0 plan "$tmp/small.ini"
says "drawn just now"

# A script sees when nothing can be run, and is told what is not looked at.
lab 1 plan "$tmp"
says "$tmp: this is a directory"
cat > "$tmp/apps.ini" <<-PLAN
	[app used]
	command = true
	files = /no/such/file
	[app left]
	command = true
	[matrix m]
	paths = virtio-tap
	arms = spare-core
	apps = used
PLAN
lab 1 plan "$tmp/apps.ini"
says "6 runs of app used: the app used needs /no/such/file" \
	"unused      [app left]: no matrix names it" "no run can be made: each would be skipped"
grep -q "unused .*used\]" "$tmp/log" && fail "a matrix names it"
sed -i '/^files/d' "$tmp/apps.ini"
lab 0 plan "$tmp/apps.ini"

# What a boot takes comes from the newest results of the same accelerator.
mkdir -p "$tmp/results"
ln -s "$PWD/results/reference/paper-tcg" "$tmp/results/latest"
lab 0 plan "$tmp/small.ini" -a tcg
says "a boot 4.5 s and 0.05 s a run" "as in $tmp/results/latest"
lab 0 plan "$tmp/small.ini" -a kvm
says "a boot 1.5 s" "which is assumed"
echo "ok: the command line"
