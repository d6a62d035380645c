/* What tare search measured, as tables and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/json.h"
#include "tools/report.h"
#include "tools/search.h"

/* "23.4", or "-" for what was not measured. */
static const char *decibels(double value, char text[16])
{
    (void)snprintf(text, 16, isnan(value) ? "-" : "%.1f", value);
    return text;
}

static const char *cosine(double value, char text[16])
{
    (void)snprintf(text, 16, isnan(value) ? "-" : "%.5f", value);
    return text;
}

static int by_damage(const void *a, const void *b)
{
    const struct tare_sensitivity_row *x = a, *y = b;
    const double dx = x->alone.outputs.sqnr_db, dy = y->alone.outputs.sqnr_db;
    return dx < dy ? -1 : dx > dy;
}

static void print_damage(const struct tare_damage *d)
{
    char text[4][16];
    printf(" %6s %7s %7s %7s", decibels(d->layer.sqnr_db, text[0]),
           cosine(d->layer.cosine, text[1]), decibels(d->outputs.sqnr_db, text[2]),
           cosine(d->outputs.cosine, text[3]));
}

void search_print_sensitivity(const struct tare_sensitivity *s)
{
    const size_t n = tare_sensitivity_count(s);
    struct tare_sensitivity_row *rows = calloc(n, sizeof *rows);
    printf("Sensitivity   %zu INT8 layers on %zu samples", n,
           tare_sensitivity_n_samples(s, false));
    if (tare_sensitivity_n_samples(s, true) < tare_sensitivity_n_samples(s, false))
        printf(", outputs on %zu of them", tare_sensitivity_n_samples(s, true));
    printf("; SQNR in dB, cosine\n%31s | %31s |\n", "it alone: layer        outputs   ",
           "all up to it: layer    outputs   ");
    for (size_t i = 0; i < n && rows; i++)
        tare_sensitivity_get(s, i, &rows[i]);
    if (rows) qsort(rows, n, sizeof *rows, by_damage);
    for (size_t i = 0; i < n && rows; i++) {
        print_damage(&rows[i].alone);
        printf(" |");
        print_damage(&rows[i].accumulated);
        printf(" | %-9s %s\n", rows[i].type, rows[i].name);
    }
    free(rows);
}

static void add_likeness(cJSON *parent, const char *name, const struct tare_likeness *l)
{
    cJSON *object = cJSON_AddObjectToObject(parent, name);
    if (!object) return;
    json_add_number(object, "sqnr_db", l->sqnr_db);
    json_add_number(object, "cosine", l->cosine);
}

static void add_damage(cJSON *parent, const char *name, const struct tare_damage *d)
{
    cJSON *object = cJSON_AddObjectToObject(parent, name);
    if (!object) return;
    add_likeness(object, "layer", &d->layer);
    add_likeness(object, "outputs", &d->outputs);
}

static cJSON *sensitivity_json(const struct tare_sensitivity *s)
{
    cJSON *root = cJSON_CreateObject();
    if (!root) return NULL;
    (void)cJSON_AddNumberToObject(root, "samples",
                                  (double)tare_sensitivity_n_samples(s, false));
    (void)cJSON_AddNumberToObject(root, "output_samples",
                                  (double)tare_sensitivity_n_samples(s, true));
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    for (size_t i = 0; layers && i < tare_sensitivity_count(s); i++) {
        struct tare_sensitivity_row row;
        tare_sensitivity_get(s, i, &row);
        cJSON *layer = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(layer, "name", row.name);
        (void)cJSON_AddStringToObject(layer, "type", row.type);
        (void)cJSON_AddStringToObject(layer, "output", row.output);
        add_damage(layer, "alone", &row.alone);
        add_damage(layer, "accumulated", &row.accumulated);
        (void)cJSON_AddItemToArray(layers, layer);
    }
    return root;
}

enum tare_status search_write_sensitivity(const struct tare_sensitivity *sensitivity,
                                          const char *path, struct tare_error *err)
{
    return json_write(sensitivity_json(sensitivity), path, err);
}

