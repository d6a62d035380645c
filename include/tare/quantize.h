/* tare/quantize.h - a model and its calibration as one ONNX model with QuantizeLinear
 * and DequantizeLinear, for other runtimes. */
#ifndef TARE_QUANTIZE_H
#define TARE_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/builder.h"
#include "tare/cache.h"
#include "tare/export.h"
#include "tare/model.h"
#include "tare/recovery.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Where the pairs of QuantizeLinear and DequantizeLinear are, and of which type. */
enum tare_quantize_style {
    /**
     * TensorRT's explicit quantization: int8, zero point 0 everywhere, scale amax /
     * 127. Pairs are on the activations that Conv, ConvTranspose, Gemm and MatMul read,
     * on their weights (one scale a channel, float32 in front of the pair), on the
     * operand of a residual Add that is not the convolution, and on both sides of the
     * pools and Adds between them. Outputs of weighted layers and biases stay float;
     * nothing is folded.
     */
    TARE_STYLE_TENSORRT = 0,
    /**
     * What onnxruntime makes QLinearConv and its like of: uint8, as tare holds
     * activations (zero point 0 and amax / 255 where they cannot be negative, else 128
     * and amax / 127), weights of one scale a channel, int32 biases; pairs on inputs
     * and outputs of everything that computes in INT8. BatchNormalization and Pad are
     * folded into the convolutions; a Relu or Clip whose bounds are those of the codes
     * is left to them. A Conv over one pixel with a float output becomes Gemm.
     */
    TARE_STYLE_ONNXRUNTIME = 1
};

/** How TARE_STYLE_ONNXRUNTIME holds weights. Where a CPU has neither VNNI nor AVX-VNNI,
 * onnxruntime adds two products of uint8 and int8 in 16 bits, which cuts large sums. */
enum tare_quantize_weights {
    TARE_WEIGHTS_UINT8 = 0, /**< Zero point 128: right on every CPU. */
    TARE_WEIGHTS_INT8 = 1,  /**< Faster; wrong where there is no VNNI. */
    /** 7 bits, -64 to 64: sums of two products fit 16 bits. onnxruntime's reduce_range.
     * Depthwise convolutions, which it computes otherwise, keep 8. */
    TARE_WEIGHTS_REDUCED = 2
};

/** Zero-initialise. Strings are borrowed for the call. */
struct tare_quantize_options {
    enum tare_quantize_style style;
    const struct tare_cache *cache; /**< Ranges; needed. */
    /** What calibration saw (tare_cache_read_seen()), or NULL. TARE_STYLE_ONNXRUNTIME
     * rounds outputs of convolutions that a build leaves float; then within these,
     * since the build does not clip them. */
    const struct tare_cache *seen;
    const struct tare_recovery *recovery; /**< For that cache, or NULL. */
    enum tare_constraints constraints;    /**< As for tare_build(). */
    const char *layer_precisions;         /**< Layers in fp32 get no pairs. */
    enum tare_quantize_weights weights;   /**< For TARE_STYLE_ONNXRUNTIME. */
    const char *shapes; /**< As for tare_model_bind(): axes that the model leaves open,
                           to find out what each layer does. They stay open in what is
                             written. */
    int64_t batch;      /**< For first axes that are open; 0: 1. */
};

/** What tare_quantize() made. */
struct tare_quantized;

/**
 * Quantize a model as tare_build() would: the same layers, ranges, weights and
 * recovery. Layers that a build computes in float have no pairs. Names of the model's
 * tensors stay; "<tensor>_quantized", "<tensor>_scale", "<tensor>_zero_point" and
 * "<tensor>_dequantized" are new (with "_2", … behind them where they are taken). An
 * operator set below 13 becomes 13, the first in which the pairs have an axis.
 * @param[in]  model      before tare_model_bind(); not changed.
 * @param[out] quantized  tare_quantized_destroy() it; NULL on failure.
 * @retval TARE_E_ARG          The model is bound, or quantized itself; there is no
 * cache or it is of another model; constraints cannot be obeyed.
 * @retval TARE_E_UNSUPPORTED  A node has no counterpart in opset 13; the text names it.
 */
TARE_API enum tare_status tare_quantize(const struct tare_model *model,
                                        const struct tare_quantize_options *options,
                                        struct tare_quantized **quantized,
                                        struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_quantized_destroy(struct tare_quantized *quantized);

/** The model with the pairs, for tare_model_save(); it lives as long as `quantized`. */
TARE_API const struct tare_model *
tare_quantized_model(const struct tare_quantized *quantized);
/** Activations that have a pair. */
TARE_API size_t tare_quantized_n_pairs(const struct tare_quantized *quantized);
/** Layers that use the recovery. */
TARE_API size_t tare_quantized_n_recovered(const struct tare_quantized *quantized);
/** The layers, as tare_plan_row() has them: those of a build. */
TARE_API size_t tare_quantized_n_rows(const struct tare_quantized *quantized);
TARE_API void tare_quantized_row(const struct tare_quantized *quantized, size_t i,
                                 struct tare_build_row *row);

#ifdef __cplusplus
}
#endif
#endif /* TARE_QUANTIZE_H */
