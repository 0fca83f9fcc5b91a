# SPDX-License-Identifier: BSD-2-Clause
#
# The table of two runs of memnet-conform: awk -f compare.awk differences KERNEL MEMNET
#
# Within a case the order of lines does not matter: processes and threads of a case write them.
# Status 1 when a case differs and is not in the file of differences, when one there does not
# differ, or when one was not run on both. With -v some=1 not all were run.

function name_of(line) { return substr(line, 1, index(line, ": ") - 1) }

# The observations of case @name of one side that the other does not have, indented.
function print_missing(name, mine, other, who,    i, line, n, lines) {
	n = split(mine[name], lines, "\n")
	for (i = 1; i < n; i++) {
		line = lines[i]
		if (other[name, line]-- <= 0)
			printf "      %s: %s\n", who, substr(line, length(name) + 3)
	}
}

function same(name,    i, n, lines, left) {
	n = split(kernel[name], lines, "\n")
	if (n != split(memnet[name], left, "\n"))
		return 0
	for (i = 1; i < n; i++)
		count[name, lines[i]]++
	for (i = 1; i < n; i++)
		if (--count[name, left[i]] < 0)
			return 0
	return 1
}

FNR == 1 { file++ }
file == 1 {
	if ($0 !~ /^(#|$)/) {
		tab = index($0, "\t")
		reason[substr($0, 1, tab - 1)] = substr($0, tab + 1)
	}
	next
}
file == 2 {
	name = name_of($0)
	if (!(name in kernel))
		order[++cases] = name
	kernel[name] = kernel[name] $0 "\n"
	in_kernel[name, $0]++
}
file == 3 {
	name = name_of($0)
	if (!(name in memnet) && !(name in kernel))
		order[++cases] = name
	memnet[name] = memnet[name] $0 "\n"
	in_memnet[name, $0]++
}

/: end = / {
	ended = $0
	sub(/.*: end = /, "", ended)
	end[file, name] = ended
}

END {
	printf "%-36s %-16s %-16s %s\n", "case", "kernel", "memnet", "same?"
	for (c = 1; c <= cases; c++) {
		name = order[c]
		if (!(name in kernel) || !(name in memnet))
			verdict = "NOT RUN ON BOTH"
		else if (same(name))
			verdict = name in reason ? "SAME, though listed as different" : "same"
		else
			verdict = name in reason ? "differs: " reason[name] : "DIFFERS"
		printf "%-36s %-16s %-16s %s\n", name, substr(end[2, name], 1, 16),
			substr(end[3, name], 1, 16), verdict
		if (verdict == "DIFFERS") {
			print_missing(name, kernel, in_memnet, "kernel")
			print_missing(name, memnet, in_kernel, "memnet")
		}
		total[substr(verdict, 1, 7)]++
		if (verdict ~ /^[A-Z]/)
			bad++
	}
	for (name in reason)
		if (!some && !(name in kernel)) {
			printf "%s: listed as different, but there is no such case\n", name
			bad++
		}
	printf "%d cases: %d same, %d differ as listed, %d faults\n", cases, total["same"],
		total["differs"], bad
	exit bad > 0
}
