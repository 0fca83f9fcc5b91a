/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules as text. After "/" or "]" a colon can only begin the ports, so an IPv6 network
 * needs no brackets: 2001:db8::/32:443.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memnet-core/base/nearest.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/policy_internal.h"

#define TEXT_SIZE	200
#define SPACE		" \t\r"
#define RULE_FORM	"[connect|listen] [tcp|udp|any] ADDRESS[/PREFIX][:PORT[-PORT]]"

/* Where what is wrong is written. */
struct reader {
	char *why;
	size_t size;
};

static int wrong(const struct reader *r, const char *format, ...) PRINTF_LIKE(2, 3);

static int wrong(const struct reader *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->why, r->size, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* --- address and prefix -------------------------------------------------------------- */

/* Brackets are of IPv6. The bits of the address: 32, 128; 0: it is none. */
static unsigned int parse_address(char *text, uint8_t net[16])
{
	size_t len = strlen(text);
	struct in_addr ipv4;
	bool good;

	if (text[0] == '[') {
		if (text[len - 1] != ']')
			return 0;
		text[len - 1] = '\0';
		good = inet_pton(AF_INET6, text + 1, net) == 1;
		text[len - 1] = ']';
		return good ? 128 : 0;
	}
	if (inet_pton(AF_INET6, text, net) == 1)
		return 128;
	if (inet_pton(AF_INET, text, &ipv4) != 1)
		return 0;
	mn_policy_map_ipv4(net, &ipv4);
	return 32;
}

static bool mask(uint8_t net[16], unsigned int prefix)
{
	bool changed = false;

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = prefix <= i * 8 ? 0 : MIN(prefix - i * 8, 8u);
		uint8_t kept = net[i] & (uint8_t)(0xff00 >> bits);

		changed |= kept != net[i];
		net[i] = kept;
	}
	return changed;
}

/* A typing error must not open a thousand times what was meant: no bits behind the prefix. */
static int parse_network(const struct reader *r, char *address, const char *prefix,
			 struct mn_policy_rule *rule)
{
	unsigned int bits = parse_address(address, rule->net);
	uint8_t whole[16];
	uint64_t length = bits;
	char net[64], host[64];

	if (!bits)
		return wrong(r, "'%s' is no address: want such as 192.0.2.1 or 2001:db8::1, "
			     "with a port 192.0.2.1:443 or [2001:db8::1]:443", address);
	if (prefix && (mn_parse_u64(prefix, &length) || length > bits))
		return wrong(r, "/%s: want a prefix of 0 to %u", prefix, bits);
	rule->prefix = length + (128 - bits);
	memcpy(whole, rule->net, sizeof(whole));
	if (!mask(rule->net, rule->prefix))
		return 0;
	mn_policy_format(rule->net, rule->prefix, net, sizeof(net));
	mn_policy_format(whole, 128, host, sizeof(host));
	return wrong(r, "the address has bits behind its prefix: want %s or %s", net, host);
}

/* --- ports ---------------------------------------------------------------------------- */

static int parse_port(const char *text, uint16_t *port)
{
	uint64_t n;

	if (mn_parse_u64(text, &n) || n < 1 || n > 65535)
		return -EINVAL;
	*port = n;
	return 0;
}

static int parse_ports(const struct reader *r, char *text, struct mn_policy_rule *rule)
{
	char *dash = text ? strchr(text, '-') : NULL;
	bool bad;

	rule->first = 0;
	rule->last = 65535;
	if (!text)
		return 0;
	if (dash)
		*dash = '\0';
	bad = parse_port(text, &rule->first) || parse_port(dash ? dash + 1 : text, &rule->last) ||
	      rule->first > rule->last;
	if (dash)
		*dash = '-';
	return bad ? wrong(r, "port '%s': want 1 to 65535, or such as 8000-8999", text) : 0;
}

/*
 * 2001:db8::1:443 is an address, whose last group may be meant as a port: with the groups
 * before it, it would be one as well. Who means the address writes its prefix, or brackets.
 */
static int refuse_ambiguous(const struct reader *r, char *text)
{
	char *colon = strrchr(text, ':');
	uint8_t net[16];
	uint16_t port;
	bool ambiguous;

	if (!colon || parse_address(text, net) != 128 || parse_port(colon + 1, &port))
		return 0;
	*colon = '\0';
	ambiguous = parse_address(text, net) == 128;
	*colon = ':';
	if (!ambiguous)
		return 0;
	return wrong(r, "'%s' may be an address or one with a port: want [%.*s]:%s, or %s/128",
		     text, (int)(colon - text), text, colon + 1, text);
}

