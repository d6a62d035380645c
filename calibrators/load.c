/* load.c - ranges that somebody else has chosen: a TensorRT cache, or JSON. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "calibrators/cache_json.h"
#include "calibrators/cache_scale.h"
#include "calibrators/calibrator.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)

enum tare_status tare_threshold_load(const struct tare_seen *seen,
                                     const struct tare_calibrator_options *options,
                                     struct tare_threshold *threshold,
                                     struct tare_error *err)
{
    const struct tare_cache *ranges = options->ranges;
    (void)err;
    threshold->amax = -1.0F;
    if (tare_cache_find(ranges, seen->name, &threshold->scale)) {
        threshold->amax = fminf(threshold->scale * TARE_CACHE_LEVELS, FLT_MAX);
        return TARE_OK;
    }
    const char *nearest = tare_cache_nearest(ranges, seen->name);
    tare_log(TARE_LOG_WARN, "tensor '%s': the loaded ranges do not have it%s%s%s",
             seen->name, nearest ? "; the nearest name is '" : "",
             nearest ? nearest : "", nearest ? "'" : "");
    return TARE_OK;
}

enum tare_status tare_cache_read_ranges(const char *path, struct tare_cache **cache,
                                        struct tare_error *err)
{
    uint8_t *data;
    size_t length;
    *cache = NULL;
    enum tare_status st = tare_file_read(path, MAX_FILE_BYTES, &data, &length, err);
    if (st != TARE_OK) return st;
    const char *text = (const char *)data;
    if (text[strspn(text, " \t\r\n")] != '{') {
        tare_free(data);
        return tare_cache_read(path, cache, err);
    }
    st = tare_cache_parse_json(text, length, false, cache, err);
    tare_free(data);
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}

enum tare_status tare_cache_read_seen(const char *path, struct tare_cache **cache,
                                      struct tare_error *err)
{
    uint8_t *data;
    size_t length;
    *cache = NULL;
    enum tare_status st = tare_file_read(path, MAX_FILE_BYTES, &data, &length, err);
    if (st != TARE_OK) return st;
    st = tare_cache_parse_json((const char *)data, length, true, cache, err);
    tare_free(data);
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}