const char *search_unit(enum tare_search_metric metric)
{
    static const char *const units[] = {"points of top-1", "% of other classes",
                                        "dB of signal"};
    return units[metric];
}

static const char *number(double value, int digits, char text[24])
{
    (void)snprintf(text, 24, isnan(value) ? "-" : "%.*f", digits, value);
    return text;
}

/* Decibels of signal are small numbers. */
static int digits_of(const struct tare_search_options *options)
{
    return options->metric == TARE_SEARCH_SQNR ? 5 : 2;
}

static void print_point(const char *mark, const struct tare_search_point *p, int digits)
{
    char text[8][24];
    printf("%-6s %9s %9s %5zu | %8s %8s %7s %6s | %8s %8s\n", mark,
           number(p->predicted_ms, 3, text[0]), number(p->measured_ms, 3, text[1]),
           p->n_int8, number(p->search.drop, digits, text[2]),
           number(p->search.top1, 2, text[3]), number(p->search.agreement, 2, text[4]),
           number(p->search.sqnr_db, 1, text[5]),
           number(p->held_back.drop, digits, text[6]),
           number(p->held_back.top1, 2, text[7]));
}

static void print_curve(const struct tare_search *search, int digits)
{
    struct tare_search_point point, int8;
    struct tare_search_point fp32;
    tare_search_get_ends(search, &fp32, &int8);
    printf("%-6s %9s %9s %5s | %8s %8s %7s %6s | %8s %8s\n", "", "predicted",
           "measured", "INT8", "drop", "top-1", "agree", "SQNR", "drop", "top-1");
    printf("%-6s %9s %9s %5s | %-32s | held back\n", "", "ms", "ms", "layers",
           "searched on");
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &point);
        print_point(point.is_chosen     ? "chosen"
                    : point.is_on_front ? "front"
                                        : "",
                    &point, digits);
    }
    print_point("FP32", &fp32, digits);
}

/* Of those with a layer in INT8 the one that loses least; its larger drop. */
static double closest(const struct tare_search *search, struct tare_search_point *best)
{
    double least = HUGE_VAL;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        struct tare_search_point p;
        tare_search_get_point(search, i, &p);
        const double drop =
            fmax(p.search.drop, p.held_back.drop); /* NaN does not count */
        if (drop >= least || p.n_int8 == 0) continue;
        least = drop;
        *best = p;
    }
    return least;
}

enum tare_status search_failure(const struct tare_search *search,
                                const struct tare_search_options *options,
                                struct tare_error *err)
{
    struct tare_search_point best = {0};
    const double drop = closest(search, &best);
    return report_error(
        err, TARE_E_ARG,
        "no assignment with a layer in INT8 holds %g %s: the closest has "
        "%zu, and loses %.3g; try another calibrator or --recover=auto",
        options->drop, search_unit(options->metric), best.n_int8, drop);
}

