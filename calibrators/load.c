/* load.c - ranges that somebody else has chosen: a TensorRT cache, or JSON. */
#include <cjson/cJSON.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
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

/* One range; null, as reports have it, is none. */
static enum tare_status add_range(struct tare_cache *cache, const char *name,
                                  const cJSON *range, struct tare_error *err)
{
    float amax;
    if (cJSON_IsNull(range)) return TARE_OK;
    TARE_FAIL_IF(!name || !cJSON_IsNumber(range), err, TARE_E_FORMAT,
                 "range of '%.80s', want a number", name ? name : "");
    TARE_FAIL_IF(!(range->valuedouble >= 0.0 && range->valuedouble <= (double)FLT_MAX),
                 err, TARE_E_FORMAT, "tensor '%.80s': range %g, want finite and >= 0",
                 name, range->valuedouble);
    TARE_FAIL_IF(tare_cache_get(cache, name, &amax), err, TARE_E_FORMAT,
                 "tensor '%.80s' comes twice", name);
    return tare_cache_set(cache, name, (float)range->valuedouble, err);
}

static enum tare_status add_ranges(struct tare_cache *cache, const cJSON *root,
                                   struct tare_error *err)
{
    const cJSON *tensors = cJSON_GetObjectItemCaseSensitive(root, "tensors");
    const bool is_report = cJSON_IsArray(tensors);
    const cJSON *list = is_report ? tensors : root;
    const cJSON *item;
    TARE_FAIL_IF(!cJSON_IsObject(root), err, TARE_E_FORMAT,
                 "not a JSON object of ranges, like {\"conv1\": 2.5}");
    cJSON_ArrayForEach(item, list)
    {
        const char *name = item->string;
        const cJSON *range = item;
        if (is_report) {
            name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
            range = cJSON_GetObjectItemCaseSensitive(item, "threshold");
        }
        const enum tare_status st = add_range(cache, name, range, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status read_json(const char *text, size_t length,
                                  struct tare_cache **cache, struct tare_error *err)
{
    struct tare_cache *result;
    enum tare_status st = tare_cache_create(NULL, "MinMaxCalibration", &result, err);
    if (st != TARE_OK) return st;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length + 1, NULL, 1);
    st = add_ranges(result, root, err);
    cJSON_Delete(root);
    if (st == TARE_OK)
        *cache = result;
    else
        tare_cache_destroy(result);
    return st;
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
    st = read_json(text, length, cache, err);
    tare_free(data);
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}
