/* tare inspect observations: what calibration saw of every tensor. */
#include "tools/observations.h"

#include <math.h>
#include <stdio.h>

#include "tare/calibration.h"
#include "tools/json.h"

static void add_row(cJSON *array, const struct tare_observed *o)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "name", o->name);
    json_add_number(row, "min", (double)o->min);
    json_add_number(row, "max", (double)o->max);
    json_add_number(row, "amax", (double)o->amax);
    json_add_number(row, "mean_abs", o->mean_abs);
    json_add_number(row, "rms", o->rms);
    json_add_number(row, "count", (double)o->count);
    json_add_number(row, "zeros", (double)o->n_zeros);
    json_add_number(row, "nan", (double)o->n_nan);
    json_add_number(row, "inf", (double)o->n_inf);
    const bool is_good = o->first_bad_sample == SIZE_MAX;
    json_add_number(row, "first_bad_sample",
                    is_good ? (double)NAN : (double)o->first_bad_sample);
    (void)cJSON_AddItemToArray(array, row);
}

enum tare_status observations_show(const char *path, cJSON *root,
                                   struct tare_error *err)
{
    struct tare_observations *observations;
    const enum tare_status st = tare_observations_read(path, &observations, err);
    if (st != TARE_OK) return st;
    const size_t n = tare_observations_count(observations);
    printf("%zu samples, %zu tensors\n\n%12s %12s %12s %12s %12s %8s %8s  %s\n",
           tare_observations_samples(observations), n, "min", "max", "mean |x|", "rms",
           "values", "zeros", "NaN, inf", "tensor");
    json_add_number(root, "samples", (double)tare_observations_samples(observations));
    cJSON *array = cJSON_AddArrayToObject(root, "tensors");
    for (size_t i = 0; i < n; i++) {
        struct tare_observed o;
        tare_observations_get(observations, i, &o);
        printf("%12.6g %12.6g %12.6g %12.6g %12llu %7.2f%% %8llu  %s\n", (double)o.min,
               (double)o.max, o.mean_abs, o.rms, (unsigned long long)o.count,
               o.count ? 100.0 * (double)o.n_zeros / (double)o.count : 0.0,
               (unsigned long long)(o.n_nan + o.n_inf), o.name);
        add_row(array, &o);
    }
    tare_observations_destroy(observations);
    return TARE_OK;
}
