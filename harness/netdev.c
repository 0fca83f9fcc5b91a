/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/netdev.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETEM_PACKETS 1000000	/* more than windows of TCP hold: it delays, and drops none */

/* --- ioctls -------------------------------------------------------------------- */

static int inet_ioctl(unsigned long request, void *argument)
{
	int ret = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, request, argument))
		ret = -errno;
	close(fd);
	return ret;
}

static struct sockaddr as_sockaddr(struct in_addr addr)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };
	struct sockaddr out;

	memcpy(&out, &sin, sizeof(out));
	return out;
}

int netdev_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP | IFF_RUNNING };

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	return inet_ioctl(SIOCSIFFLAGS, &ifr);
}

int netdev_configure(const char *name, struct in_addr addr, int prefix)
{
	struct in_addr mask = { .s_addr = htonl(prefix ? ~0u << (32 - prefix) : 0) };
	struct ifreq ifr = { .ifr_addr = as_sockaddr(addr) };
	int ret;

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	ret = inet_ioctl(SIOCSIFADDR, &ifr);
	if (ret)
		return ret;
	ifr.ifr_netmask = as_sockaddr(mask);
	ret = inet_ioctl(SIOCSIFNETMASK, &ifr);
	return ret ? ret : netdev_up(name);
}

int netdev_default_route(struct in_addr gateway)
{
	struct in_addr any = { .s_addr = INADDR_ANY };
	struct rtentry route = {
		.rt_dst = as_sockaddr(any), .rt_genmask = as_sockaddr(any),
		.rt_gateway = as_sockaddr(gateway), .rt_flags = RTF_UP | RTF_GATEWAY,
	};

	return inet_ioctl(SIOCADDRT, &route);
}

/* --- netlink ------------------------------------------------------------------- */

struct request {
	struct nlmsghdr head;
	char body[512];		/* a struct of the request's own, and its attributes */
};

static void begin(struct request *r, uint16_t type, const void *own, size_t size)
{
	*r = (struct request){ .head = {
		.nlmsg_type = type, .nlmsg_len = NLMSG_LENGTH(size),
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
	} };
	memcpy(r->body, own, size);
}

/* Append what attributes are made of; all of ours together are far from the end. */
static void *append(struct request *r, const void *data, size_t size)
{
	void *at = (char *)r + NLMSG_ALIGN(r->head.nlmsg_len);

	if (size)
		memcpy(at, data, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + size;
	return at;
}

/* Attributes that follow are within it, until end_attribute(). */
static struct rtattr *begin_attribute(struct request *r, uint16_t type)
{
	const struct rtattr head = { .rta_type = type };

	return append(r, &head, sizeof(head));
}

static void end_attribute(struct request *r, struct rtattr *a)
{
	a->rta_len = (char *)r + r->head.nlmsg_len - (char *)a;
}

static void attribute(struct request *r, uint16_t type, const void *data, size_t size)
{
	struct rtattr *a = begin_attribute(r, type);

	append(r, data, size);
	end_attribute(r, a);
}

static void text_attribute(struct request *r, uint16_t type, const char *text)
{
	attribute(r, type, text, strlen(text) + 1);
}

/* 0, or what the kernel makes of it. */
static int send_request(struct request *r)
{
	struct { struct nlmsghdr head; struct nlmsgerr error; char rest[600]; } answer;
	int ret = 0, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		ret = -errno;
	else if (answer.head.nlmsg_type == NLMSG_ERROR)
		ret = answer.error.error;
	close(fd);
	return ret;
}

int netdev_add_veth(const char *name, const char *peer, int peer_ns)
{
	const struct ifinfomsg device = { .ifi_family = AF_UNSPEC };
	struct rtattr *info, *data, *other;
	struct request r;

	begin(&r, RTM_NEWLINK, &device, sizeof(device));
	text_attribute(&r, IFLA_IFNAME, name);
	info = begin_attribute(&r, IFLA_LINKINFO);
	text_attribute(&r, IFLA_INFO_KIND, "veth");
	data = begin_attribute(&r, IFLA_INFO_DATA);
	other = begin_attribute(&r, VETH_INFO_PEER);
	append(&r, &device, sizeof(device));
	text_attribute(&r, IFLA_IFNAME, peer);
	attribute(&r, IFLA_NET_NS_FD, &peer_ns, sizeof(peer_ns));
	end_attribute(&r, other);
	end_attribute(&r, data);
	end_attribute(&r, info);
	return send_request(&r);
}

/* Up to where its options go. */
static void begin_qdisc(struct request *r, const char *name, uint32_t parent, uint32_t handle,
			const char *kind)
{
	const struct tcmsg own = {
		.tcm_family = AF_UNSPEC, .tcm_ifindex = if_nametoindex(name),
		.tcm_parent = parent, .tcm_handle = handle,
	};

	begin(r, RTM_NEWQDISC, &own, sizeof(own));
	text_attribute(r, TCA_KIND, kind);
}

int netdev_add_tbf(const char *name, uint32_t parent, uint32_t handle, uint64_t bytes_per_s,
		   uint32_t burst, uint32_t limit)
{
	const struct tc_tbf_qopt parameters = {
		.limit = limit,
		/* of Ethernet frames: or else the kernel wants a table of their times */
		.rate = { .rate = bytes_per_s < UINT32_MAX ? bytes_per_s : UINT32_MAX,
			  .linklayer = TC_LINKLAYER_ETHERNET },
	};
	struct rtattr *options;
	struct request r;

	begin_qdisc(&r, name, parent, handle, "tbf");
	options = begin_attribute(&r, TCA_OPTIONS);
	attribute(&r, TCA_TBF_PARMS, &parameters, sizeof(parameters));
	attribute(&r, TCA_TBF_BURST, &burst, sizeof(burst));
	if (bytes_per_s >= UINT32_MAX)
		attribute(&r, TCA_TBF_RATE64, &bytes_per_s, sizeof(bytes_per_s));
	end_attribute(&r, options);
	return send_request(&r);
}

int netdev_add_netem(const char *name, uint32_t parent, uint32_t handle, int64_t delay_ns)
{
	const struct tc_netem_qopt parameters = { .limit = NETEM_PACKETS };
	struct rtattr *options;
	struct request r;

	begin_qdisc(&r, name, parent, handle, "netem");
	options = begin_attribute(&r, TCA_OPTIONS);
	append(&r, &parameters, sizeof(parameters));	/* its attributes stand behind it */
	attribute(&r, TCA_NETEM_LATENCY64, &delay_ns, sizeof(delay_ns));
	end_attribute(&r, options);
	return send_request(&r);
}
