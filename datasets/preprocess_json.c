#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "datasets/preprocess.h"

#define MAX_JSON_BYTES ((size_t)64 << 20)

/* The shortest text that reads back to the same number. */
static void add_number(struct tare_text *text, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (!(strtod(digits, NULL) < value) && !(strtod(digits, NULL) > value)) break;
    }
    tare_text_add(text, "%s", digits);
}

static void add_list(struct tare_text *text, const char *key, const double *values,
                     int n)
{
    tare_text_add(text, ", \"%s\": [", key);
    for (int i = 0; i < n; i++) {
        if (i > 0) tare_text_add(text, ", ");
        add_number(text, values[i]);
    }
    tare_text_add(text, "]");
}

/* Always present, so that a file states all that was done. */
static void add_size(struct tare_text *text, const char *key, int64_t height,
                     int64_t width, bool single)
{
    if (single)
        tare_text_add(text, ", \"%s\": %lld", key, (long long)height);
    else if (height)
        tare_text_add(text, ", \"%s\": \"%lldx%lld\"", key, (long long)height,
                      (long long)width);
    else
        tare_text_add(text, ", \"%s\": \"none\"", key);
}

enum tare_status tare_preprocess_json(const struct tare_preprocess *pre, char **out,
                                      struct tare_error *err)
{
    *out = NULL;
    TARE_TRY(tare_preprocess_check(pre, err), err, "writing JSON");
    struct tare_text text = {0};
    tare_text_add(&text, "{\"filter\": \"%s\"", tare_filter_name(pre->filter));
    if (pre->color != TARE_COLOR_DEFAULT)
        tare_text_add(&text, ", \"color\": \"%s\"", tare_color_name(pre->color));
    const bool resized = pre->resize != TARE_RESIZE_NONE;
    add_size(&text, "resize", resized ? pre->resize_height : 0, pre->resize_width,
             pre->resize == TARE_RESIZE_SHORTER);
    add_size(&text, "crop", pre->crop_height, pre->crop_width, false);
    tare_text_add(&text, ", \"scale\": ");
    add_number(&text, pre->scale);
    if (pre->n_mean > 0) add_list(&text, "mean", pre->mean, pre->n_mean);
    if (pre->n_std > 0) add_list(&text, "std", pre->std, pre->n_std);
    tare_text_add(&text, "}");
    if (text.failed) {
        tare_text_free(&text);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a line of JSON");
    }
    *out = text.data;
    return TARE_OK;
}

void tare_preprocess_free_json(char *text)
{
    tare_free(text);
}

/* The value as its flag would be typed; false for kinds that no flag has. */
static bool flag_text(const cJSON *item, struct tare_text *text)
{
    if (cJSON_IsString(item)) {
        tare_text_add(text, "%s", item->valuestring);
        return true;
    }
    if (cJSON_IsNumber(item)) {
        tare_text_add(text, "%.17g", item->valuedouble);
        return true;
    }
    if (!cJSON_IsArray(item)) return false;
    const cJSON *element;
    cJSON_ArrayForEach(element, item)
    {
        if (!cJSON_IsNumber(element)) return false;
        tare_text_add(text, text->length ? ",%.17g" : "%.17g", element->valuedouble);
    }
    return true;
}

static enum tare_status unknown_key(const char *key, struct tare_error *err)
{
    const char *nearest = "preset";
    size_t best = tare_text_distance(key, nearest);
    for (size_t i = 0; tare_preprocess_key(i); i++) {
        const size_t distance = tare_text_distance(key, tare_preprocess_key(i));
        if (distance < best) {
            best = distance;
            nearest = tare_preprocess_key(i);
        }
    }
    return tare_error_set(err, TARE_E_FORMAT, "unknown key '%.60s': did you mean '%s'?",
                          key, nearest);
}

static enum tare_status apply(struct tare_preprocess *pre, const cJSON *item,
                              struct tare_error *err)
{
    const bool is_preset = !strcmp(item->string, "preset");
    bool known = is_preset;
    for (size_t i = 0; !known && tare_preprocess_key(i); i++)
        known = !strcmp(item->string, tare_preprocess_key(i));
    if (!known) return unknown_key(item->string, err);

    struct tare_text text = {0};
    enum tare_status st;
    if (!flag_text(item, &text))
        st = tare_error_set(err, TARE_E_FORMAT,
                            "key '%s': want a text, a number or a list of numbers",
                            item->string);
    else if (text.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    else if (is_preset)
        st = tare_preprocess_preset(text.data ? text.data : "", pre, err);
    else
        st = tare_preprocess_set(pre, item->string, text.data ? text.data : "", err);
    tare_text_free(&text);
    return st;
}

static enum tare_status apply_all(struct tare_preprocess *pre, const cJSON *root,
                                  struct tare_error *err)
{
    TARE_FAIL_IF(!cJSON_IsObject(root), err, TARE_E_FORMAT, "want a JSON object");
    const cJSON *nested = cJSON_GetObjectItemCaseSensitive(root, "preprocess");
    if (cJSON_IsObject(nested)) root = nested;

    const cJSON *preset = cJSON_GetObjectItemCaseSensitive(root, "preset");
    if (preset) TARE_TRY(apply(pre, preset, err), err, "preprocess");
    const cJSON *item;
    cJSON_ArrayForEach(item, root)
    {
        if (strcmp(item->string, "preset") != 0)
            TARE_TRY(apply(pre, item, err), err, "preprocess");
    }
    return TARE_OK;
}

enum tare_status tare_preprocess_read_json(const char *path,
                                           struct tare_preprocess *pre,
                                           struct tare_error *err)
{
    uint8_t *data;
    size_t n_bytes;
    const enum tare_status read =
        tare_file_read(path, MAX_JSON_BYTES, &data, &n_bytes, err);
    if (read != TARE_OK) return read;

    const char *end = NULL;
    cJSON *root =
        cJSON_ParseWithLengthOpts((const char *)data, n_bytes + 1, &end, true);
    struct tare_preprocess result = *pre;
    enum tare_status st;
    if (root)
        st = apply_all(&result, root, err);
    else
        st = tare_error_set(err, TARE_E_FORMAT, "not JSON: stops at byte %lld",
                            end ? (long long)(end - (const char *)data) : 0);
    cJSON_Delete(root);
    tare_free(data);
    TARE_TRY(st, err, "%s", path);
    *pre = result;
    return TARE_OK;
}
