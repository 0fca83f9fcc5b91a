/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 *   sandbox's namespace                             the peers' namespace
 *   tap devices  --forwarded--+
 *   slirp, passt, memnetd,    +-- "link" 198.19.0.1 ==== 198.19.0.2 "peer" -- peers
 *   native: own sockets ------+
 *
 * Both ends of the veth pair have the same queues before them, so either direction has the
 * rate and the delay: netem keeps each frame for the delay, tbf below it lets the rate through.
 * netem could do both, but not every kernel has it, and a rate is kept by the same means
 * whether there is a delay or not. What does not get through waits, up to QUEUE_NS of it, and
 * is dropped then, as at the port of a switch: TCP has to find the rate by itself.
 *
 * The rate is one of Ethernet frames with their headers, those of large sends counted as if
 * they were cut already: a stream of frames of 1500 bytes has 95.6 % of it for its bytes.
 *
 * CPU time. Forwarding, queues and the veth pair are work of soft interrupts. Those that follow
 * a send run on the thread that sent, and count as its class's, as on the loopback device, where
 * the peer is without a link. What has waited is sent on by a timer, on the CPU it waited on:
 * that counts as the time of the thread it interrupts, of whatever class, or on an idle CPU of
 * none. A kernel with CONFIG_IRQ_TIME_ACCOUNTING counts neither as any thread's. All of it is in
 * host_busy_s. So CPU time by class may lack a little of what the path costs, and the more the
 * more the link holds up.
 */
#include "harness/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/netdev.h"
#include "memnet-core/base/clock.h"
#include "memnet-core/base/explain.h"
#include "memnet-core/base/io.h"

#define HOST_DEVICE	"link"
#define PEER_DEVICE	"peer"
#define HOST_ADDR	"198.19.0.1"
#define PREFIX		30
#define OWN_NS		"/proc/thread-self/ns/net"

#define NETEM		0x10000u	/* handles: 1:0, */
#define TBF		0x20000u	/* 2:0 */
#define QUEUE_NS	(20 * NSEC_PER_MSEC)
#define QUEUE_LEAST	(256u << 10)
#define QUEUE_MOST	(1u << 30)

/* --- its two ends -------------------------------------------------------------- */

/* What passes at the rate in this time. */
static uint64_t bytes_in(uint64_t rate_bits_per_s, int64_t ns)
{
	return rate_bits_per_s / 8 * ((double)ns / NSEC_PER_SEC);
}

static int explain_queue(int ret, const char *kind, const char *key, char *why, size_t size)
{
	if (ret == -ENOENT)
		return mn_explain(why, size, ret, "this kernel has no %s, which a plan's %s needs: "
				  "modprobe sch_%s (Debian: of the package linux-image-amd64), or leave "
				  "%s out of the plan", kind, key, kind, key);
	return mn_explain(why, size, ret, "cannot set %s of the plan (%s): %s", key, kind,
			  strerror(-ret));
}

/* Of what leaves the device. */
static int shape(const char *name, uint64_t rate, int64_t delay_ns, char *why, size_t size)
{
	uint64_t queue = bytes_in(rate, QUEUE_NS + 2 * delay_ns);
	int ret = 0;

	if (delay_ns)
		ret = netdev_add_netem(name, TC_H_ROOT, NETEM, delay_ns);
	if (ret)
		return explain_queue(ret, "netem", "link_delay", why, size);
	if (rate)
		ret = netdev_add_tbf(name, delay_ns ? NETEM | 1 : TC_H_ROOT, TBF, rate / 8,
				     link_burst_bytes(rate),
				     MIN(MAX(queue, QUEUE_LEAST), QUEUE_MOST));
	return ret ? explain_queue(ret, "tbf", "link_rate", why, size) : 0;
}

static struct in_addr address(const char *text)
{
	struct in_addr addr;

	inet_pton(AF_INET, text, &addr);
	return addr;
}

static int set_up_peer_end(char *why, size_t size)
{
	int ret = netdev_up("lo");

	if (!ret)
		ret = netdev_configure(PEER_DEVICE, address(LINK_PEER_ADDR), PREFIX);
	if (!ret)
		ret = netdev_default_route(address(HOST_ADDR));
	return ret ? mn_explain(why, size, ret, "cannot configure the peers' end of the link: %s",
				strerror(-ret)) : 0;
}

static int set_up_host_end(char *why, size_t size)
{
	int ret = netdev_configure(HOST_DEVICE, address(HOST_ADDR), PREFIX);

	if (ret)
		return mn_explain(why, size, ret, "cannot configure the host's end of the link: %s",
				  strerror(-ret));
	ret = mn_write_file("/proc/sys/net/ipv4/ip_forward", "1");
	return ret ? mn_explain(why, size, ret, "cannot have packets forwarded to the link "
				"(/proc/sys/net/ipv4/ip_forward): %s; run outside of a container",
				strerror(-ret)) : 0;
}

