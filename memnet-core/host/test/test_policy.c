/* SPDX-License-Identifier: BSD-2-Clause */
/* What a policy permits, and what it says of rules that are none. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/policy.h"

#define CONNECT	MN_POLICY_CONNECT
#define LISTEN	MN_POLICY_LISTEN
#define TCP	IPPROTO_TCP
#define UDP	IPPROTO_UDP

/* As mn_policy_read() of a file of @len bytes at @text. */
static int read_bytes(struct mn_policy *p, const char *text, size_t len, char *why, size_t size)
{
	int fd = memfd_create("policy", MFD_CLOEXEC), ret;
	char path[32];

	assert_int_equal(mn_write_all(fd, text, len), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = mn_policy_read(p, path, why, size);
	close(fd);
	return ret;
}

static struct mn_policy policy_of(const char *text)
{
	struct mn_policy p = { 0 };
	char why[400];

	if (read_bytes(&p, text, strlen(text), why, sizeof(why)))
		fail_msg("%s", why);
	return p;
}

static struct sockaddr_in6 addr_of(const char *text, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		return in6;
	assert_int_equal(inet_pton(AF_INET, text, &in.sin_addr), 1);
	memcpy(&in6, &in, sizeof(in));
	return in6;
}

struct question {
	int use, protocol;
	const char *addr;
	uint16_t port;
	bool permitted;
};

struct judged {
	const char *rules;
	struct question asked[13];	/* to the first without a use */
};

static const struct judged judged[] = {
	{ "",
	  { { CONNECT, TCP, "192.0.2.1", 80, false }, { CONNECT, UDP, "2001:db8::1", 53, false },
	    { LISTEN, TCP, "192.0.2.1", 80, false }, { LISTEN, UDP, "::", 0, false } } },
	/* what is not said is connect and tcp */
	{ "allow 192.0.2.0/24",
	  { { CONNECT, TCP, "192.0.2.0", 1, true }, { CONNECT, TCP, "192.0.2.255", 65535, true },
	    { CONNECT, TCP, "192.0.1.255", 80, false }, { CONNECT, TCP, "192.0.3.0", 80, false },
	    { CONNECT, UDP, "192.0.2.1", 53, false }, { LISTEN, TCP, "192.0.2.1", 80, false },
	    { CONNECT, TCP, "::ffff:192.0.2.7", 80, true },
	    { CONNECT, TCP, "::ffff:192.0.3.7", 80, false },
	    { CONNECT, IPPROTO_SCTP, "192.0.2.1", 80, false },
	    { CONNECT | LISTEN, TCP, "192.0.2.1", 80, false } } },
	/* prefixes that end within a byte */
	{ "allow 198.18.0.0/15\nallow 10.0.0.128/25\nallow 2001:db8:8000::/33",
	  { { CONNECT, TCP, "198.19.255.255", 1, true }, { CONNECT, TCP, "198.20.0.0", 1, false },
	    { CONNECT, TCP, "198.17.255.255", 1, false }, { CONNECT, TCP, "10.0.0.127", 1, false },
	    { CONNECT, TCP, "10.0.0.128", 1, true }, { CONNECT, TCP, "2001:db8:7fff::", 1, false },
	    { CONNECT, TCP, "2001:db8:8000::", 1, true } } },
	/* ports, and a single address without its prefix */
	{ "allow 192.0.2.1:443\nallow [2001:db8::1]:8000-8999\nallow 2001:db8:1::/48:53",
	  { { CONNECT, TCP, "192.0.2.1", 443, true }, { CONNECT, TCP, "192.0.2.1", 442, false },
	    { CONNECT, TCP, "192.0.2.2", 443, false }, { CONNECT, TCP, "2001:db8::1", 7999, false },
	    { CONNECT, TCP, "2001:db8::1", 8000, true },
	    { CONNECT, TCP, "2001:db8::1", 8999, true },
	    { CONNECT, TCP, "2001:db8::1", 9000, false },
	    { CONNECT, TCP, "2001:db8:1::9", 53, true },
	    { CONNECT, TCP, "192.0.2.1", 0, false } } },
	{ "allow udp 192.0.2.1:53\nallow any 192.0.2.2:53\nallow listen any 192.0.2.3:8000-8001",
	  { { CONNECT, UDP, "192.0.2.1", 53, true }, { CONNECT, TCP, "192.0.2.1", 53, false },
	    { CONNECT, UDP, "192.0.2.2", 53, true }, { CONNECT, TCP, "192.0.2.2", 53, true },
	    { LISTEN, UDP, "192.0.2.3", 8001, true }, { LISTEN, TCP, "192.0.2.3", 8000, true },
	    { LISTEN, TCP, "192.0.2.3", 8002, false }, { CONNECT, TCP, "192.0.2.3", 8000, false },
	    { LISTEN, UDP, "192.0.2.1", 53, false } } },
	/* the first decides; a deny that does not say is of everything */
	{ "deny 192.0.2.128/25\nallow any 192.0.2.0/24\nallow listen 192.0.2.0/24\ndeny 192.0.2.1",
	  { { CONNECT, TCP, "192.0.2.1", 1, true }, { CONNECT, TCP, "192.0.2.200", 1, false },
	    { CONNECT, UDP, "192.0.2.200", 1, false }, { LISTEN, TCP, "192.0.2.200", 1, false },
	    { LISTEN, TCP, "192.0.2.1", 1, true } } },
	{ "deny udp 192.0.2.1\ndeny listen 192.0.2.1\n"
	  "allow any 192.0.2.1\nallow listen any 192.0.2.1",
	  { { CONNECT, TCP, "192.0.2.1", 1, true }, { CONNECT, UDP, "192.0.2.1", 1, false },
	    { LISTEN, TCP, "192.0.2.1", 1, false } } },
	/* the kernel's choice of a port */
	{ "allow listen 192.0.2.1\nallow listen 192.0.2.2:1-65535\n"
	  "deny listen 192.0.2.3:22\nallow listen 192.0.2.3",
	  { { LISTEN, TCP, "192.0.2.1", 0, true }, { LISTEN, TCP, "192.0.2.2", 0, false },
	    { LISTEN, TCP, "192.0.2.3", 0, false }, { LISTEN, TCP, "192.0.2.3", 23, true } } },
	/* all of it is not the host's own */
	{ "allow any 0.0.0.0/0\nallow listen any 0.0.0.0/0",
	  { { CONNECT, TCP, "192.0.2.1", 80, true }, { CONNECT, TCP, "127.0.0.1", 80, false },
	    { CONNECT, TCP, "127.255.255.255", 80, false }, { CONNECT, TCP, "0.0.0.0", 80, false },
	    { CONNECT, TCP, "0.1.2.3", 80, false }, { CONNECT, TCP, "169.254.0.1", 80, false },
	    { CONNECT, TCP, "169.254.169.254", 80, false },
	    { CONNECT, UDP, "224.0.0.1", 80, false },
	    { CONNECT, UDP, "255.255.255.255", 80, false }, { LISTEN, TCP, "0.0.0.0", 80, false },
	    { LISTEN, TCP, "127.0.0.1", 80, false }, { LISTEN, TCP, "192.0.2.1", 80, true } } },
	{ "allow any 0.0.0.0/0",
	  { { CONNECT, TCP, "::ffff:127.0.0.1", 80, false },
	    { CONNECT, TCP, "::ffff:0.0.0.0", 80, false },
	    { CONNECT, TCP, "::ffff:169.254.169.254", 80, false },
	    { CONNECT, TCP, "::ffff:192.0.2.1", 80, true },
	    { CONNECT, TCP, "240.0.0.1", 80, false },
	    { CONNECT, TCP, "100.100.100.200", 80, false },
	    { CONNECT, TCP, "168.63.129.16", 80, false },
	    { CONNECT, TCP, "100.100.100.201", 80, true },
	    { CONNECT, TCP, "126.255.255.255", 80, true }, { CONNECT, TCP, "128.0.0.0", 80, true },
	    { CONNECT, TCP, "::7f00:1", 80, false }, { CONNECT, TCP, "2001:db8::1", 80, false } } },
	{ "allow any ::/0\nallow listen any ::/0",
	  { { CONNECT, TCP, "2001:db8::1", 80, true }, { CONNECT, TCP, "::1", 80, false },
	    { CONNECT, TCP, "::", 80, false }, { CONNECT, TCP, "fe80::1", 80, false },
	    { CONNECT, TCP, "febf::1", 80, false }, { CONNECT, TCP, "fd00:ec2::254", 80, false },
	    { CONNECT, TCP, "fd20:ce::254", 80, false }, { CONNECT, UDP, "ff02::1", 80, false },
	    { LISTEN, TCP, "::", 80, false }, { CONNECT, TCP, "::ffff:192.0.2.1", 80, false },
	    { CONNECT, TCP, "192.0.2.1", 80, false }, { CONNECT, TCP, "fec0::1", 80, true } } },
	{ "allow any ::/0",
	  { { CONNECT, TCP, "::127.0.0.1", 80, false },
	    { CONNECT, TCP, "::ffff:0:7f00:1", 80, false },
	    { CONNECT, TCP, "64:ff9b::7f00:1", 80, false },
	    { CONNECT, TCP, "64:ff9b:1::1", 80, false },
	    { CONNECT, TCP, "2002:7f00:1::1", 80, false }, { CONNECT, TCP, "2001::1", 80, false },
	    { CONNECT, TCP, "64:ff9b:2::1", 80, true }, { CONNECT, TCP, "2003::1", 80, true } } },
	/* half of all is not within either */
	{ "allow 0.0.0.0/1\nallow ::/1\nallow ::/95",
	  { { CONNECT, TCP, "127.0.0.1", 80, false }, { CONNECT, TCP, "::1", 80, false },
	    { CONNECT, TCP, "::ffff:10.0.0.1", 80, true } } },
	/* named: it and nothing inside it that has a name of its own */
	{ "allow 127.0.0.0/8\nallow ::1\nallow 169.254.0.0/16\nallow fe80::/10\nallow ::/96",
	  { { CONNECT, TCP, "127.0.0.1", 80, true }, { CONNECT, TCP, "::ffff:127.9.9.9", 80, true },
	    { CONNECT, TCP, "::1", 80, true }, { CONNECT, TCP, "169.254.1.1", 80, true },
	    { CONNECT, TCP, "169.254.169.254", 80, false }, { CONNECT, TCP, "fe80::9", 80, true },
	    { CONNECT, TCP, "::", 80, false }, { CONNECT, TCP, "::2", 80, true } } },
	{ "allow 169.254.169.254\nallow listen 0.0.0.0:80\nallow listen ::\nallow 64:ff9b::/96\n"
	  "allow fd00:ec2::254\nallow 224.0.0.0/4",
	  { { CONNECT, TCP, "169.254.169.254", 80, true },
	    { CONNECT, TCP, "169.254.169.253", 80, false }, { LISTEN, TCP, "0.0.0.0", 80, true },
	    { LISTEN, TCP, "0.0.0.0", 81, false }, { LISTEN, TCP, "::", 81, true },
	    { CONNECT, TCP, "::", 81, false }, { CONNECT, TCP, "64:ff9b::c000:201", 80, true },
	    { CONNECT, TCP, "fd00:ec2::254", 80, true },
	    { CONNECT, TCP, "fd00:ec2::253", 80, false },
	    { CONNECT, TCP, "239.1.1.1", 80, true } } },
	/* a deny is of what it names, in there as well */
	{ "deny 0.0.0.0/0\nallow 127.0.0.0/8",
	  { { CONNECT, TCP, "127.0.0.1", 80, false },
	    { CONNECT, TCP, "::ffff:127.0.0.1", 80, false } } },
	/* a rule of IPv6 is none of IPv4, and a mapped one is one of IPv4 */
	{ "deny ::/0\nallow ::ffff:192.0.2.0/120\ndeny ::ffff:0:0/96\nallow 192.0.3.0/24",
	  { { CONNECT, TCP, "192.0.2.9", 80, true }, { CONNECT, TCP, "192.0.3.9", 80, false } } },
	{ "# a comment\n\n  \t\n allow\t192.0.2.1 # more\r\n\tallow  udp   192.0.2.2:53\r\n\n",
	  { { CONNECT, TCP, "192.0.2.1", 80, true }, { CONNECT, UDP, "192.0.2.2", 53, true } } },
};

static void rules_are_judged(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		struct mn_policy p = policy_of(judged[i].rules);

		for (const struct question *q = judged[i].asked; q->use; q++) {
			struct sockaddr_in6 addr = addr_of(q->addr, q->port);

			if (mn_policy_permits(&p, q->use, q->protocol, (struct sockaddr *)&addr) !=
			    q->permitted)
				fail_msg("'%s': use %d, protocol %d, %s port %u is not %s",
					 judged[i].rules, q->use, q->protocol, q->addr, q->port,
					 q->permitted ? "permitted" : "denied");
		}
	}
}

