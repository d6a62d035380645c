/* tare/capability.h - what of a model tare cannot run, node by node, and which parts of
 * it it can. */
#ifndef TARE_CAPABILITY_H
#define TARE_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A node that cannot be run. Strings live as long as the capability. */
struct tare_unsupported {
    const char *node; /**< "": the model as a whole */
    const char *op;
    const char *domain; /**< "": ONNX's own operators */
    int64_t version;    /**< of the domain's operator set */
    const char *reason;
};

/** A part that can be run by itself: between two of its nodes lies nothing that cannot.
 *  Arrays and strings live as long as the capability. */
struct tare_partition {
    const char *const *nodes; /**< [n_nodes] in topological order */
    size_t n_nodes;
    const char *const *inputs; /**< [n_inputs] tensors from outside */
    size_t n_inputs;
    const char *const *outputs; /**< [n_outputs] tensors read outside */
    size_t n_outputs;
};

struct tare_capability;
struct tare_plugins;

/**
 * Import, infer and lower every node by itself, in FP32.
 * @param[in]  shapes      As for tare_model_bind(); NULL: axes that the model leaves
 *                         open get lengths to try.
 * @param[out] capability  tare_capability_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT   Not ONNX, or a graph that contradicts itself.
 */
TARE_API enum tare_status tare_capability_create(const char *path, const char *shapes,
                                                 struct tare_capability **capability,
                                                 struct tare_error *err);
/** The same where plugins may compute some nodes. @param plugins  as for
 *  tare_model_load_with_plugins(). */
TARE_API enum tare_status tare_capability_create_with_plugins(
    const char *path, const char *shapes, const struct tare_plugins *plugins,
    struct tare_capability **capability, struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_capability_destroy(struct tare_capability *capability);

/** Nodes of the model, `Constant` ones not among them. */
TARE_API size_t tare_capability_n_nodes(const struct tare_capability *capability);
TARE_API size_t tare_capability_n_unsupported(const struct tare_capability *capability);
TARE_API void tare_capability_unsupported(const struct tare_capability *capability,
                                          size_t i, struct tare_unsupported *out);
/** Nodes whose operator is known, but whose shapes are not, behind an unsupported one
 * or an input without a shape: they were not lowered. Partitions count them in. */
TARE_API size_t tare_capability_n_unchecked(const struct tare_capability *capability);
TARE_API const char *tare_capability_unchecked(const struct tare_capability *capability,
                                               size_t i);
/** The supported parts, the largest first. */
TARE_API size_t tare_capability_n_partitions(const struct tare_capability *capability);
TARE_API void tare_capability_partition(const struct tare_capability *capability,
                                        size_t i, struct tare_partition *out);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CAPABILITY_H */
