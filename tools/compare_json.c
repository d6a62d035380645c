/* The JSON of `tare compare`; what the HTML report holds as well. */
#include <math.h>

#include "tools/compare.h"
#include "tools/json.h"

static void add_hits(cJSON *root, const char *name, const struct compare_hits *hits,
                     size_t n)
{
    cJSON *object = cJSON_AddObjectToObject(root, name);
    json_add_number(object, "top1", n ? compare_percent(hits->top1, n) : (double)NAN);
    json_add_number(object, "top5", n ? compare_percent(hits->top5, n) : (double)NAN);
}

/* Floats have an error, other types a share of equal values. */
static void add_values(cJSON *row, const struct compare_values *v)
{
    const double none = (double)NAN;
    json_add_number(row, "sqnr_db", v->is_exact ? none : compare_sqnr(&v->sums));
    json_add_number(row, "psnr_db", v->is_exact ? none : compare_psnr(&v->sums));
    json_add_number(row, "cosine", v->is_exact ? none : compare_cosine(&v->sums));
    json_add_number(row, "max_abs", v->is_exact ? none : v->sums.max_abs);
    json_add_number(
        row, "equal",
        v->is_exact && v->n_values ? compare_percent(v->n_equal, v->n_values) : none);
    json_add_number(row, "other_shapes", (double)v->n_misshapen);
}

static void add_counts(cJSON *object, const char *name, const uint64_t *counts,
                       size_t n)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (size_t i = 0; i < n; i++)
        (void)cJSON_AddItemToArray(array, cJSON_CreateNumber((double)counts[i]));
}

static void add_histogram(cJSON *row, const struct histogram *histogram)
{
    struct histogram_bars bars;
    histogram_draw(histogram, &bars);
    cJSON *object = cJSON_AddObjectToObject(row, "histogram");
    json_add_number(object, "low", bars.low);
    json_add_number(object, "width", bars.width);
    add_counts(object, "fp32", bars.counts[HISTOGRAM_FLOAT], bars.n);
    add_counts(object, "engine", bars.counts[HISTOGRAM_ENGINE], bars.n);
}

/* How the values lie in the range; null without one. */
static void add_range(cJSON *row, const struct compare_layer *l)
{
    const bool has = l->held.name != NULL;
    const double none = (double)NAN;
    json_add_number(row, "range_low", has ? l->held.lowest : none);
    json_add_number(row, "range_high", has ? l->held.highest : none);
    json_add_number(row, "step", has ? l->tally.grid.step : none);
    json_add_number(row, "clipped", has ? 100.0 * l->held.clipped : none);
    json_add_number(row, "rounding_energy", has ? l->held.rounding : none);
    json_add_number(row, "clipping_energy", has ? l->held.clipping : none);
    json_add_number(row, "percentile_99_99", l->held.percentile);
    json_add_number(row, "channels", (double)l->tally.layout.n_channels);
    json_add_number(row, "channel_most", l->held.channel_most);
    json_add_number(row, "channel_median", l->held.channel_median);
}

/* The error of the layer alone, cut into its channels' means and the rest. */
static void add_error(cJSON *row, const struct compare_layer *l)
{
    const double shift = tally_shift(&l->tally);
    json_add_number(row, "signal_energy", l->isolated.signal);
    json_add_number(row, "isolated_error_energy", l->isolated.error);
    json_add_number(row, "mean_energy", shift);
    json_add_number(row, "variance_energy", fmax(l->isolated.error - shift, 0.0));
}

static cJSON *layer_json(const struct compare_layer *l)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "name", l->name);
    (void)cJSON_AddStringToObject(row, "layer", l->layer);
    (void)cJSON_AddStringToObject(row, "type", l->type);
    (void)cJSON_AddStringToObject(row, "precision", l->precision);
    json_add_number(row, "sqnr_db", compare_sqnr(&l->accumulated));
    json_add_number(row, "cosine", compare_cosine(&l->accumulated));
    json_add_number(row, "isolated_sqnr_db", compare_sqnr(&l->isolated));
    (void)cJSON_AddStringToObject(row, "cause", cause_name(l->cause.cause));
    (void)cJSON_AddStringToObject(row, "why", l->cause.words);
    (void)cJSON_AddStringToObject(row, "try", l->cause.flag);
    add_range(row, l);
    add_error(row, l);
    add_histogram(row, &l->tally.histogram);
    return row;
}

static void add_latency(cJSON *root, const struct compare_result *r)
{
    if (r->latency_ms[0] <= 0.0) return;
    cJSON *object = cJSON_AddObjectToObject(root, "latency_ms");
    json_add_number(object, "fp32", r->latency_ms[0]);
    json_add_number(object, "engine", r->latency_ms[1]);
    json_add_number(object, "threads", 1);
}

static void add_figures(cJSON *root, const struct compare_result *r)
{
    cJSON *array = cJSON_AddArrayToObject(root, "metrics");
    for (size_t i = 0; i < r->n_figures; i++) {
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", r->figures[i].name);
        json_add_number(row, "fp32", r->figures[i].value[COMPARE_REFERENCE]);
        json_add_number(row, "engine", r->figures[i].value[COMPARE_TEST]);
        (void)cJSON_AddItemToArray(array, row);
    }
}

static void add_worst(cJSON *root, const struct compare_result *r)
{
    const double none = (double)NAN;
    cJSON *array = cJSON_AddArrayToObject(root, "worst_samples");
    for (size_t i = 0; i < r->n_worst; i++) {
        const struct compare_sample *s = &r->worst[i];
        const bool has_class = r->is_classifier;
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", s->name);
        json_add_number(row, "sqnr_db", s->sqnr_db);
        json_add_number(row, "label", s->label >= 0 ? (double)s->label : none);
        json_add_number(row, "fp32",
                        has_class && s->reference >= 0 ? (double)s->reference : none);
        json_add_number(row, "engine",
                        has_class && s->test >= 0 ? (double)s->test : none);
        (void)cJSON_AddItemToArray(array, row);
    }
}

cJSON *compare_json(const struct compare_result *r)
{
    cJSON *root = cJSON_CreateObject();
    json_add_number(root, "count", (double)r->n_samples);
    add_hits(root, "fp32", &r->reference, r->n_labelled);
    add_hits(root, "engine", &r->test, r->n_labelled);
    json_add_number(root, "agreement_top1",
                    r->is_classifier ? compare_percent(r->agree, r->n_samples)
                                     : (double)NAN);
    add_latency(root, r);
    cJSON *outputs = cJSON_AddArrayToObject(root, "outputs");
    for (size_t i = 0; i < r->n_outputs; i++) {
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", r->outputs[i].name);
        add_values(row, &r->outputs[i].values);
        (void)cJSON_AddItemToArray(outputs, row);
    }
    add_figures(root, r);
    add_worst(root, r);
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    for (size_t i = 0; i < r->n_layers; i++)
        (void)cJSON_AddItemToArray(layers, layer_json(&r->layers[i]));
    return root;
}
