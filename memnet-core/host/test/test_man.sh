#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# memnetd.8 has every option of memnetd --help, every range policy.c names; memnet.1 every option
# and command of memnet --help; neither a mistake that man or mandoc sees.

build=${BUILD:-build}
page=memnet-core/host/memnetd.8
failed=0
command -v man >/dev/null || { echo "no man here"; exit 77; }

lacks() {
	echo "$page lacks $1"
	failed=1
}

for option in $("$build/bin/memnetd" --help | grep -o -- ' --[a-z-]*' | sort -u); do
	case $option in
	--help | --usage | --version) ;;
	*) grep -q -- " -${option#--} " "$page" || lacks "$option" ;;
	esac
done

for name in $(sed -n '/^} specials/,/^};/s/.*"\(.*\)".*/\1/p' memnet-core/host/policy.c |
	sort -u | tr ' ' '_'); do
	grep -q "Ta .*$(echo "$name" | tr '_' ' ')" "$page" || lacks "the range: $name"
done

no_mistake() {
	said=$(man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
	if [ -n "$said" ]; then
		echo "$said"
		failed=1
	fi
	if command -v mandoc >/dev/null; then
		mandoc -Tlint -W warning "$page" || failed=1
	fi
}
no_mistake

page=memnet-core/guest/memnet.1
for option in $("$build/bin/memnet" --help | grep -o -- ' --[a-z-]*' | sort -u); do
	case $option in
	--help | --usage | --version) ;;
	*) grep -q -- " -${option#--} " "$page" || lacks "$option" ;;
	esac
done
for command in $("$build/bin/memnet" --help | sed -n 's/.*memnet \[OPTION...\] \([a-z]*\).*/\1/p'); do
	grep -q "^\.It Cm $command" "$page" || lacks "the command $command"
done
no_mistake
exit $failed
