/* kernels/u8_conv/u8_conv.h - dense and grouped convolution and matrix product. */
#ifndef TARE_KERNELS_U8_CONV_H
#define TARE_KERNELS_U8_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/select.h"
#include "kernels/u8_epilogue.h"
#include "kernels/window.h"

/** Shape and arithmetic of a layer. No padding bytes; stored in engine files. */
struct tare_u8_conv {
    struct tare_window window;
    int32_t in_zero_point; /* 0 to 255; what padding reads as */
    int32_t reserved;      /* 0 */
    struct tare_u8_epilogue epilogue;
};

/** The buffers of one run. Those marked + have TARE_KERNEL_SLACK readable elements
 *  behind the last one. */
struct tare_u8_conv_data {
    const uint8_t *x;        /* + [batch, in_h, in_w, in_c], in_pitch */
    const int8_t *weights;   /* from tare_u8_conv_pack() */
    const int32_t *acc_init; /* + [out_c], what sums start from: a bias, less
                                in_zero_point times the sum of the channel's weights */
    const float *multiplier; /* + [out_c] */
    const float *bias;       /* + [out_c] */
    const uint8_t *residual; /* + shaped as y, dense; NULL without has_residual */
    void *y; /* [batch, out_h, out_w, out_c], out_pitch; uint8_t, or float: out_f32 */
    const void *next;  /* what is read after this run, to be fetched in its course: */
    size_t next_bytes; /* so many bytes of it; a hint, 0 without one */
    int64_t grain; /* units that the calls of a run are for, each; a hint, the same in
                      all of them; 0: all units */
};

/**
 * acc = acc_init[c] + sum over taps and channels of x * w, where padding reads as
 * in_zero_point; then the epilogue. Computes the units [begin, end) of
 * tare_u8_conv_units() and touches no other part of y.
 *
 * Needs:   packed_bytes and scratch_bytes said true; `scratch` of that many bytes,
 *          aligned to TARE_ALIGN, one for each thread; round-to-nearest FP mode; y
 *          overlaps no input, but may be `residual` itself without out_f32 and pitch.
 * Gives:   bytes equal to __ref, however the units are split.
 */
typedef void tare_u8_conv_fn(const struct tare_u8_conv *p,
                             const struct tare_u8_conv_data *d, void *scratch,
                             int64_t begin, int64_t end);

/** Independent pieces of work; they split pixels and output channels. */
int64_t tare_u8_conv_units(const struct tare_u8_conv *p);

/** Size of the packed weights, the same for every variant. @retval false when it does
 *  not fit a size_t, or a sum has more than TARE_U8_MAX_TERMS products. */
bool tare_u8_conv_packed_bytes(const struct tare_u8_conv *p, size_t *out);

/** @param[in]  weights  [out_c, in_c / groups, kernel_h, kernel_w].
 *  @param[out] packed   tare_u8_conv_packed_bytes() bytes, all of them written. */
void tare_u8_conv_pack(const struct tare_u8_conv *p, const int8_t *weights,
                       int8_t *packed);

/** Bytes of packed weights that a run reads first. */
size_t tare_u8_conv_first_bytes(const struct tare_u8_conv *p);

/** The way back: the weights that tare_u8_conv_pack() packed. */
void tare_u8_conv_unpack(const struct tare_u8_conv *p, const int8_t *packed,
                         int8_t *weights);

/** The zero point of a matrix that is packed while running: its codes less this are
 *  int8, [-128, 127]. */
#define TARE_U8_CONV_MATRIX_ZERO 128
/** Most products of codes that an int32 sum holds then: 2^31 / (255 * 128). */
#define TARE_U8_CONV_MATRIX_TERMS INT64_C(65793)

/** Column blocks: the units of tare_u8_conv_pack_matrix(). */
int64_t tare_u8_conv_pack_matrix_units(const struct tare_u8_conv *p);

/**
 * The second matrix of a product of activations in the place of weights, fast enough
 * for every inference. p->window is tare_matrix_window(m, k, n), perhaps with pitches,
 * with k up to TARE_U8_CONV_MATRIX_TERMS.
 * @param[in]  b  [k, n] codes, zero point TARE_U8_CONV_MATRIX_ZERO. Rows are row_stride
 *                apart and columns column_stride; one of these is 1.
 * @param[out] packed    as tare_u8_conv_pack() makes it of b transposed, less the zero
 *                       point; the column blocks [begin, end) of it.
 * @param[out] acc_init  [n], likewise the columns of these blocks.
 */
void tare_u8_conv_pack_matrix(const struct tare_u8_conv *p, const uint8_t *b,
                              int64_t row_stride, int64_t column_stride, int8_t *packed,
                              int32_t *acc_init, int64_t begin, int64_t end);

/** Scratch of one thread, for every variant. @retval false when it does not fit. */
bool tare_u8_conv_scratch_bytes(const struct tare_u8_conv *p, size_t *out);

#define TARE_UKERNEL(isa, name, tile) tare_u8_conv_fn name;
#include "kernels/u8_conv/u8_conv.inc"
#undef TARE_UKERNEL
TARE_KERNEL_DECLARE(tare_u8_conv);

#endif /* TARE_KERNELS_U8_CONV_H */
