/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Theory of operation
 *
 * Interval of the median. Of n values, the number below the true median is
 * binomial(n, 1/2) whatever the distribution is. So [k-th smallest, k-th
 * largest] misses the median with probability 2 P(B < k); we take the largest
 * k for which that is at most 5 %. For n < 6 not even k = 1 will do.
 *
 * Ratio of a path to its baseline. Machines drift by more within an hour than
 * the difference we look for, so runs of both paths are interleaved in blocks,
 * and the ratio is formed within each block, where the drift is common to both
 * and cancels. The blockwise ratios are then ordinary independent values: their
 * median and its order-statistic interval are the ratio and its interval, with
 * no assumption on how the values are distributed. (A ratio of two medians
 * would mix values of different blocks and has no such interval.) The blocks
 * are formed in analyse.c; stats_estimate() does the rest.
 *
 * U test. U counts the pairs in which a value of a is above one of b. Under the
 * null hypothesis all orders are equally likely; the number of orders that give
 * each u are the coefficients of the Gaussian binomial
 *
 *	product over i = 1..n of (1 - q^(m+i)) / (1 - q^i)
 *
 * built by multiplying and dividing polynomials in place. For m = n = 20 the
 * coefficients sum to 1.4e11: integers are exact.
 *
 * Blocks needed. The half-width of the interval of a mean of n values of deviation s is
 * z s / sqrt(n), z = 1.96, so n = (z s / d)^2 for a half-width d (R. Jain, The Art of
 * Computer Systems Performance Analysis, 1991, section 13.9; T. Kalibera and R. Jones,
 * Rigorous Benchmarking in Reasonable Time, ISMM 2013, for replicating at the level where
 * the variance is: ours is the block). Ratios are taken as logarithms, in which d is
 * log(1 + margin); and a median of normal values has pi / 2 times the variance of their
 * mean. That is an estimate: s from six blocks is itself known to +-30 %, so n to a factor
 * of two, and drift between blocks shrinks with no n.
 */
#include "memnet-core/base/stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Resampling sorts few values a million times: in less than half of qsort()'s time. */
static void sort_few(double *values, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		double v = values[i];
		size_t j = i;

		for (; j > 0 && values[j - 1] > v; j--)
			values[j] = values[j - 1];
		values[j] = v;
	}
}

void stats_sort(double *values, size_t n)
{
	if (n <= 24)
		sort_few(values, n);
	else
		qsort(values, n, sizeof(*values), compare_doubles);
}

