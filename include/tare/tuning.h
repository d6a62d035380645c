/* tare/tuning.h - calibrators that judge whole networks: `default` tries calibrators
 * with and without recovery, `mix` then picks a calibrator for each tensor.
 *
 * Protocol. All calibration samples are observed. Up to 384 of them, spread over the
 * source, judge: recovery is made on each half of these and judged on the other half,
 * never on what it has seen. A network is judged by the SQNR of its outputs (in front
 * of a last Softmax), after recovery. Networks within TARE_TUNING_NOISE_DB of the best
 * are equally good by that measure: among them more passes of recovery come first (of
 * those that choose factors of channels, only where both halves gained by them), then
 * more labels hit, then more agreement with FP32, each where the difference is beyond
 * chance (two standard errors), then the order mse,
 * percentile 99.999, minmax, entropy2, percentile 99.99. mix searches on one half; what
 * it finds must also be better on the other. The recovery that was chosen is made again
 * on all samples. */
#ifndef TARE_TUNING_H
#define TARE_TUNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/calibration.h"
#include "tare/export.h"
#include "tare/model.h"
#include "tare/recovery.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Differences of SQNR that other samples may turn round, in dB: on 100 images of
 *  ImageNet, 0.26 dB between two networks that are equal on others. */
#define TARE_TUNING_NOISE_DB 0.3

/** Zero-initialise. */
struct tare_tuning_options {
    bool mix;              /**< Go on to a calibrator for each tensor. */
    unsigned passes;       /**< enum tare_recover_passes that may be used, */
    bool always;           /**< or must be: nothing is tried without them. */
    const char *isa;       /**< As of struct tare_build_options. */
    const char *header;    /**< Of the cache; NULL: TARE_CACHE_VERSION. */
    int n_threads;         /**< 1 to 1024; the result does not depend on it. */
    const int64_t *labels; /**< [source samples * batch] classes, negative: not known;
                                NULL: none. */
};

/** One network that was judged. Strings are static. */
struct tare_tuning_row {
    const char *ranges;   /**< "mse", "percentile 99.99", "mix", … */
    const char *recovery; /**< "none", or passes: "bias,equalize,smooth,rounding". */
    double sqnr_db;
    double agreement; /**< Percent of samples with FP32's class; NaN: no classes. */
    double top1;      /**< Percent of labels hit; NaN: no labels. */
    double seconds;
    bool chosen;
};

/** One tensor's range, changed by mix. Strings live as long as the tuning. */
struct tare_tuning_step {
    const char *tensor;
    double alone_db;       /**< SQNR of FP32 with this tensor quantized alone. */
    const char *from, *to; /**< Methods. */
    double before, after;  /**< SQNR of the network in dB, on the search's samples. */
};

/** A choice, with how it came about. Immutable. */
struct tare_tuning;

/**
 * Choose ranges, and a recovery for them.
 * @param[in]  model         after tare_model_bind(), with one input.
 * @param[in]  observations  of the same samples.
 * @param[in]  progress      NULL: nobody asks.
 * @param[out] tuning        tare_tuning_destroy() it, before the observations; NULL on
 *                           failure.
 * @retval TARE_E_ARG  Fewer than 2 samples; a model of several inputs.
 * Threads: starts options->n_threads - 1, and joins them before it returns.
 */
TARE_API enum tare_status tare_tuning_create(
    const struct tare_model *model, const struct tare_observations *observations,
    const struct tare_sample_source *source, const struct tare_tuning_options *options,
    tare_progress_fn *progress, void *progress_ctx, struct tare_tuning **tuning,
    struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_tuning_destroy(struct tare_tuning *tuning);

/** The chosen ranges; as a cache; and the recovery, NULL: none helps. They live as long
 *  as the tuning. */
TARE_API const struct tare_calibration *
tare_tuning_calibration(const struct tare_tuning *tuning);
TARE_API const struct tare_cache *tare_tuning_cache(const struct tare_tuning *tuning);
TARE_API const struct tare_recovery *
tare_tuning_recovery(const struct tare_tuning *tuning);

/** Networks that were judged, in that order. */
TARE_API size_t tare_tuning_n_rows(const struct tare_tuning *tuning);
TARE_API void tare_tuning_get_row(const struct tare_tuning *tuning, size_t i,
                                  struct tare_tuning_row *row);
/** Ranges that mix changed in its search, in that order. What it found is the last row,
 *  and holds only where that row was chosen. */
TARE_API size_t tare_tuning_n_steps(const struct tare_tuning *tuning);
TARE_API void tare_tuning_get_step(const struct tare_tuning *tuning, size_t i,
                                   struct tare_tuning_step *step);
/** Samples that judged. */
TARE_API size_t tare_tuning_n_samples(const struct tare_tuning *tuning);
/** Why the chosen row was. Static. */
TARE_API const char *tare_tuning_reason(const struct tare_tuning *tuning);

#ifdef __cplusplus
}
#endif
#endif /* TARE_TUNING_H */
