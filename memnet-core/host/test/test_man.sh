#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The man pages have every option and command of --help, every range policy.c names and every function of
# memnet.h, no others, and no mistake that man or mandoc sees.

build=${BUILD:-build}
host=memnet-core/host guest=memnet-core/guest
failed=0
command -v man >/dev/null || { echo "no man here"; exit 77; }

lacks() {	# PAGE WHAT
	echo "$1 lacks $2"
	failed=1
}

has_options() {	# PAGE PROGRAM
	for option in $("$build/bin/$2" --help | grep -o -- ' --[a-z-]*' | sort -u); do
		case $option in
		--help | --usage | --version) ;;
		*) grep -q -- "^\.It.* -${option#--} " "$1" || lacks "$1" "$option" ;;
		esac
	done
}

has_options $host/memnetd.8 memnetd
has_options $guest/memnet-agent.8 memnet-agent
has_options $guest/memnet.1 memnet

for name in $(sed -n '/^} specials/,/^};/s/.*"\(.*\)".*/\1/p' $host/policy.c |
	sort -u | tr ' ' '_'); do
	grep -q "Ta .*$(echo "$name" | tr '_' ' ')" $host/memnetd.8 ||
		lacks $host/memnetd.8 "the range: $name"
done

for command in $("$build/bin/memnet" --help |
		sed -n 's/.*memnet \[OPTION...\] \([a-z]*\).*/\1/p'); do
	grep -q "^\.It Cm $command" $guest/memnet.1 || lacks $guest/memnet.1 "the command $command"
done

functions() {	# FILE: a name a line
	grep -oE "$1" "$2" | grep -oE 'memnet_[a-z_]+' | sort -u
}
for name in $(functions '^[a-z].*\bmemnet_[a-z_]+\(' $guest/memnet.h); do
	grep -q "Fn $name\b" $guest/libmemnet.3 || lacks $guest/libmemnet.3 "$name()"
done
for name in $(functions 'Fn memnet_[a-z_]+' $guest/libmemnet.3); do
	grep -q "\b$name(" $guest/memnet.h || lacks $guest/memnet.h "$name(), which libmemnet.3 has"
done

for name in ENODEV $(sed -n '/besides the errno/,/^ \* After/s/^ \*   -\(E[A-Z]*\).*/\1/p' \
		$guest/memnet.h); do
	grep -q "^\.It Er $name$" $guest/libmemnet.3 || lacks $guest/libmemnet.3 "$name"
done
grep -q '^\.In memnet_object.h' $guest/libmemnet.3 || lacks $guest/libmemnet.3 memnet_object.h

for page in $host/memnetd.8 $guest/memnet-agent.8 $guest/libmemnet.3 \
		$guest/memnet.1 memnet-core/preload/memnet-run.1; do
	said=$(man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	if [ -n "$said" ]; then
		echo "$page: $said"
		failed=1
	fi
	if command -v mandoc >/dev/null; then
		mandoc -Tlint -W warning "$page" || failed=1
	fi
done
exit $failed