void search_print(const struct tare_search *search,
                  const struct tare_search_options *options, const char *command)
{
    struct tare_search_point fp32, int8, chosen;
    printf("Samples       %zu to search on, %zu held back: every second one\n",
           tare_search_n_samples(search, false), tare_search_n_samples(search, true));
    printf("Budget        %g %s\n", options->drop, search_unit(options->metric));
    print_curve(search, digits_of(options));
    tare_search_get_ends(search, &fp32, &int8);
    if (!tare_search_plan(search)) return;
    for (size_t i = 0; i < tare_search_n_points(search); i++) {
        tare_search_get_point(search, i, &chosen);
        if (chosen.is_chosen) break;
    }
    printf("Latency       FP32 %.3f ms, all INT8 %.3f ms, chosen %.3f ms (predicted "
           "%.3f)\n",
           fp32.measured_ms, int8.measured_ms, chosen.measured_ms, chosen.predicted_ms);
    const char *spec = tare_search_precisions(search);
    for (int bf16 = 0; bf16 < 2; bf16++)
        if (tare_search_is_slow(search, bf16))
            printf(
                "%s          not chosen: no layer is faster in it than in FP32 here\n",
                bf16 ? "BF16" : "FP16");
    printf("Not in INT8   %s\n", chosen.n_int8 == 0
                                     ? "nothing that holds is faster than FP32 here"
                                 : *spec ? ""
                                         : "no layer that could be");
    for (size_t i = 0; i < tare_sensitivity_count(tare_search_sensitivity(search));
         i++) {
        struct tare_sensitivity_row row;
        tare_sensitivity_get(tare_search_sensitivity(search), i, &row);
        const char *precision = tare_search_precision(search, i);
        if (strcmp(precision, "INT8") != 0)
            printf("              %s %-9s %s (alone %.1f dB)\n", precision, row.type,
                   row.name, row.alone.outputs.sqnr_db);
    }
    printf("By hand       %s", command);
    if (*spec) printf(" --precision-constraints=obey --layer-precisions=\"%s\"", spec);
    printf("\n");
}

static cJSON *accuracy_json(const struct tare_search_accuracy *a)
{
    cJSON *object = cJSON_CreateObject();
    json_add_number(object, "drop", a->drop);
    json_add_number(object, "top1", a->top1);
    json_add_number(object, "agreement", a->agreement);
    json_add_number(object, "sqnr_db", a->sqnr_db);
    return object;
}

static cJSON *point_json(const struct tare_search_point *p)
{
    cJSON *object = cJSON_CreateObject();
    json_add_number(object, "predicted_ms", p->predicted_ms);
    json_add_number(object, "measured_ms", p->measured_ms);
    (void)cJSON_AddNumberToObject(object, "int8_layers", (double)p->n_int8);
    (void)cJSON_AddItemToObject(object, "search", accuracy_json(&p->search));
    (void)cJSON_AddItemToObject(object, "held_back", accuracy_json(&p->held_back));
    (void)cJSON_AddBoolToObject(object, "front", p->is_on_front);
    (void)cJSON_AddBoolToObject(object, "chosen", p->is_chosen);
    return object;
}

static void add_points(cJSON *root, const struct tare_search *search)
{
    struct tare_search_point fp32, int8;
    tare_search_get_ends(search, &fp32, &int8);
    (void)cJSON_AddItemToObject(root, "fp32", point_json(&fp32));
    (void)cJSON_AddItemToObject(root, "int8", point_json(&int8));
    cJSON *points = cJSON_AddArrayToObject(root, "points");
    for (size_t i = 0; points && i < tare_search_n_points(search); i++) {
        struct tare_search_point point;
        tare_search_get_point(search, i, &point);
        (void)cJSON_AddItemToArray(points, point_json(&point));
        if (point.is_chosen)
            (void)cJSON_AddItemToObject(root, "chosen", point_json(&point));
    }
}

enum tare_status search_write_json(const struct tare_search *search,
                                   const struct tare_search_options *options,
                                   const char *path, struct tare_error *err)
{
    cJSON *root = cJSON_CreateObject();
    if (root) {
        (void)cJSON_AddNumberToObject(root, "accuracy_drop", options->drop);
        (void)cJSON_AddStringToObject(root, "unit", search_unit(options->metric));
        (void)cJSON_AddNumberToObject(root, "search_samples",
                                      (double)tare_search_n_samples(search, false));
        (void)cJSON_AddNumberToObject(root, "held_back_samples",
                                      (double)tare_search_n_samples(search, true));
        if (tare_search_plan(search))
            (void)cJSON_AddStringToObject(root, "layer_precisions",
                                          tare_search_precisions(search));
        else
            (void)cJSON_AddNullToObject(root, "layer_precisions");
        add_points(root, search);
        (void)cJSON_AddItemToObject(root, "sensitivity",
                                    sensitivity_json(tare_search_sensitivity(search)));
    }
    return json_write(root, path, err);
}
