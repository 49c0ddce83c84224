/* SPDX-License-Identifier: BSD-3-Clause */
/* Order statistics of samples. */
#include <stdlib.h>

#include "bench.h"

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double
stat_percentile(const double *sorted, unsigned int n, double p)
{
	return n == 0 ? 0.0 : sorted[(unsigned int)(p * (n - 1) + 0.5)];
}

double
stat_median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), ascending);
	return stat_percentile(v, n, 0.5);
}

void
stat_result(double *v, unsigned int n, struct result *r)
{
	r->median = stat_median(v, n);
	r->min = stat_percentile(v, n, 0.0);
	r->p10 = stat_percentile(v, n, 0.1);
	r->p90 = stat_percentile(v, n, 0.9);
	r->samples = n;
}
