/* engine/layers/params.h - parameters of the layers that have no kernel struct of their
 * own. Stored in engine files; padding is explicit and zero. */
#ifndef TARE_ENGINE_LAYERS_PARAMS_H
#define TARE_ENGINE_LAYERS_PARAMS_H

#include "kernels/copy/copy.h"
#include "kernels/f32_affine/f32_affine.h"
#include "kernels/f32_binary/f32_binary.h"
#include "kernels/f32_conv/f32_conv.h"
#include "kernels/f32_depthwise/f32_depthwise.h"
#include "kernels/f32_layer_norm/f32_layer_norm.h"
#include "kernels/f32_pool/f32_pool.h"
#include "kernels/f32_reduce/f32_reduce.h"
#include "kernels/f32_resize/f32_resize.h"
#include "kernels/f32_softmax/f32_softmax.h"
#include "kernels/f32_unary/f32_unary.h"

/** The output is a view of the input: nothing runs. */
struct tare_reshape_params {
    int32_t unused; /* C has no empty struct */
};

/** A graph that runs node by node, without kernels. Inputs: the graph's, then a weight
 *  that holds it (graph/blob.h). */
struct tare_program_params {
    int64_t n_bytes; /* of that weight */
};

/** Inputs: the sources, then a weight holding n_pieces of struct tare_copy_piece. The
 *  output is first filled with `fill` when does_fill. */
struct tare_copy_params {
    int64_t n_pieces;
    int32_t elem_bytes;
    int32_t does_fill;
    uint64_t fill;
};

/** One strided copy from inputs[input]; offsets in bytes. */
struct tare_copy_piece {
    int64_t input;
    int64_t src_offset;
    int64_t dst_offset;
    struct tare_copy copy;
};

/** y[b] = a[b] x b[b], both activations; b walks `rank` broadcast axes. */
struct tare_matmul_params {
    int64_t m, k, n;
    int64_t rank;
    int64_t dims[TARE_MAX_RANK];
    int64_t a_strides[TARE_MAX_RANK]; /* elements */
    int64_t b_strides[TARE_MAX_RANK];
};

/** Inputs x, scale [channels], shift [channels]. */
struct tare_affine_params {
    int64_t n_pixels, n_channels;
};

/** Quantize and dequantize with a change of layout: the uint8 side is dense
 *  [n_images, n_pixels, n_channels]; the float side has strides, in elements. */
struct tare_convert_params {
    int64_t n_images, n_pixels, n_channels;
    int64_t image_stride, pixel_stride, channel_stride;
};

/** Input x and a table of 256 bytes. */
struct tare_table_params {
    int64_t n_elems;
};

#endif /* TARE_ENGINE_LAYERS_PARAMS_H */
