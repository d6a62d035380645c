#include "calibrators/observer.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    MIN_EXPONENT = -149,
    LOG2_BINS = 12,
    SLICE =
        1 << 18,  /* values between two visits to the 64-bit bins: fits the L2 cache */
    BLOCK = 1024, /* values between binning and counting: fits the L1 cache */
    WAYS = 4      /* histograms side by side, so that runs of one value do not wait */
};
#define INFINITY_BITS INT32_C(0x7F800000)

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* An integer that orders floats as their values do, -0 just below +0, NaN outside. It
 * is its own inverse. Integer minima vectorise where float ones may not. */
static int32_t ordinal(uint32_t bits)
{
    return (int32_t)(bits ^ ((0U - (bits >> 31)) >> 1));
}

struct extent {
    int32_t low; /* ordinals */
    int32_t high;
    uint32_t n_zeros;
};

static struct extent scan(const float *x, size_t n)
{
    struct extent e = {INT32_MAX, INT32_MIN, 0};
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = bits_of(x[i]);
        const int32_t o = ordinal(bits);
        e.low = o < e.low ? o : e.low;
        e.high = o > e.high ? o : e.high;
        e.n_zeros += (bits << 1) == 0;
    }
    return e;
}

/* Smallest exponent whose 4096 bins reach beyond amax. */
static int64_t exponent_for(float amax)
{
    int e = 0;
    if (amax == 0.0F) return MIN_EXPONENT;
    (void)frexpf(amax, &e); /* 2^(e-1) <= amax < 2^e */
    e -= LOG2_BINS;
    return e > MIN_EXPONENT ? e : MIN_EXPONENT;
}

/* Add bins of width 2^from to bins of width 2^to, from <= to. */
static void add_bins(uint64_t *to_bins, int64_t to, const uint64_t *from_bins,
                     int64_t from)
{
    const int64_t shift = to - from;
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++)
        to_bins[shift < LOG2_BINS ? k >> shift : 0] += from_bins[k];
}

static void grow(struct tare_observer *observer, int64_t exponent)
{
    uint64_t old[TARE_OBSERVER_BINS];
    if (exponent <= observer->exponent) return;
    memcpy(old, observer->bins, sizeof old);
    memset(observer->bins, 0, sizeof observer->bins);
    add_bins(observer->bins, exponent, old, observer->exponent);
    observer->exponent = exponent;
}

/* index[i] = floor(|x[i]| / 2^exponent). Two factors, because 2^149 is not a float; a
 * product that underflows on the way lies in bin 0 anyway. */
static void index_bins(const float *x, size_t n, int64_t exponent, uint16_t *index)
{
    const int first = (int)(-exponent / 2);
    const float a = ldexpf(1.0F, first);
    const float b = ldexpf(1.0F, (int)-exponent - first);
    for (size_t i = 0; i < n; i++)
        index[i] = (uint16_t)(int32_t)(fabsf(x[i]) * a * b);
}

static void count_few(struct tare_observer *observer, const float *x, size_t n)
{
    uint16_t index[BLOCK];
    for (size_t done = 0; done < n; done += BLOCK) {
        const size_t m = n - done < BLOCK ? n - done : BLOCK;
        index_bins(x + done, m, observer->exponent, index);
        for (size_t i = 0; i < m; i++)
            observer->bins[index[i]]++;
    }
}

static void count_many(struct tare_observer *observer, const float *x, size_t n)
{
    uint32_t partial[WAYS][TARE_OBSERVER_BINS] = {{0}};
    uint16_t index[BLOCK];
    size_t done = 0;
    for (; n - done >= BLOCK; done += BLOCK) {
        index_bins(x + done, BLOCK, observer->exponent, index);
        for (size_t i = 0; i < BLOCK; i += WAYS)
            for (size_t way = 0; way < WAYS; way++)
                partial[way][index[i + way]]++;
    }
    for (size_t k = 0; k < TARE_OBSERVER_BINS; k++)
        for (size_t way = 0; way < WAYS; way++)
            observer->bins[k] += partial[way][k];
    count_few(observer, x + done, n - done);
}

static void add_finite(struct tare_observer *observer, const float *x, size_t n,
                       struct extent e)
{
    /* + 0 turns -0, which would depend on the order, into +0. */
    observer->min =
        fminf(observer->min, float_of((uint32_t)ordinal((uint32_t)e.low))) + 0.0F;
    observer->max =
        fmaxf(observer->max, float_of((uint32_t)ordinal((uint32_t)e.high))) + 0.0F;
    grow(observer, exponent_for(tare_observer_amax(observer)));
    if (n < TARE_OBSERVER_BINS)
        count_few(observer, x, n);
    else
        count_many(observer, x, n);
    observer->bins[0] -= e.n_zeros; /* they were counted like the others */
    observer->n_zeros += e.n_zeros;
    observer->count += n;
}

/* The rare way: something in x[0..n) is not finite. */
static void add_filtered(struct tare_observer *observer, const float *x, size_t n)
{
    float finite[BLOCK];
    for (size_t done = 0; done < n;) {
        size_t m = 0;
        for (; done < n && m < BLOCK; done++) {
            const uint32_t magnitude = bits_of(x[done]) << 1 >> 1;
            const bool is_nan = magnitude > (uint32_t)INFINITY_BITS;
            const bool is_inf = magnitude == (uint32_t)INFINITY_BITS;
            observer->n_nan += is_nan;
            observer->n_inf += is_inf;
            observer->count += is_nan || is_inf;
            if (!is_nan && !is_inf) finite[m++] = x[done];
        }
        if (m > 0) add_finite(observer, finite, m, scan(finite, m));
    }
}

void tare_observer_init(struct tare_observer *observer)
{
    *observer = (struct tare_observer){
        .min = INFINITY, .max = -INFINITY, .exponent = MIN_EXPONENT};
}

void tare_observer_add(struct tare_observer *observer, const float *x, size_t n)
{
    for (size_t done = 0; done < n; done += SLICE) {
        const size_t m = n - done < SLICE ? n - done : SLICE;
        const struct extent e = scan(x + done, m);
        if (e.low > ~INFINITY_BITS && e.high < INFINITY_BITS)
            add_finite(observer, x + done, m, e);
        else
            add_filtered(observer, x + done, m);
    }
}

void tare_observer_merge(struct tare_observer *observer,
                         const struct tare_observer *other)
{
    grow(observer, other->exponent);
    add_bins(observer->bins, observer->exponent, other->bins, other->exponent);
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
