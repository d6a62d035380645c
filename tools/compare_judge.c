/* Judges outputs against the reference's, and adds up. */
#include <math.h>
#include <stdlib.h>

#include "tools/compare.h"
#include "tools/report.h"

enum tare_status compare_prepare_outputs(struct compare_job *job,
                                         struct tare_error *err)
{
    struct compare_result *r = &job->result;
    r->n_samples = job->feed.n_samples;
    r->is_classifier = job->n_classes > 1;
    r->n_outputs = feed_n_outputs(&job->feed, job->feed.n_engines - 1);
    r->outputs = calloc(r->n_outputs, sizeof *r->outputs);
    job->output_sums = calloc(r->n_samples * r->n_outputs, sizeof *job->output_sums);
    job->best = calloc(r->n_samples, sizeof *job->best);
    job->hits[0] = calloc(r->n_samples, sizeof *job->hits[0]);
    job->hits[1] = calloc(r->n_samples, sizeof *job->hits[1]);
    if (!r->outputs || !job->output_sums || !job->best || !job->hits[0] ||
        !job->hits[1])
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "results");
    for (size_t i = 0; i < r->n_outputs; i++) {
        struct tare_binding binding;
        tare_engine_binding(job->test, job->feed.n_inputs + i, &binding);
        r->outputs[i].name = binding.name;
    }
    return TARE_OK;
}

struct compare_sums compare_sums_of(const float *reference, const float *test, size_t n,
                                    bool centred)
{
    struct compare_sums s = {0};
    double mean = 0.0;
    for (size_t i = 0; centred && i < n; i++)
        mean += (double)reference[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double a = (double)reference[i], b = (double)test[i], d = b - a;
        s.signal += (a - mean) * (a - mean);
        s.error += d * d;
        s.reference2 += a * a;
        s.test2 += b * b;
        s.product += a * b;
        if (fabs(d) > s.max_abs || isnan(d)) s.max_abs = fabs(d);
    }
    return s;
}

/* Of equal scores the lower class comes first; with a NaN none does. */
static struct compare_hits hits_of(const float *scores, size_t n, int64_t label,
                                   int64_t *best)
{
    struct compare_hits hits = {0};
    *best = 0;
    for (size_t c = 0; c < n && *best >= 0; c++)
        if (isnan(scores[c]))
            *best = -1;
        else if (scores[c] > scores[*best])
            *best = (int64_t)c;
    if (*best < 0 || label < 0 || (size_t)label >= n) return hits;
    size_t rank = 0;
    for (size_t c = 0; c < n; c++)
        rank += scores[c] > scores[label] ||
                (scores[c] == scores[label] && c < (size_t)label);
    hits.top1 = rank == 0;
    hits.top5 = rank < 5;
    return hits;
}

/* One output of the reference for sample `s` of the batch from `first` on. */
static const float *reference_of(const struct compare_job *job,
                                 const struct feed_worker *w, size_t output,
                                 size_t elems, int64_t first, int64_t s)
{
    return job->stored ? job->stored[output] + (size_t)(first + s) * elems
                       : w->outputs[0][output] + (size_t)s * elems;
}

void compare_judge_outputs(struct compare_job *job, const struct feed_worker *w,
                           int64_t first, int64_t n)
{
    struct compare_result *r = &job->result;
    float *const *outputs = w->outputs[job->feed.n_engines - 1];
    for (int64_t s = 0; s < n; s++) {
        const size_t sample = (size_t)(first + s);
        for (size_t i = 0; i < r->n_outputs; i++) {
            struct tare_binding binding;
            tare_engine_binding(job->test, job->feed.n_inputs + i, &binding);
            const size_t elems =
                binding.n_bytes / sizeof(float) / (size_t)job->feed.batch;
            job->output_sums[sample * r->n_outputs + i] =
                compare_sums_of(reference_of(job, w, i, elems, first, s),
                                outputs[i] + (size_t)s * elems, elems, elems > 1);
        }
        const int64_t label = tare_dataset_label(job->dataset, (int64_t)sample);
        const size_t n_classes = job->n_classes;
        job->hits[0][sample] = hits_of(reference_of(job, w, 0, n_classes, first, s),
                                       n_classes, label, &job->best[sample].reference);
        job->hits[1][sample] = hits_of(outputs[0] + (size_t)s * n_classes, n_classes,
                                       label, &job->best[sample].test);
    }
}

enum tare_status compare_judge(void *ctx, struct feed *feed, int worker, int64_t first,
                               int64_t n, struct tare_error *err)
{
    struct compare_job *job = ctx;
    struct feed_worker *w = &feed->workers[worker];
    if (job->with_layers) return compare_judge_layers(job, w, first, n, err);
    enum tare_status st = TARE_OK;
    for (size_t e = 0; st == TARE_OK && e < feed->n_engines; e++)
        st = tare_context_run(w->contexts[e], err);
    if (st == TARE_OK) compare_judge_outputs(job, w, first, n);
    return st;
}

static enum tare_status gather(struct compare_job *job, const struct tare_comm *comm,
                               struct tare_error *err)
{
    const struct compare_result *r = &job->result;
    const struct {
        void *slots;
        size_t n_bytes;
    } all[] = {
        {job->output_sums, r->n_samples * r->n_outputs * sizeof *job->output_sums},
        {job->layer_sums, job->feed.n_runs * r->n_layers * 2 * sizeof *job->layer_sums},
        {job->best, r->n_samples * sizeof *job->best},
        {job->hits[0], r->n_samples * sizeof *job->hits[0]},
        {job->hits[1], r->n_samples * sizeof *job->hits[1]},
    };
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < sizeof all / sizeof all[0]; i++)
        st = ranks_gather(comm, all[i].slots, all[i].n_bytes, err);
    return st;
}

enum tare_status compare_add_up(struct compare_job *job, const struct tare_comm *comm,
                                struct tare_error *err)
{
    struct compare_result *r = &job->result;
    const enum tare_status st = gather(job, comm, err);
    if (st != TARE_OK) return st;
    for (size_t s = 0; s < r->n_samples; s++) {
        r->n_labelled += tare_dataset_label(job->dataset, (int64_t)s) >= 0;
        r->reference.top1 += job->hits[0][s].top1;
        r->reference.top5 += job->hits[0][s].top5;
        r->test.top1 += job->hits[1][s].top1;
        r->test.top5 += job->hits[1][s].top5;
        r->agree +=
            job->best[s].reference == job->best[s].test && job->best[s].test >= 0;
        for (size_t i = 0; i < r->n_outputs; i++)
            compare_sums_add(&r->outputs[i].sums,
                             &job->output_sums[s * r->n_outputs + i]);
    }
    if (!r->is_classifier) r->n_labelled = 0;
    for (size_t run = 0; run < job->feed.n_runs; run++)
        for (size_t i = 0; i < r->n_layers; i++) {
            const struct compare_sums *sums =
                &job->layer_sums[2 * (run * r->n_layers + i)];
            compare_sums_add(&r->layers[i].accumulated, &sums[0]);
            compare_sums_add(&r->layers[i].isolated, &sums[1]);
        }
    return TARE_OK;
}
