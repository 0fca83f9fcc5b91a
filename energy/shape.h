/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a machine's power goes from idle to busy: P(u) = idle + (busy - idle) f(u),
 * with u the share of its CPU time that is used, f(0) = 0 and f(1) = 1.
 *
 *	linear		u: between the two ends of SPECpower_ssj2008, as Cloud Carbon
 *			Footprint uses its results
 *	logarithmic	ln(1 + u/c) / ln(1 + 1/c), c = 0.368953: Boavizta's consumption
 *			profile a ln(b (x + c)) + d, x in percent, of its default CPU, "Xeon
 *			Platinum", with the ends made 0 and 1 (github.com/Boavizta/boaviztapi,
 *			boaviztapi/data/consumption_profile/cpu/cpu_profile.csv; fitted to
 *			loads of 0, 10, 50 and 100 % measured by Teads)
 *	fan		2u - u^1.4: Fan, Weber, Barroso, Power provisioning for a
 *			warehouse-sized computer, ISCA 2007; whole servers
 *
 * For any u: linear <= fan <= logarithmic, at u = 1/2 0.5, 0.62 and 0.65. Boavizta's
 * other profiles reach 0.76 there, but are of the CPU without its server.
 */
#ifndef MEMNET_ENERGY_SHAPE_H
#define MEMNET_ENERGY_SHAPE_H

enum power_shape { SHAPE_LINEAR, SHAPE_LOGARITHMIC, SHAPE_FAN };
#define POWER_SHAPES	3

/* f(@u) for @u of 0 to 1. */
double power_shape(enum power_shape shape, double u);
const char *power_shape_name(enum power_shape shape);

#endif
