/* tools/cache.h - what `tare cache` does, one file each. */
#ifndef TARE_TOOLS_CACHE_H
#define TARE_TOOLS_CACHE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "tare/status.h"

/** The flags of `tare cache`. */
struct cache_flags {
    const char *onnx, *shapes, *observations;            /* verify, convert */
    const char *to, *output, *header, *algorithm, *json; /* convert; show, diff */
    double tolerance;                                    /* diff */
};

/** Print a cache's ranges, and add them to `root`. */
enum tare_status cache_show(const char *path, cJSON *root, struct tare_error *err);

/** Print what is wrong with a cache. @param[out] n_findings  0: nothing. */
enum tare_status cache_verify(const struct cache_flags *flags, const char *path,
                              size_t *n_findings, struct tare_error *err);

/** Write a cache with another header or in another format. */
enum tare_status cache_convert(const struct cache_flags *flags, const char *path,
                               struct tare_error *err);

/** Print where two caches differ, largest ratio first. */
enum tare_status cache_diff(const struct cache_flags *flags, const char *const paths[2],
                            cJSON *root, bool *differ, struct tare_error *err);

#endif /* TARE_TOOLS_CACHE_H */
