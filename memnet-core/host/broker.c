/* SPDX-License-Identifier: BSD-2-Clause */
/* Theory of operation: broker.h. */
#include "memnet-core/host/broker_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "memnet-core/base/clock.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/host.h"
#include "memnet-core/host/ivshmem_server.h"

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void mn_broker_complain(const struct vm *vm, const char *what, int err)
{
	fprintf(stderr, "memnetd: %s: %s: %s\n", vm->config.name, what, strerror(-err));
}

/* --- QEMU's connections ---------------------------------------------------------- */

/* Only a process of our own user may be our QEMU. */
static bool peer_is_ours(const struct vm *vm, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return false;
	if (cred.uid == geteuid())
		return true;
	fprintf(stderr, "memnetd: %s: refused a connection of uid %u (pid %d); "
		"run QEMU and memnetd as the same user\n", vm->config.name, cred.uid, cred.pid);
	return false;
}

/* Accept into @w if it is free and the peer is ours. 0 or -errno. */
static int accept_one(struct vm *vm, struct mn_watch *listener, struct mn_watch *w)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (w->fd >= 0) {
		fprintf(stderr, "memnetd: %s: refused a second QEMU; give each VM a --vm of its "
			"own\n", vm->config.name);
		close(fd);
		return -EBUSY;
	}
	if (!peer_is_ours(vm, fd)) {
		close(fd);
		return -EPERM;
	}
	w->fd = fd;
	return 0;
}

/*
 * Each QEMU gets memory of its own: the next one shall not read what this one left,
 * nor share it with whoever was given this one's descriptor.
 */
static int renew_region(struct vm *vm)
{
	if (vm->config.ram.path)
		return 0;	/* the region is in the VM's RAM */
	if (vm->memfd < 0)
		vm->memfd = mn_host_make_memfd(vm->config.geometry.region_bytes);
	return vm->memfd < 0 ? vm->memfd : 0;
}

static void drop_region(struct vm *vm)
{
	close_if_open(vm->memfd);
	vm->memfd = -1;
}

/* QEMU never writes here: readable means that it has closed. */
static void ivshmem_gone(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, ivshmem);

	mn_loop_close_fd(&vm->broker->loop, w);
	mn_broker_stop_worker(vm);
	vm->delay_ms = 0;
	drop_region(vm);
}

static void ivshmem_comes(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, ivshmem_listener);
	int ret = accept_one(vm, w, &vm->ivshmem);

	if (ret)
		return;
	ret = renew_region(vm);
	if (!ret)
		ret = mn_loop_add(&vm->broker->loop, &vm->ivshmem, EPOLLIN | EPOLLRDHUP);
	if (!ret)
		ret = mn_ivshmem_greet(vm->ivshmem.fd, vm->memfd, vm->doorbell, vm->vectors,
				       vm->config.geometry.channels);
	if (ret) {
		mn_broker_complain(vm, "cannot greet QEMU", ret);
		mn_loop_close_fd(&vm->broker->loop, &vm->ivshmem);
		drop_region(vm);
		return;
	}
	mn_broker_start_worker(vm);
}

/* Watched for its end only: the worker has the bytes. */
static void bell_gone(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, bell);

	mn_loop_close_fd(&vm->broker->loop, w);
	if (!vm->config.ram.path)
		return;
	mn_broker_stop_worker(vm);
	vm->delay_ms = 0;
}

static void bell_comes(struct mn_watch *w, uint32_t events)
{
	struct vm *vm = VM_OF(w, bell_listener);
	int ret = accept_one(vm, w, &vm->bell);

	if (ret)
		return;
	ret = mn_loop_add(&vm->broker->loop, &vm->bell, EPOLLRDHUP);
	if (ret) {
		mn_broker_complain(vm, "cannot watch the bell port", ret);
		mn_loop_close_fd(&vm->broker->loop, &vm->bell);
	} else if (vm->config.ram.path) {
		mn_broker_start_worker(vm);
	} else {
		mn_broker_send_bell(vm);
	}
}

/* --- making and ending ------------------------------------------------------------- */

/* At DIRECTORY/NAME.@what, by @w; for this user only. 0, or -errno after a message. */
static int listen_for_qemu(struct vm *vm, const char *what, struct mn_socket_file *file,
			   struct mn_watch *w)
{
	char path[sizeof(file->path)];
	int ret = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/%s.%s", vm->broker->directory, vm->config.name,
		     what) < (int)sizeof(path))
		ret = mn_listen_unix(path, SOCK_STREAM, 0600, 1, file);
	if (ret >= 0) {
		w->fd = ret;
		ret = mn_loop_add(&vm->broker->loop, w, EPOLLIN);
	}
	if (ret == -ENOENT)
		fprintf(stderr, "memnetd: cannot listen at %s: its directory is missing; make it "
			"(mkdir -p %s), or give another --dir\n", path, vm->broker->directory);
	else if (ret < 0)
		fprintf(stderr, "memnetd: cannot listen at %s: %s\n", path, strerror(-ret));
	return ret;
}

