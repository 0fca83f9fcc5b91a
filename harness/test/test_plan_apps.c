/* SPDX-License-Identifier: BSD-2-Clause */
/* Apps in a plan: what is accepted, how a mistake is named, what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/plan_internal.h"
#include "harness/test/plan_text.h"
#include "memnet-core/base/clock.h"

#define SPEED "[app speed]\ncommand = openssl speed -seconds 1 sha256\n" \
	      "metric = ^sha256 .* ([0-9.]+)k$\nunit = kB/s\n"
#define ZIP "[app zip]\ncommand = gzip -9 </bin/busybox | wc -c\n"
#define APPS "[matrix a]\npaths = virtio-tap, memnet\narms = spare-core, equal-core\n" \
	     "apps = speed, zip\n"

static void an_app_has_keys_and_defaults(void **state)
{
	struct plan plan;
	const struct plan_app *app;

	assert_int_equal(load(&plan, SPEED "better = lower\ntimeout = 5s\n"
			      "server = nc -l -p @peer_port@\n"
			      "files = /usr/bin/openssl /etc/ssl/openssl.cnf\n" ZIP APPS), 0);
	app = plan_app_find(&plan, "speed");
	assert_string_equal(app->command, "openssl speed -seconds 1 sha256");
	assert_string_equal(app->metric, "^sha256 .* ([0-9.]+)k$");
	assert_string_equal(app->unit, "kB/s");
	assert_string_equal(app->better, "lower");
	assert_string_equal(app->server, "nc -l -p @peer_port@");
	assert_string_equal(app->files, "/usr/bin/openssl /etc/ssl/openssl.cnf");
	assert_true(app->timeout_ns == 5 * NSEC_PER_SEC);
	app = plan_app_find(&plan, "zip");
	assert_string_equal(app->command, "gzip -9 </bin/busybox | wc -c");
	assert_string_equal(app->metric, "");
	assert_string_equal(app->server, "");
	assert_string_equal(app->better, "");
	assert_true(app->timeout_ns == 60 * NSEC_PER_SEC);
	assert_int_equal(load(&plan, SPEED ZIP APPS), 0);
	assert_string_equal(plan_app_find(&plan, "speed")->better, "higher");
	assert_null(plan_app_find(&plan, "spee"));
}

static void each_app_runs_once_over_each_path_and_in_each_arm(void **state)
{
	struct plan_run *runs;
	struct plan plan;
	size_t speed = 0;
	long n;

	assert_int_equal(load(&plan, "[plan]\nrepetitions = 2\n" SPEED ZIP APPS
			      "spin = 0, 20us\nflows = 8\nscenarios = idle, network\n"
			      "directions = send, recv\n"), 0);
	/* apps, and idle and network of virtio-tap once, of memnet for each budget */
	assert_int_equal(plan.n_configs, 2 * 2 * 2 + 2 * (1 + 2) * (1 + 2));
	n = plan_expand(&plan, 1, &runs);
	for (long i = 0; i < n; i++) {
		const struct plan_config *c = runs[i].config;

		assert_int_equal(c->scenario == &scenario_app, *c->app != '\0');
		if (!*c->app)
			continue;
		assert_string_equal(c->direction, "none");
		assert_int_equal(c->flows, 0);
		assert_int_equal(c->vms, 1);
		assert_string_equal(c->spin, "");
		speed += !!strstr(runs[i].id, ".app-speed.none");
	}
	assert_int_equal(speed, 2 * 2 * 2);
	free(runs);
	assert_int_equal(load(&plan, SPEED ZIP APPS), 0);	/* apps alone */
	assert_int_equal(plan.n_configs, 8);
}

