#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What a program meets where MemNet has less to give than Linux: no channel for it, or for its
# child; a session that ends; an agent whose descriptors are used up; a host that stands still.

BUILD=${BUILD:-build}
if [ -z "$LIMITS_INSIDE" ]; then
	unshare -n true 2>/dev/null || { echo "no network namespaces here"; exit 77; }
	LIMITS_INSIDE=1 exec unshare -n "$0" "$@"
fi

conform=memnet-core/conformance/conform.sh
run=$BUILD/bin/memnet-run
here=198.18.0.1
. "$(dirname "$0")/../../test/started.sh"
export BUILD

saw() {		# FOLDER LINE: over MemNet
	grep -qxF "$2" "$tmp/$1/memnet" || fail "not seen: $2"
}

# Its datagram would reach the peer by the guest's own network, which is the peer's here.
case="a datagram socket that MemNet has nothing for"
MEMNETD_OPTIONS="--channels 1 --policy memnet-core/conformance/policy" \
	$conform "$tmp/none" datagram-implicit-port/4 >/dev/null
saw none 'datagram-implicit-port/4: sendto(fd, "hello", 5, 0, &to.any, to.len) = -1 ENETDOWN, not 5'

# The agent has one of the two.
case="a child without a channel"
MEMNETD_OPTIONS="--channels 2 --policy memnet-core/conformance/policy" \
	$conform "$tmp/alone" process-child-listens/4 >/dev/null
saw alone 'process-child-listens/4: accept(listening, NULL, NULL) = -1 ECONNRESET, not fd'

command -v python3 >/dev/null || { echo "not tried: there is no python3 here"; exit 0; }

busybox ip link set lo up
busybox ip addr add $here/32 dev lo
export MEMNET_AGENT="$tmp/agent"
printf 'allow any %s\nallow listen any %s\n' $here $here >"$tmp/policy"
start memnetd "$BUILD/bin/memnetd" --dir "$tmp" --vm a --size 64M --flows 64 --policy "$tmp/policy"
memnetd=${started%% *}
# listening (__SO_ACCEPTCON), not only there
until_there grep -q " 00010000 .* $tmp/a.ivshmem" /proc/net/unix

# With memory that is freed overwritten, what is used after that is found.
case="a session that ends under epoll and threads"
start agent "$BUILD/bin/memnet-agent" --region "server:$tmp/a.ivshmem" --socket "$tmp/agent"
agent=${started%% *}
start peer python3 -m http.server --bind $here 7000
until_there "$run" true
until_there python3 -c "import socket; socket.create_connection(('$here', 7000))"
cat >"$tmp/anew.py" <<-PYTHON
	import select, signal, socket, threading, time

	signal.alarm(30)

	def connect():
	    s = socket.socket()
	    s.connect(("$here", 7000))
	    return s

	def wait_in_turn(turns):
	    for go in turns:
	        go.wait()
	        p = select.poll()
	        p.register(connections[-1], select.POLLIN)
	        p.poll(50)

	connections = [connect()]
	sets = select.epoll()
	sets.register(connections[0], select.EPOLLIN)
	turns = [threading.Event(), threading.Event()]
	thread = threading.Thread(target=wait_in_turn, args=(turns,))
	thread.start()
	turns[0].set()
	assert not sets.poll(0.05)
	open("$tmp/attached", "w")
	assert sets.poll(10)
	sets.unregister(connections[0])
	connections.pop().close()
	while not connections:
	    try:
	        connections.append(connect())
	    except OSError:
	        time.sleep(0.05)
	sets.register(connections[0], select.EPOLLIN | select.EPOLLOUT)
	assert sets.poll(10)
	turns[1].set()
	thread.join()
