/* tare cache convert: another header, or another format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/cache_check.h"
#include "tare/cache_formats.h"
#include "tools/cache.h"
#include "tools/plugins.h"
#include "tools/report.h"

/* The model's weighted layers; the strings belong to the ranges. */
static enum tare_status list_layers(const struct cache_flags *flags,
                                    struct tare_model_ranges **ranges,
                                    struct tare_model_weights **layers, size_t *n,
                                    struct tare_error *err)
{
    struct tare_model *model;
    enum tare_status st = plugins_load_model(flags->onnx, &model, err);
    if (st == TARE_OK) st = tare_model_bind(model, flags->shapes, 1, NULL, err);
    if (st == TARE_OK) st = tare_model_ranges_create(model, ranges, err);
    tare_model_destroy(model);
    if (st != TARE_OK) return st;
    *n = tare_model_weights_count(*ranges);
    *layers = calloc(*n + 1, sizeof **layers);
    if (!*layers)
        return report_error(err, TARE_E_NOMEM, "no memory for %zu layers", *n);
    for (size_t i = 0; i < *n; i++)
        tare_model_weights_get(*ranges, i, &(*layers)[i]);
    return TARE_OK;
}

static enum tare_status set_header(const struct cache_flags *flags,
                                   struct tare_cache *cache, struct tare_error *err)
{
    if (!flags->header && !flags->algorithm) return TARE_OK;
    enum tare_status st =
        tare_cache_set_header(cache, flags->header, flags->algorithm, err);
    if (st == TARE_OK)
        st = tare_cache_check_header(tare_cache_version(cache),
                                     tare_cache_algorithm(cache), err);
    return st;
}

enum tare_status cache_convert(const struct cache_flags *flags, const char *path,
                               struct tare_error *err)
{
    const char *to = flags->to ? flags->to : "tensorrt";
    struct tare_model_ranges *ranges = NULL;
    struct tare_model_weights *layers = NULL;
    struct tare_cache *cache;
    size_t n_layers = 0;
    enum tare_status st = tare_cache_read_ranges(path, &cache, err);
    if (st == TARE_OK) st = set_header(flags, cache, err);
    if (st == TARE_OK && flags->onnx)
        st = list_layers(flags, &ranges, &layers, &n_layers, err);
    if (st == TARE_OK)
        st = tare_cache_export(cache, to, layers, n_layers, flags->output, err);
    if (st == TARE_OK)
        printf("%s: %zu tensors, %s\n", flags->output, tare_cache_count(cache), to);
    free(layers);
    tare_model_ranges_destroy(ranges);
    tare_cache_destroy(cache);
    return st;
}
