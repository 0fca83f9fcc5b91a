/* SPDX-License-Identifier: BSD-2-Clause */
/* memnetd: the network service of VMs over shared memory. Options; the rest is broker.h. */
#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memnet-core/base/io.h"
#include "memnet-core/base/notify.h"
#include "memnet-core/base/parse.h"
#include "memnet-core/base/util.h"
#include "memnet-core/host/broker.h"

#define DEFAULT_REGION_BYTES	(32u << 20)
#define DEFAULT_FLOWS		64
#define DEFAULT_CHANNELS	16
#define MAX_VMS			64

struct options {
	const char *directory;
	struct mn_vm_config defaults;	/* what stands before the first --vm */
	struct mn_vm_config vms[MAX_VMS];
	size_t n_vms;
};

/* What the option in hand applies to. */
static struct mn_vm_config *current(struct options *o)
{
	return o->n_vms ? &o->vms[o->n_vms - 1] : &o->defaults;
}

static void add_vm(struct options *o, const char *name, struct argp_state *state)
{
	if (!*name || strchr(name, '/'))
		argp_error(state, "--vm %s: want a name without a slash", name);
	if (o->n_vms == MAX_VMS)
		argp_error(state, "--vm %s: at most %d VMs; start another memnetd", name, MAX_VMS);
	for (size_t i = 0; i < o->n_vms; i++)
		if (!strcmp(o->vms[i].name, name))
			argp_error(state, "--vm %s: given twice", name);
	o->vms[o->n_vms] = o->defaults;
	o->vms[o->n_vms++].name = name;
}

static uint32_t parse_count(const char *option, const char *arg, uint32_t max,
			    struct argp_state *state)
{
	uint64_t n = 0;

	if (mn_parse_u64(arg, &n) || n < 1 || n > max)
		argp_error(state, "--%s %s: want 1 to %u", option, arg, max);
	return n;
}

static void add_rule(const char *option, enum mn_policy_action action, const char *rule,
		     struct mn_vm_config *vm, struct argp_state *state)
{
	char why[300];

	if (mn_policy_add(&vm->policy, action, rule, why, sizeof(why)))
		argp_error(state, "--%s %s: %s", option, rule, why);
}

/* A VM may have another than the one for all, but no second one: which would be in force? */
static void set_policy_file(struct options *o, const char *path, struct argp_state *state)
{
	struct mn_vm_config *vm = current(o);

	if (vm->policy_file && (!o->n_vms || vm->policy_file != o->defaults.policy_file))
		argp_error(state, "--policy %s: given twice; put the rules into one file", path);
	vm->policy_file = path;
}

static void refuse_geometry(const char *vm, const struct mn_geometry *g, struct argp_state *state)
{
	unsigned long long size = g->region_bytes, arena = g->arena_bytes;

	if (size && !mn_is_power_of_two(size))
		argp_error(state, "VM %s: --size %llu is no power of two; want such as %llu", vm,
			   size, 2ULL * mn_floor_power_of_two(size));
	if (arena >= size)
		argp_error(state, "VM %s: an --arena of %llu bytes does not fit into a region of "
			   "%llu; give a larger --size, or a smaller --arena", vm, arena, size);
	argp_error(state, "VM %s: %u flows and %u channels do not fit into a region of %llu bytes; "
		   "--size wants about 10 KiB for each flow, 8 KiB for each channel, and the "
		   "--arena", vm, g->flows, g->channels, size);
}

static void finish_options(struct options *o, struct argp_state *state)
{
	if (!o->directory || !o->n_vms)
		argp_error(state, "--dir and at least one --vm are required");
	for (size_t i = 0; i < o->n_vms; i++)
		if (mn_geometry_make(&o->vms[i].geometry))
			refuse_geometry(o->vms[i].name, &o->vms[i].geometry, state);
	for (size_t i = 0; i < o->n_vms; i++)
		if (o->vms[i].geometry.arena_bytes && o->vms[i].ram.path)
			argp_error(state, "VM %s: objects (--arena) cannot be in guest RAM; leave "
				   "out one of --arena and --guest-ram", o->vms[i].name);
}

