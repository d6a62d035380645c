/* tare/cache_check.h - is a calibration cache what it should be?
 *
 * Caches that other scripts wrote are often wrong in the same few ways: the scale is
 * 127 / peak, or the peak itself, or its bytes are swapped. Such a file loads without a
 * complaint and gives an engine that sees nothing. */
#ifndef TARE_CACHE_CHECK_H
#define TARE_CACHE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is known of one tensor, beside the cache. */
struct tare_cache_known {
    const char *name;
    float most;     /**< No magnitude is larger; infinity: not known. */
    bool is_seen;   /**< `most` is the largest that was observed, so that a range far
                         below it is suspicious too. */
    bool is_needed; /**< INT8 needs its range. */
};

/** What is known beside the cache. Names are borrowed for the call. */
struct tare_cache_facts {
    const struct tare_cache_known *tensors; /**< [n_tensors] */
    size_t n_tensors;
    bool is_model; /**< These are all tensors of a model: other names are findings. */
};

/** One finding, a line without its end. */
typedef void tare_cache_finding_fn(void *ctx, const char *text);

/**
 * Check a cache in TensorRT's text, line by line, as far as it can be read: header,
 * hex, duplicates; scales that are not peak / 127 (named: 127 / peak, which is 1 /
 * scale; 1 / peak; the peak, not divided by 127; little-endian bytes; decimal numbers;
 * another divisor), names that the model lacks, ranges that it needs.
 *
 * Without facts the wrong scales are told from the right ones by what the ranges of
 * networks are like: an input of -1..1, of normalised or of raw pixels, and behind it
 * most tensors within a few powers of two. Facts decide where they are given.
 * @param[in]  facts       NULL: none.
 * @param[out] n_findings  0: nothing is wrong.
 * @retval TARE_E_IO  The file cannot be read.
 */
TARE_API enum tare_status tare_cache_check(const char *path,
                                           const struct tare_cache_facts *facts,
                                           tare_cache_finding_fn *report, void *ctx,
                                           size_t *n_findings, struct tare_error *err);

/**
 * Is that a header TensorRT could have written: a version up to 10, "TRT-8601" or
 * "TRT-100300", and an algorithm that it knows?
 * @retval TARE_E_ARG  No; the text says why.
 */
TARE_API enum tare_status tare_cache_check_header(const char *version,
                                                  const char *algorithm,
                                                  struct tare_error *err);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CACHE_CHECK_H */
