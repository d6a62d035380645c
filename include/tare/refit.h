/* tare/refit.h - other weights for an engine that was built to take them.
 *
 * An engine that was built with `refit`, `strip_weights` or `version_compatible` (see
 * tare/builder.h) carries what it was made from: the network, the ranges of its
 * tensors, and the options of its build. A refitter puts other weights into that, and
 * makes a new engine by the very steps of tare_build(): BatchNormalization is folded
 * again, scales of weights are computed again for each channel, kernels stay those that
 * were chosen. So the new engine is what a build of the network with the new weights,
 * the same ranges and the same options gives, byte by byte where the kernels are.
 * Engines are immutable: the old one, and its contexts, go on as they were.
 *
 * A *weight* is a constant of the ONNX model (an initializer, or what a Constant node
 * makes), by its name there, that a node reads and that holds float32 or 8-bit values,
 * or the int32 biases of a model that is quantized itself. Shapes, axes, indices and
 * what bodies of If, Loop and Scan have of their own are none, and stay.
 *
 * Ranges of activations stay too, unless others are given: weights that were trained
 * otherwise make other activations. A recovery (tare/recovery.h) holds biases and
 * weights that were made for the engine's own: it is kept while every weight that is
 * given equals the engine's, and dropped with a warning otherwise.
 *
 * All but tare_refitter_set_from_model() is in libtare-rt. */
#ifndef TARE_REFIT_H
#define TARE_REFIT_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/engine.h"
#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** New weights for one engine. Threads: one at a time. */
struct tare_refitter;
struct tare_model;

/** A weight. Strings live as long as the refitter. */
struct tare_refit_weight {
    const char *name;      /**< ONNX's. */
    struct tare_dims dims; /**< In ONNX's order. */
    enum tare_dtype dtype; /**< TARE_F32 also where the model has 16-bit floats. */
    size_t n_bytes;
    const char *nodes; /**< The nodes that read it, joined with " + ". */
    bool is_given;     /**< Set since the refitter was made. */
    bool is_missing;   /**< The engine has been stripped of it, and it is not given. */
};

/**
 * Read what an engine carries.
 * @param[in]  engine    outlives the refitter.
 * @param[out] refitter  tare_refitter_destroy() it; NULL on failure.
 * @retval TARE_E_UNSUPPORTED  The engine was not built to be refitted.
 * @retval TARE_E_FORMAT       What it carries is damaged.
 */
TARE_API enum tare_status tare_refitter_create(const struct tare_engine *engine,
                                               struct tare_refitter **refitter,
                                               struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_refitter_destroy(struct tare_refitter *refitter);

/** Number of weights, in the model's order. */
TARE_API size_t tare_refitter_n_weights(const struct tare_refitter *refitter);
/** Weight i in [0, n). */
TARE_API void tare_refitter_weight(const struct tare_refitter *refitter, size_t i,
                                   struct tare_refit_weight *weight);
/** How many are missing: tare_refitter_refit() wants all of them. */
TARE_API size_t tare_refitter_n_missing(const struct tare_refitter *refitter);

/**
 * Give a weight its new values, in place of the engine's or of earlier ones.
 * @param[in] dims  as the engine has them.
 * @param[in] data  [dims] dense, of `dtype`; copied.
 * @retval TARE_E_ARG  No weight has that name (the text has the nearest), or its shape
 *                     or type is another; the weight is then as it was.
 */
TARE_API enum tare_status
tare_refitter_set_weights(struct tare_refitter *refitter, const char *name,
                          enum tare_dtype dtype, const struct tare_dims *dims,
                          const void *data, struct tare_error *err);
/**
 * Give all weights the values that a model has, which must be the engine's network but
 * for them: the same nodes, with the same attributes, in the same order. In libtare
 * alone.
 * @param[in] model  bound or not.
 * @retval TARE_E_ARG  A weight is not in the model, is of another shape or type there,
 *                     or the model differs in something else; the text names it. Some
 *                     weights may have been set.
 */
TARE_API enum tare_status tare_refitter_set_from_model(struct tare_refitter *refitter,
                                                       const struct tare_model *model,
                                                       struct tare_error *err);
/**
 * Give a tensor another range, [-amax, amax], where the engine was built for INT8.
 * @param[in] name  of a tensor that had a range in the build's cache.
 * @retval TARE_E_ARG  It had none (the text has the nearest that had), or amax is
 *                     negative or not finite.
 */
TARE_API enum tare_status tare_refitter_set_range(struct tare_refitter *refitter,
                                                  const char *name, float amax,
                                                  struct tare_error *err);

/**
 * Make the new engine; the refitter may be used again.
 * @param[out] engine  tare_engine_destroy() it; needs neither the refitter nor the old
 *                     engine, but the plugins that this was opened with; can be
 *                     refitted itself. tare_engine_save() writes its file. NULL on
 *                     failure.
 * @retval TARE_E_ARG  Weights are missing; the text names the first ones.
 * Other errors as of tare_build().
 */
TARE_API enum tare_status tare_refitter_refit(struct tare_refitter *refitter,
                                              struct tare_engine **engine,
                                              struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_REFIT_H */
