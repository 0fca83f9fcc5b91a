#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Open a report in a browser, as people do: on a phone, on a desk, on paper.
#   browse_report.sh REPORT FIGURES; without both it only tells whether there is a browser
# Exit status 0: nothing complained, all FIGURES are seen, nothing is wider than the page, and
# it can be printed; 1 with a line that says what is wrong; 77: there is no browser here.
set -u

for browser in chromium chromium-browser google-chrome; do
	command -v "$browser" >/dev/null && break
	browser=
done
[ -n "$browser" ] || { echo "no browser here: apt-get install chromium"; exit 77; }
[ $# = 2 ] || exit 0
page=$(realpath "$1") figures=$2
sandbox=
[ "$(id -u)" != 0 ] || sandbox=--no-sandbox	# root cannot have it
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# What the browser says goes to $tmp/said.
browse() {
	timeout 120 "$browser" --headless=new --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$tmp/profile" --enable-logging=stderr ${sandbox:+"$sandbox"} "$@" 2>"$tmp/said"
}

fail() {
	echo "$page: $*"
	exit 1
}

quiet() {	# no message of the page itself
	! grep CONSOLE "$tmp/said" || fail "the console is not empty"
}

# A copy that may run one script, which tells what it sees to the page that it is a frame of: a
# window of the browser is not made as narrow as a phone.
sed 's/<meta http-equiv="Content-Security-Policy"[^>]*>//' "$page" > "$tmp/copy.html"
cat >> "$tmp/copy.html" <<'SCRIPT'
<script>
addEventListener('load', () => {
	document.querySelectorAll('details').forEach(d => d.open = true);
	const width = document.documentElement.clientWidth, wide = [], empty = [];
	document.querySelectorAll('body *').forEach(e => {
		if (!e.parentElement.closest('.scroll, svg') && e.getBoundingClientRect().right > width + 1)
			wide.push(e.tagName + ' ' + e.textContent.slice(0, 40).trim());
	});
	const drawings = document.querySelectorAll('figure svg');
	drawings.forEach(s => {
		if (s.getBBox().width < 100 || s.getBBox().height < 100)
			empty.push(s.getAttribute('aria-labelledby'));
	});
	const count = (selector, is) => [...document.querySelectorAll(selector)].filter(is).length;
	const named = id => document.getElementById(id);
	const broken = count('use', u => !document.querySelector(u.getAttribute('xlink:href')));
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
	const twice = ids.length - new Set(ids).size;
	const dead = count('a[href^="#"]', a => !named(a.hash.slice(1)));
	const unnamed = count('figure svg', s => !named(s.getAttribute('aria-labelledby')));
	const scrolls = document.scrollingElement.scrollWidth > width;
	parent.postMessage('CHECK innerWidth=' + innerWidth + ' scrolls=' + scrolls +
		' figures=' + drawings.length + ' empty=[' + empty + '] broken=' + broken +
		' twice=' + twice + ' dead=' + dead + ' unnamed=' + unnamed +
		' wide=[' + wide.slice(0, 3) + '] END', '*');
});
</script>
SCRIPT

check() {	# WIDTH
	want="CHECK innerWidth=$1 scrolls=false figures=$figures empty=[] broken=0 twice=0"
	want="$want dead=0 unnamed=0 wide=[] END"
	cat > "$tmp/frame.html" <<-FRAME
		<!DOCTYPE html><script>
		addEventListener('message', e => document.body.textContent = e.data)
		</script>
		<body><iframe src="copy.html" style="width: $1px; height: 900px; border: 0"></iframe>
	FRAME
	browse --window-size=1400,1000 --virtual-time-budget=10000 --dump-dom \
		"file://$tmp/frame.html" > "$tmp/dom" || fail "$browser failed at $1 px"
	quiet
	saw=$(grep -o 'CHECK .* END' "$tmp/dom" | tail -n 1)
	[ "$saw" = "$want" ] || fail "at $1 px: $saw"
}

browse --dump-dom "file://$page" > "$tmp/dom" || fail "$browser cannot open it"
quiet
check 1280
check 390
browse --no-pdf-header-footer --print-to-pdf="$tmp/report.pdf" "file://$page" ||
	fail "$browser cannot print it"
pages=$(grep -ac '/Type /Page$' "$tmp/report.pdf")
[ "$pages" -ge 3 ] || fail "only $pages pages on paper"
