/* The tables of `tare compare`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/compare.h"

void compare_sums_add(struct compare_sums *total, const struct compare_sums *part)
{
    total->signal += part->signal;
    total->error += part->error;
    total->reference2 += part->reference2;
    total->test2 += part->test2;
    total->product += part->product;
    if (part->max_abs > total->max_abs || isnan(part->max_abs))
        total->max_abs = part->max_abs;
    total->peak = fmax(total->peak, part->peak);
    total->n_values += part->n_values;
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

double compare_psnr(const struct compare_sums *sums)
{
    if (isnan(sums->error)) return (double)NAN;
    if (sums->error <= 0.0) return COMPARE_MAX_DB;
    if (sums->peak <= 0.0) return -COMPARE_MAX_DB;
    const double peak2 = sums->peak * sums->peak;
    return fmin(10.0 * log10(peak2 * sums->n_values / sums->error), COMPARE_MAX_DB);
}

double compare_cosine(const struct compare_sums *sums)
{
    const double norm = sqrt(sums->reference2) * sqrt(sums->test2);
    if (norm <= 0.0) return sums->reference2 == sums->test2 ? 1.0 : 0.0;
    return sums->product / norm;
}

double compare_percent(size_t part, size_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void print_row(const struct compare_layer *l)
{
    char clipped[32] = "-";
    if (l->held.name)
        (void)snprintf(clipped, sizeof clipped, "%.4f", 100.0 * l->held.clipped);
    printf("%10.2f %10.2f %10.6f %10s  %-5s %s (%s)\n", compare_sqnr(&l->isolated),
           compare_sqnr(&l->accumulated), compare_cosine(&l->accumulated), clipped,
           l->precision, l->name, l->layer);
    if (l->cause.words[0]) printf("%10s why: %s\n", "", l->cause.words);
    if (l->cause.flag[0]) printf("%10s try: %s\n", "", l->cause.flag);
}

static void print_layers(const struct compare_result *r)
{
    size_t *rows = compare_rank_layers(r);
    printf("\n%10s %10s %10s %10s  %-5s %s\n", "alone dB", "SQNR dB", "cosine",
           "clipped %", "Prec", "Tensor (layer), worst first");
    for (size_t i = 0; i < r->n_layers; i++)
        print_row(&r->layers[rows ? rows[i] : i]);
    free(rows);
}

static void print_outputs(const struct compare_result *r)
{
    printf("\n%10s %10s %10s %12s %10s  %s\n", "SQNR dB", "PSNR dB", "cosine",
           "max |diff|", "equal %", "Output");
    for (size_t i = 0; i < r->n_outputs; i++) {
        const struct compare_values *v = &r->outputs[i].values;
        if (v->is_exact)
            printf("%10s %10s %10s %12s %10.4f  %s", "-", "-", "-", "-",
                   compare_percent(v->n_equal, v->n_values), r->outputs[i].name);
        else
            printf("%10.2f %10.2f %10.6f %12.6g %10s  %s", compare_sqnr(&v->sums),
                   compare_psnr(&v->sums), compare_cosine(&v->sums), v->sums.max_abs,
                   "-", r->outputs[i].name);
        if (v->n_misshapen) printf(" (another shape in %zu samples)", v->n_misshapen);
        printf("\n");
    }
}

static void print_figure(const struct metrics_figure *figure)
{
    const double *value = figure->value;
    if (isnan(value[COMPARE_REFERENCE]))
        printf("%-34s %.6g\n", figure->name, value[COMPARE_TEST]);
    else
        printf("%-34s %.6g -> %.6g (%+.6g)\n", figure->name, value[COMPARE_REFERENCE],
               value[COMPARE_TEST], value[COMPARE_TEST] - value[COMPARE_REFERENCE]);
}

void compare_print(const struct compare_result *r, const char *reference)
{
    printf("Samples     %zu\n", r->n_samples);
    if (r->n_labelled) {
        printf("            %10s %10s %10s\n", reference, "Engine", "Change");
        printf("Top-1 (%%)   %10.2f %10.2f %+10.2f\n",
               compare_percent(r->reference.top1, r->n_labelled),
               compare_percent(r->test.top1, r->n_labelled),
               compare_percent(r->test.top1, r->n_labelled) -
                   compare_percent(r->reference.top1, r->n_labelled));
        printf("Top-5 (%%)   %10.2f %10.2f %+10.2f\n",
               compare_percent(r->reference.top5, r->n_labelled),
               compare_percent(r->test.top5, r->n_labelled),
               compare_percent(r->test.top5, r->n_labelled) -
                   compare_percent(r->reference.top5, r->n_labelled));
    }
    if (r->is_classifier)
        printf("Agreement (%%) %.2f\n", compare_percent(r->agree, r->n_samples));
    for (size_t i = 0; i < r->n_figures; i++)
        print_figure(&r->figures[i]);
    print_outputs(r);
    if (r->n_layers) print_layers(r);
}
