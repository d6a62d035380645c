/* tare/metric.h - a metric of one's own for `tare compare`: a shared library that
 * exports tare_metric_get(). It sees what a network made of each sample, and one number
 * comes of it for the reference and one for the engine.
 *
 *     cc -shared -fPIC -I.../include -o mine.so mine.c
 *     tare compare --onnx=net.onnx --engine=net.tare --images=test --metric=./mine.so
 */
#ifndef TARE_METRIC_H
#define TARE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "tare/export.h"
#include "tare/status.h"
#include "tare/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The form of the structures below. */
#define TARE_METRIC_ABI 1

/** One output of a network for one sample. */
struct tare_metric_output {
    const char *name;
    enum tare_dtype dtype;
    struct tare_dims dims; /**< of the whole output; its first axis may be a batch */
    const void *data;      /**< the sample's part, dense */
    size_t n_bytes;
};

/** What a metric sees. All of it lives for the call. */
struct tare_metric_sample {
    const char *name; /**< the file that the sample comes from */
    size_t index;
    int64_t label; /**< -1: not known */
    size_t n_outputs;
    const struct tare_metric_output *outputs;
};

/** A metric. Its values of the samples are added in the samples' order, so that the
 *  result depends on neither threads nor ranks. */
struct tare_metric {
    uint32_t abi;     /**< TARE_METRIC_ABI */
    const char *name; /**< "pixel accuracy" */
    size_t n_values;  /**< at least 1 */
    /** Measure one sample; called by several threads at a time.
     *  @param[out] values  [n_values], zeros so far
     *  @return NULL, or what is wrong with the outputs: a text that stays. */
    const char *(*measure)(const struct tare_metric_sample *sample, double *values);
    /** The figure, from the sums over all samples [n_values]. */
    double (*finish)(const double *sums, size_t n_samples);
};

/** What the library exports. */
typedef const struct tare_metric *tare_metric_get_fn(void);

/**
 * Open a library with a metric. It stays open.
 * @param[out] metric  lives as long as the process.
 * @retval TARE_E_IO      The library cannot be opened.
 * @retval TARE_E_FORMAT  It has no tare_metric_get(), or one of another form.
 */
TARE_API enum tare_status tare_metric_load(const char *path,
                                           const struct tare_metric **metric,
                                           struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_METRIC_H */
