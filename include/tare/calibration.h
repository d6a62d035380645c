/* tare/calibration.h - from activations to ranges.
 *
 *   forward (FP32 network) -> observations (a histogram a tensor)
 *                          -> calibration (a threshold a tensor) -> cache, report
 *
 * Observations depend on the multiset of observed values alone: not on the order of
 * samples, on batches or on threads. One set of observations serves any calibrator. */
#ifndef TARE_CALIBRATION_H
#define TARE_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/cache.h"
#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Values of one tensor; any part of them at a time, in any element order within a
 * sample.
 */
struct tare_shown {
    size_t tensor;     /**< index into tare_forward.names */
    const float *data; /**< [n], read in the call */
    size_t n;
    /** Which samples' they are: data[i] is of sample + (first + i) / sample_elems. */
    size_t sample, first, sample_elems;
};
typedef void tare_observe_fn(void *observe_ctx, const struct tare_shown *shown);

/** Something that runs samples and shows the tensors that are to be observed. */
struct tare_forward {
    void *ctx;
    int n_workers;            /**< Threads that call `run`; 1 to 1024. */
    size_t batch;             /**< Samples that one run takes; 0: one. */
    size_t n_tensors;         /**< Observed tensors, in the order of the cache. */
    const char *const *names; /**< [n_tensors], no two alike; copied. */
    /** [n_tensors], or NULL: no tensor follows from another. Those that do are derived:
     *  showing them is needed in the second pass alone, and does no harm. A tensor is
     *  clipped at one finite value at most. */
    const struct tare_origin *origins;
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
/**
 * The same in pieces: make empty observations, then run ranges of samples into them, in
 * any order, and merge or store them in between.
 * @param[in] source  a hash of what is observed (model, data, preprocessing), kept with
 *                    the observations; 0: unknown.
 */
TARE_API enum tare_status
tare_observations_start(const struct tare_forward *forward, uint64_t source,
                        struct tare_observations **observations,
                        struct tare_error *err);
/** Observe samples first … first+n_samples-1, `first` a multiple of the batch. After a
 *  failure the observations hold part of them: destroy them. */
TARE_API enum tare_status tare_observations_run(struct tare_observations *observations,
                                                const struct tare_forward *forward,
                                                size_t first, size_t n_samples,
                                                tare_progress_fn *progress,
                                                void *progress_ctx,
                                                struct tare_error *err);
/**
 * A second pass, when all samples have been observed: run samples first … again and
 * count |x| in 2048 bins of width amax / 2048, which later calibrations choose from.
 * They fail unless all samples were counted.
 */
TARE_API enum tare_status
tare_observations_run_exact(struct tare_observations *observations,
                            const struct tare_forward *forward, size_t first,
                            size_t n_samples, tare_progress_fn *progress,
                            void *progress_ctx, struct tare_error *err);
/** Add what `other` has seen: exact, in any order. Samples of `other` are numbered
 * after ours. @retval TARE_E_ARG  The tensors differ; nothing was merged. */
TARE_API enum tare_status
tare_observations_merge(struct tare_observations *observations,
                        const struct tare_observations *other, struct tare_error *err);
/** Write an HDF5 file (docs/file-formats.md), complete or not at all. The same
 *  observations give the same bytes. */
TARE_API enum tare_status
tare_observations_write(const struct tare_observations *observations, const char *path,
                        struct tare_error *err);
/** @param[out] observations  tare_observations_destroy() it; NULL on failure.
 *  @retval TARE_E_FORMAT  Not such a file, or damaged: every count is checked. */
TARE_API enum tare_status
tare_observations_read(const char *path, struct tare_observations **observations,
                       struct tare_error *err);
/** The hash that tare_observations_start() was given. */
TARE_API uint64_t
tare_observations_source(const struct tare_observations *observations);

/** What a sample is called, for messages; NULL: nothing. */
typedef const char *tare_sample_name_fn(void *ctx, size_t sample);
/** Log a warning for each tensor that held NaN or infinity: how many, and in which
 * sample first. tare_observations_create() has done so. @param sample_name  NULL:
 * nobody knows. */
TARE_API void tare_observations_report(const struct tare_observations *observations,
                                       tare_sample_name_fn *sample_name, void *ctx);
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

/** Settings of calibrators. Zero-initialise; 0 is the default. */
struct tare_calibrator_options {
    double percentile; /**< Of percentile and max, above 0 to 100: percent of the values
                            that the range holds. 0: 99.99; of max 100, all. */
    double quantile;   /**< Of legacy, above 0 to 1. 0: 0.5. */
    double cutoff;     /**< Of legacy, above 0 to 1. 0: 0.5. */
    const struct tare_cache *ranges; /**< Of load: see tare_cache_read_ranges(). */
    int n_threads; /**< That share the tensors; the result is the same. 0: one. */
};

/**
 * Whether a calibrator observes the tensors that are left after layers were fused, as
 * TensorRT's entropy and legacy do, and not every tensor of the model.
 * @param[in]  calibrator    NULL: "entropy2".
 * @retval TARE_E_ARG  Unknown calibrator; the text lists the known ones.
 */
TARE_API enum tare_status tare_calibrator_after_fusion(const char *calibrator,
                                                       bool *after_fusion,
                                                       struct tare_error *err);

/** Whether `options` would do for the calibrator: its name and every setting.
 *  @retval TARE_E_ARG  The text says which would not. */
TARE_API enum tare_status
tare_calibrator_check(const char *calibrator,
                      const struct tare_calibrator_options *options,
                      struct tare_error *err);

/** A threshold for every tensor. Immutable. */
struct tare_calibration;

/** What the calibrator made of one tensor. */
struct tare_calibrated {
    struct tare_observed observed;
    const char *method; /**< Name of the calibrator. Static. */
    float threshold;    /**< amax of the quantized range; 0: zero everywhere; negative:
                             it gets none, and the cache leaves it out. */
    double clip_fraction; /**< Finite values beyond the threshold, to the bin width. */
    double kl;            /**< Divergence at the threshold, in nats; NaN where the
                               method knows none. */
};

/**
 * Pick the thresholds.
 *   entropy2    least Kullback-Leibler divergence of 128 levels from the histogram
 *               (Migacz, GTC 2017), exact zeros left out; TensorRT's default.
 *   entropy     the same, meant for the tensors after fusion.
 *   minmax      the largest magnitude.
 *   max         the same; or a percentile of the magnitudes, where one is given.
 *   percentile  a percentile of the magnitudes, exact zeros counted.
 *   mse         least squared quantization error, of 255 levels where no negative value
 *               was seen and of 127 elsewhere.
 *   legacy      an exponential fit of the histogram's tail (calibrators/legacy.c),
 * meant for the tensors after fusion. load        what options->ranges says. A tensor
 * of one value all over gets that value's magnitude from all but load. Tensors that are
 * zero everywhere or held no finite value are reported to the log, and so is, for load,
 * what the ranges do not name or name in vain.
 * @param[in]  calibrator   NULL: "entropy2".
 * @param[in]  options      NULL: the defaults.
 * @param[out] calibration  tare_calibration_destroy() it, before the observations,
 *                          which it borrows; NULL on failure.
 * @retval TARE_E_ARG  As of tare_calibrator_check().
 */
TARE_API enum tare_status
tare_calibration_create(const struct tare_observations *observations,
                        const char *calibrator,
                        const struct tare_calibrator_options *options,
                        struct tare_calibration **calibration, struct tare_error *err);
/**
 * Take each tensor's threshold from one of several calibrations of the same
 * observations, which may go afterwards. The cache's algorithm is EntropyCalibration2;
 * there are no settings: all are NaN.
 * @param[in]  parts    calibrations.  @param[in] methods  what each of them is called,
 *                      the method of the tensors that it gives; NULL: their
 *                      own. Static.
 * @param[in]  choice   [tensors] index into parts and methods.
 * @param[in]  name     of the result. Static.
 * @param[out] calibration  tare_calibration_destroy() it; NULL on failure.
 */
TARE_API enum tare_status
tare_calibration_combine(const struct tare_calibration *const *parts,
                         const char *const *methods, const size_t *choice,
                         const char *name, struct tare_calibration **calibration,
                         struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_calibration_destroy(struct tare_calibration *calibration);

/** Number of tensors; number of samples behind them; name of the calibrator; its
 *  settings, defaults filled in and `ranges` NULL. */
TARE_API size_t tare_calibration_count(const struct tare_calibration *calibration);
TARE_API size_t tare_calibration_samples(const struct tare_calibration *calibration);
TARE_API const char *
tare_calibration_method(const struct tare_calibration *calibration);
TARE_API void tare_calibration_options(const struct tare_calibration *calibration,
                                       struct tare_calibrator_options *options);
/** Tensor i in [0, count); strings live as long as the observations. */
TARE_API void tare_calibration_get(const struct tare_calibration *calibration, size_t i,
                                   struct tare_calibrated *calibrated);

/**
 * The thresholds as a cache, in the order of the forward's names. The header's
 * algorithm is MinMaxCalibration for minmax and max, EntropyCalibration for entropy,
 * LegacyCalibration for legacy, that of the ranges for load (whose scales are kept bit
 * by bit), EntropyCalibration2 for all others.
 * @param[in]  version  as tare_cache_create(); NULL: TARE_CACHE_VERSION.
 * @param[out] cache    tare_cache_destroy() it; NULL on failure.
 */
TARE_API enum tare_status
tare_calibration_cache(const struct tare_calibration *calibration, const char *version,
                       struct tare_cache **cache, struct tare_error *err);

/**
 * Write the report that lies beside a cache: JSON with "calibrator", "settings" (of the
 * calibrator), "samples", "preprocess" and "tensors", an array of objects with the
 * members of struct tare_calibrated ("zeros", "nan" and "inf" without the n_). What is
 * not known is null. Complete or not at all; the bytes depend on the content alone.
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
