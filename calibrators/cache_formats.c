/* cache_formats.c - a cache's ranges in the formats of other tools: one line each in
 * the table at the end. */
#include "tare/cache_formats.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "calibrators/cache_scale.h"

struct source {
    const struct tare_cache *cache;
    const struct tare_model_weights *layers;
    size_t n_layers;
};

/* Nine digits give a float32 back; the locale may have put a comma in. */
static const char *number(float value, char text[32])
{
    (void)snprintf(text, 32, "%.9g", (double)value);
    char *comma = strchr(text, ',');
    if (comma) *comma = '.';
    return text;
}

/* A name as JSON has it, with its quotes. */
static void add_name(struct tare_text *out, const char *name)
{
    cJSON *string = cJSON_CreateString(name);
    char *text = string ? cJSON_PrintUnformatted(string) : NULL;
    cJSON_Delete(string);
    if (text)
        tare_text_add(out, "%s", text);
    else
        out->failed = true;
    cJSON_free(text);
}

static enum tare_status write_tensorrt(const struct source *from, struct tare_text *out,
                                       struct tare_error *err)
{
    (void)err;
    tare_cache_print(from->cache, out);
    return TARE_OK;
}

static enum tare_status write_json(const struct source *from, struct tare_text *out,
                                   struct tare_error *err)
{
    char amax[32], scale[32];
    (void)err;
    for (size_t i = 0; i < tare_cache_count(from->cache); i++) {
        tare_text_add(out, i ? ",\n  " : "{\n  ");
        add_name(out, tare_cache_name(from->cache, i));
        tare_text_add(out, ": {\"amax\": %s, \"scale\": %s}",
                      number(tare_cache_amax(from->cache, i), amax),
                      number(tare_cache_scale(from->cache, i), scale));
    }
    tare_text_add(out, out->length ? "\n}\n" : "{}\n");
    return TARE_OK;
}

static void add_array(struct tare_text *out, const char *key, float value)
{
    char text[32];
    tare_text_add(out,
                  ", \"%s\": {\"data\": %s, \"dtype\": \"float32\", "
                  "\"CLS\": \"numpy.array\"}",
                  key, number(value, text));
}

static enum tare_status write_onnxruntime(const struct source *from,
                                          struct tare_text *out, struct tare_error *err)
{
    const char *algorithm = tare_cache_algorithm(from->cache);
    const bool is_entropy = strncmp(algorithm, "Entropy", 7) == 0;
    (void)err;
    tare_text_add(out, "{\"CLS\": \"TensorsData\", \"data\": {");
    for (size_t i = 0; i < tare_cache_count(from->cache); i++) {
        const float amax = tare_cache_amax(from->cache, i);
        tare_text_add(out, i ? ", " : "");
        add_name(out, tare_cache_name(from->cache, i));
        tare_text_add(out, ": {\"CLS\": \"TensorData\"");
        add_array(out, "lowest", -amax);
        add_array(out, "highest", amax);
        tare_text_add(out, "}");
    }
    tare_text_add(out,
                  "}, \"calibration_method\": {\"CLS\": \"CalibrationMethod\", "
                  "\"value\": \"CalibrationMethod.%s\"}}\n",
                  is_entropy ? "Entropy" : "MinMax");
    return TARE_OK;
}

/* ncnn's readers split at blanks, take 255 bytes for the key, and know weights by
 * "_param_". */
static enum tare_status check_layer_name(const char *name, struct tare_error *err)
{
    TARE_FAIL_IF(strpbrk(name, " \t") || strlen(name) > 246 || strstr(name, "_param_"),
                 err, TARE_E_ARG,
                 "layer '%.80s': ncnn's table cannot hold a name with blanks or "
                 "'_param_' or of more than 246 bytes: rename the node",
                 name);
    return TARE_OK;
}

/* Convolutions in groups have one scale a group, as ConvolutionDepthWise reads them. */
static void add_weights(struct tare_text *out, const struct tare_model_weights *layer)
{
    char text[32];
    const size_t n = layer->n_groups > 1 ? layer->n_groups : layer->n_channels;
    const size_t n_each = layer->n_channels / n;
    tare_text_add(out, "%s_param_0", layer->layer);
    for (size_t i = 0; i < n; i++) {
        float amax = 0.0F;
        for (size_t c = i * n_each; c < (i + 1) * n_each; c++)
            amax = fmaxf(amax, layer->amax[c]);
        tare_text_add(out, " %s", number(amax > 0.0F ? 127.0F / amax : 1.0F, text));
    }
    tare_text_add(out, "\n");
}

/* Both scales of a layer are there, or none. */
static bool find_scale(const struct source *from, size_t i, float *amax)
{
    const struct tare_model_weights *layer = &from->layers[i];
    return tare_cache_get(from->cache, layer->input, amax) && *amax > 0.0F;
}

static enum tare_status write_ncnn(const struct source *from, struct tare_text *out,
                                   struct tare_error *err)
{
    float amax;
    char text[32];
    TARE_FAIL_IF(from->n_layers == 0, err, TARE_E_ARG,
                 "ncnn's table has the scales of weights: give the model (--onnx=M)");
    for (size_t i = 0; i < from->n_layers; i++) {
        const enum tare_status st = check_layer_name(from->layers[i].layer, err);
        if (st != TARE_OK) return st;
        if (find_scale(from, i, &amax))
            add_weights(out, &from->layers[i]);
        else
            tare_log(TARE_LOG_WARN,
                     "layer '%s': no range for its input '%s': left out, ncnn will run "
                     "it in float",
                     from->layers[i].layer, from->layers[i].input);
    }
    for (size_t i = 0; i < from->n_layers; i++)
        if (find_scale(from, i, &amax))
            tare_text_add(out, "%s %s\n", from->layers[i].layer,
                          number(127.0F / amax, text));
    return TARE_OK;
}

static const struct {
    const char *name;
    enum tare_status (*write)(const struct source *from, struct tare_text *out,
                              struct tare_error *err);
} formats[] = {
    {"tensorrt", write_tensorrt},
    {"json", write_json},
    {"ncnn", write_ncnn},
    {"onnxruntime", write_onnxruntime},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

const char *tare_cache_format_name(size_t i)
{
    return i < N_FORMATS ? formats[i].name : NULL;
}

enum tare_status tare_cache_export(const struct tare_cache *cache, const char *format,
                                   const struct tare_model_weights *layers,
                                   size_t n_layers, const char *path,
                                   struct tare_error *err)
{
    const struct source from = {cache, layers, n_layers};
    struct tare_text out = {0};
    size_t i = 0;
    while (i < N_FORMATS && strcmp(formats[i].name, format) != 0)
        i++;
    TARE_FAIL_IF(i == N_FORMATS, err, TARE_E_ARG,
                 "format '%.40s', want tensorrt, json, ncnn or onnxruntime", format);
    enum tare_status st = formats[i].write(&from, &out, err);
    if (st == TARE_OK && out.failed)
        st = tare_error_set(err, TARE_E_NOMEM, "%s: no memory to write", path);
    if (st == TARE_OK) st = tare_file_write(path, out.data, out.length, err);
    tare_text_free(&out);
    return st;
}
