#include "tools/tensor_stats.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* IEEE 754 binary16. */
static double half_to_double(uint16_t bits)
{
    const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
    double value;
    if (exponent == 31)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent)
        value = ldexp(1024 + fraction, exponent - 25);
    else
        value = ldexp(fraction, -24);
    return bits & 0x8000 ? -value : value;
}

static double bfloat_to_double(uint16_t bits)
{
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

#define CONVERT(type)                                                                  \
    for (size_t i = 0; i < n; i++)                                                     \
        out[i] = (double)((const type *)data)[i];                                      \
    return

void tensor_to_double(enum tare_dtype dtype, const void *data, size_t n, double *out)
{
    switch (dtype) {
    case TARE_F32: CONVERT(float);
    case TARE_F64: CONVERT(double);
    case TARE_U8: CONVERT(uint8_t);
    case TARE_BOOL: CONVERT(uint8_t);
    case TARE_S8: CONVERT(int8_t);
    case TARE_S16: CONVERT(int16_t);
    case TARE_U16: CONVERT(uint16_t);
    case TARE_S32: CONVERT(int32_t);
    case TARE_U32: CONVERT(uint32_t);
    case TARE_S64: CONVERT(int64_t);
    case TARE_U64: CONVERT(uint64_t);
    case TARE_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = half_to_double(((const uint16_t *)data)[i]);
        return;
    case TARE_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = bfloat_to_double(((const uint16_t *)data)[i]);
        return;
    }
}

static void swap(double *a, double *b)
{
    const double kept = *a;
    *a = *b;
    *b = kept;
}

/* Order values[first..n) so that values[k] is where sorting would put it, nothing
 * before it is larger, nothing behind it smaller: Hoare's FIND, as Wirth writes it. */
static void select_value(double *values, size_t first, size_t n, size_t k)
{
    ptrdiff_t low = (ptrdiff_t)first, high = (ptrdiff_t)n - 1;
    const ptrdiff_t at = (ptrdiff_t)k;
    while (low < high) {
        const double pivot = values[at];
        ptrdiff_t i = low, j = high;
        do {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i <= j) swap(&values[i++], &values[j--]);
        } while (i <= j);
        if (j < at) low = i;
        if (at < i) high = j;
    }
}

/* numpy.quantile(values, q): linear between two neighbours. *first: no value in front
 * of it is larger than those behind it; it moves up with q. */
static double quantile(double *values, size_t n, double q, size_t *first)
{
    const double at = q * (double)(n - 1);
    const size_t k = (size_t)at;
    select_value(values, *first, n, k);
    *first = k;
    double next = values[k];
    if (k + 1 < n) {
        next = values[k + 1];
        for (size_t i = k + 2; i < n; i++)
            if (values[i] < next) next = values[i];
    }
    return values[k] + (at - (double)k) * (next - values[k]);
}

/* Counts what is not finite; true: the value is. */
static bool count(struct tensor_stats *stats, double value, size_t i)
{
    if (isfinite(value)) return true;
    if (stats->first_bad == SIZE_MAX) stats->first_bad = i;
    stats->n_nan += value != value;
    stats->n_positive_inf += value > 0.0;
    stats->n_negative_inf += value < 0.0;
    return false;
}

bool tensor_stats_is_bad(const struct tensor_stats *stats)
{
    return stats->n_nan || stats->n_positive_inf || stats->n_negative_inf;
}

void tensor_stats_make(struct tensor_stats *stats, const double *values, size_t n,
                       double *scratch)
{
    const double none = (double)NAN;
    size_t n_finite = 0;
    double sum = 0.0, magnitudes = 0.0, squares = 0.0;
    *stats = (struct tensor_stats){.n = n,
                                   .first_bad = SIZE_MAX,
                                   .min = none,
                                   .max = none,
                                   .mean = none,
                                   .std = none,
                                   .median = none,
                                   .p90 = none,
                                   .p95 = none,
                                   .p99 = none,
                                   .magnitude = none};
    for (size_t i = 0; i < n; i++) {
        const double v = values[i];
        if (!count(stats, v, i)) continue;
        if (n_finite == 0 || v < stats->min) stats->min = v, stats->at_min = i;
        if (n_finite == 0 || v > stats->max) stats->max = v, stats->at_max = i;
        scratch[n_finite++] = v;
        sum += v;
        magnitudes += fabs(v);
    }
    if (n_finite == 0) return;
    stats->mean = sum / (double)n_finite;
    stats->magnitude = magnitudes / (double)n_finite;
    for (size_t i = 0; i < n_finite; i++)
        squares += (scratch[i] - stats->mean) * (scratch[i] - stats->mean);
    stats->std = sqrt(squares / (double)n_finite);
    size_t first = 0;
    stats->median = quantile(scratch, n_finite, 0.5, &first);
    stats->p90 = quantile(scratch, n_finite, 0.9, &first);
    stats->p95 = quantile(scratch, n_finite, 0.95, &first);
    stats->p99 = quantile(scratch, n_finite, 0.99, &first);
}

