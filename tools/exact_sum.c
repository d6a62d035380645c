#include "tools/exact_sum.h"

#include <math.h>

enum { LANE_BITS = 32, LEAST_BIT = -320, MOST_EXPONENT = 256, DIGITS = 53 };
#define LANE_MASK UINT64_C(0xffffffff)

void exact_sum_add(struct exact_sum *sum, double term)
{
    int exponent;
    const double fraction = frexp(fabs(term), &exponent); /* [1/2, 1) * 2^exponent */
    if (!isfinite(term) || exponent >= MOST_EXPONENT) {
        sum->n_bad++;
        return;
    }
    uint64_t digits = (uint64_t)ldexp(fraction, DIGITS);
    int shift = exponent - DIGITS - LEAST_BIT;
    if (shift <= -DIGITS) return;
    if (shift < 0) {
        digits >>= -shift;
        shift = 0;
    }
    const int lane = shift / LANE_BITS, bits = shift % LANE_BITS;
    const uint64_t parts[3] = {
        (digits << bits) & LANE_MASK,
        (digits >> (LANE_BITS - bits)) & LANE_MASK,
        bits > 0 ? digits >> (2 * LANE_BITS - bits) : 0,
    };
    for (int i = 0; i < 3; i++)
        if (term < 0.0)
            sum->lanes[lane + i] -= parts[i];
        else
            sum->lanes[lane + i] += parts[i];
}

void exact_sum_merge(struct exact_sum *sum, const struct exact_sum *other)
{
    for (int i = 0; i < EXACT_LANES; i++)
        sum->lanes[i] += other->lanes[i];
    sum->n_bad += other->n_bad;
}

/* Every lane but the highest into [0, 2^32). @return is it negative? */
static int carry(int64_t lanes[EXACT_LANES])
{
    for (int i = 0; i + 1 < EXACT_LANES; i++) {
        const int64_t low = (int64_t)((uint64_t)lanes[i] & LANE_MASK);
        lanes[i + 1] += (lanes[i] - low) / (INT64_C(1) << LANE_BITS);
        lanes[i] = low;
    }
    return lanes[EXACT_LANES - 1] < 0;
}

double exact_sum_value(const struct exact_sum *sum)
{
    int64_t lanes[EXACT_LANES];
    if (sum->n_bad) return (double)NAN;
    for (int i = 0; i < EXACT_LANES; i++)
        lanes[i] = (int64_t)sum->lanes[i];
    const int is_negative = carry(lanes);
    if (is_negative) {
        for (int i = 0; i < EXACT_LANES; i++)
            lanes[i] = -lanes[i];
        (void)carry(lanes);
    }
    double value = 0.0;
    for (int i = EXACT_LANES; i-- > 0;)
        value += ldexp((double)lanes[i], LANE_BITS * i + LEAST_BIT);
    return is_negative ? -value : value;
}
