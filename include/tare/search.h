/* tare/search.h - what INT8 costs layer by layer, and the fastest mix of precisions
 * that keeps a budget of accuracy. */
#ifndef TARE_SEARCH_H
#define TARE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tare/builder.h"
#include "tare/calibration.h"
#include "tare/export.h"
#include "tare/model.h"
#include "tare/recovery.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How like FP32 values are, over all samples: 10 log10 of signal over noise, and the
 *  cosine. Noise: the squared differences. Signal: the squared values; at the network's
 *  outputs, less their mean over the sample. NaN: not measured. */
struct tare_likeness {
    double sqnr_db; /**< INFINITY: no difference. */
    double cosine;
};

/** What quantizing costs, at the layer's own output and at the network's outputs (what
 * a Softmax there reads counts in its place). */
struct tare_damage {
    struct tare_likeness layer, outputs;
};

/** One INT8 layer. Strings live as long as the sensitivity. */
struct tare_sensitivity_row {
    const char *name;   /**< Of the ONNX node, as layer precisions take it. */
    const char *type;   /**< "conv", … */
    const char *output; /**< The tensor that it makes. */
    /** It alone in INT8: its inputs are FP32's, quantized; its weights, bias and output
     *  are those of the INT8 build; all behind it is FP32. */
    struct tare_damage alone;
    /** The INT8 network up to this layer; all behind it is FP32. */
    struct tare_damage accumulated;
};

/** Opaque. */
struct tare_sensitivity;

/** Zero-initialise. */
struct tare_sensitivity_options {
    int n_threads; /**< 1 to 1024; the result does not depend on it. */
};

/**
 * Measure every INT8 layer of a build, with INT8's own kernels. For each sample FP32
 * runs once, and for each layer what is behind it. The layers' own damage is measured
 * on up to 256 samples, spread over the source; that at the outputs on fewer of them
 * where a network is large (2.3e12 multiply-accumulates in all, but 8 samples at
 * least).
 * @param[in]  model   after tare_model_bind(), with one input.
 * @param[in]  build   the INT8 build: ranges, recovery. 16-bit floats are left out.
 * @param[in]  progress  NULL: nobody asks.  Samples done of samples to do.
 * @param[out] sensitivity  tare_sensitivity_destroy() it; NULL on failure.
 * @retval TARE_E_ARG  No sample, a model of several inputs, no layer in INT8.
 * Threads: starts options->n_threads - 1, and joins them before it returns.
 */
