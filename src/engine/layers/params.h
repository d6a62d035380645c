/* engine/layers/params.h - parameters of the layers that have no kernel struct of their
 * own. Stored in engine files; padding is explicit and zero. */
#ifndef TARE_ENGINE_LAYERS_PARAMS_H
#define TARE_ENGINE_LAYERS_PARAMS_H

#include "kernels/bf16_conv/bf16_conv.h"
#include "kernels/copy/copy.h"
#include "kernels/f16_conv/f16_conv.h"
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
#include "kernels/f32_winograd/f32_winograd.h"
#include "kernels/half_convert/half_convert.h"

/** The output is a view of the input: nothing runs. */
struct tare_reshape_params {
    int32_t unused; /* C has no empty struct */
};

/** A graph that runs node by node, without kernels. Inputs: the graph's, then a weight
 *  that holds it (graph/blob.h). */
struct tare_program_params {
    int64_t n_bytes; /* of that weight */
};

/** A node that a plugin computes. Inputs: those that the node gives, then a weight that
 *  holds the plugin (graph/blob.h). Bit i of a set is the node's input or output i. */
struct tare_plugin_params {
    uint64_t given;                       /* inputs that are not left out */
    uint64_t float_inputs, float_outputs; /* float activations */
    int32_t n_inputs;                     /* of the node */
    int32_t precision; /* enum tare_plugin_precision, of float activations */
    int32_t format;    /* enum tare_format, of those that have rank 4 */
    int32_t reserved;  /* 0 */
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

/** y[i] = alpha * a[i] x b[i], all activations; i walks `rank` axes. Strides are in
 *  elements: a stored tensor may be read and written as if it were transposed. Along k
 *  a, and along n y, is contiguous, b along one of the two. */
struct tare_matmul_params {
    float alpha;      /* in INT8, it is in the multiplier */
    int32_t reserved; /* 0 */
    int64_t m, k, n;
    int64_t a_row_stride, y_row_stride;    /* at least k and n */
    int64_t b_row_stride, b_column_stride; /* one of them is 1 */
    int64_t a_offset, b_offset;            /* where the first matrix begins */
    int64_t rank;
    int64_t dims[TARE_MAX_RANK];
    int64_t a_strides[TARE_MAX_RANK]; /* 0 along an axis that a has not */
    int64_t b_strides[TARE_MAX_RANK];
    int64_t y_strides[TARE_MAX_RANK];
};

enum tare_cell { TARE_CELL_RNN = 0, TARE_CELL_GRU = 1, TARE_CELL_LSTM = 2 };

/**
 * LSTM, GRU or RNN behind the product of X and W. Inputs, D directions of G gates:
 *     gates [steps, batch, D, G * hidden], or [batch, steps, ...]: X W' + biases
 *     R     a weight, tare_recurrent_pack() of each direction
 *     bias  [D, hidden] a weight: GRU's of what is multiplied by r, if
 * linear_before_reset P     [D, 3 * hidden] a weight, if has_peephole lens  [batch] an
 * int32 weight, if has_lens initial h, c  as ONNX's, if has_h, has_c Outputs: Y, and up
 * to two final states. ONNX's order of gates and layouts.
 */
struct tare_recurrent_params {
    int64_t steps, batch, hidden;
    int32_t cell; /* enum tare_cell */
    int32_t n_directions;
    int32_t reversed[2]; /* by direction */
    int32_t batch_first; /* layout 1 */
    int32_t linear_before_reset, input_forget;
    int32_t has_peephole, has_lens, has_h, has_c;
    float clip;                             /* of what an activation reads; INFINITY */
    struct tare_f32_unary activation[2][3]; /* by direction: f, g, h */
};

/** Bytes of one direction's R in the order of the kernels, and of what lies in front of
 *  GRU's hidden gate. @retval false  it does not fit. */
bool tare_recurrent_packed(const struct tare_recurrent_params *params, size_t *first,
                           size_t *direction);
/** R [G * hidden, hidden] of one direction to that order. */
void tare_recurrent_pack(const struct tare_recurrent_params *params, const float *r,
                         float *packed);

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

/** float32 from or to 16-bit floats, in the same order. */
struct tare_half_params {
    int32_t op; /* enum tare_half_convert_op */
    int32_t reserved;
};

/** Input x and a table of 256 bytes. */
struct tare_table_params {
    int64_t n_elems;
};

#endif /* TARE_ENGINE_LAYERS_PARAMS_H */
