#include "calibrators/tally.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LOG2_BINS = 12, LEAST_FACTOR = -127, BOOST = 23 };
#define INFINITY_BITS INT32_C(0x7F800000)
#define MINUS_ZERO    INT32_C(-1) /* its ordinal */

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What base/observe.h calls ordinal: it is its own inverse. */
static float float_of_ordinal(int32_t ordinal)
{
    const uint32_t bits = (uint32_t)ordinal;
    return float_of(bits ^ ((0U - (bits >> 31)) >> 1));
}

static int32_t ordinal_of(float x) /* x >= 0 */
{
    int32_t ordinal;
    memcpy(&ordinal, &x, sizeof ordinal);
    return ordinal;
}

/* The largest float below 4096 bins of width 2^exponent. */
static int32_t reach(int64_t exponent)
{
    const double end = ldexp(1.0, (int)exponent + LOG2_BINS);
    return end > (double)FLT_MAX ? INFINITY_BITS - 1 : ordinal_of((float)end) - 1;
}

static void make_scale(struct tare_tally *tally)
{
    const int64_t *e = tally->exponent;
    struct tare_observe_scale *scale = &tally->scale;
    int shift = 0;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        if (e[p] < LEAST_FACTOR) shift = BOOST;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        scale->factor[p] = ldexpf(1.0F, (int)-e[p] - shift);
    scale->boost = ldexpf(1.0F, shift);
    scale->cut = tally->cut;
    scale->low = tally->is_signed ? ~reach(e[TARE_OBSERVE_NEGATIVE]) : MINUS_ZERO;
    scale->high = reach(e[TARE_OBSERVE_LOWER]);
    const int32_t cut = ordinal_of(tally->cut);
    if (scale->high < cut - 1) return;
    const int32_t upper = reach(e[TARE_OBSERVE_UPPER]);
    scale->high = upper > cut - 1 ? upper : cut - 1;
}

static void grow(struct tare_tally *tally, enum tare_observe_part part, float amax)
{
    const int64_t exponent = tare_observer_exponent(amax);
    const int64_t shift = exponent - tally->exponent[part];
    if (shift <= 0) return;
    uint32_t *bins = tally->counts + (size_t)part * TARE_OBSERVE_BINS;
    uint32_t old[TARE_OBSERVE_BINS];
    memcpy(old, bins, sizeof old);
    memset(bins, 0, sizeof old);
    for (size_t k = 0; k < TARE_OBSERVE_BINS; k++)
        bins[shift < LOG2_BINS ? k >> shift : 0] += old[k];
    tally->exponent[part] = exponent;
}

/* To hold values from `min` to `max`, of which zero is one. */
static void grow_to(struct tare_tally *tally, float min, float max)
{
    if (min < 0.0F) {
        tally->is_signed = true;
        grow(tally, TARE_OBSERVE_NEGATIVE, -min);
    }
    if (max > 0.0F) grow(tally, TARE_OBSERVE_LOWER, fminf(max, tally->cut));
    if (max >= tally->cut) grow(tally, TARE_OBSERVE_UPPER, max);
    make_scale(tally);
}

/* Returns how many of the values were counted, before a block that does not fit. */
static size_t add_fitting(struct tare_tally *tally, tare_observe_values_fn *look,
                          const float *x, size_t n)
{
    struct tare_observe_extremes seen = {tally->low, tally->high};
    size_t n_zeros = 0;
    const size_t counted = look(x, n, &tally->scale, tally->counts, &seen, &n_zeros);
    tally->low = seen.low;
    tally->high = seen.high;
    tally->n_zeros += n_zeros;
    return counted;
}

/* A block with values that are not finite, or do not fit. */
static void add_filtered(struct tare_tally *tally, tare_observe_values_fn *look,
                         const float *x, size_t n)
{
    float finite[TARE_OBSERVE_BLOCK];
    size_t m = 0;
    float min = 0.0F;
    float max = 0.0F;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            tally->n_odd[TARE_ODD_NAN]++;
        } else if (isinf(x[i])) {
            tally->n_odd[x[i] > 0.0F ? TARE_ODD_PLUS : TARE_ODD_MINUS]++;
        } else {
            min = fminf(min, x[i]);
            max = fmaxf(max, x[i]);
            finite[m++] = x[i];
        }
    }
    grow_to(tally, min, max);
    (void)add_fitting(tally, look, finite, m);
}

void tare_tally_init(struct tare_tally *tally, float cut)
{
    memset(tally, 0, sizeof *tally);
    tally->cut = cut;
    tally->low = INT32_MAX;
    tally->high = INT32_MIN;
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        tally->exponent[p] = TARE_OBSERVER_LEAST_EXPONENT;
    make_scale(tally);
}

void tare_tally_add(struct tare_tally *tally, const float *x, size_t n)
{
    tare_observe_values_fn *look = tare_observe_values_select();
    for (size_t done = 0; done < n;) {
        done += add_fitting(tally, look, x + done, n - done);
        const size_t rest = n - done;
        const size_t m = rest < TARE_OBSERVE_BLOCK ? rest : TARE_OBSERVE_BLOCK;
        if (m > 0) add_filtered(tally, look, x + done, m);
        done += m;
    }
    tally->n_values += n;
}

static uint64_t sum_of(const uint32_t *bins)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < TARE_OBSERVE_BINS; k++)
        sum += bins[k];
    return sum;
}

void tare_tally_observe(const struct tare_tally *tally, struct tare_observer *observer)
{
    for (int p = 0; p < TARE_OBSERVE_PARTS; p++)
        tare_observer_add_bins(observer, tally->counts + (size_t)p * TARE_OBSERVE_BINS,
                               tally->exponent[p]);
    observer->count += tally->n_values;
    observer->n_zeros += tally->n_zeros;
    observer->n_nan += tally->n_odd[TARE_ODD_NAN];
    observer->n_inf += tally->n_odd[TARE_ODD_PLUS] + tally->n_odd[TARE_ODD_MINUS];
    if (tally->low > tally->high) return;
    tare_observer_add_extremes(observer, float_of_ordinal(tally->low),
                               float_of_ordinal(tally->high));
}

void tare_tally_observe_clipped(const struct tare_tally *tally, float upper,
                                struct tare_observer *observer)
{
    const uint32_t *negative = tally->counts;
    const uint32_t *lower = negative + TARE_OBSERVE_BINS;
    const uint32_t *beyond = lower + TARE_OBSERVE_BINS;
    const uint64_t n_plus = tally->n_odd[TARE_ODD_PLUS];
    const uint64_t n_least =
        tally->n_zeros + sum_of(negative) + tally->n_odd[TARE_ODD_MINUS];
    const uint64_t n_upper = isinf(upper) ? 0 : sum_of(beyond) + n_plus;

    tare_observer_add_bins(observer, lower, tally->exponent[TARE_OBSERVE_LOWER]);
    if (isinf(upper))
        tare_observer_add_bins(observer, beyond, tally->exponent[TARE_OBSERVE_UPPER]);
    tare_observer_add_value(observer, upper, n_upper);
    observer->count += tally->n_values;
    observer->n_zeros += n_least;
    observer->n_nan += tally->n_odd[TARE_ODD_NAN];
    observer->n_inf += isinf(upper) ? n_plus : 0;
    if (n_least > 0) tare_observer_add_extremes(observer, 0.0F, 0.0F);
    if (tally->low > tally->high) return;
    tare_observer_add_extremes(
        observer, fminf(fmaxf(float_of_ordinal(tally->low), 0.0F), upper),
        fminf(fmaxf(float_of_ordinal(tally->high), 0.0F), upper));
}
