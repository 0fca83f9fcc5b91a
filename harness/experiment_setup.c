/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a plan to what its runs need: the folder, CPUs, the sandbox, an accelerator, sources
 * of energy; then the runs in their order. The folder comes before the sandbox, in which
 * SANDBOX_TMP is another place; if something is missing then, a new one goes again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/app.h"
#include "harness/experiment_internal.h"
#include "harness/groups.h"
#include "harness/insns_plugin.h"
#include "harness/packages.h"
#include "harness/sandbox.h"
#include "memnet-core/base/util.h"

#define APP_IMAGE SANDBOX_TMP "/initrd.img"	/* of a plan with apps */
#define READY_TCG_MS		90000
#define READY_KVM_MS		20000

static void describe_vm(struct experiment *x)
{
	snprintf(x->paths[5], sizeof(x->paths[5]), "%s/logs", x->folder.dir);
	x->vm_config = (struct vm_config){
		.vcpus = x->plan.vcpus, .memory_mib = x->plan.memory_mib,
		.spin = "", .flows = plan_most_flows(&x->plan),
		.programs = *x->plan.packages,
		.shared_ram = plan_shares_ram(&x->plan), .objects = x->plan.n_apps,
		.kernel = x->paths[0], .initrd = x->paths[1], .memnetd = x->paths[2],
		.work = x->paths[3], .native = x->paths[4], .log_dir = x->paths[5],
	};
}

static int choose_accel(struct experiment *x)
{
	struct vm_config probe = x->vm_config;
	char cache[600];
	int ret;

	probe.log_dir = SANDBOX_TMP;
	snprintf(cache, sizeof(cache), "%s/accel.cache", x->o->build);
	ret = accel_choose(&x->accel, x->o->accel, &probe, cache);
	if (ret == -EINVAL)
		snprintf(x->err, sizeof(x->err), "--accel=%s: want auto, kvm or tcg", x->o->accel);
	else if (ret)
		snprintf(x->err, sizeof(x->err), "--accel=%s: %s; --accel=tcg goes without KVM",
			 x->o->accel, x->accel.reason);
	if (ret)
		return ret;
	x->vm_config.accel = x->accel.name;
	x->vm_config.fault = x->o->fault;
	x->vm_config.cpu_model = x->plan.cpu_model;
	if (!strcmp(x->plan.cpu_model, "auto"))
		x->vm_config.cpu_model = strcmp(x->accel.name, "kvm") ? "max,-erms,-fsrm" : "host";
	x->vm_config.ready_timeout_ms = x->o->ready_timeout_ms ? x->o->ready_timeout_ms :
		strcmp(x->accel.name, "kvm") ? READY_TCG_MS : READY_KVM_MS;
	return 0;
}

/* Under KVM the PMU counts them; under TCG QEMU does, with a plugin. Without: x->no_insns. */
static void choose_insns(struct experiment *x)
{
	struct vm_config *c = &x->vm_config;

	if (!x->plan.guest_insns) {
		c->no_insns = "the plan does not ask for them (guest_insns = yes)";
		return;
	}
	if (!strcmp(x->accel.name, "kvm"))
		return;
	snprintf(x->paths[6], sizeof(x->paths[6]), "%s/" INSNS_PLUGIN, x->o->build);
	if (insns_plugin_try(x->paths[6], SANDBOX_TMP, x->no_insns, sizeof(x->no_insns)))
		c->no_insns = x->no_insns;
	else
		c->plugin = x->paths[6];
}

/* While there is a network: the sandbox has none. */
static int make_packages(struct experiment *x)
{
	if (!*x->plan.packages)
		return 0;
	return packages_image(x->o->build, x->plan.packages, x->paths[7], sizeof(x->paths[7]),
			      x->err, sizeof(x->err));
}

/* All VMs of a plan boot the same image. 0, or -errno with a line in x->err. */
static int add_apps(struct experiment *x)
{
	const char *archives[] = {
		x->vm_config.initrd, *x->plan.packages ? x->paths[7] : NULL, NULL
	};

	if (!x->plan.n_apps && !*x->plan.packages)
		return 0;
	x->vm_config.initrd = APP_IMAGE;
	return app_image_make(&x->plan, x->o->build, archives, APP_IMAGE, x->err,
			      sizeof(x->err));
}

/*
 * One for the whole experiment. Where there can be none, every run is skipped for it. 0, or
 * -errno with a line in x->err.
 */
static int open_link(struct experiment *x)
{
	const struct plan *plan = &x->plan;

	if (!plan_has_link(plan) || *link_obstacle(plan))
		return 0;
	x->vm_config.link = &x->link;
	return link_open(&x->link, plan->link_rate_bits_per_s, plan->link_delay_ns, x->err,
			 sizeof(x->err));
}

/* Values of two accelerators are never put together, so not into one folder either. */
static int check_same_accel(struct experiment *x)
{
	const char *begun = runs_accelerator(x->folder.done, x->folder.n_done);

	if (!*begun || !strcmp(begun, x->accel.name))
		return 0;
	snprintf(x->err, sizeof(x->err), "%s was begun with accelerator %s, and this is %s; resume "
		 "it with --accel=%s, or start a new experiment", x->folder.dir, begun,
		 x->accel.name, begun);
	return -EINVAL;
}

/* What lies in SANDBOX_TMP is out of sight inside. */
static int check_place(struct experiment *x)
{
	char *real = realpath(x->folder.dir, NULL);
	bool hidden = real && !strncmp(real, SANDBOX_TMP "/", strlen(SANDBOX_TMP "/"));

	free(real);
	if (!hidden)
		return 0;
	snprintf(x->err, sizeof(x->err), "%s: each experiment has a " SANDBOX_TMP " of its own; give "
		 "results another place: --results=DIR", x->folder.dir);
	return -EINVAL;
}

static int set_up_in_folder(struct experiment *x)
{
	const struct energy_config energy_config = { 0 };
	long n;
	int ret = check_place(x);

	if (!ret)
		ret = plan_choose_cpus(&x->plan, x->err, sizeof(x->err));
	describe_vm(x);
	if (!ret)
		ret = make_packages(x);
	if (!ret)
		ret = sandbox_enter(x->err, sizeof(x->err));
	if (!ret)
		ret = choose_accel(x);
	if (!ret)
		ret = check_same_accel(x);
	if (!ret)
		ret = add_apps(x);
	if (!ret)
		ret = open_link(x);
	if (ret)
		return ret;
	choose_insns(x);
	ret = energy_open(&x->energy, &energy_config);
	n = ret ? ret : plan_expand(&x->plan, x->folder.seed, &x->runs);
	if (n < 0) {
		snprintf(x->err, sizeof(x->err), "out of memory");
		return n;
	}
	x->n_runs = plan_part(x->runs, n, x->folder.part);
	x->order = x->folder.n_done + 1;
	ret = experiment_write_environment(x);
	if (!ret && x->o->resume)
		ret = folder_note_resumption(&x->folder, x->err, sizeof(x->err));
	return ret;
}

int experiment_set_up(struct experiment *x)
{
	int ret = experiment_open_folder(x);

	if (!ret)
		ret = set_up_in_folder(x);
	if (ret && !x->o->resume)
		folder_discard(&x->folder);
	return ret;
}
