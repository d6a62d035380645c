/* report.c - what calibration found, as JSON beside the cache. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "calibrators/observations.h"

/* cJSON keeps doubles only and picks 15 or 17 digits; 9 are what a float32 needs, and
 * counts stay exact as text. */
static bool add_number(cJSON *object, const char *key, double value)
{
    char text[32];
    if (!isfinite(value)) return cJSON_AddNullToObject(object, key) != NULL;
    (void)snprintf(text, sizeof text, "%.9g", value);
    char *comma = strchr(text, ','); /* some locales */
    if (comma) *comma = '.';
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

static bool add_count(cJSON *object, const char *key, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return cJSON_AddRawToObject(object, key, text) != NULL;
}

static bool add_tensor(cJSON *array, const struct tare_calibrated *c)
{
    const struct tare_observed *o = &c->observed;
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(array, object)) {
        cJSON_Delete(object);
        return false;
    }
    const bool has_range = c->threshold >= 0.0F;
    const bool all_finite = o->first_bad_sample == SIZE_MAX;
    return cJSON_AddStringToObject(object, "name", o->name) &&
           cJSON_AddStringToObject(object, "method", c->method) &&
           add_number(object, "min", (double)o->min) &&
           add_number(object, "max", (double)o->max) &&
           add_number(object, "amax", (double)o->amax) &&
           add_number(object, "threshold",
                      has_range ? (double)c->threshold : (double)NAN) &&
           add_number(object, "clip_fraction", c->clip_fraction) &&
           add_number(object, "kl", c->kl) &&
           add_number(object, "mean_abs", o->mean_abs) &&
           add_number(object, "rms", o->rms) && add_count(object, "count", o->count) &&
           add_count(object, "zeros", o->n_zeros) &&
           add_count(object, "nan", o->n_nan) && add_count(object, "inf", o->n_inf) &&
           (all_finite ? cJSON_AddNullToObject(object, "first_bad_sample") != NULL
                       : add_count(object, "first_bad_sample", o->first_bad_sample));
}

static bool add_settings(cJSON *root, const struct tare_calibration *calibration)
{
    struct tare_calibrator_options options;
    tare_calibration_options(calibration, &options);
    cJSON *settings = cJSON_AddObjectToObject(root, "settings");
    return settings && add_number(settings, "percentile", options.percentile) &&
           add_number(settings, "quantile", options.quantile) &&
           add_number(settings, "cutoff", options.cutoff);
}

static bool fill(cJSON *root, const struct tare_calibration *calibration,
                 cJSON **preprocess)
{
    const char *method = tare_calibration_method(calibration);
    if (!cJSON_AddStringToObject(root, "calibrator", method) ||
        !add_settings(root, calibration) ||
        !add_count(root, "samples", tare_calibration_samples(calibration)) ||
        !cJSON_AddItemToObject(root, "preprocess", *preprocess))
        return false;
    *preprocess = NULL; /* the root owns it now */
    cJSON *tensors = cJSON_AddArrayToObject(root, "tensors");
    if (!tensors) return false;
    for (size_t i = 0; i < tare_calibration_count(calibration); i++) {
        struct tare_calibrated c;
        tare_calibration_get(calibration, i, &c);
        if (!add_tensor(tensors, &c)) return false;
    }
    return true;
}

enum tare_status
tare_calibration_write_report(const struct tare_calibration *calibration,
                              const char *preprocess, const char *path,
                              struct tare_error *err)
{
    cJSON *settings = cJSON_ParseWithOpts(preprocess ? preprocess : "null", NULL, 1);
    TARE_FAIL_IF(!settings, err, TARE_E_ARG, "%s: preprocess '%.60s' is not JSON", path,
                 preprocess ? preprocess : "null");
    cJSON *root = cJSON_CreateObject();
    char *text = NULL;
    if (root && fill(root, calibration, &settings)) text = cJSON_Print(root);
    cJSON_Delete(root);
    cJSON_Delete(settings);
    TARE_FAIL_IF(!text, err, TARE_E_NOMEM, "%s: no memory to write", path);
    const size_t length = strlen(text);
    text[length] = '\n'; /* in place of the NUL */
    const enum tare_status st = tare_file_write(path, text, length + 1, err);
    cJSON_free(text);
    return st;
}
