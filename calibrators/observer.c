#include "calibrators/observer.h"

#include <math.h>
#include <string.h>

enum { LOG2_BINS = 12 };

int64_t tare_observer_exponent(float amax)
{
    int e = 0;
    if (amax == 0.0F) return TARE_OBSERVER_LEAST_EXPONENT;
    (void)frexpf(amax, &e); /* 2^(e-1) <= amax < 2^e */
    e -= LOG2_BINS;
    return e > TARE_OBSERVER_LEAST_EXPONENT ? e : TARE_OBSERVER_LEAST_EXPONENT;
}

/* Bin k of width 2^from is bin bin_in(k, to, from) of width 2^to, from <= to. */
static size_t bin_in(size_t k, int64_t to, int64_t from)
{
    return to - from < LOG2_BINS ? k >> (to - from) : 0;
}

static void grow(struct tare_observer *observer, int64_t exponent)
{
    uint64_t old[TARE_OBSERVER_BINS];
    if (exponent <= observer->exponent) return;
    memcpy(old, observer->bins, sizeof old);
    memset(observer->bins, 0, sizeof observer->bins);
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++)
        observer->bins[bin_in(k, exponent, observer->exponent)] += old[k];
    observer->exponent = exponent;
}

void tare_observer_init(struct tare_observer *observer)
{
    *observer = (struct tare_observer){
        .min = INFINITY, .max = -INFINITY, .exponent = TARE_OBSERVER_LEAST_EXPONENT};
}

void tare_observer_add_bins(struct tare_observer *observer, const uint32_t *bins,
                            int64_t exponent)
{
    grow(observer, exponent);
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++)
        observer->bins[bin_in(k, observer->exponent, exponent)] += bins[k];
}

void tare_observer_add_value(struct tare_observer *observer, float value, uint64_t n)
{
    if (n == 0) return;
    grow(observer, tare_observer_exponent(value));
    observer->bins[(size_t)ldexp((double)value, (int)-observer->exponent)] += n;
    tare_observer_add_extremes(observer, value, value);
}

void tare_observer_add_extremes(struct tare_observer *observer, float min, float max)
{
    /* + 0 turns -0, which would depend on the order, into +0. */
    observer->min = fminf(observer->min, min) + 0.0F;
    observer->max = fmaxf(observer->max, max) + 0.0F;
}

void tare_observer_merge(struct tare_observer *observer,
                         const struct tare_observer *other)
{
    grow(observer, other->exponent);
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++)
        observer->bins[bin_in(k, observer->exponent, other->exponent)] +=
            other->bins[k];
    observer->count += other->count;
    observer->n_zeros += other->n_zeros;
    observer->n_nan += other->n_nan;
    observer->n_inf += other->n_inf;
    observer->min = fminf(observer->min, other->min);
    observer->max = fmaxf(observer->max, other->max);
}

uint64_t tare_observer_n_finite(const struct tare_observer *observer)
{
    return observer->count - observer->n_nan - observer->n_inf;
}

float tare_observer_amax(const struct tare_observer *observer)
{
    if (observer->min > observer->max) return 0.0F;
    return fmaxf(fabsf(observer->min), fabsf(observer->max));
}

double tare_observer_width(const struct tare_observer *observer)
{
    return ldexp(1.0, (int)observer->exponent);
}

void tare_observer_moments(const struct tare_observer *observer, double *mean_abs,
                           double *rms)
{
    const double n = (double)tare_observer_n_finite(observer);
    const double width = tare_observer_width(observer);
    double first = 0.0;
    double second = 0.0;
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++) {
        const double centre = (double)k + 0.5;
        const double mass = (double)observer->bins[k];
        first += mass * centre;
        second += mass * centre * centre;
    }
    *mean_abs = n > 0.0 ? first / n * width : 0.0;
    *rms = n > 0.0 ? sqrt(second / n) * width : 0.0;
}
