#include "calibrators/observer.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MIN_EXPONENT = -149, LOG2_BINS = 12 };
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

/* What base/observe.h calls ordinal, from it: it is its own inverse. */
static float float_of_ordinal(int32_t ordinal)
{
    const uint32_t bits = (uint32_t)ordinal;
    return float_of(bits ^ ((0U - (bits >> 31)) >> 1));
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

/* 1 / width where that is a float. Tensors that are smaller yet, all below 2^-115, are
 * counted scaled up. */
enum { LEAST_FACTOR = -127, TINY_SCALE = 64 };

static bool is_tiny(const struct tare_observer *observer)
{
    return observer->exponent < LEAST_FACTOR;
}

static float factor_of(const struct tare_observer *observer)
{
    const int64_t exponent = observer->exponent + (is_tiny(observer) ? TINY_SCALE : 0);
    return ldexpf(1.0F, (int)-exponent);
}

static void look_again(const struct tare_observer *observer,
                       tare_observe_block_fn *look, const float *x, size_t n,
                       struct tare_observe_block *block)
{
    float scaled[TARE_OBSERVE_BLOCK];
    for (size_t i = 0; i < n && is_tiny(observer); i++)
        scaled[i] = ldexpf(x[i], TINY_SCALE);
    look(is_tiny(observer) ? scaled : x, n, factor_of(observer), block);
}

/* One block, all finite. */
static void add_finite(struct tare_observer *observer, tare_observe_block_fn *look,
                       const float *x, size_t n, struct tare_observe_block *block)
{
    /* + 0 turns -0, which would depend on the order, into +0. */
    observer->min = fminf(observer->min, float_of_ordinal(block->low)) + 0.0F;
    observer->max = fmaxf(observer->max, float_of_ordinal(block->high)) + 0.0F;
    const int64_t exponent = exponent_for(tare_observer_amax(observer));
    const bool grows = exponent > observer->exponent;
    if (grows) grow(observer, exponent);
    if (block->n_index > 0 && (grows || is_tiny(observer)))
        look_again(observer, look, x, n, block);
    for (uint32_t i = 0; i < block->n_index; i++)
        observer->bins[block->index[i]]++;
    observer->n_zeros += n - block->n_index;
    observer->count += n;
}

/* The rare way: something in x[0..n) is not finite. */
static void add_filtered(struct tare_observer *observer, tare_observe_block_fn *look,
                         const float *x, size_t n, struct tare_observe_block *block)
{
    float finite[TARE_OBSERVE_BLOCK];
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t magnitude = bits_of(x[i]) << 1 >> 1;
        const bool is_nan = magnitude > (uint32_t)INFINITY_BITS;
        const bool is_inf = magnitude == (uint32_t)INFINITY_BITS;
        observer->n_nan += is_nan;
        observer->n_inf += is_inf;
        observer->count += is_nan || is_inf;
        if (!is_nan && !is_inf) finite[m++] = x[i];
    }
    if (m == 0) return;
    look(finite, m, factor_of(observer), block);
    add_finite(observer, look, finite, m, block);
}

void tare_observer_init(struct tare_observer *observer)
{
    *observer = (struct tare_observer){
        .min = INFINITY, .max = -INFINITY, .exponent = MIN_EXPONENT};
}

void tare_observer_add(struct tare_observer *observer, const float *x, size_t n)
{
    tare_observe_block_fn *look = tare_observe_block_select();
    struct tare_observe_block block;
    for (size_t done = 0; done < n; done += TARE_OBSERVE_BLOCK) {
        const size_t m = n - done < TARE_OBSERVE_BLOCK ? n - done : TARE_OBSERVE_BLOCK;
        look(x + done, m, factor_of(observer), &block);
        if (block.low > ~INFINITY_BITS && block.high < INFINITY_BITS)
            add_finite(observer, look, x + done, m, &block);
        else
            add_filtered(observer, look, x + done, m, &block);
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
