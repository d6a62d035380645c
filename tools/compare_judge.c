/* Judges outputs against the reference's, and adds up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    job->output_values =
        calloc(r->n_samples * r->n_outputs, sizeof *job->output_values);
    job->best = calloc(r->n_samples, sizeof *job->best);
    job->hits[0] = calloc(r->n_samples, sizeof *job->hits[0]);
    job->hits[1] = calloc(r->n_samples, sizeof *job->hits[1]);
    if (!r->outputs || !job->output_values || !job->best || !job->hits[0] ||
        !job->hits[1])
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "results");
    for (size_t i = 0; i < r->n_outputs; i++) {
        struct tare_binding binding;
        bound_as_model(job->test, job->feed.n_inputs + i, &binding);
        r->outputs[i].name = binding.name;
        if (binding.dims.rank < 0 && job->stored && job->feed.batch > 1)
            return report_error(err, TARE_E_UNSUPPORTED,
                                "output '%.80s' has no axis for the samples of a batch",
                                binding.name);
    }
    return TARE_OK;
}

struct compare_sums compare_sums_of(const float *reference, const float *test, size_t n,
                                    bool centred)
{
    struct compare_sums s = {.n_values = (double)n};
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
        s.peak = fmax(s.peak, fabs(a));
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

/* Sample `s` of the batch, of what a network's run made; the whole run's where only
 * that told the shape. */
static struct compare_view view_of(const struct feed *feed, const struct feed_worker *w,
                                   size_t e, size_t output, int64_t s, bool is_late)
{
    const struct tare_result result = feed_result(feed, w, e, output);
    const size_t n_bytes =
        is_late ? result.n_bytes : result.n_bytes / (size_t)feed->batch;
    return (struct compare_view){result.dims, result.dtype,
                                 (const char *)result.data + (size_t)s * n_bytes,
                                 n_bytes};
}

static bool same_dims(const struct tare_dims *a, const struct tare_dims *b)
{
    return a->rank == b->rank &&
           memcmp(a->d, b->d, (size_t)a->rank * sizeof a->d[0]) == 0;
}

static struct compare_values judge_values(const struct compare_view *reference,
                                          const struct compare_view *test, bool is_late)
{
    struct compare_values v = {.is_exact = test->dtype != TARE_F32};
    if (reference->dtype != test->dtype || reference->n_bytes != test->n_bytes ||
        (is_late && !same_dims(&reference->dims, &test->dims))) {
        v.n_misshapen = 1;
        return v;
    }
    const size_t elem_bytes = (size_t)tare_dtype_bytes(test->dtype);
    const size_t n = test->n_bytes / elem_bytes;
    if (!v.is_exact) {
        v.sums = compare_sums_of(reference->data, test->data, n, n > 1);
        return v;
    }
    const char *a = reference->data, *b = test->data;
    v.n_values = n;
    for (size_t i = 0; i < n; i++, a += elem_bytes, b += elem_bytes)
        v.n_equal += memcmp(a, b, elem_bytes) == 0;
    return v;
}

/* Both networks' scores, if they are some. */
static void judge_scores(struct compare_job *job, size_t sample,
                         const struct compare_view *reference,
                         const struct compare_view *test)
{
    const int64_t label = tare_dataset_label(job->dataset, (int64_t)sample);
    const size_t n = job->n_classes;
    if (n == 0) return;
    job->hits[0][sample] =
        hits_of(reference->data, n, label, &job->best[sample].reference);
    job->hits[1][sample] = hits_of(test->data, n, label, &job->best[sample].test);
}

static enum tare_status judge_output(struct compare_job *job,
                                     const struct feed_worker *w, size_t i,
                                     int64_t first, int64_t n, struct tare_error *err)
{
    const struct feed *feed = &job->feed;
    const size_t n_outputs = job->result.n_outputs;
    struct tare_binding binding;
    enum tare_status st = TARE_OK;
    bound_as_model(job->test, feed->n_inputs + i, &binding);
    const bool is_late = binding.dims.rank < 0;
    for (int64_t s = 0; st == TARE_OK && s < (is_late ? 1 : n); s++) {
        struct tare_npy_array own = {0};
        struct compare_view reference;
        const struct compare_view test =
            view_of(feed, w, feed->n_engines - 1, i, s, is_late);
        if (job->stored)
            st = compare_stored_view(job, i, first + s, &own, &reference, err);
        else
            reference = view_of(feed, w, 0, i, s, is_late);
        if (st == TARE_OK) {
            job->output_values[(size_t)(first + s) * n_outputs + i] =
                judge_values(&reference, &test, is_late);
            if (i == 0) judge_scores(job, (size_t)(first + s), &reference, &test);
        }
        tare_npy_release(&own);
    }
    return st;
}

/* One axis of classes, behind that of the samples. */
static bool are_scores(const struct tare_dims *dims)
{
    int n = 0;
    for (int32_t i = 1; i < dims->rank; i++)
        n += dims->d[i] != 1;
    return n == 1;
}

