/* tare/model.h - a trained network, read from ONNX. */
#ifndef TARE_MODEL_H
#define TARE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable once bound; then any thread may use it. */
struct tare_model;
struct tare_plugins;

/** An input or output. Strings live as long as the model. */
struct tare_model_value {
    const char *name;
    struct tare_dims dims;              /**< -1: not known before tare_model_bind() */
    const char *symbols[TARE_MAX_RANK]; /**< Name of a symbolic axis, or NULL. */
    enum tare_dtype dtype;
};

/** One node, after tare_model_bind(). Strings live as long as the model. */
struct tare_model_node {
    const char *name;
    const char *op;     /**< ONNX's op_type */
    const char *output; /**< Name of the first output. */
    struct tare_dims output_dims;
    int64_t macs;            /**< Multiply-accumulates of one run. */
    int64_t parameter_bytes; /**< Constants that it reads. */
};

/** What one run holds in memory as the model is written: every tensor has storage of
 * its own from the node that makes it to the last one that reads it. */
struct tare_model_memory {
    int64_t parameter_bytes;       /**< Constants, each once. */
    int64_t peak_activation_bytes; /**< The most that is alive at one time. */
    const char *peak_node;         /**< While it runs; "": before the first one. */
};

/**
 * Read an ONNX file: opset 1 to 22. One older than 7 is rewritten to opset 7.
 * @param[out] model  tare_model_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT       Not ONNX, or a graph that contradicts itself.
 * @retval TARE_E_UNSUPPORTED  The text names operator, node and opset.
 */
TARE_API enum tare_status tare_model_load(const char *path, struct tare_model **model,
                                          struct tare_error *err);
/** The same for a model whose operators are plugins', in part. @param plugins  outlives
 *  the model and what is built of it (tare/plugin.h); may be NULL. */
TARE_API enum tare_status
tare_model_load_with_plugins(const char *path, const struct tare_plugins *plugins,
                             struct tare_model **model, struct tare_error *err);
/**
 * Write the model as ONNX, complete or not at all: with its names, operator set,
 * attributes, constants, and the axes that are open. Elements of float types are
 * float32.
 * @param[in] external  Constants of 1 KiB and more go to "<path>.data"; they do in any
 *                      case when the model would be larger than 2 GiB.
 */
TARE_API enum tare_status tare_model_save(const struct tare_model *model,
                                          const char *path, bool external,
                                          struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_model_destroy(struct tare_model *model);

/**
 * Fix every axis and infer all shapes. Call it once, before the functions that say so.
 * @param[in] shapes  trtexec's syntax, "name:1x3x224x224[,name:…]" or, with one input,
 * a bare "1x3x224x224"; NULL: none given.
 * @param[in] batch   length of a first axis that is symbolic and that `shapes` leaves
 *                    open; >= 1.
 * @param[in] sample  [channels, height, width] of the data, for symbolic axes that
 *                    `shapes` leaves open; a value <= 0 is not known. NULL: no data.
 * @retval TARE_E_ARG  `shapes` names no input, contradicts the model, or an axis stays
 *                     open: the text names input and axis, and the flag.
 */
TARE_API enum tare_status tare_model_bind(struct tare_model *model, const char *shapes,
                                          int64_t batch, const int64_t sample[3],
                                          struct tare_error *err);
/** Does the model say itself how its activations are quantized (QuantizeLinear and
 *  DequantizeLinear with 8 bits and one constant scale, QLinearConv, QLinearMatMul)?
 * Then it is built as it says: INT8 needs no calibration cache, and does not use one.
 * After tare_model_bind(). */
TARE_API bool tare_model_is_quantized(const struct tare_model *model);

TARE_API const char *tare_model_name(const struct tare_model *model);
/** The operator set of the model as it is held: 7 for an older one. */
TARE_API int tare_model_opset(const struct tare_model *model);
TARE_API size_t tare_model_n_inputs(const struct tare_model *model);
TARE_API size_t tare_model_n_outputs(const struct tare_model *model);
/** Input i of n_inputs; the dims are final after tare_model_bind(). */
TARE_API void tare_model_input(const struct tare_model *model, size_t i,
                               struct tare_model_value *value);
TARE_API void tare_model_output(const struct tare_model *model, size_t i,
                                struct tare_model_value *value);
/** After tare_model_bind(); in topological order. */
TARE_API size_t tare_model_n_nodes(const struct tare_model *model);
TARE_API void tare_model_get_node(const struct tare_model *model, size_t i,
                                  struct tare_model_node *node);
/** After tare_model_bind(). */
TARE_API enum tare_status tare_model_memory(const struct tare_model *model,
                                            struct tare_model_memory *memory,
                                            struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_MODEL_H */