void tensor_histogram_make(struct tensor_histogram *histogram, const double *values,
                           size_t n, double low, double high)
{
    if (!(low < high)) {
        low -= 0.5;
        high += 0.5;
    }
    const double range = high - low;
    *histogram =
        (struct tensor_histogram){.low = low, .width = range / (double)TENSOR_BINS};
    for (size_t i = 0; i < n; i++) {
        if (!(values[i] >= low && values[i] <= high)) continue;
        const size_t bin = (size_t)((values[i] - low) / range * (double)TENSOR_BINS);
        histogram->counts[bin < TENSOR_BINS ? bin : TENSOR_BINS - 1]++;
    }
}

static double distance(double a, double b, bool is_equal)
{
    if (is_equal) return 0.0;
    const double d = fabs(a - b);
    return d == 0.0 ? 1.0 : d;
}

/* Of one sample, less their mean. */
static double signal_of(const double *values, size_t n)
{
    double mean = 0.0, signal = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        signal += (values[i] - mean) * (values[i] - mean);
    return signal;
}

static double sqnr(const double *b, const double *absolute, size_t n, size_t sample)
{
    double signal = 0.0, noise = 0.0;
    for (size_t i = 0; i < n; i++)
        noise += absolute[i] * absolute[i];
    if (noise == 0.0) return (double)INFINITY;
    for (size_t at = 0; sample && at + sample <= n; at += sample)
        signal += signal_of(b + at, sample);
    return 10.0 * log10(signal / noise);
}

void tensor_diff_make(struct tensor_diff *diff, const double *a, const double *b,
                      const bool *is_equal, size_t n, size_t sample, double atol,
                      double rtol, const struct tensor_scratch *scratch)
{
    *diff = (struct tensor_diff){.first_beyond = SIZE_MAX};
    for (size_t i = 0; i < n; i++) {
        const bool same = is_equal ? is_equal[i] : a[i] == b[i];
        const double d = distance(a[i], b[i], same);
        scratch->absolute[i] = d;
        scratch->relative[i] = d == 0.0 ? 0.0 : d / fabs(b[i]);
        /* an infinite tolerance lets no infinity pass for a number */
        const bool is_within =
            d == 0.0 || (d <= atol + rtol * fabs(b[i]) && isfinite(d));
        if (is_within) continue;
        if (diff->n_beyond++ == 0) diff->first_beyond = i;
    }
    diff->sqnr_db = sqnr(b, scratch->absolute, n, sample);
    tensor_stats_make(&diff->absolute, scratch->absolute, n, scratch->sorted);
    tensor_stats_make(&diff->relative, scratch->relative, n, scratch->sorted);
}

static double pick(const struct tensor_stats *stats, enum tensor_criterion criterion)
{
    if (criterion == TENSOR_MAX) return stats->max;
    return criterion == TENSOR_MEAN ? stats->mean : stats->median;
}

bool tensor_diff_passes(const struct tensor_diff *diff, enum tensor_criterion criterion,
                        double atol, double rtol)
{
    if (criterion == TENSOR_ELEMWISE) return diff->n_beyond == 0;
    if (diff->absolute.n == 0) return true;
    if (tensor_stats_is_bad(&diff->absolute)) return false;
    if (pick(&diff->absolute, criterion) <= atol) return true;
    return !tensor_stats_is_bad(&diff->relative) &&
           pick(&diff->relative, criterion) <= rtol;
}
