/* tare/calibration.h - from activations to ranges.
 *
 *   forward (FP32 network) -> observations (a histogram a tensor)
 *                          -> calibration (a threshold a tensor) -> cache, report
 *
 * Observations depend on the multiset of observed values alone: not on the order of
 * samples, on batches or on threads. One set of observations serves any calibrator. */
#ifndef TARE_CALIBRATION_H
#define TARE_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "tare/cache.h"
#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Takes the values of one tensor; any part of them at a time, in any element order.
 *  @param tensor  index into tare_forward.names  @param data  [n], read in the call */
typedef void tare_observe_fn(void *observe_ctx, size_t tensor, const float *data,
                             size_t n);

/** Something that runs samples and shows the tensors that are to be observed. */
struct tare_forward {
    void *ctx;
    int n_workers;            /**< Threads that call `run`; 1 to 1024. */
    size_t batch;             /**< Samples that one run takes; 0: one. */
    size_t n_tensors;         /**< Observed tensors, in the order of the cache. */
    const char *const *names; /**< [n_tensors], no two alike; copied. */
    /**
     * Run sample `sample`, a multiple of `batch`, and those after it that belong to its
     * batch and are there; call `observe` for each tensor.
     * @param worker  in [0, n_workers); one call at a time has it, so it may select
     *                buffers. Another worker may run another sample meanwhile.
     */
    enum tare_status (*run)(void *ctx, int worker, size_t sample,
                            tare_observe_fn *observe, void *observe_ctx,
                            struct tare_error *err);
};

/** `done` of `total` samples are done. One call at a time, from any thread. */
typedef void tare_progress_fn(void *ctx, size_t done, size_t total);

/** What was seen of every tensor: 32 KiB each, however many samples. Immutable. */
struct tare_observations;

/** What was seen of one tensor. */
struct tare_observed {
    const char *name; /**< Lives as long as the observations. */
    float min;        /**< Of the finite values; 0 when there are none. */
    float max;
    float amax;       /**< max(|min|, |max|) */
    uint64_t count;   /**< All values, these included: */
    uint64_t n_zeros; /**< exact zeros of either sign */
    uint64_t n_nan;
    uint64_t n_inf;
    size_t first_bad_sample; /**< First with a NaN or infinity; SIZE_MAX: none. */
    double mean_abs; /**< Of the finite values, from the histogram's bin centres, */
    double rms;      /**< so exact to the bin width, amax / 2048 at most. */
};

/**
 * Run samples 0 … n_samples-1 and observe them. Tensors that held NaN or infinity are
 * reported through the log; those values are counted and otherwise left out.
 * @param[in]  progress      NULL: nobody asks.
 * @param[out] observations  tare_observations_destroy() it; NULL on failure.
 * @retval TARE_E_ARG    n_samples or a member of `forward` is out of range, or `run`
 *                       showed a tensor that is not there.
 * @retval other         `run` failed; of several failures that of the first sample,
 *                       whichever thread came first. The text names the sample.
 * Threads: starts forward->n_workers - 1, and joins them before it returns.
 */
TARE_API enum tare_status
tare_observations_create(const struct tare_forward *forward, size_t n_samples,
                         tare_progress_fn *progress, void *progress_ctx,
                         struct tare_observations **observations,
                         struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_observations_destroy(struct tare_observations *observations);

/** Number of tensors; number of samples that were run. */
TARE_API size_t tare_observations_count(const struct tare_observations *observations);
TARE_API size_t tare_observations_samples(const struct tare_observations *observations);
/** Tensor i in [0, count). */
TARE_API void tare_observations_get(const struct tare_observations *observations,
                                    size_t i, struct tare_observed *observed);

/** Name of calibrator i: "entropy2", "minmax", …; NULL behind the last. */
TARE_API const char *tare_calibrator_name(size_t i);

/** A threshold for every tensor. Immutable. */
struct tare_calibration;

/** What the calibrator made of one tensor. */
struct tare_calibrated {
    struct tare_observed observed;
    const char *method; /**< Name of the calibrator. Static. */
    float threshold;    /**< amax of the quantized range; 0: zero everywhere; negative:
                             no finite value was seen, and the cache leaves it out. */
    double clip_fraction; /**< Finite values beyond the threshold, to the bin width. */
    double kl;            /**< Divergence at the threshold, in nats; NaN where the
                               method knows none. */
};

/**
 * Pick the thresholds.
 *   entropy2  least Kullback-Leibler divergence of 128 levels from the histogram
 *             (Migacz, GTC 2017), exact zeros left out; TensorRT's default.
 *   minmax    the largest magnitude.
 *   max       the same.
 * Tensors that are zero everywhere or held no finite value are reported to the log.
 * @param[in]  calibrator   NULL: "entropy2".
 * @param[out] calibration  tare_calibration_destroy() it, before the observations,
 *                          which it borrows; NULL on failure.
 * @retval TARE_E_ARG  Unknown calibrator; the text lists the known ones.
 */
TARE_API enum tare_status
tare_calibration_create(const struct tare_observations *observations,
                        const char *calibrator, struct tare_calibration **calibration,
                        struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_calibration_destroy(struct tare_calibration *calibration);

/** Number of tensors; number of samples behind them; name of the calibrator. */
TARE_API size_t tare_calibration_count(const struct tare_calibration *calibration);
TARE_API size_t tare_calibration_samples(const struct tare_calibration *calibration);
TARE_API const char *
tare_calibration_method(const struct tare_calibration *calibration);
/** Tensor i in [0, count); strings live as long as the observations. */
TARE_API void tare_calibration_get(const struct tare_calibration *calibration, size_t i,
                                   struct tare_calibrated *calibrated);

/**
 * The thresholds as a cache, in the order of the forward's names. The header's
 * algorithm is EntropyCalibration2 for entropy2, MinMaxCalibration for minmax and max.
 * @param[in]  version  as tare_cache_create(); NULL: TARE_CACHE_VERSION.
 * @param[out] cache    tare_cache_destroy() it; NULL on failure.
 */
TARE_API enum tare_status
tare_calibration_cache(const struct tare_calibration *calibration, const char *version,
                       struct tare_cache **cache, struct tare_error *err);

/**
 * Write the report that lies beside a cache: JSON with "calibrator", "samples",
 * "preprocess" and "tensors", an array of objects with the members of struct
 * tare_calibrated ("zeros", "nan" and "inf" without the n_). What is not known is null.
 * Complete or not at all; the bytes depend on the content alone.
 * @param[in] preprocess  JSON text, as of tare_preprocess_json(); NULL: null.
 * @retval TARE_E_ARG  `preprocess` is not JSON.   @retval TARE_E_IO  Not written.
 */
TARE_API enum tare_status
tare_calibration_write_report(const struct tare_calibration *calibration,
                              const char *preprocess, const char *path,
                              struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CALIBRATION_H */