/* --- the pair ------------------------------------------------------------------ */

/* A new network namespace, while this thread stays in its own. */
static int make_namespaces(struct link *link)
{
	int ret;

	link->host_ns = open(OWN_NS, O_RDONLY | O_CLOEXEC);
	if (link->host_ns < 0 || unshare(CLONE_NEWNET))
		return -errno;
	link->peer_ns = open(OWN_NS, O_RDONLY | O_CLOEXEC);
	ret = link->peer_ns < 0 ? -errno : 0;
	return link_leave(link) ?: ret;
}

static int make_pair(const struct link *link, char *why, size_t size)
{
	int ret = netdev_add_veth(HOST_DEVICE, PEER_DEVICE, link->peer_ns);

	if (ret == -EOPNOTSUPP)
		return mn_explain(why, size, ret, "this kernel has no veth devices, which the plan's "
				  "link is made of: modprobe veth");
	return ret ? mn_explain(why, size, ret, "cannot make a veth pair for the plan's link: %s",
				strerror(-ret)) : 0;
}

static int set_up(const struct link *link, uint64_t rate, int64_t delay_ns, char *why, size_t size)
{
	int left, ret = set_up_host_end(why, size);

	if (!ret)
		ret = shape(HOST_DEVICE, rate, delay_ns, why, size);
	if (ret)
		return ret;
	ret = link_enter(link);
	if (ret)
		return mn_explain(why, size, ret, "cannot enter the peers' network namespace: %s",
				  strerror(-ret));
	ret = set_up_peer_end(why, size);
	if (!ret)
		ret = shape(PEER_DEVICE, rate, delay_ns, why, size);
	left = link_leave(link);
	if (ret || !left)
		return ret;
	return mn_explain(why, size, left, "cannot leave the peers' network namespace: %s",
			  strerror(-left));
}

int link_open(struct link *link, uint64_t rate, int64_t delay_ns, char *why, size_t size)
{
	int ret;

	*link = (struct link){ -1, -1 };
	ret = make_namespaces(link);
	if (ret)
		mn_explain(why, size, ret, "cannot make a network namespace for the peers: %s",
			   strerror(-ret));
	if (!ret)
		ret = make_pair(link, why, size);
	if (!ret)
		ret = set_up(link, rate, delay_ns, why, size);
	if (ret)
		link_close(link);
	return ret;
}

void link_close(struct link *link)
{
	if (link->host_ns >= 0)
		close(link->host_ns);
	if (link->peer_ns >= 0)
		close(link->peer_ns);
	*link = (struct link){ -1, -1 };
}

int link_enter(const struct link *link)
{
	return setns(link->peer_ns, CLONE_NEWNET) ? -errno : 0;
}

int link_leave(const struct link *link)
{
	return setns(link->host_ns, CLONE_NEWNET) ? -errno : 0;
}

/* --- can there be one? --------------------------------------------------------- */

/* In the child: a link in a network namespace that ends with us; what is in its way, on @out. */
static void try(const struct plan *plan, int out)
{
	struct link link;
	char why[256];

	if (unshare(CLONE_NEWNET | (geteuid() ? CLONE_NEWUSER : 0)))
		_exit(0);	/* nor can there be a sandbox, which will say so */
	if (link_open(&link, plan->link_rate_bits_per_s, plan->link_delay_ns, why, sizeof(why)))
		mn_write_all(out, why, strlen(why));
	_exit(0);
}

/* Only a kernel that has made one shows that it can; it loads modules of its own for it. */
static void find_obstacle(const struct plan *plan, char why[256])
{
	int fds[2], pid;
	ssize_t n;

	why[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid)
		try(plan, fds[1]);
	close(fds[1]);
	n = pid > 0 ? read(fds[0], why, 255) : 0;
	why[MAX(n, 0)] = '\0';
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Asked before each run; what stood in the way of a link with these two is known by then. */
const char *link_obstacle(const struct plan *plan)
{
	static char known[2][2][256];
	static bool tried[2][2];
	bool rate = plan->link_rate_bits_per_s, delay = plan->link_delay_ns;

	if (!tried[rate][delay])
		find_obstacle(plan, known[rate][delay]);
	tried[rate][delay] = true;
	return known[rate][delay];
}

bool plan_path_missing(const struct plan *plan, const struct path *p, const char *build,
		       struct path_reasons *reasons)
{
	path_missing(p, build, reasons);
	if (plan_has_link(plan) && p->no_link)
		path_reason(reasons, "%s has no network that the plan's link could be between; leave "
			    "link_rate and link_delay out of the plan", p->name);
	else if (plan_has_link(plan) && *link_obstacle(plan))
		path_reason(reasons, "%s", link_obstacle(plan));
	return reasons->text[0];
}