static int watch_timer(struct vm *vm, struct mn_watch *w)
{
	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return w->fd < 0 ? -errno : mn_loop_add(&vm->broker->loop, w, EPOLLIN);
}

static int make_fds(struct vm *vm)
{
	int ret = renew_region(vm);

	if (ret)
		return ret;
	vm->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->doorbell < 0)
		return -errno;
	for (uint32_t i = 0; i < vm->config.geometry.channels; i++) {
		vm->vectors[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vm->vectors[i] < 0)
			return -errno;
	}
	ret = watch_timer(vm, &vm->restart);
	return ret ? ret : watch_timer(vm, &vm->courier_restart);
}

static struct vm *new_vm(struct mn_broker *b, const struct mn_vm_config *config)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	*vm = (struct vm){
		.broker = b, .next = b->vms, .config = *config,
		.ivshmem_listener = { -1, ivshmem_comes }, .bell_listener = { -1, bell_comes },
		.ivshmem = { -1, ivshmem_gone }, .bell = { -1, bell_gone },
		.worker = { -1, mn_broker_worker_died }, .restart = { -1, mn_broker_restart_due },
		.control = { -1, mn_broker_worker_asks },
		.courier = { -1, mn_broker_courier_died },
		.courier_restart = { -1, mn_broker_courier_due },
		.memfd = -1, .doorbell = -1, .pid = -1, .courier_pid = -1,
	};
	memset(vm->vectors, -1, sizeof(vm->vectors));
	b->vms = vm;
	return vm;
}

int mn_broker_add(struct mn_broker *b, const struct mn_vm_config *config)
{
	struct vm *vm = new_vm(b, config);
	int ret = vm ? make_fds(vm) : -ENOMEM;

	if (ret) {
		fprintf(stderr, "memnetd: cannot make a region of %llu bytes for %s: %s\n",
			(unsigned long long)config->geometry.region_bytes, config->name,
			strerror(-ret));
		return ret;
	}
	ret = mn_broker_load_policy(vm);
	if (!ret && !config->ram.path)
		ret = listen_for_qemu(vm, "ivshmem", &vm->ivshmem_file, &vm->ivshmem_listener);
	if (!ret)
		ret = listen_for_qemu(vm, "bell", &vm->bell_file, &vm->bell_listener);
	return ret;
}

static void signal_comes(struct mn_watch *w, uint32_t events)
{
	((struct mn_broker *)((char *)w - offsetof(struct mn_broker, signals)))->loop.stop = true;
}

/* Each flow is a descriptor of its worker. */
static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* What the workers are confined to. 0, with a line if that is not all, or -errno. */
static int prepare_isolation(struct mn_broker *b)
{
	char why[500];
	int ret = mn_isolation_probe(&b->isolation, why, sizeof(why));

	if (!ret && why[0])
		fprintf(stderr, "memnetd: %s\n", why);
	return ret;
}

int mn_broker_create(struct mn_broker **out, const char *directory)
{
	struct mn_broker *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return -ENOMEM;
	want_descriptors();
	b->directory = directory;
	b->signals.fd = b->hangup.fd = -1;
	ret = prepare_isolation(b);
	if (!ret)
		ret = mn_loop_init(&b->loop);
	if (ret) {
		mn_isolation_free(&b->isolation);
		free(b);
		return ret;
	}
	/* Workers inherit that these are blocked: they end by their control socket. */
	ret = mn_loop_watch(&b->loop, &b->signals, mn_loop_end_signals(), EPOLLIN, signal_comes);
	if (!ret)
		ret = mn_broker_watch_hangup(b);
	if (ret) {
		mn_broker_destroy(b);
		return ret;
	}
	*out = b;
	return 0;
}

int mn_broker_run(struct mn_broker *b)
{
	return mn_loop_run(&b->loop, NULL, NULL);
}

static void free_vm(struct vm *vm)
{
	struct mn_watch *watches[] = { &vm->ivshmem_listener, &vm->bell_listener, &vm->ivshmem,
				       &vm->bell, &vm->restart, &vm->courier_restart };

	if (vm->pid > 0)
		mn_broker_stop_worker(vm);
	for (size_t i = 0; i < ARRAY_SIZE(watches); i++)
		mn_loop_close_fd(&vm->broker->loop, watches[i]);
	mn_socket_file_remove(&vm->ivshmem_file);
	mn_socket_file_remove(&vm->bell_file);
	close_if_open(vm->memfd);
	close_if_open(vm->doorbell);
	for (size_t i = 0; i < MN_MAX_CHANNELS; i++)
		close_if_open(vm->vectors[i]);
	free(vm);
}

void mn_broker_destroy(struct mn_broker *b)
{
	while (b->vms) {
		struct vm *vm = b->vms;

		b->vms = vm->next;
		free_vm(vm);
	}
	mn_loop_close_fd(&b->loop, &b->signals);
	mn_loop_close_fd(&b->loop, &b->hangup);
	mn_loop_close(&b->loop);
	mn_isolation_free(&b->isolation);
	free(b);
}
