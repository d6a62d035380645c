/* cache_json.c - ranges from JSON: a plain object, what `tare cache convert` writes,
 * the report beside a cache, and what onnxruntime.quantization writes. */
#include "calibrators/cache_json.h"

#include <cjson/cJSON.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "calibrators/cache_scale.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* NumPy's arrays come as an object, their content as a number or in brackets. */
static double number_of(const cJSON *item)
{
    if (cJSON_IsObject(item)) item = get(item, "data");
    if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 1) item = item->child;
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* amax of a pair of bounds; NaN when one is no number. */
static double amax_of_pair(const cJSON *lowest, const cJSON *highest)
{
    const double low = fabs(number_of(lowest)), high = fabs(number_of(highest));
    return isnan(low) || isnan(high) ? (double)NAN : fmax(low, high);
}

/* The value of a tensor in any of the forms: a number, [lowest, highest], {"lowest",
 * "highest"} or {"amax", "scale"}. */
static double amax_of(const cJSON *value)
{
    if (cJSON_IsArray(value))
        return amax_of_pair(cJSON_GetArrayItem(value, 0), cJSON_GetArrayItem(value, 1));
    if (get(value, "highest"))
        return amax_of_pair(get(value, "lowest"), get(value, "highest"));
    const cJSON *amax = get(value, "amax");
    return number_of(amax ? amax : value);
}

static enum tare_status add_range(struct tare_cache *cache, const char *name,
                                  const cJSON *value, struct tare_error *err)
{
    float known;
    if (cJSON_IsNull(value)) return TARE_OK; /* as reports have it: no range */
    const double amax = amax_of(value);
    TARE_FAIL_IF(!name || isnan(amax), err, TARE_E_FORMAT,
                 "range of '%.80s', want a number", name ? name : "");
    TARE_FAIL_IF(!(amax >= 0.0 && amax <= (double)FLT_MAX), err, TARE_E_FORMAT,
                 "tensor '%.80s': range %g, want finite and >= 0", name, amax);
    TARE_FAIL_IF(tare_cache_get(cache, name, &known), err, TARE_E_FORMAT,
                 "tensor '%.80s' comes twice", name);
    const double scale = number_of(get(value, "scale"));
    if (scale >= 0.0 && scale * 127.0 <= (double)FLT_MAX) /* exact, where it is given */
        return tare_cache_set_scale(cache, name, (float)scale, err);
    return tare_cache_set(cache, name, (float)amax, err);
}

static enum tare_status add_ranges(struct tare_cache *cache, const cJSON *root,
                                   bool in_full, struct tare_error *err)
{
    const cJSON *tensors = get(root, "tensors"), *data = get(root, "data");
    const bool is_report = cJSON_IsArray(tensors);
    const bool is_onnxruntime = get(root, "CLS") && cJSON_IsObject(data);
    const cJSON *list = is_report ? tensors : is_onnxruntime ? data : root;
    const cJSON *item;
    TARE_FAIL_IF(!cJSON_IsObject(root), err, TARE_E_FORMAT,
                 "not a JSON object of ranges, like {\"conv1\": 2.5}");
    TARE_FAIL_IF(in_full && !is_report, err, TARE_E_FORMAT,
                 "not the report of a calibration: it has no list 'tensors'");
    cJSON_ArrayForEach(item, list)
    {
        const char *name = item->string;
        const cJSON *value = item;
        if (is_report) {
            name = cJSON_GetStringValue(get(item, "name"));
            value = get(item, in_full ? "amax" : "threshold");
        }
        if (is_onnxruntime && strcmp(name, "CLS") == 0) continue;
        const enum tare_status st = add_range(cache, name, value, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

/* Only ONNX Runtime's says how the ranges were found. */
static const char *algorithm_of(const cJSON *root)
{
    const cJSON *method = get(get(root, "calibration_method"), "value");
    const char *name = cJSON_GetStringValue(method);
    return name && strstr(name, "Entropy") ? "EntropyCalibration2"
                                           : "MinMaxCalibration";
}

enum tare_status tare_cache_parse_json(const char *text, size_t length, bool in_full,
                                       struct tare_cache **cache,
                                       struct tare_error *err)
{
    struct tare_cache *result;
    *cache = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length + 1, NULL, 1);
    enum tare_status st = tare_cache_create(NULL, algorithm_of(root), &result, err);
    if (st == TARE_OK) st = add_ranges(result, root, in_full, err);
    cJSON_Delete(root);
    if (st == TARE_OK)
        *cache = result;
    else
        tare_cache_destroy(result);
    return st;
}
