/* engine/build/weights.h - INT8 weights and requantization (docs/numerics.md). */
#ifndef TARE_ENGINE_BUILD_WEIGHTS_H
#define TARE_ENGINE_BUILD_WEIGHTS_H

#include "base/error.h"
#include "graph/graph.h"
#include "graph/window.h"
#include "kernels/u8_epilogue.h"
#include "kernels/window.h"

/** The kernels' window of a node. */
struct tare_window tare_window_of(const struct tare_spatial *s);

/** Slope, bounds and zero point of an output that is held in `y`, or is float when
 *  y->held is false: the fused activation's bounds in steps of y, and the code range.
 */
void tare_u8_epilogue_fill(struct tare_u8_epilogue *epilogue,
                           const struct tare_fused *fused, const struct tare_quant *y);

/** What an INT8 weighted layer reads. */
struct tare_u8_weights {
    int8_t *weights;   /* as the float weights; -128 where that was one already */
    int32_t *acc_init; /* [out_c] bias[c] / (s_x * s_w[c]), whole, - zero_point * sum
                          of the channel's weights */
    float *multiplier; /* [out_c] s_x * s_w[c] / s_y */
    float *bias;       /* [out_c] 0; bias[c] / s_y where it is not in the sum */
};

/**
 * Quantize weights symmetrically per output channel, s_w[c] = tare_weight_scale(),
 * q = rint(w / s_w[c]), in double; multipliers in float32 as onnxruntime has them, so
 * that its integers are the same.
 * @param weights  [out_c, in_c / groups, kernel_h, kernel_w]  @param bias  NULL: zeros
 *   in steps of the sum, whole, when y is held
 * @param is_given_bias  the model is quantized itself: a float bias stays float
 * @param recovered  what replaces them, or NULL
 * @param y        s_y = 1 when not held
 * @param[out] out tare_u8_weights_release() it on success.
 */
enum tare_status
tare_u8_weights_make(const struct tare_window *window, const float *weights,
                     const float *bias, bool is_given_bias,
                     const struct tare_recovered *recovered, const struct tare_quant *x,
                     const struct tare_quant *y, struct tare_u8_weights *out,
                     struct tare_error *err);
void tare_u8_weights_release(struct tare_u8_weights *w);

#endif /* TARE_ENGINE_BUILD_WEIGHTS_H */
