/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness/guest/boot.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"

#define COMMAND_LINE_SIZE 4096
#define AGENT		"/bin/memnet-agent"
#define AGENT_SOCKET	"/run/memnet/agent.sock"
#define AGENT_MS	3000
#define PORT_MS		10000

static int failed(const char *what, const char *where, int error)
{
	fprintf(stderr, "memnet init: %s %s: %s\n", what, where, strerror(error));
	return -error;
}

static void use_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

int boot_mount(void)
{
	static const struct { const char *type, *where; } mounts[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
	};
	/* In memory, as all of this root. No mounts: an image may have files there. */
	static const struct { const char *where; mode_t mode; } folders[] = {
		{ "/run", 0755 }, { "/run/progress", 0755 }, { "/tmp", 01777 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		/* A kernel may mount /dev by itself: EBUSY. */
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) &&
		    errno != EBUSY)
			return failed("mount", mounts[i].where, errno);
	}
	use_console();
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if ((mkdir(folders[i].where, folders[i].mode) && errno != EEXIST) ||
		    chmod(folders[i].where, folders[i].mode))
			return failed("mkdir", folders[i].where, errno);
	return 0;
}

static int load_module(const char *name)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failed("open", path, errno);
	ret = syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST ? -errno : 0;
	close(fd);
	return ret ? failed("load", path, -ret) : 0;
}

int boot_load_modules(void)
{
	char names[4096], *rest = names, *name;
	ssize_t n = mn_read_file("/modules/order", names, sizeof(names));

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return failed("read", "/modules/order", -n);
	while ((name = strsep(&rest, "\n"))) {
		int ret = *name ? load_module(name) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

int boot_start_agent(void)
{
	const char *region = boot_parameter("memnet.region");
	pid_t pid;

	if (access(AGENT, X_OK))
		return 0;
	if (mkdir("/run/memnet", 0755))
		return failed("mkdir", "/run/memnet", errno);
	pid = fork();
	if (pid < 0)
		return failed("fork for", AGENT, errno);
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(AGENT, AGENT, region ? "--region" : NULL, region, (char *)NULL);
		_exit(127);
	}
	for (int ms = 0; ms < AGENT_MS && access(AGENT_SOCKET, F_OK); ms++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return 0;
		usleep(1000);
	}
	return 0;
}

const char *boot_parameter(const char *key)
{
	static char words[COMMAND_LINE_SIZE];
	static ssize_t len;
	size_t key_len = strlen(key);

	if (!len) {
		len = mn_read_file("/proc/cmdline", words, sizeof(words));
		for (ssize_t i = 0; i < len; i++)
			if (words[i] == ' ')
				words[i] = '\0';
	}
	for (const char *w = words; w < words + len; w += strlen(w) + 1)
		if (!strncmp(w, key, key_len) && w[key_len] == '=')
			return w + key_len + 1;
	return NULL;
}

static bool is_ethernet(const char *name)
{
	char path[300];
	uint64_t type;

	snprintf(path, sizeof(path), "/sys/class/net/%s/type", name);
	return !mn_read_u64(path, &type) && type == ARPHRD_ETHER;
}

static int find_ethernet(char name[IFNAMSIZ])
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = is_ethernet(entry->d_name);
		if (found)
			snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found ? 0 : -ENODEV;
}

/* "198.18.0.2/30" */
static int parse_prefix(const char *text, struct in_addr *addr, struct in_addr *mask)
{
	const char *slash = strchr(text, '/');
	char host[INET_ADDRSTRLEN];
	uint64_t bits;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, slash - text);
	host[slash - text] = '\0';
	if (inet_pton(AF_INET, host, addr) != 1 || mn_parse_u64(slash + 1, &bits))
		return -EINVAL;
	if (bits < 1 || bits > 32)
		return -EINVAL;
	mask->s_addr = htonl(UINT32_MAX << (32 - bits));
	return 0;
}

static int set_address(int fd, const char *name, unsigned long request, struct in_addr addr)
{
	struct ifreq req = { 0 };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = addr };

	strcpy(req.ifr_name, name);
	memcpy(&req.ifr_addr, &sin, sizeof(sin));
	return ioctl(fd, request, &req) ? failed("give an address to", name, errno) : 0;
}

static int set_mtu(int fd, const char *name)
{
	struct ifreq req = { 0 };
	const char *text = boot_parameter("memnet.mtu");
	uint64_t mtu;

	if (!text)
		return 0;
	if (mn_parse_u64(text, &mtu) || mtu > INT32_MAX)
		return failed("understand memnet.mtu =", text, EINVAL);
	strcpy(req.ifr_name, name);
	req.ifr_mtu = mtu;
	return ioctl(fd, SIOCSIFMTU, &req) ? failed("set memnet.mtu of", name, errno) : 0;
}

static int bring_up(int fd, const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_UP | IFF_RUNNING };

	strcpy(req.ifr_name, name);
	return ioctl(fd, SIOCSIFFLAGS, &req) ? failed("bring up", name, errno) : 0;
}

/* What is not in the device's own network goes there. */
static int set_gateway(int fd)
{
	struct sockaddr_in any = { .sin_family = AF_INET }, gateway = any;
	const char *text = boot_parameter("memnet.gateway");
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };

	if (!text)
		return 0;
	if (inet_pton(AF_INET, text, &gateway.sin_addr) != 1)
		return failed("understand memnet.gateway =", text, EINVAL);
	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	memcpy(&route.rt_gateway, &gateway, sizeof(gateway));
	return ioctl(fd, SIOCADDRT, &route) ? failed("set memnet.gateway =", text, errno) : 0;
}

static int configure(int fd, const char *name, struct in_addr addr, struct in_addr mask)
{
	int ret = bring_up(fd, "lo");

	if (!ret)
		ret = set_mtu(fd, name);
	if (!ret)
		ret = set_address(fd, name, SIOCSIFADDR, addr);
	if (!ret)
		ret = set_address(fd, name, SIOCSIFNETMASK, mask);
	if (!ret)
		ret = bring_up(fd, name);
	return ret ? ret : set_gateway(fd);
}

int boot_network(void)
{
	const char *text = boot_parameter("memnet.addr");
	struct in_addr addr, mask;
	char name[IFNAMSIZ];
	int fd, ret;

	if (!text)
		return 0;
	if (parse_prefix(text, &addr, &mask))
		return failed("understand memnet.addr =", text, EINVAL);
	if (find_ethernet(name))
		return failed("find", "an Ethernet device for memnet.addr", ENODEV);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed("open", "a socket", errno);
	ret = configure(fd, name, addr, mask);
	close(fd);
	return ret;
}

/* The device node of the port called @wanted. */
static int find_port(const char *wanted, char node[64])
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int ret = -ENODEV;

	while (dir && ret && (entry = readdir(dir))) {
		char path[320], name[64];

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		if (mn_read_file(path, name, sizeof(name)) <= 0 || strcmp(name, wanted))
			continue;
		snprintf(node, 64, "/dev/%.32s", entry->d_name);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

int boot_open_port(const char *name)
{
	char node[64];
	int fd, ret = -ENODEV;

	/* The host tells the driver of its ports one by one, after it was loaded. */
	for (int ms = 0; ms < PORT_MS && ret; ms++) {
		ret = find_port(name, node);
		if (ret)
			usleep(1000);
	}
	if (ret)
		return failed("find the virtio-serial port", name, -ret);
	fd = open(node, O_RDWR | O_CLOEXEC);
	return fd < 0 ? failed("open", node, errno) : fd;
}