static void a_mistake_is_named_with_its_line(void **state)
{
	refused(SPEED "comand = x\n" APPS, ":5:", "did you mean 'command'");
	refused("[app x]\nmetric = ([0-9]+\n", ":2:", "nmatched ( or \\(; want a POSIX extended");
	refused("[app x]\nmetric = [0-9]+\n", ":2:", "it has 0 groups; want");
	refused("[app x]\nmetric = ([0-9]+)(k|M)\n", ":2:", "it has 2 groups; want");
	refused("[app x]\nunit = kilobytes per second\n", ":2:", "at most 15 characters");
	refused("[app x]\nbetter = faster\n", ":2:", "higher or lower");
	refused("[app x]\nfiles = openssl\n", ":2:", "absolute paths");
	refused("[app x]\nfiles = /bin/a bin/b\n", ":2:", "absolute paths");
	refused("[app x]\nfiles = @bin@b\n", ":2:", "@bin@/NAME");
	refused("[app x]\ntimeout = 2h\n", ":2:", "100ms to 3600s");
	refused("[app x]\ncommand =\n", ":2:", "a command line");
	refused("[app x]\nserver = iperf3 -s\n", ":2:", "listens at @peer_port@");
	refused("[app x]\ncommand = iperf3 -c @peer_addr@\n" APPS, ":4:", "it has no server");
	refused("[app ../x]\ncommand = x\n", ":2:", "a word of letters");
	refused("[app a234567890123456789012345678]\ncommand = x\n", ":2:", "27 characters");
	refused(SPEED ZIP "[app speed]\ncommand = x\n" APPS, ":8:", "[app speed] is there twice");
	refused("[app x]\nunit = s\n[matrix m]\npaths = memnet\n", ":4:", "lacks a command");
	refused("[app x]\ncommand = x\nmetric = (.)\n" APPS, ":5:", "no unit");
	refused("[app x]\ncommand = x\nbetter = lower\n" APPS, ":5:", "in seconds, lower is");
}

static void what_a_matrix_wants_of_apps_is_told(void **state)
{
	refused(SPEED APPS, ":8:", "apps = zip: there is no [app zip] above it");
	refused(SPEED "[matrix a]\napps = sped\n", ":6:", "did you mean 'speed'?");
	refused(APPS SPEED ZIP, ":4:", "above it");
	refused(SPEED ZIP APPS "scenarios = idle\n", "", "lacks directions");
	refused(SPEED ZIP APPS "directions = send\n", "", "lacks scenarios");
	refused(SPEED ZIP APPS "topologies = two-vm\n", "", "apps run in one-vm alone");
	refused(SPEED ZIP "[matrix a]\narms = spare-core\napps = zip\n", "", "lacks paths");
}

static void an_app_of_the_same_name_takes_the_place_of_one_inherited(void **state)
{
	struct plan plan;

	scratch_write("base.ini", SPEED ZIP APPS);
	assert_int_equal(load(&plan, "[plan]\ninherits = base.ini\n[app zip]\ncommand = xz\n"), 0);
	assert_int_equal(plan.n_apps, 2);
	assert_int_equal(plan.n_configs, 8);
	assert_string_equal(plan_app_find(&plan, "zip")->command, "xz");
	assert_string_equal(plan_app_find(&plan, "speed")->unit, "kB/s");
}

static void what_is_written_is_read_as_the_same(void **state)
{
	struct plan plan, again;
	FILE *f;

	assert_int_equal(load(&plan, "[plan]\nname = x\n" SPEED "timeout = 1500ms\n" ZIP
			      "files = /bin/a, @bin@/b\n" APPS), 0);
	f = fopen(scratch("written.ini"), "w");
	plan_write(&plan, f);
	fclose(f);
	assert_int_equal(plan_load(&again, scratch("written.ini"), err, sizeof(err)), 0);
	assert_memory_equal(&plan, &again, sizeof(plan));
}

static void plans_differ_by_what_their_apps_do(void **state)
{
	struct plan_difference d;
	struct plan plan, other;

	assert_int_equal(load(&plan, SPEED ZIP APPS), 0);
	assert_int_equal(load(&other, ZIP SPEED APPS), 0);
	assert_int_equal(plan_compare(&plan, &other, &d), 0);
	assert_int_equal(load(&other, SPEED "timeout = 2s\n" ZIP APPS), 0);
	assert_int_equal(plan_compare(&plan, &other, &d), 1);
	assert_string_equal(d.a, "[app speed] timeout = 60s");
	assert_string_equal(d.b, "[app speed] timeout = 2s");
	assert_int_equal(load(&other, ZIP "[matrix a]\npaths = virtio-tap, memnet\n"
			      "arms = spare-core, equal-core\napps = zip\n"), 0);
	assert_int_equal(plan_compare(&plan, &other, &d), 1);
	assert_non_null(strstr(d.a, "app-speed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_app_has_keys_and_defaults),
		cmocka_unit_test(each_app_runs_once_over_each_path_and_in_each_arm),
		cmocka_unit_test(a_mistake_is_named_with_its_line),
		cmocka_unit_test(what_a_matrix_wants_of_apps_is_told),
		cmocka_unit_test(an_app_of_the_same_name_takes_the_place_of_one_inherited),
		cmocka_unit_test(what_is_written_is_read_as_the_same),
		cmocka_unit_test(plans_differ_by_what_their_apps_do),
	};

	return cmocka_run_group_tests_name("apps of a plan", tests, scratch_make, scratch_remove);
}
