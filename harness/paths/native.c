/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No VM at all: the bound. The same programs in the same sandbox, under memnet-native in
 * place of QEMU and the guest's init. What ran in the guest runs on the vCPUs' CPUs and is
 * counted as class vcpu, the one that holds the guest's work in the other paths.
 *
 * Its bytes go over the loopback device, as a connection of memnetd's to the peer does: that
 * is what the host asks of anybody, and all else that a path spends is the VM's price. A veth
 * pair would be a hop more, between two network namespaces, which no path has to make; with a
 * plan's link (link.h) all make it, and this one too.
 *
 * It is nobody's baseline, and compared with nobody: its rows have the accelerator "none".
 * Its CPU is this machine's own; under TCG the guest's is emulated, and the two are not of
 * one kind.
 */
#include "harness/path.h"

static void missing(struct path_reasons *reasons)
{
}

const struct path path_native = {
	.name = "native",
	.summary = "no VM: the workloads as processes of the host, over loopback; the bound",
	.transport = "socket",
	.guest = "", .peer = "127.0.0.1:700%u", .listen = "127.0.0.1:700%u",
	.baseline = -1,
	.no_vm = true,
	.missing = missing,
};
