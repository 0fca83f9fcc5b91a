/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_VSOCK: streams between a VM and its host, no network in between. An address
 * is a number, the CID, and so is written here as the four bytes of one: 0.0.0.2
 * is the host, 0.0.0.1 this machine itself, 255.255.255.255 (to listen) any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>

#include "workloads/socket_stream.h"

static struct sockaddr_vm cid_of(const struct sockaddr_in *addr)
{
	return (struct sockaddr_vm){
		.svm_family = AF_VSOCK, .svm_cid = ntohl(addr->sin_addr.s_addr),
		.svm_port = ntohs(addr->sin_port),
	};
}

static int vsock_connect(const struct sockaddr_in *peer, void **stream)
{
	struct sockaddr_vm at = cid_of(peer);

	return socket_stream_connect(AF_VSOCK, (const struct sockaddr *)&at, sizeof(at), stream);
}

static int vsock_listen(const struct sockaddr_in *addr, int backlog)
{
	struct sockaddr_vm at = cid_of(addr);

	return socket_stream_listen(AF_VSOCK, (const struct sockaddr *)&at, sizeof(at), backlog);
}

/* A port of more than 16 bits is cut: @from is for messages. */
static int vsock_accept(int listener, struct sockaddr_in *from)
{
	struct sockaddr_vm vm = { 0 };
	socklen_t len = sizeof(vm);
	int fd = accept4(listener, (struct sockaddr *)&vm, &len, SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	*from = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(vm.svm_cid),
		.sin_port = htons(vm.svm_port),
	};
	return fd;
}

const struct transport transport_vsock = {
	.name = "vsock",
	.summary = "AF_VSOCK between a VM and its host; the CID as an address: 0.0.0.2 is the host",
	.connect = vsock_connect,
	.listen = vsock_listen,
	.accept = vsock_accept,
	.send = socket_stream_send,
	.recv = socket_stream_recv,
	.shutdown_send = socket_stream_shutdown_send,
	.close = socket_stream_close,
};
