/* tare/builder.h - from a bound model and a calibration cache to an engine. */
#ifndef TARE_BUILDER_H
#define TARE_BUILDER_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/cache.h"
#include "tare/export.h"
#include "tare/model.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What layer precisions and output types mean. */
enum tare_constraints {
    TARE_CONSTRAINTS_NONE = 0,   /**< Nothing: the fastest allowed precision wins. */
    TARE_CONSTRAINTS_PREFER = 1, /**< Keep them where possible, else warn. */
    TARE_CONSTRAINTS_OBEY = 2    /**< Keep them, else fail and list the violations. */
};

/** Biases and weights that take the place of the model's; see tare/recovery.h. */
struct tare_recovery;

/** Zero-initialise; FP32 is always allowed. Strings are borrowed for the call. */
struct tare_build_options {
    bool int8, fp16, bf16; /**< Precisions allowed beside FP32. */
    const struct tare_cache
        *cache; /**< Ranges; needed with int8, unless tare_model_is_quantized(). */
    const struct tare_recovery
        *recovery; /**< For that cache, or NULL. Layers that it
                        does not fit are left out, with a warning.
                        */
    enum tare_constraints constraints;
    const char *layer_precisions;   /**< "conv1:fp32,block2*:int8", trtexec's syntax */
    const char *layer_output_types; /**< the same for outputs */
    const char *isa;                /**< "native" (NULL), "ref", "avx2",
                                         "avxvnni", "avx512", "vnni", "amx": the most
                                         that may be used. */
    bool keep_tensors;              /**< Fold constants only: every ONNX tensor that
                                         depends on the input is made, and can be
                                         tapped. For calibration; FP32 only. */
};

/** What became of one layer. Strings live as long as the plan. */
struct tare_build_row {
    const char *name;
    const char *op;
    const char *requested; /**< "INT8", …; NULL: nothing was requested. */
    const char *got;
    const char *reason; /**< Why not INT8, or not what was requested; may be "". */
};

/** A built engine in memory. */
struct tare_plan;

/**
 * Optimise, assign precisions, choose kernels, place the activations. The same model,
 * options and CPU give the same bytes.
 * @param[in]  model  after tare_model_bind().
 * @param[out] plan   tare_plan_destroy() it; NULL on failure.
 * @retval TARE_E_ARG          Options that contradict each other; constraints that
 *                             cannot be obeyed; a recovery of another model.
 * @retval TARE_E_UNSUPPORTED  Something in the model cannot be run; the text names it.
 * Threads: safe.
 */
TARE_API enum tare_status tare_build(const struct tare_model *model,
                                     const struct tare_build_options *options,
                                     struct tare_plan **plan, struct tare_error *err);
/** Release; NULL is fine. Engines opened from its bytes must be gone. */
TARE_API void tare_plan_destroy(struct tare_plan *plan);

/** The engine's bytes, for tare_engine_open(); they live as long as the plan. */
TARE_API const void *tare_plan_bytes(const struct tare_plan *plan, size_t *n_bytes);
/** Write the engine file, complete or not at all. */
TARE_API enum tare_status tare_plan_save(const struct tare_plan *plan, const char *path,
                                         struct tare_error *err);
/** Layer counts after each optimizer pass, one a line. */
TARE_API const char *tare_plan_passes(const struct tare_plan *plan);
/** Layers that use the recovery. */
TARE_API size_t tare_plan_n_recovered(const struct tare_plan *plan);
/** Rows of the precision report; none for keep_tensors. */
TARE_API size_t tare_plan_n_rows(const struct tare_plan *plan);
TARE_API void tare_plan_row(const struct tare_plan *plan, size_t i,
                            struct tare_build_row *row);

#ifdef __cplusplus
}
#endif
#endif /* TARE_BUILDER_H */