/* Cut "ADDRESS[/PREFIX][:PORTS]" up. */
static int parse_target(const struct reader *r, char *text, struct mn_policy_rule *rule)
{
	char *slash = strchr(text, '/'), *bracket = strchr(text, ']'), *ports;
	int ret;

	if (slash)
		ports = strchr(slash, ':');
	else if (bracket)
		ports = strchr(bracket, ':');
	else	/* two colons: IPv6, and no port */
		ports = strchr(text, ':') == strrchr(text, ':') ? strchr(text, ':') : NULL;
	if (!slash && !bracket && refuse_ambiguous(r, text))
		return -EINVAL;
	if (slash)
		*slash++ = '\0';
	if (ports)
		*ports++ = '\0';
	ret = parse_network(r, text, slash, rule);
	return ret ? ret : parse_ports(r, ports, rule);
}

/* --- words ----------------------------------------------------------------------------- */

static const char *const words[] = { "connect", "listen", "tcp", "udp", "any" };

/* Take the use or the protocol @word is. False: it is none. */
static bool take_word(const char *word, struct mn_policy_rule *rule)
{
	if (!rule->uses && !strcmp(word, "connect"))
		rule->uses = MN_POLICY_CONNECT;
	else if (!rule->uses && !strcmp(word, "listen"))
		rule->uses = MN_POLICY_LISTEN;
	else if (rule->tcp || rule->udp)
		return false;
	else if (!strcmp(word, "tcp"))
		rule->tcp = true;
	else if (!strcmp(word, "udp"))
		rule->udp = true;
	else if (!strcmp(word, "any"))
		rule->tcp = rule->udp = true;
	else
		return false;
	return true;
}

/* What an allow rule does not say it does not allow; what a deny rule does not say it denies. */
static void fill_in(struct mn_policy_rule *rule)
{
	bool deny = rule->action == MN_POLICY_DENY;

	if (!rule->uses)
		rule->uses = MN_POLICY_CONNECT | (deny ? MN_POLICY_LISTEN : 0);
	if (!rule->tcp && !rule->udp) {
		rule->tcp = true;
		rule->udp = deny;
	}
}

static bool is_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

static int unknown_word(const struct reader *r, const char *word)
{
	const char *meant = mn_nearest(word, words, ARRAY_SIZE(words));

	if (is_word(word))
		return wrong(r, "'%s' stands where it cannot: want " RULE_FORM, word);
	if (meant)
		return wrong(r, "unknown word '%s'; did you mean '%s'?", word, meant);
	return wrong(r, "unknown word '%s'; want " RULE_FORM, word);
}

static int word_behind(const struct reader *r, const char *word)
{
	if (is_word(word))
		return wrong(r, "'%s' stands behind the address; it comes before", word);
	return wrong(r, "'%s' is one address too many; give each a rule of its own", word);
}

static int parse_rule(const struct reader *r, char *text, struct mn_policy_rule *rule)
{
	char *save, *word = strtok_r(text, SPACE, &save), *next;

	while (word && take_word(word, rule))
		word = strtok_r(NULL, SPACE, &save);
	if (!word)
		return wrong(r, "no address: want " RULE_FORM);
	if (!strpbrk(word, ".:"))
		return unknown_word(r, word);
	next = strtok_r(NULL, SPACE, &save);
	if (next)
		return word_behind(r, next);
	fill_in(rule);
	return parse_target(r, word, rule);
}

int mn_policy_add(struct mn_policy *p, enum mn_policy_action action, const char *text,
		  char *why, size_t size)
{
	struct mn_policy_rule rule = { .action = action };
	const struct reader r = { why, size };
	char copy[TEXT_SIZE];
	int ret;

	if (p->rules == MN_POLICY_RULES) {
		wrong(&r, "more than %d rules; join networks by a shorter prefix",
		      MN_POLICY_RULES);
		return -ENOSPC;
	}
	if (strlen(text) >= sizeof(copy))
		return wrong(&r, "a rule of more than %zu letters", sizeof(copy) - 1);
	strcpy(copy, text);
	ret = parse_rule(&r, copy, &rule);
	if (!ret)
		p->rule[p->rules++] = rule;
	return ret;
}