enum tare_status compare_open_metrics(struct compare_job *job,
                                      const struct metrics_options *options,
                                      const struct tare_comm *comm,
                                      struct tare_error *err)
{
    const size_t n = job->result.n_outputs;
    struct tare_metric_output *outputs = calloc(n, sizeof *outputs);
    if (!outputs)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "results");
    for (size_t i = 0; i < n; i++) {
        struct tare_binding binding;
        bound_as_model(job->test, job->feed.n_inputs + i, &binding);
        outputs[i] = (struct tare_metric_output){
            .name = binding.name, .dtype = binding.dtype, .dims = binding.dims};
    }
    const enum tare_status st = metrics_open(
        options, job->dataset, are_scores(&outputs[0].dims) ? job->n_classes : 0,
        outputs, n, comm, &job->metrics, err);
    free(outputs);
    return st;
}

/* Sample `s` of the batch as both networks left it. @param outputs  room for the
 * outputs of both; `own` the same for stored ones */
static enum tare_status measure_sample(struct compare_job *job,
                                       const struct feed_worker *w, int64_t first,
                                       int64_t s, struct tare_metric_output *outputs,
                                       struct tare_npy_array *own,
                                       struct tare_error *err)
{
    const struct feed *feed = &job->feed;
    const size_t n = job->result.n_outputs;
    struct tare_metric_sample both[COMPARE_NETWORKS];
    enum tare_status st = TARE_OK;
    for (size_t k = 0; k < COMPARE_NETWORKS; k++)
        both[k] = (struct tare_metric_sample){
            .name = tare_dataset_sample_name(job->dataset, first + s),
            .index = (size_t)(first + s),
            .label = tare_dataset_label(job->dataset, first + s),
            .n_outputs = n,
            .outputs = outputs + k * n,
        };
    for (size_t i = 0; st == TARE_OK && i < n * COMPARE_NETWORKS; i++) {
        const size_t output = i % n;
        const bool is_test = i / n == COMPARE_TEST;
        struct tare_binding binding;
        struct compare_view view = {0};
        bound_as_model(job->test, feed->n_inputs + output, &binding);
        if (!is_test && job->stored)
            st = compare_stored_view(job, output, first + s, &own[output], &view, err);
        else
            view = view_of(feed, w, is_test ? feed->n_engines - 1 : 0, output, s,
                           binding.dims.rank < 0);
        outputs[i] = (struct tare_metric_output){binding.name, view.dtype, view.dims,
                                                 view.data, view.n_bytes};
    }
    return st == TARE_OK ? metrics_measure(job->metrics, both, err) : st;
}

static enum tare_status measure(struct compare_job *job, const struct feed_worker *w,
                                int64_t first, int64_t n, struct tare_error *err)
{
    const size_t n_outputs = job->result.n_outputs;
    struct tare_metric_output *outputs =
        calloc(n_outputs, COMPARE_NETWORKS * sizeof *outputs);
    struct tare_npy_array *own = calloc(n_outputs, sizeof *own);
    enum tare_status st = TARE_OK;
    if (!outputs || !own)
        st = report_error(err, TARE_E_NOMEM, "no memory for the %s", "results");
    for (int64_t s = 0; st == TARE_OK && s < n; s++) {
        st = measure_sample(job, w, first, s, outputs, own, err);
        for (size_t i = 0; i < n_outputs; i++)
            tare_npy_release(&own[i]);
    }
    free(outputs);
    free(own);
    return st;
}

enum tare_status compare_judge_outputs(struct compare_job *job,
                                       const struct feed_worker *w, int64_t first,
                                       int64_t n, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < job->result.n_outputs; i++)
        st = judge_output(job, w, i, first, n, err);
    if (st == TARE_OK && job->metrics) st = measure(job, w, first, n, err);
    return st;
}

enum tare_status compare_judge(void *ctx, struct feed *feed, int worker, int64_t first,
                               int64_t n, struct tare_error *err)
{
    struct compare_job *job = ctx;
    struct feed_worker *w = &feed->workers[worker];
    if (job->with_layers) return compare_judge_layers(job, w, first, n, err);
    enum tare_status st = TARE_OK;
    for (size_t e = 0; st == TARE_OK && e < feed->n_engines; e++)
        st = feed_execute(feed, w, e, err);
    return st == TARE_OK ? compare_judge_outputs(job, w, first, n, err) : st;
}

static enum tare_status gather(struct compare_job *job, const struct tare_comm *comm,
                               struct tare_error *err)
{
    const struct compare_result *r = &job->result;
    const struct {
        void *slots;
        size_t n_bytes;
    } all[] = {
        {job->output_values, r->n_samples * r->n_outputs * sizeof *job->output_values},
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
    enum tare_status st = gather(job, comm, err);
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
            compare_values_add(&r->outputs[i].values,
                               &job->output_values[s * r->n_outputs + i]);
    }
    if (!r->is_classifier) r->n_labelled = 0;
    if (job->metrics) st = metrics_finish(job->metrics, comm, err);
    r->figures = metrics_figures(job->metrics, &r->n_figures);
    if (st == TARE_OK) st = compare_add_layers(job, comm, err);
    return st == TARE_OK ? compare_rank_samples(job, err) : st;
}