static void other_families_are_denied(void **state)
{
	struct mn_policy p = policy_of("allow any 0.0.0.0/0\nallow any ::/0");
	struct sockaddr_storage unspecified = { .ss_family = AF_UNSPEC };
	struct sockaddr_storage local = { .ss_family = AF_UNIX };

	assert_false(mn_policy_permits(&p, CONNECT, TCP, (struct sockaddr *)&unspecified));
	assert_false(mn_policy_permits(&p, CONNECT, TCP, (struct sockaddr *)&local));
}

static void a_denial_is_explained(void **state)
{
	static const struct {
		const char *rules, *addr, *why;
	} cases[] = {
		{ "", "192.0.2.1", "no rule allows it; --allow or policy file" },
		{ "# first\ndeny 192.0.2.0/24\n", "192.0.2.1",
		  "line 2 of the policy file denies it" },
		{ "allow 0.0.0.0/0", "127.0.0.1", "it is the host's loopback; only a rule of "
		  "127.0.0.0/8 or of a part of it allows it" },
		{ "allow ::/0", "fe80::1",
		  "it is link-local; only a rule of fe80::/10 or of a part of it allows it" },
		{ "allow 169.254.0.0/16", "169.254.169.254",
		  "it is cloud metadata; only a rule of 169.254.169.254/32 allows it" },
	};
	struct sockaddr_in6 addr = addr_of("192.0.2.1", 80);
	struct mn_policy p = { 0 };
	char why[200];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_in6 to = addr_of(cases[i].addr, 80);

		p = policy_of(cases[i].rules);
		mn_policy_explain(&p, CONNECT, TCP, (struct sockaddr *)&to, why, sizeof(why));
		assert_string_equal(why, cases[i].why);
	}
	p.rules = 0;
	assert_int_equal(mn_policy_add(&p, MN_POLICY_DENY, "192.0.2.1", why, sizeof(why)), 0);
	mn_policy_explain(&p, CONNECT, TCP, (struct sockaddr *)&addr, why, sizeof(why));
	assert_string_equal(why, "a --deny denies it");
}

