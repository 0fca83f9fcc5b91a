/* SPDX-License-Identifier: BSD-2-Clause */
/* Calibration: fits with known answers, and a machine whose counter follows a known law. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "energy/calibrate.h"
#include "energy/test/fake_sysfs.h"
#include "memnet-core/base/clock.h"

#define close_to(a, b)	assert_true(fabs((a) - (b)) < 1e-9)

/* --- fit ------------------------------------------------------------------------- */

static void a_straight_line_is_found(void **state)
{
	/* 20 W + 60 W u */
	const struct calibrate_point p[] = { { 0, 0, 20 }, { 1, 0.25, 35 }, { 2, 0.5, 50 },
					     { 3, 0.75, 65 }, { 4, 1, 80 } };
	struct calibrate_fit fits[POWER_SHAPES];
	enum power_shape best;

	assert_int_equal(calibrate_fit(p, 5, fits, &best), 0);
	assert_int_equal(best, SHAPE_LINEAR);
	close_to(fits[SHAPE_LINEAR].idle_w, 20);
	close_to(fits[SHAPE_LINEAR].slope_w, 60);
	close_to(fits[SHAPE_LINEAR].rms_w, 0);
	close_to(fits[SHAPE_LINEAR].max_w, 0);
	assert_true(fits[SHAPE_FAN].rms_w > 1);
}

static void residuals_worked_by_hand(void **state)
{
	/*
	 * x = 0, 0.5, 1, P = 10, 23, 30: means 0.5 and 21; slope (0.5 * 11 + 0.5 * 9) / 0.5 = 20,
	 * idle 11; residuals -1, 2, -1: root of 6 / 3, most 2.
	 */
	const struct calibrate_point p[] = { { 0, 0, 10 }, { 1, 0.5, 23 }, { 2, 1, 30 } };
	struct calibrate_fit fits[POWER_SHAPES];
	enum power_shape best;

	assert_int_equal(calibrate_fit(p, 3, fits, &best), 0);
	close_to(fits[SHAPE_LINEAR].slope_w, 20);
	close_to(fits[SHAPE_LINEAR].idle_w, 11);
	close_to(fits[SHAPE_LINEAR].rms_w, sqrt(2));
	close_to(fits[SHAPE_LINEAR].max_w, 2);
}

static void each_shape_is_told_from_the_others(void **state)
{
	for (int shape = 0; shape < POWER_SHAPES; shape++) {
		struct calibrate_fit fits[POWER_SHAPES];
		struct calibrate_point p[5];
		enum power_shape best;

		for (int i = 0; i < 5; i++)
			p[i] = (struct calibrate_point){ i, i / 4.0,
							 12 + 30 * power_shape(shape, i / 4.0) };
		assert_int_equal(calibrate_fit(p, 5, fits, &best), 0);
		assert_int_equal(best, shape);
		close_to(fits[shape].idle_w, 12);
		close_to(fits[shape].slope_w, 30);
		close_to(fits[shape].max_w, 0);
	}
}

static void too_little_is_refused(void **state)
{
	struct calibrate_point p[] = { { 0, 0.1, 20 }, { 1, 0.9, 60 }, { 1, 0.15, 22 } };
	const double no_share[] = { NAN, -0.1, 1.1 };
	struct calibrate_fit fits[POWER_SHAPES];
	enum power_shape best;

	assert_int_equal(calibrate_fit(p, 0, fits, &best), -ENODATA);
	assert_int_equal(calibrate_fit(p, 1, fits, &best), -ENODATA);
	/* Two points make a line, but leave no residual, so no shape is better. */
	assert_int_equal(calibrate_fit(p, 2, fits, &best), 0);
	close_to(fits[SHAPE_LINEAR].slope_w, 50);
	close_to(fits[SHAPE_LINEAR].idle_w, 15);
	assert_true(isnan(fits[SHAPE_LINEAR].rms_w) && isnan(fits[SHAPE_LINEAR].max_w));
	assert_int_equal(best, SHAPE_LINEAR);
	p[1] = p[2];					/* 0.1 and 0.15 busy: no spread */
	assert_int_equal(calibrate_fit(p, 3, fits, &best), -ENODATA);
	for (size_t i = 0; i < ARRAY_SIZE(no_share); i++) {
		p[1] = (struct calibrate_point){ 1, no_share[i], 60 };
		assert_int_equal(calibrate_fit(p, 3, fits, &best), -EINVAL);
	}
	p[1] = (struct calibrate_point){ 1, 0.9, NAN };
	assert_int_equal(calibrate_fit(p, 3, fits, &best), -EINVAL);
}

/* --- collect --------------------------------------------------------------------- */

#define IDLE_W		30
#define BUSY_W		50	/* more, for one CPU that is busy */

/*
 * A machine made of this process: its counter and its /proc/stat both follow our own
 * CPU time, so that who else is on the real one does not matter.
 */
struct machine {
	atomic_bool stop;
	int energy_fd, stat_fd, cpus;
	int64_t begin_ns, begin_cpu_ns;
};

static int64_t process_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Numbers of fixed width written over the old ones: a reader never sees a file cut short. */
static void machine_update(struct machine *m)
{
	int64_t t_ns = mn_now_ns() - m->begin_ns, busy_ns = process_cpu_ns() - m->begin_cpu_ns;
	int64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	int64_t idle_ns = MAX(m->cpus * t_ns - busy_ns, 0);
	char text[128];
	int len;

	len = snprintf(text, sizeof(text), "%018lld\n",
		       (long long)(IDLE_W * t_ns + BUSY_W * busy_ns) / 1000);
	assert_true(pwrite(m->energy_fd, text, len, 0) == len);
	len = snprintf(text, sizeof(text), "cpu  %010lld 0 0 %010lld 0 0 0 0 0 0\n",
		       (long long)(busy_ns / tick_ns), (long long)(idle_ns / tick_ns));
	assert_true(pwrite(m->stat_fd, text, len, 0) == len);
}

