#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The units under systemd itself, in a VM whose root is made of this machine's systemd and of
# what make install gives: memnetd of root's and of another user's, each with a worker that is
# confined; agents with a session; reload; what is left when they stop.

BUILD=${BUILD:-build}
skip() {
	echo "$*"
	exit 77
}
for needed in qemu-system-x86_64 cpio ldd systemctl; do
	command -v $needed >/dev/null || skip "there is no $needed here"
done
[ -x /lib/systemd/systemd ] || skip "there is no systemd here"
[ -e "$BUILD/guest/vmlinuz" ] || skip "there is no guest kernel; make guest-image"
nm "$BUILD/lib/libmemnet.a" 2>/dev/null | grep -qE ' U __(a|t|ub)san' &&
	skip "what has sanitizers in it is not installed"

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
root=$tmp/root

fail() {
	echo "FAIL: $*"
	tail -n 60 "$tmp/console"
	exit 1
}

libraries() {	# FILE: those it needs
	ldd "$1" 2>/dev/null | grep -oE '/[^ ]+'
}

take() {	# FILE...: at the same places, with their libraries
	for file in "$@"; do
		# shellcheck disable=SC2046	# words
		[ -e "$root$file" ] || { install -D "$file" "$root$file"; take $(libraries "$file"); }
	done
}

write() {	# FILE: standard input
	mkdir -p "$root${1%/*}"
	cat >"$root$1"
}

make -s install BUILD="$BUILD" PREFIX=/usr/local DESTDIR="$root" >"$tmp/console" 2>&1 ||
	fail "make install"
rm -r "$root/usr/local/share" "$root/usr/local/bin/memnet-lab"
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/proc" "$root/run" "$root/sys" "$root/tmp" \
	"$root/new" "$root/lib/systemd/system"
take /lib/systemd/systemd "$(command -v systemctl)"
# shellcheck disable=SC2046	# words
take $(libraries "$BUILD/bin/memnetd") $(libraries "$BUILD/bin/memnet-courier") \
	$(libraries "$BUILD/bin/memnet-run") $(libraries "$BUILD/lib/libmemnet-preload.so")
cp /lib/systemd/system/*.target /lib/systemd/system/*.slice "$root/lib/systemd/system"
install "$(command -v busybox)" "$root/bin/busybox"
for applet in sh cat cp grep kill ls mount poweroff sed sleep switch_root tr; do
	ln -s busybox "$root/bin/$applet"
done

write /etc/passwd <<-END
	root:x:0:0::/:/bin/sh
	nobody:x:65534:65534::/:/bin/false
	qemu:x:900:900::/:/bin/false
END
write /etc/group <<-END
	root:x:0:
	nogroup:x:65534:
	qemu:x:900:
END
echo 'passwd: files' | write /etc/nsswitch.conf
echo 0123456789abcdef0123456789abcdef | write /etc/machine-id
echo 'allow 127.0.0.1' | write /etc/memnet/a.policy
echo 'allow 127.0.0.1' | write /etc/memnet/b.policy
echo 'MEMNETD_OPTIONS="--size 64M --flows 64 --arena 8M"' | write /etc/memnet/a.conf
echo 'MEMNET_AGENT_OPTIONS="--region server:/run/memnetd/a/a.ivshmem"' |
	write /etc/memnet/agent.conf
write /etc/systemd/system/memnetd@.service.d/log.conf <<-END
	[Service]
	StandardError=append:/run/%i.log
END
write /etc/systemd/system/memnetd@b.service.d/user.conf <<-END
	[Service]
	User=qemu
END
write /etc/systemd/system/agent-b.service <<-END
	[Unit]
	Requires=memnetd@b.service
	After=memnetd@b.service
	[Service]
	Type=notify
	User=qemu
	ExecStart=/usr/local/bin/memnet-agent --region server:/run/memnetd/b/b.ivshmem \
		--socket /run/memnetd/b/agent
END
write /etc/systemd/system/try.service <<-END
	[Unit]
	DefaultDependencies=no
	[Service]
	Type=oneshot
	ExecStart=/bin/sh /try
	StandardOutput=tty
	StandardError=tty
	TTYPath=/dev/ttyS0
END

# The root of an initramfs cannot be left as any other can: hence another.
write /init <<-'END'
	#!/bin/sh
	mount -t tmpfs -o mode=755 tmpfs /new
	for f in bin dev etc lib lib64 proc run sys tmp try usr; do
		[ ! -e /$f ] || cp -a /$f /new/
	done
	exec switch_root /new /lib/systemd/systemd --unit=try.service
END
write /try <<-'END'
	try() {
		"$@"
		echo "$*: $?"
	}
	worker() {	# VM
		main=$(systemctl show -p MainPID --value memnetd@$1)
		for p in /proc/[0-9]*; do
			grep -q "^PPid:	$main\$" $p/status 2>/dev/null &&
				grep -q "^Name:	memnetd\$" $p/status || continue
			echo "worker of $1:" $(sed -nE 's/^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):/\1/p' \
				$p/status)
			echo "root of $1: $(ls -A $p/root | tr '\n' ' ')"
		done
	}
	try systemctl start memnetd@a
	try systemctl start memnet-agent
	worker a
	try /usr/local/bin/memnet-run --children /bin/busybox true
	busybox ip link set lo up
	busybox httpd -p 127.0.0.1:8000 -h /etc/memnet
	try /usr/local/bin/memnet get http://127.0.0.1:8000/a.policy
	try systemctl reload memnetd@a
	try systemctl start agent-b
	worker b
	try systemctl start memnetd@no-policy
	sleep 1
	sed 's/^/log of a: /' /run/a.log
	sed 's/^/log of b: /' /run/b.log
	try systemctl stop memnet-agent memnetd@a memnetd@no-policy
	echo "left:" $(ls /run/memnetd)
	poweroff -f
END
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null) >"$tmp/initrd"

timeout 200 qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 1500M -nographic -no-reboot -nic none \
	-kernel "$BUILD/guest/vmlinuz" -initrd "$tmp/initrd" \
	-append "console=ttyS0 rdinit=/init panic=-1 quiet" </dev/null >"$tmp/console" 2>&1 ||
	fail "the VM: status $?"

says() {	# LINE
	tr -d '\r' <"$tmp/console" | grep -qxF "$1" || fail "no line '$1'"
}
none='CapEff 0000000000000000 CapBnd 0000000000000000 NoNewPrivs 1 Seccomp 2'
says "systemctl start memnetd@a: 0"
says "systemctl start memnet-agent: 0"
says "worker of a: Uid 65534 65534 65534 65534 $none"
says "root of a: "
says "/usr/local/bin/memnet-run --children /bin/busybox true: 0"
says "allow 127.0.0.1"
says "/usr/local/bin/memnet get http://127.0.0.1:8000/a.policy: 0"
says "systemctl reload memnetd@a: 0"
says "log of a: memnetd: a: the policy of /etc/memnet/a.policy is in force, 1 rule"
says "systemctl start agent-b: 0"
says "worker of b: Uid 900 900 900 900 $none"
says "root of b: "
says "systemctl start memnetd@no-policy: 1"
says "systemctl stop memnet-agent memnetd@a memnetd@no-policy: 0"
says "left: b"
grep -a 'workers run without' "$tmp/console" && fail "a unit confines workers less"
exit 0