/* --- text that is no policy ---------------------------------------------------------- */

#define FORM	"[connect|listen] [tcp|udp|any] ADDRESS[/PREFIX][:PORT[-PORT]]"
#define ADDRESS	"want such as 192.0.2.1 or 2001:db8::1, with a port 192.0.2.1:443 or " \
		"[2001:db8::1]:443"
#define PORTS	"want 1 to 65535, or such as 8000-8999"

static void a_wrong_line_is_told(void **state)
{
	static const struct {
		const char *text, *why;	/* its end, behind the path */
	} cases[] = {
		{ "alow 192.0.2.1",
		  ":1: a line begins with allow or deny, not with 'alow'; did you mean 'allow'?" },
		{ "[connect]", ":1: a line begins with allow or deny, not with '[connect]'" },
		{ "allow", ":1: no address: want " FORM },
		{ "allow tcp", ":1: no address: want " FORM },
		{ "allow tcp udp 192.0.2.1", ":1: 'udp' stands where it cannot: want " FORM },
		{ "allow 192.0.2.1 tcp", ":1: 'tcp' stands behind the address; it comes before" },
		{ "allow 192.0.2.1 192.0.2.2",
		  ":1: '192.0.2.2' is one address too many; give each a rule of its own" },
		{ "allow 192.0.2", ":1: '192.0.2' is no address: " ADDRESS },
		{ "allow example.org", ":1: 'example.org' is no address: " ADDRESS },
		{ "allow [192.0.2.1]:80", ":1: '[192.0.2.1]' is no address: " ADDRESS },
		{ "allow fe80::1%eth0", ":1: 'fe80::1%eth0' is no address: " ADDRESS },
		{ "allow 2001:db8::1:443",
		  ":1: '2001:db8::1:443' may be an address or one with a port: want "
		  "[2001:db8::1]:443, or 2001:db8::1:443/128" },
		{ "allow 192.0.2.0/33", ":1: /33: want a prefix of 0 to 32" },
		{ "allow 2001:db8::/129", ":1: /129: want a prefix of 0 to 128" },
		{ "allow 192.0.2.0/", ":1: /: want a prefix of 0 to 32" },
		{ "allow 192.0.2.0/-1", ":1: /-1: want a prefix of 0 to 32" },
		{ "allow 192.0.2.0/24/24", ":1: /24/24: want a prefix of 0 to 32" },
		{ "allow 10.0.0.1/8",
		  ":1: the address has bits behind its prefix: want 10.0.0.0/8 or 10.0.0.1/32" },
		{ "allow 2001:db8::1/32",
		  ":1: the address has bits behind its prefix: want 2001:db8::/32 or "
		  "2001:db8::1/128" },
		{ "allow 192.0.2.1:0", ":1: port '0': " PORTS },
		{ "allow 192.0.2.1:65536", ":1: port '65536': " PORTS },
		{ "allow 192.0.2.1:", ":1: port '': " PORTS },
		{ "allow 192.0.2.1:9-8", ":1: port '9-8': " PORTS },
		{ "allow 192.0.2.1:8-", ":1: port '8-': " PORTS },
		{ "allow [2001:db8::1]443", ":1: '[2001:db8::1]443' is no address: " ADDRESS },
	};
	struct mn_policy p = policy_of("allow 192.0.2.1"), before = p;
	char why[400];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = cases[i].text;

		if (read_bytes(&p, text, strlen(text), why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' is taken for a policy", text);
		assert_int_equal(strncmp(why, "/proc/self/fd/", 14), 0);
		assert_string_equal(strchr(why, ':'), cases[i].why);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void too_much_is_told(void **state)
{
	static char text[MN_POLICY_RULES * 20 + 70000];
	static const char zeros[] = "allow 192.0.2.1\n\0allow 192.0.2.2";
	struct mn_policy p = { 0 };
	char why[400];
	size_t n = 0;

	for (int i = 0; i <= MN_POLICY_RULES; i++) {
		if (i == MN_POLICY_RULES)
			assert_int_equal(read_bytes(&p, text, n, why, sizeof(why)), 0);
		n += sprintf(text + n, "allow 192.0.2.%d\n", i % 256);
	}
	assert_int_equal(p.rules, MN_POLICY_RULES);
	p.rules = 0;
	assert_int_equal(read_bytes(&p, text, n, why, sizeof(why)), -ENOSPC);
	assert_string_equal(strchr(why, ':'),
			    ":257: more than 256 rules; join networks by a shorter prefix");
	memset(text, '#', sizeof(text) - 1);
	assert_int_equal(read_bytes(&p, text, 70000, why, sizeof(why)), -E2BIG);
	assert_int_equal(read_bytes(&p, text, 60000, why, sizeof(why)), 0);
	memcpy(text, "allow ", 6);
	memset(text + 6, '1', 300);
	text[306] = '\0';
	assert_int_equal(read_bytes(&p, text, 306, why, sizeof(why)), -EINVAL);
	assert_string_equal(strchr(why, ':'), ":1: a rule of more than 199 letters");
	assert_int_equal(read_bytes(&p, zeros, sizeof(zeros), why, sizeof(why)), -EILSEQ);
	assert_int_equal(p.rules, 0);
}

static void what_is_no_file_is_told(void **state)
{
	char path[] = "/tmp/memnet-policy.XXXXXX", fifo[64], why[400];
	struct mn_policy p = { 0 };

	assert_non_null(mkdtemp(path));
	assert_int_equal(mn_policy_read(&p, path, why, sizeof(why)), -ENOTSUP);
	snprintf(fifo, sizeof(fifo), "%s/f", path);
	assert_int_equal(mn_policy_read(&p, fifo, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "there is no such file; make it"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mn_policy_read(&p, fifo, why, sizeof(why)), -ENOTSUP);
	unlink(fifo);
	rmdir(path);
}

/* Rules with a few bytes changed: refused with a line, or a rule whose bits are in order. */
static void garbage_is_refused_or_a_rule(void **state)
{
	static const char *const rules[] = {
		"connect tcp 192.0.2.0/24:8000-8999", "listen any [2001:db8::1]:443",
		"::ffff:10.0.0.0/104", "udp 2001:db8::/32:53",
	};
	static const char letters[] = "0123456789abcdf:./-[]% \t#ctludpny";
	uint64_t seed = 1;
	unsigned int taken = 0;

	for (int i = 0; i < 200000; i++) {
		struct mn_policy p = { 0 };
		char text[64], why[300] = "";
		size_t len;

		strcpy(text, rules[i % ARRAY_SIZE(rules)]);
		len = strlen(text);
		for (int n = mn_splitmix64(&seed) % 4; n >= 0; n--)
			text[mn_splitmix64(&seed) % len] = i % 3 ?
				letters[mn_splitmix64(&seed) % (sizeof(letters) - 1)] :
				(char)(mn_splitmix64(&seed) | 1);
		if (mn_policy_add(&p, MN_POLICY_ALLOW, text, why, sizeof(why))) {
			assert_int_equal(p.rules, 0);
			assert_true(*why && strlen(why) < sizeof(why) - 1);
			continue;
		}
		taken++;
		assert_int_equal(p.rules, 1);
		assert_true(p.rule[0].prefix <= 128 && p.rule[0].first <= p.rule[0].last);
		assert_true(p.rule[0].uses == CONNECT || p.rule[0].uses == LISTEN);
		assert_true(p.rule[0].tcp || p.rule[0].udp);
	}
	assert_in_range(taken, 1000, 150000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_judged),
		cmocka_unit_test(other_families_are_denied),
		cmocka_unit_test(a_denial_is_explained),
		cmocka_unit_test(a_wrong_line_is_told),
		cmocka_unit_test(too_much_is_told),
		cmocka_unit_test(what_is_no_file_is_told),
		cmocka_unit_test(garbage_is_refused_or_a_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