TARE_API enum tare_status tare_sensitivity_create(
    const struct tare_model *model, const struct tare_build_options *build,
    const struct tare_sample_source *source,
    const struct tare_sensitivity_options *options, tare_progress_fn *progress,
    void *progress_ctx, struct tare_sensitivity **sensitivity, struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_sensitivity_destroy(struct tare_sensitivity *sensitivity);
/** Rows, in order of execution. */
TARE_API size_t tare_sensitivity_count(const struct tare_sensitivity *sensitivity);
TARE_API void tare_sensitivity_get(const struct tare_sensitivity *sensitivity, size_t i,
                                   struct tare_sensitivity_row *row);
/** Samples that were used; `outputs`: at the network's outputs. */
TARE_API size_t tare_sensitivity_n_samples(const struct tare_sensitivity *sensitivity,
                                           bool outputs);

/** What a budget counts. */
enum tare_search_metric {
    TARE_SEARCH_TOP1,      /**< Percentage points of top-1; wants labels. */
    TARE_SEARCH_AGREEMENT, /**< Percent of samples whose best class is another than
                            * FP32's.
                            */
    TARE_SEARCH_SQNR       /**< Decibels of the outputs' signal that noise takes:
                                10 log10(1 + noise / signal). */
};

/** Zero-initialise. */
struct tare_search_options {
    double drop; /**< The budget: what may be lost, in the metric's unit; >= 0. */
    enum tare_search_metric metric;
    const int64_t *labels; /**< [samples, rows of a run]; < 0: not known. NULL: none. */
    int n_threads; /**< 1 to 1024; also those that latencies are measured with. */
    /** A phase of the work begins, whose progress is told next; NULL: nobody asks. */
    void (*phase)(void *ctx, const char *what);
    tare_progress_fn *progress; /**< NULL: nobody asks. */
    void *ctx;                  /**< Of both. */
};

/** Where samples of one slice came out. NaN: not measured. */
struct tare_search_accuracy {
    double drop;                     /**< Of the metric, against FP32. */
    double top1, agreement, sqnr_db; /**< NaN where there are no labels or classes. */
};

/** One assignment of precisions that engines were run of. */
struct tare_search_point {
    double predicted_ms; /**< By the layers' and conversions' measured times. */
    double measured_ms;  /**< Least of the whole network's runs; NaN: not timed. */
    size_t n_int8;       /**< Layers in INT8. */
    struct tare_search_accuracy search, held_back; /**< On the two slices. */
    bool is_on_front; /**< No other point is both faster and better. */
    bool is_chosen;
};

/** Opaque. */
struct tare_search;

/**
 * Find the fastest assignment of INT8, FP32, and of FP16 and BF16 as far as the build
 * allows them, to layers that keeps the budget. The
 * samples are split: every second one is held back. On the others every layer's damage
 * is measured, and then: from all layers in INT8 the one is taken out again and again
 * that frees most noise for the time it costs (16-bit floats are taken as free of
 * noise; what is run tells); single layers are exchanged; what seems
 * to hold is built and run. What is chosen holds on both slices, and is the fastest of
 * what does when engines are timed in turns; which is FP32 where INT8 is not faster
 * here.
 * @param[in]  model  after tare_model_bind(), with one input.
 * @param[in]  build  the INT8 build to start from. Layer precisions must not be set.
 * @param[out] search tare_search_destroy() it; NULL on failure. It may have found
 *                    nothing: tare_search_plan() is NULL then.
 * @retval TARE_E_ARG  Fewer than 2 samples, no layer in INT8, a budget below 0, or
 * top-1 without labels. Threads: starts options->n_threads - 1, and joins them before
 * it returns.
 */
TARE_API enum tare_status tare_search_create(const struct tare_model *model,
                                             const struct tare_build_options *build,
                                             const struct tare_sample_source *source,
                                             const struct tare_search_options *options,
                                             struct tare_search **search,
                                             struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_search_destroy(struct tare_search *search);

/** Layer by layer, on the samples that are not held back. */
TARE_API const struct tare_sensitivity *
tare_search_sensitivity(const struct tare_search *search);
/** What layer i of the sensitivity computes in, in what was chosen: "INT8", "FP32", …;
 *  NULL: nothing was. */
TARE_API const char *tare_search_precision(const struct tare_search *search, size_t i);
/** Whether FP16 (`bf16`: BF16) was allowed, but no layer is faster in it than in FP32
 *  here, so that it was none to choose. */
TARE_API bool tare_search_is_slow(const struct tare_search *search, bool bf16);
/** Points, the fastest prediction first. */
TARE_API size_t tare_search_n_points(const struct tare_search *search);
TARE_API void tare_search_get_point(const struct tare_search *search, size_t i,
                                    struct tare_search_point *point);
/** All layers in FP32, which the points are compared with; and in INT8. */
TARE_API void tare_search_get_ends(const struct tare_search *search,
                                   struct tare_search_point *fp32,
                                   struct tare_search_point *int8);
/** The chosen engine, NULL: none that has a layer in INT8 holds. It lives as long as
 * the search. */
TARE_API const struct tare_plan *tare_search_plan(const struct tare_search *search);
/** Its layer precisions, under the constraint "obey": "'conv1':fp32,…"; "": all layers
 *  are in INT8. */
TARE_API const char *tare_search_precisions(const struct tare_search *search);
/** Samples that were searched on, or held back. */
TARE_API size_t tare_search_n_samples(const struct tare_search *search, bool held_back);

#ifdef __cplusplus
}
#endif
#endif /* TARE_SEARCH_H */
