/* tare/cache.h - TensorRT's calibration cache: one scale for each named tensor.
 *
 * The file is text. Its first line is "TRT-VERSION-ALGORITHM", for example
 * "TRT-8601-EntropyCalibration2"; every other line is "NAME: HEX", where HEX is
 * the big-endian IEEE 754 float32 scale = amax / 127. Caches by TensorRT load here, and
 * ours load there. */
#ifndef TARE_CACHE_H
#define TARE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "tare/export.h"
#include "tare/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** First part of the header where nobody asks for another. */
#define TARE_CACHE_VERSION "TRT-8601"

/** Longest tensor name, in bytes. */
#define TARE_CACHE_NAME_MAX 4096

/** Scales in the order in which they were set. Threads: reading may be shared. */
struct tare_cache;

/**
 * An empty cache.
 * @param[in]  version    "TRT-8601" for example: "TRT-" and letters, digits or dots.
 *                        NULL: TARE_CACHE_VERSION.
 * @param[in]  algorithm  "EntropyCalibration2" for example: letters, digits, '_'.
 * @param[out] cache      tare_cache_destroy() it; NULL on failure.
 * @retval TARE_E_ARG  `version` or `algorithm` does not look like that.
 */
TARE_API enum tare_status tare_cache_create(const char *version, const char *algorithm,
                                            struct tare_cache **cache,
                                            struct tare_error *err);
/** Replace the header's parts; NULL keeps one. @retval TARE_E_ARG  as above */
TARE_API enum tare_status tare_cache_set_header(struct tare_cache *cache,
                                                const char *version,
                                                const char *algorithm,
                                                struct tare_error *err);
/** Release; NULL is fine. */
TARE_API void tare_cache_destroy(struct tare_cache *cache);

/**
 * Parse a cache file of at most 256 MiB. CRLF line ends and blank lines at the end are
 * tolerated, and so are scales of fewer than 8 digits: TensorRT does not write leading
 * zeros. A name ends at the LAST ": " of its line.
 * @param[out] cache  tare_cache_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  Malformed; the text gives file, line, what is seen and wanted.
 *                        A scale that is negative, infinite or NaN and a name that
 *                        comes twice count as malformed.
 * @retval TARE_E_IO      The file cannot be read.
 */
TARE_API enum tare_status tare_cache_read(const char *path, struct tare_cache **cache,
                                          struct tare_error *err);

/**
 * Read ranges, whatever their format is: a cache file; or JSON:
 *   {"name": amax, …}, {"name": {"amax": a, "scale": s}, …} or {"name": [lowest,
 *   highest], …};
 *   the report that lies beside a cache, with its thresholds;
 *   what onnxruntime.quantization writes, {"CLS": "TensorsData", "data": …}.
 * The algorithm of ranges in JSON is MinMaxCalibration, unless they say otherwise.
 * @param[out] cache  tare_cache_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  As for tare_cache_read().
 */
TARE_API enum tare_status tare_cache_read_ranges(const char *path,
                                                 struct tare_cache **cache,
                                                 struct tare_error *err);

/**
 * Read, of the report that lies beside a cache, the largest magnitudes that calibration
 * saw: ranges that clip nothing.
 * @param[out] cache  tare_cache_destroy() it; NULL on failure.
 * @retval TARE_E_FORMAT  It is no such report.
 */
TARE_API enum tare_status tare_cache_read_seen(const char *path,
                                               struct tare_cache **cache,
                                               struct tare_error *err);

/**
 * Write the file: complete or not at all. The bytes depend on the content alone.
 * @retval TARE_E_IO  The text says what the system refused.
 */
TARE_API enum tare_status tare_cache_write(const struct tare_cache *cache,
                                           const char *path, struct tare_error *err);

/**
 * Give tensor `name` the range [-amax, amax], in place of an earlier one.
 * @param[in] amax  Finite, >= 0. Kept as scale = amax / 127 in float32; a scale too
 *                  small to be normal becomes 0, so that 1 / scale is finite wherever
 *                  the scale is not 0.
 * @retval TARE_E_ARG  amax out of range; name empty, over TARE_CACHE_NAME_MAX or
 *                     holding a line break.
 */
TARE_API enum tare_status tare_cache_set(struct tare_cache *cache, const char *name,
                                         float amax, struct tare_error *err);

/**
 * Range of tensor `name`: scale * 127, which may differ from what was set in the last
 * bit; 0 for a tensor that was zero everywhere.
 * @param[out] amax  Set only when the name is known; always finite.
 * @return whether the name is known.
 */
TARE_API bool tare_cache_get(const struct tare_cache *cache, const char *name,
                             float *amax);

/** Known name that is spelled most like `name`; NULL when none comes near. Borrowed.
 *  Costs time in proportion to the number of entries. */
TARE_API const char *tare_cache_nearest(const struct tare_cache *cache,
                                        const char *name);

/** Number of entries. */
TARE_API size_t tare_cache_count(const struct tare_cache *cache);
/** Entry i in [0, count). The name lives as long as the cache. */
TARE_API const char *tare_cache_name(const struct tare_cache *cache, size_t i);
TARE_API float tare_cache_scale(const struct tare_cache *cache, size_t i);
TARE_API float tare_cache_amax(const struct tare_cache *cache, size_t i);

/** "TRT-8601" and "EntropyCalibration2", the two parts of the header. Borrowed. */
TARE_API const char *tare_cache_version(const struct tare_cache *cache);
TARE_API const char *tare_cache_algorithm(const struct tare_cache *cache);

#ifdef __cplusplus
}
#endif
#endif /* TARE_CACHE_H */
