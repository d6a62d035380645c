/* kernels/u8_depthwise/u8_depthwise_walk.h - what the variants of u8_depthwise share:
 * how a row is cut into runs, and the walk over them. Private to this folder.
 *
 * Lanes are channels, 32 a block. When the stride along the row is 1, the tensors are
 * dense and the channels fill no whole number of blocks, `replicas` neighbouring
 * pixels, which follow each other in memory, are taken as one pixel of replicas *
 * channels lanes. */
#ifndef TARE_KERNELS_U8_DEPTHWISE_WALK_H
#define TARE_KERNELS_U8_DEPTHWISE_WALK_H

#include "kernels/u8_depthwise/u8_depthwise.h"

enum { TARE_U8_DEPTHWISE_BLOCK = 32 };

struct tare_u8_depthwise_plan {
    int64_t channels;
    int64_t in_pitch, out_pitch;
    int64_t replicas;
    int64_t lanes; /* replicas * channels */
    int64_t n_blocks;
    int64_t n_taps;
    int64_t n_quads; /* taps are taken four at a time */
};

struct tare_u8_depthwise_plan tare_u8_depthwise_plan(const struct tare_u8_conv *p);

/** Packed weights of a block: [n_quads][TARE_U8_DEPTHWISE_BLOCK][4]. */
int64_t tare_u8_depthwise_block_bytes(const struct tare_u8_depthwise_plan *plan);

/** `n_pixels` outputs of `lanes` lanes each that have all their taps at a fixed
 * distance from each other. */
struct tare_u8_depthwise_run {
    /* Tap t of pixel i starts at taps[t] + i * in_step; 4 * n_quads entries, the taps
     * behind n_taps repeat a real one and have zero weights. */
    const uint8_t *const *taps;
    int64_t n_taps, n_quads;
    int64_t n_pixels, lanes;
    int64_t in_step, out_step, residual_step;
    const int8_t *weights;
    const int32_t *acc_init;
    const float *multiplier, *bias;
    const uint8_t *residual; /* NULL without one */
    uint8_t *y_u8;           /* NULL with out_f32 */
    float *y_f32;            /* NULL without out_f32 */
    const struct tare_u8_epilogue *epilogue;
    int16_t *expanded; /* scratch: n_quads * 64, aligned to TARE_ALIGN */
};

typedef void tare_u8_depthwise_run_fn(const struct tare_u8_depthwise_run *run);

/** Compute the units [begin, end), one run at a time. */
void tare_u8_depthwise_walk(const struct tare_u8_conv *p,
                            const struct tare_u8_conv_data *d, void *scratch,
                            int64_t begin, int64_t end,
                            tare_u8_depthwise_run_fn *compute);

enum {
    TARE_U8_DEPTHWISE_ROWS = 6,
    TARE_U8_DEPTHWISE_TILE = 7 /* pixels of a row: networks' rows have whole tiles */
};

/** The input columns that whole tiles of an output row see. */
static inline int64_t tare_u8_depthwise_columns(int64_t out_w, int64_t kernel_w,
                                                int64_t stride)
{
    const int64_t tiles = (out_w + TARE_U8_DEPTHWISE_TILE - 1) / TARE_U8_DEPTHWISE_TILE;
    return (tiles * TARE_U8_DEPTHWISE_TILE - 1) * stride + kernel_w;
}

/** One output row, or two of which one lies below the other. */
struct tare_u8_depthwise_rows {
    /* The input rows that they see, from column 0 on, or padding: kernel_h of them for
     * the first, for the second from [1] on. */
    const uint8_t *input[TARE_U8_DEPTHWISE_ROWS];
    int64_t n_rows;
    int64_t in_w, out_w;
    int64_t pad_left;
    int64_t in_pitch, out_pitch;
    int64_t channels;
    int64_t n_quads; /* of the packed weights */
    int in_zero_point;
    const int8_t *weights;
    const int32_t *acc_init;
    const float *multiplier, *bias;
    uint8_t *y;       /* the first row's first pixel */
    int64_t row_step; /* from there to the second's */
    const struct tare_u8_epilogue *epilogue;
    void *columns; /* scratch, aligned to TARE_ALIGN, for variants that widen: */
    const void *wide_weights; /* see tare_u8_depthwise_wide() */
};

/** For variants that take bytes as pairs of 16 bits: scratch for
 * tare_u8_depthwise_columns() of an output row, (kernel_h + 1) / 2 pairs for 16
 * channels each, and for all channels' weights, as many pairs in each of kernel_w
 * columns for each of two output rows. Aligned to TARE_ALIGN. */
struct tare_u8_depthwise_wide {
    void *columns, *weights;
};

struct tare_u8_depthwise_wide tare_u8_depthwise_wide(const struct tare_u8_conv *p,
                                                     void *scratch);

typedef void tare_u8_depthwise_rows_fn(const struct tare_u8_depthwise_rows *rows);

/** Compute the units [begin, end), whole rows at a time, by twos with a stride of 1.
 *  For bytes out, without a residual or dilation; kernel_h < TARE_U8_DEPTHWISE_ROWS. */
void tare_u8_depthwise_walk_rows(const struct tare_u8_conv *p,
                                 const struct tare_u8_conv_data *d, void *scratch,
                                 int64_t begin, int64_t end,
                                 tare_u8_depthwise_rows_fn *compute);

#endif /* TARE_KERNELS_U8_DEPTHWISE_WALK_H */
