/* search/transfer.h - the values of a tensor of one engine into a tensor of another
 * one, whatever the type, order and scale of either. */
#ifndef TARE_SEARCH_TRANSFER_H
#define TARE_SEARCH_TRANSFER_H

#include "engine/plan.h"

struct tare_transfer {
    const struct tare_plan_tensor *from, *to; /* dense, of the same dims */
    const float *factors; /* by channel, or NULL: `to` is `from` times or over them */
    int32_t axis;         /* of the channels */
    bool divide;
};

/** From a tensor at `src` into one at `dst`. Floats become bytes as by
 *  kernels/f32_u8_quantize. Types other than float32 and uint8 are copied, and must be
 *  the same on both sides. */
void tare_transfer_run(const struct tare_transfer *t, const void *src, void *dst);

/** How one float32 array differs from another. */
struct tare_sums {
    double signal, noise; /* of a; of b - a */
    double aa, bb, ab;    /* for the cosine */
};

/** @param centred  signal: a less its mean */
struct tare_sums tare_sums_of(const float *a, const float *b, size_t n, bool centred);
void tare_sums_add(struct tare_sums *sums, const struct tare_sums *more);

#endif /* TARE_SEARCH_TRANSFER_H */
