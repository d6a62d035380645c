/* tare cache verify: is a cache what it should be, by itself and beside a model, the
 * report of its calibration or observations? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tare/cache_check.h"
#include "tare/calibration.h"
#include "tare/ranges.h"
#include "tools/cache.h"
#include "tools/plugins.h"
#include "tools/report.h"

/* What is known, and who owns the names. */
struct facts {
    struct tare_cache_facts list;
    struct tare_cache_known *tensors;
    struct tare_model_ranges *ranges;
    struct tare_observations *observations;
    cJSON *report;
};

static void release(struct facts *f)
{
    free(f->tensors);
    tare_model_ranges_destroy(f->ranges);
    tare_observations_destroy(f->observations);
    cJSON_Delete(f->report);
}

static enum tare_status make_room(struct facts *f, size_t n_more,
                                  struct tare_error *err)
{
    struct tare_cache_known *larger =
        realloc(f->tensors, (f->list.n_tensors + n_more + 1) * sizeof *f->tensors);
    if (!larger)
        return report_error(err, TARE_E_NOMEM, "no memory for %zu tensors", n_more);
    f->list.tensors = f->tensors = larger;
    return TARE_OK;
}

/* A peak of one of the first `n_before` tensors, or of another one. */
static void add_peak(struct facts *f, size_t n_before, const char *name, float amax)
{
    size_t i = 0;
    while (i < n_before && strcmp(f->tensors[i].name, name) != 0)
        i++;
    if (i == n_before) {
        i = f->list.n_tensors++;
        f->tensors[i] = (struct tare_cache_known){.name = name};
    }
    f->tensors[i].most = amax;
    f->tensors[i].is_seen = true;
}

static enum tare_status use_model(struct facts *f, const struct cache_flags *flags,
                                  struct tare_error *err)
{
    struct tare_model *model;
    enum tare_status st = plugins_load_model(flags->onnx, &model, err);
    if (st == TARE_OK) st = tare_model_bind(model, flags->shapes, 1, NULL, err);
    if (st == TARE_OK) st = tare_model_ranges_create(model, &f->ranges, err);
    tare_model_destroy(model);
    const size_t n = st == TARE_OK ? tare_model_ranges_count(f->ranges) : 0;
    if (st == TARE_OK) st = make_room(f, n, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_model_range range;
        tare_model_ranges_get(f->ranges, i, &range);
        f->tensors[f->list.n_tensors++] = (struct tare_cache_known){
            .name = range.name, .most = range.most, .is_needed = range.is_needed};
    }
    f->list.is_model = true;
    return st;
}

static enum tare_status use_observations(struct facts *f, const char *path,
                                         struct tare_error *err)
{
    enum tare_status st = tare_observations_read(path, &f->observations, err);
    if (st != TARE_OK) return st;
    const size_t n = tare_observations_count(f->observations);
    const size_t n_before = f->list.n_tensors;
    st = make_room(f, n, err);
    for (size_t i = 0; st == TARE_OK && i < n; i++) {
        struct tare_observed seen;
        tare_observations_get(f->observations, i, &seen);
        if (seen.count > seen.n_nan + seen.n_inf)
            add_peak(f, n_before, seen.name, seen.amax);
    }
    return st;
}

/* The report that tare calibrate writes beside a cache; anything else is passed over.
 */
static enum tare_status use_report(struct facts *f, const char *path,
                                   struct tare_error *err)
{
    char name[4096], *text = NULL;
    const int length = snprintf(name, sizeof name, "%s.json", path);
    FILE *file = length > 0 && (size_t)length < sizeof name ? fopen(name, "rb") : NULL;
    if (!file) return TARE_OK;
    enum { MAX_BYTES = 1 << 26 };
    text = malloc(MAX_BYTES);
    const size_t n_bytes = text ? fread(text, 1, MAX_BYTES, file) : 0;
    (void)fclose(file);
    f->report = cJSON_ParseWithLength(text, n_bytes);
    free(text);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(f->report, "tensors");
    const int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    const size_t n_before = f->list.n_tensors;
    if (make_room(f, (size_t)n, err) != TARE_OK) return TARE_E_NOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(item, "name");
        const cJSON *amax = cJSON_GetObjectItemCaseSensitive(item, "amax");
        if (cJSON_IsString(tensor) && cJSON_IsNumber(amax))
            add_peak(f, n_before, tensor->valuestring, (float)amax->valuedouble);
    }
    return TARE_OK;
}

static void print_finding(void *ctx, const char *text)
{
    const char *path = ctx;
    printf("%s: %s\n", path, text);
}

enum tare_status cache_verify(const struct cache_flags *flags, const char *path,
                              size_t *n_findings, struct tare_error *err)
{
    struct facts f = {0};
    char name[4096];
    enum tare_status st = TARE_OK;
    *n_findings = 0;
    (void)snprintf(name, sizeof name, "%s", path);
    if (flags->onnx) st = use_model(&f, flags, err);
    if (st == TARE_OK && flags->observations)
        st = use_observations(&f, flags->observations, err);
    else if (st == TARE_OK)
        st = use_report(&f, path, err);
    if (st == TARE_OK)
        st = tare_cache_check(path, f.list.n_tensors ? &f.list : NULL, print_finding,
                              name, n_findings, err);
    if (st == TARE_OK && *n_findings == 0) printf("%s: nothing wrong found\n", path);
    release(&f);
    return st;
}