PYTHON
MALLOC_PERTURB_=165 start program "$run" python3 "$tmp/anew.py"
program=${started%% *}
started=${started#* }
until_there test -e "$tmp/attached"
kill -9 "$agent"
start agent "$BUILD/bin/memnet-agent" --region "server:$tmp/a.ivshmem" --socket "$tmp/agent"
wait "$program" || fail "status $?"
agent=${started%% *}

case="looking before sleeping"
cat >"$tmp/spin.py" <<-PYTHON
	import select, socket, struct, sys, time

	least, most, waits = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
	each = 0.3 / waits
	s = socket.socket()
	s.connect(("$here", 7000))
	s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(each * 1e6)))
	sets = select.epoll()
	sets.register(s, select.EPOLLIN)
	polled = select.poll()
	polled.register(s, select.POLLIN)

	def receive():
	    try:
	        s.recv(1)
	    except BlockingIOError:
	        pass

	for wait in (lambda: sets.poll(each), lambda: polled.poll(each * 1000),
	             lambda: select.select([s], [], [], each), receive):
	    begin, busy = time.monotonic(), time.thread_time()
	    for n in range(waits):
	        wait()
	    busy = time.thread_time() - busy
	    assert 0.25 < time.monotonic() - begin and least <= busy <= most, (wait, busy)
PYTHON
for try in "0 0 0.06 1" "1s 0.08 1 1" "adaptive:1s 0.08 1 60"; do
	# shellcheck disable=SC2086	# words
	set -- $try
	MEMNET_SPIN=$1 "$run" python3 "$tmp/spin.py" "$2" "$3" "$4" || fail "MEMNET_SPIN=$1: status $?"
done

case="an agent without room for a descriptor"
cat >"$tmp/full.py" <<-PYTHON
	import os, resource, signal, socket, subprocess, sys

	signal.alarm(30)
	agent = int(sys.argv[1])

	def connect():
	    s = socket.socket()
	    s.connect(("$here", 7000))
	    return s

	def answers(s):
	    try:
	        s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
	        return s.recv(4) == b"HTTP"
	    except OSError:
	        return False

	def be_called():
	    caller = subprocess.Popen(["busybox", "nc", "$here", "7100"],
	                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
	    try:
	        listener.accept()[0].close()
	    except OSError:
	        pass
	    caller.wait()

	kept = connect()
	listener = socket.create_server(("$here", 7100))
	limit = resource.prlimit(agent, resource.RLIMIT_NOFILE)
	free = next(n for n in range(limit[0]) if not os.path.exists(f"/proc/{agent}/fd/{n}"))
	resource.prlimit(agent, resource.RLIMIT_NOFILE, (free, limit[1]))
	assert not answers(connect())
	for n in range(70):		# there are 64 flows: none has stayed
	    be_called()
	resource.prlimit(agent, resource.RLIMIT_NOFILE, limit)
	for n in range(70):
	    assert answers(connect())
	assert answers(kept)
	assert limit[0] == limit[1]
PYTHON
"$run" python3 "$tmp/full.py" "$agent" >"$tmp/full.log" 2>&1 || fail "status $?"

# Who accepts asks the host nothing: its kernel gives a connection what the listener has.
case="a host that stands still"
cat >"$tmp/accept.py" <<-PYTHON
	import select, signal, socket, subprocess, sys, time

	signal.alarm(30)
	host = open(f"/proc/{sys.argv[1]}/task/{sys.argv[1]}/children").read()
	listener = socket.create_server(("$here", 7101))
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
	listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	caller = subprocess.Popen(["busybox", "nc", "$here", "7101"], stdin=subprocess.PIPE)
	assert select.select([listener], [], [], 10)[0]
	still = subprocess.Popen(["sh", "-c", f"kill -STOP {host}; echo; sleep 0.5; kill -CONT {host}"],
	                         stdout=subprocess.PIPE)
	still.stdout.readline()
	begin = time.monotonic()
	connection = listener.accept()[0]
	waited = time.monotonic() - begin
	still.wait()
	assert waited < 0.3, waited
	assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
	caller.stdin.write(b"word\\n")
	caller.stdin.close()
	assert connection.recv(5) == b"word\\n"
	connection.close()
	caller.wait()
PYTHON
"$run" python3 "$tmp/accept.py" "$memnetd" >"$tmp/out" 2>&1 || fail "status $?"
exit 0