static void *machine_main(void *arg)
{
	struct machine *m = arg;

	while (!m->stop) {
		machine_update(m);
		usleep(500);
	}
	return NULL;
}

static int open_fake(const char *file)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fake_root(), file);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	return fd;
}

/* Points that rise with the load, and by the law of that machine? */
static bool points_follow_the_law(const struct calibrate_point *points, int n, int cpus)
{
	struct calibrate_fit fits[POWER_SHAPES];
	enum power_shape best;
	double all_w = BUSY_W * cpus;

	for (int i = 1; i < n; i++) {
		assert_true(points[i].cpus > points[i - 1].cpus);
		if (points[i].watts < points[0].watts + 5)
			return false;
	}
	if (calibrate_fit(points, n, fits, &best))
		return false;
	/* Ticks of 10 ms at both edges of 0.7 s: some percent. */
	return fabs(fits[SHAPE_LINEAR].idle_w - IDLE_W) < 0.1 * IDLE_W &&
	       fabs(fits[SHAPE_LINEAR].slope_w - all_w) < 0.1 * all_w &&
	       (n == 2 || fits[SHAPE_LINEAR].rms_w < 0.05 * all_w);
}

static bool machine_is_calibrated(void)
{
	struct machine m = { .cpus = sysconf(_SC_NPROCESSORS_ONLN), .begin_ns = mn_now_ns(),
			     .begin_cpu_ns = process_cpu_ns() };
	struct calibrate_config config = { .proc = fake_root(), .settle_ns = 50 * NSEC_PER_MSEC,
					   .hold_ns = 700 * NSEC_PER_MSEC };
	struct calibrate_point points[CALIBRATE_STEPS];
	struct energy *e;
	pthread_t thread;
	char why[256];
	int n;

	m.energy_fd = open_fake("class/powercap/intel-rapl:0/energy_uj");
	m.stat_fd = open_fake("stat");
	machine_update(&m);
	e = fake_open("powercap");
	config.energy = e;
	assert_int_equal(pthread_create(&thread, NULL, machine_main, &m), 0);
	n = calibrate_collect(&config, points, why, sizeof(why));
	m.stop = true;
	pthread_join(thread, NULL);
	close(m.energy_fd);
	close(m.stat_fd);
	energy_close(e);
	if (n < 0)
		print_message("%s\n", why);
	return n >= 2 && points[0].cpus == 0 && points_follow_the_law(points, n, m.cpus);
}

/* Others at work here may keep the thread that is that machine from its CPU: not three times. */
static void a_machine_is_calibrated_by_its_counter(void **state)
{
	bool ok = false;

	fake_zone("intel-rapl:0", "package-0", 0);
	for (int try = 0; try < 3 && !ok; try++)
		ok = machine_is_calibrated();
	assert_true(ok);
}

static void a_model_is_nothing_to_calibrate_against(void **state)
{
	struct calibrate_point points[CALIBRATE_STEPS];
	struct calibrate_config config = { .proc = "/proc", .hold_ns = NSEC_PER_MSEC };
	char why[256];

	config.energy = fake_open("model");
	assert_int_equal(calibrate_collect(&config, points, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "nothing to calibrate against"));
	energy_close((struct energy *)config.energy);
	config.energy = fake_open("powercap");		/* no zone there */
	assert_int_equal(calibrate_collect(&config, points, why, sizeof(why)), -ENOTSUP);
	assert_non_null(strstr(why, "'none'"));
	energy_close((struct energy *)config.energy);
}

/* 200 ms of the load before are in its mean at first. */
static void a_meter_that_averages_is_given_the_time_to(void **state)
{
	struct calibrate_point points[CALIBRATE_STEPS];
	struct calibrate_config config = { .proc = "/proc", .hold_ns = 450 * NSEC_PER_MSEC };
	int64_t begin_ns = mn_now_ns();
	char why[256];
	int n;

	fake_chip("hwmon0", "power_meter");
	fake_sensor("hwmon0", "power1_average", "100000000\n");
	fake_sensor("hwmon0", "power1_average_interval", "200\n");
	config.energy = fake_open("hwmon");
	n = calibrate_collect(&config, points, why, sizeof(why));
	assert_true(n >= 2);
	assert_true(mn_now_ns() - begin_ns >= n * (450 + 200) * NSEC_PER_MSEC);
	energy_close((struct energy *)config.energy);
}

static void a_counter_that_stands_still_is_no_power(void **state)
{
	struct calibrate_point points[CALIBRATE_STEPS];
	struct calibrate_config config = { .proc = "/proc", .hold_ns = 1010 * NSEC_PER_MSEC };
	char why[256];

	fake_zone("intel-rapl:0", "package-0", 1000);
	config.energy = fake_open("powercap");
	assert_int_equal(calibrate_collect(&config, points, why, sizeof(why)), -ENODATA);
	assert_non_null(strstr(why, "never moved"));
	energy_close((struct energy *)config.energy);
}

#define fake_test(f)	cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_straight_line_is_found),
		cmocka_unit_test(residuals_worked_by_hand),
		cmocka_unit_test(each_shape_is_told_from_the_others),
		cmocka_unit_test(too_little_is_refused),
		fake_test(a_machine_is_calibrated_by_its_counter),
		fake_test(a_model_is_nothing_to_calibrate_against),
		fake_test(a_meter_that_averages_is_given_the_time_to),
		fake_test(a_counter_that_stands_still_is_no_power),
	};

	return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
