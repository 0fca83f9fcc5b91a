# SPDX-License-Identifier: BSD-2-Clause
# bash completion of memnet-lab. Commands, options and plans are those the program tells of
# itself, so there is nothing here to be kept up to date.

# The first word of each line of the section "$2:" of the help in $1.
_memnet_lab_words() {
	sed -n "/^$2:/,/^\$/s/^ *\(-., \)\? *\([a-z-][a-z-]*\).*/\2/p" <<< "$1"
}

# The value of option --$1 among the words typed, or $2.
_memnet_lab_option() {
	local i
	for ((i = 1; i < ${#COMP_WORDS[@]}; i++)); do
		[[ ${COMP_WORDS[i]} == "--$1" && ${COMP_WORDS[i + 1]} == '=' ]] &&
			echo "${COMP_WORDS[i + 2]}" && return
	done
	echo "$2"
}

# Results folders: those with a runs.csv, and any folder that was begun to be typed.
_memnet_lab_folders() {
	local results f
	results=$(_memnet_lab_option results results)
	for f in "$results"/latest "$results"/*/*/; do
		[[ -e $f/runs.csv ]] && echo "${f%/}"
	done
	[[ $1 ]] && compgen -d -- "$1"
}

_memnet_lab() {
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]} command='' i help words

	[[ $word == '=' ]] && word=''
	[[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
	case $before in
	--accel|-a)	COMPREPLY=($(compgen -W 'auto kvm tcg' -- "$word")); return ;;
	--aa)		words=$(_memnet_lab_folders "$word")
			COMPREPLY=($(compgen -W "$words" -- "$word" | sort -u)); return ;;
	--results|--build) COMPREPLY=($(compgen -d -- "$word")); return ;;
	--seed|--runs)	return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*)	;;
		=)	((i++)) ;;
		*)	command=${COMP_WORDS[i]}; break ;;
		esac
	done
	help=$("$program" $command --help 2>/dev/null)
	case $command:$word in
	*:-*)		words=$(_memnet_lab_words "$help" Options) ;;
	:*)		words=$(_memnet_lab_words "$help" Commands) ;;
	run:*|plan:*)
		words=$("$program" plans 2>/dev/null | cut -d' ' -f1)
		words+=" $(compgen -f -X '!*.ini' -- "$word") $(compgen -d -S / -- "$word")" ;;
	plans:*|doctor:*|columns:*) return ;;
	*)		words=$(_memnet_lab_folders "$word") ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$word" | sort -u))
	[[ ${COMPREPLY[0]} == */ && ${#COMPREPLY[@]} == 1 ]] && compopt -o nospace 2>/dev/null
	return 0
}

complete -F _memnet_lab memnet-lab
