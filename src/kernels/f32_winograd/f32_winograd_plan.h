/* kernels/f32_winograd/f32_winograd_plan.h - how a layer is cut into blocks: the part
 * that all variants share. Private to this folder. */
#ifndef TARE_KERNELS_F32_WINOGRAD_PLAN_H
#define TARE_KERNELS_F32_WINOGRAD_PLAN_H

#include "kernels/f32_conv/f32_conv_plan.h"
#include "kernels/f32_winograd/f32_winograd.h"

enum {
    TARE_WINOGRAD_SIDE = 4, /* of a patch */
    TARE_WINOGRAD_POINTS = TARE_WINOGRAD_SIDE * TARE_WINOGRAD_SIDE,
    TARE_WINOGRAD_PATCHES = 48 /* of a block, at most: so many that weights are read
                                  seldom, so few that sums stay near */
};

/** Patches go row by row through all images; those of a block are consecutive. A unit
 * is a block of patches by a range of the blocks of channels. */
struct tare_winograd_plan {
    int64_t rows, columns;  /* patches of an image */
    int64_t patches;        /* of all images */
    int64_t block_patches;  /* of a block, at most */
    int64_t blocks, splits; /* of patches; units that share one */
    int64_t channel_blocks; /* of TARE_F32_CONV_BLOCK outputs, or 16 at the end */
    /* floats of the scratch, in this order: */
    int64_t inputs;  /* V: [point][patch of the block][in_c] */
    int64_t sums;    /* M: [point][patch of the block][TARE_F32_CONV_BLOCK] */
    int64_t outputs; /* [2][2 * patch of the block][TARE_F32_CONV_BLOCK] */
    int64_t zeros;   /* [in_c], stands for pixels outside */
};

/** @retval false  a size does not fit. Needs tare_f32_winograd_fits(). */
bool tare_winograd_plan(const struct tare_window *w, struct tare_winograd_plan *plan);

/** First patch of block `b`. */
static inline int64_t tare_winograd_begin(const struct tare_winograd_plan *plan,
                                          int64_t b)
{
    return plan->patches / plan->blocks * b +
           (b < plan->patches % plan->blocks ? b : plan->patches % plan->blocks);
}

/** Width of the packed rows of channel block `b`; they start behind those of the blocks
 *  before it, [point][in_c][width] each. */
static inline int64_t tare_winograd_width(const struct tare_window *w, int64_t b)
{
    return w->out_c - b * TARE_F32_CONV_BLOCK > 16 ? TARE_F32_CONV_BLOCK : 16;
}

/** Pixel (y, x) of the input image that starts at `image`, or `zeros`. */
static inline const float *tare_winograd_pixel(const struct tare_window *w,
                                               const float *image, int64_t y, int64_t x,
                                               const float *zeros)
{
    const bool inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
    return inside ? image + (y * w->in_w + x) * tare_window_in_pitch(w) : zeros;
}

#endif /* TARE_KERNELS_F32_WINOGRAD_PLAN_H */
