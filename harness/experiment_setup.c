/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a plan to what its runs need: the folder, CPUs, programs and image, the sandbox,
 * an accelerator, sources of energy; then the runs in their order.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/app.h"
#include "harness/experiment_internal.h"
#include "harness/insns_plugin.h"
#include "harness/sandbox.h"
#include "memnet-core/base/util.h"

#define APP_IMAGE SANDBOX_TMP "/initrd.img"	/* of a plan with apps */
#define READY_TCG_MS		90000
#define READY_KVM_MS		20000

/* The programs and the image, all under the build folder. 0 or -ENOENT. */
static int locate_parts(struct experiment *x)
{
	static const char *const parts[] = {
		"guest/vmlinuz", "guest/initrd.img", "bin/memnetd", "bin/memnet-work",
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(x->paths[i], sizeof(x->paths[i]), "%s/%s", x->o->build, parts[i]);
		if (access(x->paths[i], R_OK)) {
			snprintf(x->err, sizeof(x->err), "%s: %s; build it with: "
				 "make all guest-image", x->paths[i], strerror(errno));
			return -ENOENT;
		}
	}
	snprintf(x->paths[4], sizeof(x->paths[4]), "%s/logs", x->folder.dir);
	x->vm_config = (struct vm_config){
		.vcpus = x->plan.vcpus, .memory_mib = x->plan.memory_mib,
		.spin = "", .flows = plan_most_flows(&x->plan), .kernel = x->paths[0],
		.initrd = x->paths[1], .memnetd = x->paths[2], .work = x->paths[3],
		.log_dir = x->paths[4],
	};
	return 0;
}

static int choose_accel(struct experiment *x)
{
	char cache[600];

	snprintf(cache, sizeof(cache), "%s/accel.cache", x->o->build);
	if (accel_choose(&x->accel, x->o->accel, &x->vm_config, cache)) {
		snprintf(x->err, sizeof(x->err), "--accel=%s: want auto, kvm or tcg", x->o->accel);
		return -EINVAL;
	}
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
	snprintf(x->paths[5], sizeof(x->paths[5]), "%s/" INSNS_PLUGIN, x->o->build);
	if (insns_plugin_try(x->paths[5], SANDBOX_TMP, x->no_insns, sizeof(x->no_insns)))
		c->no_insns = x->no_insns;
	else
		c->plugin = x->paths[5];
}

/* All VMs of a plan boot the same image. 0, or -errno with a line in x->err. */
static int add_apps(struct experiment *x)
{
	int ret = 0;

	if (x->plan.n_apps) {
		ret = app_image_make(&x->plan, x->vm_config.initrd, APP_IMAGE, x->err,
				     sizeof(x->err));
		x->vm_config.initrd = APP_IMAGE;
	}
	return ret;
}

/* Values of two accelerators are never put together, so not into one folder either. */
static int check_same_accel(struct experiment *x)
{
	for (size_t i = 0; i < x->folder.n_done; i++)
		if (strcmp(x->folder.done[i].accelerator, x->accel.name)) {
			snprintf(x->err, sizeof(x->err), "%s was begun with accelerator %s, and "
				 "this is %s; resume it with --accel=%s, or start a new experiment",
				 x->folder.dir, x->folder.done[i].accelerator, x->accel.name,
				 x->folder.done[i].accelerator);
			return -EINVAL;
		}
	return 0;
}

int experiment_set_up(struct experiment *x)
{
	const struct energy_config energy_config = { 0 };
	long n;
	int ret = experiment_open_folder(x);

	if (!ret)
		ret = plan_choose_cpus(&x->plan, x->err, sizeof(x->err));
	if (!ret)
		ret = locate_parts(x);
	if (!ret)
		ret = sandbox_enter(x->err, sizeof(x->err));
	if (!ret)
		ret = choose_accel(x);
	if (!ret)
		ret = check_same_accel(x);
	if (!ret)
		ret = add_apps(x);
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
	return experiment_write_environment(x);
}
