/* SPDX-License-Identifier: BSD-2-Clause */
#include "memnet-core/guest/store_clients.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* What it had stays its own: the host may still move it, until the channel is reset. */
static void asked(struct mn_watch *w, uint32_t events)
{
	struct mn_store_client *c = (struct mn_store_client *)w;
	struct mn_store_request request;
	struct mn_store_reply reply;
	ssize_t n = recv(w->fd, &request, sizeof(request), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(request)) {
		mn_loop_close_fd(c->loop, w);
		return;
	}
	mn_store_run(c->store, c->channel, &request, &reply);
	if (send(w->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(reply))
		mn_loop_close_fd(c->loop, w);	/* it does not read its answers */
}

void mn_store_client_init(struct mn_store_client *c, struct mn_loop *loop, struct mn_store *store,
			  uint32_t channel)
{
	*c = (struct mn_store_client){
		.watch = { -1, asked }, .loop = loop, .store = store, .channel = channel,
	};
}

void mn_store_client_take(struct mn_store_client *c, int fd)
{
	mn_loop_close_fd(c->loop, &c->watch);
	c->watch.fd = fd;
	if (mn_loop_add(c->loop, &c->watch, EPOLLIN | EPOLLRDHUP)) {
		close(fd);
		c->watch.fd = -1;
	}
}

void mn_store_client_close(struct mn_store_client *c)
{
	mn_loop_close_fd(c->loop, &c->watch);
}

void mn_store_client_leave(struct mn_store_client *c)
{
	mn_loop_close_fd(c->loop, &c->watch);
	mn_store_leave(c->store, c->channel);
}
