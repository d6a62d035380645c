/* tare/ranges.h - what a model says about the ranges of its tensors and weights. */
#ifndef TARE_RANGES_H
#define TARE_RANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/export.h"
#include "tare/model.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A tensor that is not constant. */
struct tare_model_range {
    const char *name;
    float most;     /**< No magnitude is larger, by the operator that makes it
                         (Sigmoid, Softmax, Tanh, Clip); infinity: not known. */
    bool is_needed; /**< INT8 needs its range. */
};

/** The weights of a Conv, Gemm or MatMul, after the optimizer folded into them what it
 *  could (BatchNormalization). */
struct tare_model_weights {
    const char *layer; /**< Name of the ONNX node. */
    const char *input; /**< Name of the tensor that it reads. */
    size_t n_channels; /**< Output channels. */
    size_t n_groups;   /**< Of a convolution; else 1. */
    const float *amax; /**< [n_channels] Largest magnitude of each channel's weights. */
    size_t n_inputs;   /**< Input channels. */
    const float
        *input_amax; /**< [n_inputs] Of the weights that an input channel meets. */
};

/** Immutable. Strings live as long. */
struct tare_model_ranges;

/**
 * @param[in]  model   after tare_model_bind(); may go afterwards.
 * @param[out] ranges  tare_model_ranges_destroy() it; NULL on failure.
 */
TARE_API enum tare_status tare_model_ranges_create(const struct tare_model *model,
                                                   struct tare_model_ranges **ranges,
                                                   struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_model_ranges_destroy(struct tare_model_ranges *ranges);

/** Tensors, inputs first, then in topological order. */
TARE_API size_t tare_model_ranges_count(const struct tare_model_ranges *ranges);
TARE_API void tare_model_ranges_get(const struct tare_model_ranges *ranges, size_t i,
                                    struct tare_model_range *range);

/** Layers with constant weights, in topological order. */
TARE_API size_t tare_model_weights_count(const struct tare_model_ranges *ranges);
TARE_API void tare_model_weights_get(const struct tare_model_ranges *ranges, size_t i,
                                     struct tare_model_weights *weights);

#ifdef __cplusplus
}
#endif
#endif /* TARE_RANGES_H */
