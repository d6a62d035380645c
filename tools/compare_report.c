/* The tables and the JSON of `tare compare`. */
#include <math.h>
#include <stdio.h>

#include "tools/compare.h"
#include "tools/json.h"

void compare_sums_add(struct compare_sums *total, const struct compare_sums *part)
{
    total->signal += part->signal;
    total->error += part->error;
    total->reference2 += part->reference2;
    total->test2 += part->test2;
    total->product += part->product;
    if (part->max_abs > total->max_abs || isnan(part->max_abs))
        total->max_abs = part->max_abs;
}

void compare_values_add(struct compare_values *total, const struct compare_values *part)
{
    compare_sums_add(&total->sums, &part->sums);
    total->is_exact |= part->is_exact;
    total->n_values += part->n_values;
    total->n_equal += part->n_equal;
    total->n_misshapen += part->n_misshapen;
}

double compare_sqnr(const struct compare_sums *sums)
{
    if (isnan(sums->error) || isnan(sums->signal)) return (double)NAN;
    if (sums->error <= 0.0) return COMPARE_MAX_DB;
    if (sums->signal <= 0.0) return -COMPARE_MAX_DB;
    return fmin(10.0 * log10(sums->signal / sums->error), COMPARE_MAX_DB);
}

double compare_cosine(const struct compare_sums *sums)
{
    const double norm = sqrt(sums->reference2) * sqrt(sums->test2);
    if (norm <= 0.0) return sums->reference2 == sums->test2 ? 1.0 : 0.0;
    return sums->product / norm;
}

static double percent(size_t part, size_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void print_layers(const struct compare_result *r)
{
    printf("\n%10s %10s %10s  %-5s %s\n", "SQNR dB", "alone dB", "cosine", "Prec",
           "Tensor (layer)");
    for (size_t i = 0; i < r->n_layers; i++) {
        const struct compare_layer *l = &r->layers[i];
        printf("%10.2f %10.2f %10.6f  %-5s %s (%s)\n", compare_sqnr(&l->accumulated),
               compare_sqnr(&l->isolated), compare_cosine(&l->accumulated),
               l->precision, l->name, l->layer);
    }
}

static void print_outputs(const struct compare_result *r)
{
    printf("\n%10s %10s %12s %10s  %s\n", "SQNR dB", "cosine", "max |diff|", "equal %",
           "Output");
    for (size_t i = 0; i < r->n_outputs; i++) {
        const struct compare_values *v = &r->outputs[i].values;
        if (v->is_exact)
            printf("%10s %10s %12s %10.4f  %s", "-", "-", "-",
                   percent(v->n_equal, v->n_values), r->outputs[i].name);
        else
            printf("%10.2f %10.6f %12.6g %10s  %s", compare_sqnr(&v->sums),
                   compare_cosine(&v->sums), v->sums.max_abs, "-", r->outputs[i].name);
        if (v->n_misshapen) printf(" (another shape in %zu samples)", v->n_misshapen);
        printf("\n");
    }
}

void compare_print(const struct compare_result *r, const char *reference)
{
    printf("Samples     %zu\n", r->n_samples);
    if (r->n_labelled) {
        printf("            %10s %10s %10s\n", reference, "Engine", "Change");
        printf("Top-1 (%%)   %10.2f %10.2f %+10.2f\n",
               percent(r->reference.top1, r->n_labelled),
               percent(r->test.top1, r->n_labelled),
               percent(r->test.top1, r->n_labelled) -
                   percent(r->reference.top1, r->n_labelled));
        printf("Top-5 (%%)   %10.2f %10.2f %+10.2f\n",
               percent(r->reference.top5, r->n_labelled),
               percent(r->test.top5, r->n_labelled),
               percent(r->test.top5, r->n_labelled) -
                   percent(r->reference.top5, r->n_labelled));
    }
    if (r->is_classifier)
        printf("Agreement (%%) %.2f\n", percent(r->agree, r->n_samples));
    print_outputs(r);
    if (r->n_layers) print_layers(r);
}

static void add_hits(cJSON *root, const char *name, const struct compare_hits *hits,
                     size_t n)
{
    cJSON *object = cJSON_AddObjectToObject(root, name);
    json_add_number(object, "top1", n ? percent(hits->top1, n) : (double)NAN);
    json_add_number(object, "top5", n ? percent(hits->top5, n) : (double)NAN);
}

/* Floats have an error, other types a share of equal values. */
static void add_values(cJSON *row, const struct compare_values *v)
{
    const double none = (double)NAN;
    json_add_number(row, "sqnr_db", v->is_exact ? none : compare_sqnr(&v->sums));
    json_add_number(row, "cosine", v->is_exact ? none : compare_cosine(&v->sums));
    json_add_number(row, "max_abs", v->is_exact ? none : v->sums.max_abs);
    json_add_number(row, "equal",
                    v->is_exact && v->n_values ? percent(v->n_equal, v->n_values)
                                               : none);
    json_add_number(row, "other_shapes", (double)v->n_misshapen);
}

enum tare_status compare_write_json(const struct compare_result *r, const char *path,
                                    struct tare_error *err)
{
    cJSON *root = cJSON_CreateObject();
    json_add_number(root, "count", (double)r->n_samples);
    add_hits(root, "fp32", &r->reference, r->n_labelled);
    add_hits(root, "engine", &r->test, r->n_labelled);
    json_add_number(root, "agreement_top1",
                    r->is_classifier ? percent(r->agree, r->n_samples) : (double)NAN);
    cJSON *outputs = cJSON_AddArrayToObject(root, "outputs");
    for (size_t i = 0; i < r->n_outputs; i++) {
        const struct compare_output *o = &r->outputs[i];
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", o->name);
        add_values(row, &o->values);
        (void)cJSON_AddItemToArray(outputs, row);
    }
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    for (size_t i = 0; i < r->n_layers; i++) {
        const struct compare_layer *l = &r->layers[i];
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", l->name);
        (void)cJSON_AddStringToObject(row, "layer", l->layer);
        (void)cJSON_AddStringToObject(row, "precision", l->precision);
        json_add_number(row, "sqnr_db", compare_sqnr(&l->accumulated));
        json_add_number(row, "cosine", compare_cosine(&l->accumulated));
        json_add_number(row, "isolated_sqnr_db", compare_sqnr(&l->isolated));
        (void)cJSON_AddItemToArray(layers, row);
    }
    return json_write(root, path, err);
}
