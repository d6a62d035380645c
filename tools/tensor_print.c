#include "tools/tensor_print.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tools/json.h"

const char *tensor_place(const struct tare_dims *dims, size_t i, char text[160])
{
    int64_t at[TARE_MAX_RANK] = {0};
    size_t used = 1;
    for (int axis = dims->rank - 1; axis >= 0; axis--) {
        const size_t length = dims->d[axis] > 0 ? (size_t)dims->d[axis] : 1;
        at[axis] = (int64_t)(i % length);
        i /= length;
    }
    memcpy(text, "(", 2);
    for (int axis = 0; axis < dims->rank; axis++)
        used += (size_t)snprintf(text + used, 160 - used, "%s%lld", axis ? ", " : "",
                                 (long long)at[axis]);
    (void)snprintf(text + used, 160 - used, ")");
    return text;
}

void tensor_print_stats(const char *label, const struct tensor_stats *stats,
                        const struct tare_dims *dims)
{
    char low[160], high[160];
    printf("  %-12s min %.6g at %s, max %.6g at %s, mean %.6g, std %.6g\n", label,
           stats->min, tensor_place(dims, stats->at_min, low), stats->max,
           tensor_place(dims, stats->at_max, high), stats->mean, stats->std);
    printf("  %-12s median %.6g, p90 %.6g, p95 %.6g, p99 %.6g, mean magnitude %.6g\n",
           "", stats->median, stats->p90, stats->p95, stats->p99, stats->magnitude);
    if (tensor_stats_is_bad(stats))
        printf("  %-12s %zu NaN, %zu +Inf, %zu -Inf, the first at %s\n", "",
               stats->n_nan, stats->n_positive_inf, stats->n_negative_inf,
               tensor_place(dims, stats->first_bad, low));
}

void tensor_print_histogram(const char *label, const struct tensor_histogram *histogram)
{
    enum { WIDTH = 40 };
    static const char bar[WIDTH + 1] = "########################################";
    size_t most = 1;
    for (size_t i = 0; i < TENSOR_BINS; i++)
        if (histogram->counts[i] > most) most = histogram->counts[i];
    printf("  %-12s %12s %12s %10s\n", label, "from", "to", "values");
    for (size_t i = 0; i < TENSOR_BINS; i++) {
        const double low = histogram->low + (double)i * histogram->width;
        const size_t count = histogram->counts[i];
        const double share = (double)count / (double)most;
        printf("  %-12s %12.5g %12.5g %10zu%s%.*s\n", "", low, low + histogram->width,
               count, count ? " " : "", (int)(share * WIDTH + 0.5), bar);
    }
}

cJSON *tensor_add_stats(cJSON *object, const char *name,
                        const struct tensor_stats *stats)
{
    cJSON *row = cJSON_AddObjectToObject(object, name);
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"min", stats->min},
        {"max", stats->max},
        {"mean", stats->mean},
        {"std", stats->std},
        {"median", stats->median},
        {"p90", stats->p90},
        {"p95", stats->p95},
        {"p99", stats->p99},
        {"mean_magnitude", stats->magnitude},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        json_add_number(row, figures[i].name, figures[i].value);
    json_add_number(row, "index_min", (double)stats->at_min);
    json_add_number(row, "index_max", (double)stats->at_max);
    json_add_number(row, "nan", (double)stats->n_nan);
    json_add_number(row, "positive_inf", (double)stats->n_positive_inf);
    json_add_number(row, "negative_inf", (double)stats->n_negative_inf);
    return row;
}

void tensor_add_histogram(cJSON *object, const struct tensor_histogram *histogram)
{
    cJSON *row = cJSON_AddObjectToObject(object, "histogram");
    json_add_number(row, "low", histogram->low);
    json_add_number(row, "bin_width", histogram->width);
    cJSON *counts = cJSON_AddArrayToObject(row, "counts");
    for (size_t i = 0; i < TENSOR_BINS; i++)
        (void)cJSON_AddItemToArray(counts,
                                   cJSON_CreateNumber((double)histogram->counts[i]));
}
