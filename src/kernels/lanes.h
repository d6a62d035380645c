/* kernels/lanes.h - one vector of floats, as wide as the including file's instruction
 * set. Lets a float kernel's loop be written once for AVX2, AVX-512 and NEON;
 * everything here is private to the file that includes it, so no code leaks to other
 * instruction sets.
 */
#ifndef TARE_KERNELS_LANES_H
#define TARE_KERNELS_LANES_H

#include <stdint.h>

#include "kernels/f32_epilogue.h"

#if defined(__aarch64__)
#include "kernels/lanes_neon.h"
#else
#include "kernels/lanes_x86.h"
#endif

/** n elements of p, of which only the first LANES count. */
static inline lanes lanes_load_upto(const float *p, int64_t n)
{
    return n >= LANES ? lanes_load(p) : lanes_load_n(p, n);
}

static inline void lanes_store_upto(float *p, lanes v, int64_t n)
{
    if (n >= LANES)
        lanes_store(p, v);
    else
        lanes_store_n(p, v, n);
}

/** struct tare_f32_epilogue behind the bias and the residual, in every lane. */
struct lanes_epilogue {
    lanes slope, lower, upper;
};

static inline struct lanes_epilogue lanes_epilogue(const struct tare_f32_epilogue *e)
{
    return (struct lanes_epilogue){.slope = lanes_set1(e->negative_slope),
                                   .lower = lanes_set1(e->lower),
                                   .upper = lanes_set1(e->upper)};
}

static inline lanes lanes_clamp(const struct lanes_epilogue *e, lanes v)
{
    return lanes_min(e->upper, lanes_max(e->lower, v));
}

static inline lanes lanes_finish(const struct lanes_epilogue *e, lanes v)
{
    v = lanes_select(lanes_lt(v, lanes_zero()), lanes_mul(v, e->slope), v);
    return lanes_clamp(e, v);
}

#endif /* TARE_KERNELS_LANES_H */
