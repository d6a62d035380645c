/* tare cache show, tare inspect cache: the ranges of a cache. */
#include <stdio.h>

#include "tare/cache.h"
#include "tools/cache.h"
#include "tools/json.h"

enum tare_status cache_show(const char *path, cJSON *root, struct tare_error *err)
{
    struct tare_cache *cache;
    const enum tare_status st = tare_cache_read_ranges(path, &cache, err);
    if (st != TARE_OK) return st;
    printf("%s-%s, %zu tensors\n\n%14s %14s  %s\n", tare_cache_version(cache),
           tare_cache_algorithm(cache), tare_cache_count(cache), "scale", "amax",
           "tensor");
    (void)cJSON_AddStringToObject(root, "version", tare_cache_version(cache));
    (void)cJSON_AddStringToObject(root, "algorithm", tare_cache_algorithm(cache));
    cJSON *array = cJSON_AddArrayToObject(root, "tensors");
    for (size_t i = 0; i < tare_cache_count(cache); i++) {
        printf("%14.9g %14.9g  %s\n", (double)tare_cache_scale(cache, i),
               (double)tare_cache_amax(cache, i), tare_cache_name(cache, i));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", tare_cache_name(cache, i));
        json_add_number(row, "scale", (double)tare_cache_scale(cache, i));
        json_add_number(row, "amax", (double)tare_cache_amax(cache, i));
        (void)cJSON_AddItemToArray(array, row);
    }
    tare_cache_destroy(cache);
    return TARE_OK;
}