static void set_arena(const char *arg, struct mn_geometry *g, struct argp_state *state)
{
	if (mn_parse_bytes(arg, &g->arena_bytes) || g->arena_bytes % MN_PAGE)
		argp_error(state, "--arena %s: want bytes in pages of 4K, such as 64M", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct mn_vm_config *vm = current(o);

	switch (key) {
	case 'd':
		o->directory = arg;
		break;
	case 'v':
		add_vm(o, arg, state);
		break;
	case 's':
		if (mn_parse_bytes(arg, &vm->geometry.region_bytes))
			argp_error(state, "--size %s: want bytes, such as 64M", arg);
		break;
	case 'A':
		set_arena(arg, &vm->geometry, state);
		break;
	case 'f':
		vm->geometry.flows = parse_count("flows", arg, MN_MAX_FLOWS, state);
		break;
	case 'c':
		vm->geometry.channels = parse_count("channels", arg, MN_MAX_CHANNELS, state);
		break;
	case 'a':
		add_rule("allow", MN_POLICY_ALLOW, arg, vm, state);
		break;
	case 'D':
		add_rule("deny", MN_POLICY_DENY, arg, vm, state);
		break;
	case 'P':
		set_policy_file(o, arg, state);
		break;
	case 'g':
		if (!o->n_vms)
			argp_error(state, "--guest-ram %s: is of one VM; give its --vm before",
				   arg);
		vm->ram.path = arg;
		break;
	case 'm':
		if (mn_ram_map_parse(arg, &vm->ram.map))
			argp_error(state, "--ram-map %s: want ADDRESS:BYTES:OFFSET, such as "
				   "0:2G:0,4G:3G:2G; at most %d of them", arg, MN_RAM_PIECES);
		break;
	case 'M':
		if (mn_parse_bytes(arg, &vm->memory))
			argp_error(state, "--memory %s: want bytes, such as 8M", arg);
		break;
	case 'p':
		if (mn_spin_parse(arg, &vm->spin))
			argp_error(state, "--spin %s: want 0, a time such as 50us, or "
				   "adaptive:50us; at most 1s", arg);
		break;
	case ARGP_KEY_END:
		finish_options(o, state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option option_table[] = {
	{ "dir", 'd', "DIR", 0, "where the sockets for QEMU are made" },
	{ "vm", 'v', "NAME", 0, "serve a VM at DIR/NAME.ivshmem and DIR/NAME.bell; repeatable" },
	{ 0, 0, 0, 0, "For the VM before, or before the first --vm for all:" },
	{ "size", 's', "BYTES", 0, "size of the shared region, a power of two (32M)" },
	{ "arena", 'A', "BYTES", 0, "so much of it is for objects, see memnet(1) (0: no objects)" },
	{ "flows", 'f', "N", 0, "streams the guest may have open at once (64)" },
	{ "channels", 'c', "N", 0, "processes of the guest that may be attached at once (16)" },
	{ "allow", 'a', "[USE] [PROTOCOL] ADDRESS[/PREFIX][:PORT[-PORT]]", 0,
	  "let the guest connect or listen there; USE is connect or listen (connect), PROTOCOL is "
	  "tcp, udp or any (tcp); repeatable, the first rule that matches decides; without any, "
	  "nowhere" },
	{ "deny", 'D', "RULE", 0, "the contrary; both uses and any protocol, unless it says" },
	{ "policy", 'P', "FILE", 0,
	  "more rules, lines of allow RULE or deny RULE; read again at SIGHUP" },
	{ "memory", 'M', "BYTES", 0,
	  "no new streams while more of the region is in use (all of --size)" },
	{ "spin", 'p', "TIME", 0, "poll so long before sleeping: 0, 50us, adaptive:50us (0)" },
	{ 0, 0, 0, 0, "Where the region is to be in the guest's own RAM:" },
	{ "guest-ram", 'g', "FILE", 0, "the file that is this VM's RAM, once QEMU runs" },
	{ "ram-map", 'm', "ADDRESS:BYTES:OFFSET,...", 0,
	  "guest-physical addresses of its parts (those of a q35 machine of its size)" },
	{ 0 }
};

static const char doc[] =
	"Network service of VMs over shared memory.\v"
	"Start it before QEMU, and give QEMU, with V the VM's name,\n"
	"  -chardev socket,path=DIR/V.ivshmem,id=mn\n"
	"  -device ivshmem-doorbell,chardev=mn,vectors=16   (as many as --channels)\n"
	"  -device virtio-serial-pci -chardev socket,path=DIR/V.bell,id=bell\n"
	"  -device virtserialport,chardev=bell,name=memnet.bell\n"
	"The serial port is needed only by guests without an IOMMU for vfio-pci.\n"
	"\n"
	"With --guest-ram FILE there is no ivshmem device. The serial port is needed, and\n"
	"  -object memory-backend-file,id=ram,mem-path=FILE,share=on,size=SIZE\n"
	"  -M q35,memory-backend=ram -m SIZE -no-reboot\n"
	"The guest's agent says how large the region is; --size means nothing. Without\n"
	"-no-reboot a guest that is reset may find bytes of the region in its new memory.";

static const struct argp argp = { option_table, parse_option, NULL, doc };

/* What waits for it in vain ends us: better that it is known why. */
static void say_ready(void)
{
	int ret = mn_notify_ready();

	if (ret)
		fprintf(stderr, "memnetd: cannot tell NOTIFY_SOCKET that it serves: %s\n",
			strerror(-ret));
}

int main(int argc, char **argv)
{
	static struct options o = {
		.defaults.geometry = {
			.region_bytes = DEFAULT_REGION_BYTES, .channels = DEFAULT_CHANNELS,
			.flows = DEFAULT_FLOWS,
		},
	};
	struct mn_broker *b;
	int ret;

	if (mn_open_standard_fds())
		return EXIT_FAILURE;	/* there may be nowhere to say so */
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	signal(SIGPIPE, SIG_IGN);	/* who reads our messages may go; VMs stay */
	ret = mn_broker_create(&b, o.directory);
	if (ret) {
		fprintf(stderr, "memnetd: cannot start: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < o.n_vms && !ret; i++)
		ret = mn_broker_add(b, &o.vms[i]);
	if (!ret) {
		say_ready();
		ret = mn_broker_run(b);
	}
	mn_broker_destroy(b);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
