/* What went worst: layers, and samples. */
#include <math.h>
#include <stdlib.h>

#include "tools/compare.h"
#include "tools/report.h"

struct ranked {
    double db;
    bool is_wrong; /* the two networks choose different classes */
    size_t number;
};

/* NaN is worse than anything. */
static int by_damage(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->is_wrong != y->is_wrong) return x->is_wrong ? -1 : 1;
    if (isnan(x->db) != isnan(y->db)) return isnan(x->db) ? -1 : 1;
    if (x->db < y->db || x->db > y->db) return x->db < y->db ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

size_t *compare_rank_layers(const struct compare_result *r)
{
    struct ranked *ranked = calloc(r->n_layers + 1, sizeof *ranked);
    size_t *rows = calloc(r->n_layers + 1, sizeof *rows);
    if (!ranked || !rows) {
        free(ranked);
        free(rows);
        return NULL;
    }
    for (size_t i = 0; i < r->n_layers; i++)
        ranked[i] =
            (struct ranked){.db = compare_sqnr(&r->layers[i].isolated), .number = i};
    qsort(ranked, r->n_layers, sizeof *ranked, by_damage);
    for (size_t i = 0; i < r->n_layers; i++)
        rows[i] = ranked[i].number;
    free(ranked);
    return rows;
}

enum tare_status compare_rank_samples(struct compare_job *job, struct tare_error *err)
{
    struct compare_result *r = &job->result;
    if (r->outputs[0].values.is_exact) return TARE_OK; /* no error to rank by */
    struct ranked *ranked = calloc(r->n_samples + 1, sizeof *ranked);
    if (!ranked) return report_error(err, TARE_E_NOMEM, "no memory for the samples");
    for (size_t s = 0; s < r->n_samples; s++)
        ranked[s] = (struct ranked){
            .db = compare_sqnr(&job->output_values[s * r->n_outputs].sums),
            .is_wrong = r->is_classifier && job->best[s].reference != job->best[s].test,
            .number = s,
        };
    qsort(ranked, r->n_samples, sizeof *ranked, by_damage);
    while (r->n_worst < r->n_samples && r->n_worst < COMPARE_MAX_WORST) {
        const size_t s = ranked[r->n_worst].number;
        r->worst[r->n_worst++] = (struct compare_sample){
            .name = tare_dataset_sample_name(job->dataset, (int64_t)s),
            .sqnr_db = compare_sqnr(&job->output_values[s * r->n_outputs].sums),
            .label = tare_dataset_label(job->dataset, (int64_t)s),
            .reference = job->best[s].reference,
            .test = job->best[s].test,
        };
    }
    free(ranked);
    return TARE_OK;
}