double stats_median(double *values, size_t n)
{
	if (!n)
		return NAN;
	stats_sort(values, n);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

size_t stats_interval_rank(size_t n)
{
	/* log2 of C(n, k) / 2^n; logarithms, for n may be in the thousands */
	double log_p = -(double)n, below = 0;
	size_t k = 0;

	while (k < n / 2) {
		below += exp2(log_p);
		if (2 * below > 0.05)
			break;
		log_p += log2((double)(n - k) / (k + 1));
		k++;
	}
	return k;
}

struct estimate stats_estimate(double *values, size_t n)
{
	size_t rank = stats_interval_rank(n);
	struct estimate e = { .n = n, .median = stats_median(values, n), .low = NAN, .high = NAN };

	if (rank) {
		e.low = values[rank - 1];
		e.high = values[n - rank];
	}
	return e;
}

/* What both samples together look like: U of a (ties count half), and the ties. */
struct ranks {
	double u;
	double ties;	/* sum of t^3 - t over the groups of t equal values */
};

/* How many of the sorted @v are below (or, with @or_equal, not above) @x. */
static size_t count_below(const double *v, size_t n, double x, int or_equal)
{
	size_t i = 0;

	while (i < n && (v[i] < x || (or_equal && v[i] == x)))
		i++;
	return i;
}

static double add_ties(const double *a, size_t n_a, double x, const double *b, size_t n_b)
{
	double t = count_below(a, n_a, x, 1) - count_below(a, n_a, x, 0) +
		   count_below(b, n_b, x, 1) - count_below(b, n_b, x, 0);

	return t * t * t - t;
}

static struct ranks rank(const double *a, size_t n_a, const double *b, size_t n_b)
{
	struct ranks r = { 0 };

	for (size_t i = 0; i < n_a; i++) {
		r.u += 0.5 * (count_below(b, n_b, a[i], 0) + count_below(b, n_b, a[i], 1));
		if (!i || a[i] != a[i - 1])
			r.ties += add_ties(a, n_a, a[i], b, n_b);
	}
	for (size_t i = 0; i < n_b; i++)	/* groups that are in b only */
		if ((!i || b[i] != b[i - 1]) &&
		    count_below(a, n_a, b[i], 0) == count_below(a, n_a, b[i], 1))
			r.ties += add_ties(a, n_a, b[i], b, n_b);
	return r;
}

/* P(U <= u) for samples of m and n without ties, u an integer. */
static double exact_lower_tail(size_t m, size_t n, size_t u)
{
	int64_t ways[STATS_EXACT_MAX_N * STATS_EXACT_MAX_N + 1] = { 1 };
	double all = 0, tail = 0;

	for (size_t i = 1; i <= n; i++) {
		for (size_t k = m * n; k >= m + i; k--)
			ways[k] -= ways[k - m - i];
		for (size_t k = i; k <= m * n; k++)
			ways[k] += ways[k - i];
	}
	for (size_t k = 0; k <= m * n; k++) {
		all += ways[k];
		if (k <= u)
			tail += ways[k];
	}
	return tail / all;
}

static double normal_two_sided(struct ranks r, double m, double n)
{
	double total = m + n;
	double variance = m * n / 12 * (total + 1 - r.ties / (total * (total - 1)));
	double distance = fabs(r.u - m * n / 2) - 0.5;

	if (variance <= 0 || distance <= 0)
		return 1;
	return erfc(distance / sqrt(2 * variance));
}

double stats_mann_whitney(double *a, size_t n_a, double *b, size_t n_b)
{
	struct ranks r;
	double p;

	if (!n_a || !n_b)
		return NAN;
	stats_sort(a, n_a);
	stats_sort(b, n_b);
	r = rank(a, n_a, b, n_b);
	if (r.ties > 0 || n_a > STATS_EXACT_MAX_N || n_b > STATS_EXACT_MAX_N)
		return normal_two_sided(r, n_a, n_b);
	p = 2 * exact_lower_tail(n_a, n_b, fmin(r.u, n_a * n_b - r.u));
	return fmin(p, 1);
}

size_t stats_mann_whitney_min_n(double p)
{
	double orders = 1;	/* C(2n, n) */
	size_t n = 0;

	do {
		n++;
		orders *= 2 * (2 * n - 1) / (double)n;
	} while (2 / orders >= p);
	return n;
}

/* Does p[i] come before p[j] when the smallest is tested first? Equal ones go by place. */
static int is_before(const double *p, size_t i, size_t j)
{
	return p[i] < p[j] || (p[i] == p[j] && i < j);
}

void stats_holm(const double *p, size_t n, double *adjusted)
{
	for (size_t i = 0; i < n; i++) {
		size_t left = 0;	/* tests not yet decided when i's turn comes */

		for (size_t j = 0; j < n; j++)
			left += !isnan(p[j]) && !is_before(p, j, i);
		adjusted[i] = isnan(p[i]) ? NAN : fmin(1, left * p[i]);
	}
	/* none is below one before it; a maximum taken already changes no later one */
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (is_before(p, j, i))
				adjusted[i] = fmax(adjusted[i], adjusted[j]);
}

double stats_log_sd(const double *values, size_t n)
{
	double mean = 0, squares = 0;

	if (n < 2)
		return NAN;
	for (size_t i = 0; i < n; i++)
		mean += log(values[i]) / n;
	for (size_t i = 0; i < n; i++)
		squares += (log(values[i]) - mean) * (log(values[i]) - mean);
	return sqrt(squares / (n - 1));
}

size_t stats_blocks_needed(double log_sd, double margin)
{
	double n = M_PI / 2 * pow(1.96 * log_sd / log1p(margin), 2);

	if (isnan(n) || !(margin > 0))
		return 0;
	return fmax(STATS_INTERVAL_MIN_N, ceil(fmin(n, STATS_NEEDED_MAX)));
}
