#include "tools/times.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void times_sort(double *times, size_t n)
{
    qsort(times, n, sizeof *times, ascending);
}

double times_percentile(const double *times, size_t n, double percent)
{
    const double drop = (1.0 - percent / 100.0) * (double)n;
    const int64_t i = (int64_t)n - 1 - (int64_t)drop;
    return times[i > 0 ? i : 0];
}

double times_median(const double *times, size_t n)
{
    return n % 2 ? times[n / 2] : 0.5 * (times[n / 2 - 1] + times[n / 2]);
}

double times_mean(const double *times, size_t n)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i++)
        total += times[i];
    return total / (double)n;
}

double times_variation(const double *times, size_t n)
{
    const double middle = times_mean(times, n);
    double spread = 0.0;
    for (size_t i = 0; i < n; i++)
        spread += (times[i] - middle) * (times[i] - middle);
    return sqrt(spread / (double)n) / middle;
}
