/* The layers of `tare compare`: each tensor of the engine beside the reference's. */
#include <stdlib.h>
#include <string.h>

#include "tools/compare.h"
#include "tools/report.h"

static size_t find_tap(const struct tare_engine *engine, const char *name)
{
    const size_t n = tare_engine_n_taps(engine);
    for (size_t i = 0; i < n; i++)
        if (strcmp(tare_engine_tap_name(engine, i), name) == 0) return i;
    return SIZE_MAX;
}

/* Learn where each tapped tensor goes, by one run of the reference. */
static const float *measure_tap(void *ctx, const struct tare_tapped *tensor)
{
    struct compare_job *job = ctx;
    job->offset[tensor->index] = job->n_values;
    job->n_values += tensor->n_elems;
    return NULL;
}

/* The rows of the layer table: the test's taps that the reference makes as well. */
static const float *note_layer(void *ctx, const struct tare_tapped *tensor)
{
    struct compare_job *job = ctx;
    if (tensor->layer == SIZE_MAX || job->partner[tensor->index] == SIZE_MAX) {
        job->partner[tensor->index] = SIZE_MAX;
        return NULL;
    }
    struct tare_layer_info info;
    tare_engine_layer(job->test, tensor->layer, &info);
    job->result.layers[job->result.n_layers++] = (struct compare_layer){
        .name = tensor->name, .layer = info.name, .precision = info.precision};
    return NULL;
}

enum tare_status compare_prepare_layers(struct compare_job *job, struct tare_error *err)
{
    const size_t n_test = tare_engine_n_taps(job->test);
    job->partner = calloc(n_test, sizeof *job->partner);
    job->offset = calloc(tare_engine_n_taps(job->reference), sizeof *job->offset);
    job->result.layers = calloc(n_test, sizeof *job->result.layers);
    if (!job->partner || !job->offset || !job->result.layers)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "layers");
    for (size_t i = 0; i < n_test; i++)
        job->partner[i] = find_tap(job->reference, tare_engine_tap_name(job->test, i));
    struct feed_worker *w = &job->feed.workers[0];
    enum tare_status st =
        tare_context_set_tap(w->contexts[0], measure_tap, job, true, err);
    if (st == TARE_OK) st = tare_context_run(w->contexts[0], err);
    if (st == TARE_OK)
        st = tare_context_set_tap(w->contexts[1], note_layer, job, true, err);
    if (st == TARE_OK) st = tare_context_run(w->contexts[1], err);
    for (int i = 0; st == TARE_OK && i < job->feed.n_workers; i++) {
        job->feed.workers[i].own = malloc(job->n_values * sizeof(float));
        if (!job->feed.workers[i].own)
            return report_error(err, TARE_E_NOMEM, "no memory for the %s",
                                "activations of the reference");
    }
    job->layer_sums =
        calloc(job->feed.n_runs * job->result.n_layers, 2 * sizeof *job->layer_sums);
    if (!job->layer_sums)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "layers");
    return st;
}

/* One pass of the test engine against the values of the reference. */
struct look {
    struct compare_job *job;
    float *values;             /* of the reference */
    struct compare_sums *sums; /* [layer][2] of this batch */
    size_t n_seen;             /* layers so far */
    bool isolated;
    int64_t n; /* samples in the batch */
};

static const float *keep_values(void *ctx, const struct tare_tapped *tensor)
{
    struct look *look = ctx;
    memcpy(look->values + look->job->offset[tensor->index], tensor->data,
           tensor->n_elems * sizeof *look->values);
    return NULL;
}

static const float *judge_layer(void *ctx, const struct tare_tapped *tensor)
{
    struct look *look = ctx;
    const size_t partner = look->job->partner[tensor->index];
    if (partner == SIZE_MAX) return NULL;
    const float *reference = look->values + look->job->offset[partner];
    const size_t n = tensor->n_elems / (size_t)look->job->feed.batch * (size_t)look->n;
    look->sums[2 * look->n_seen++ + look->isolated] =
        compare_sums_of(reference, tensor->data, n, false);
    return look->isolated ? reference : NULL;
}

enum tare_status compare_judge_layers(struct compare_job *job, struct feed_worker *w,
                                      int64_t first, int64_t n, struct tare_error *err)
{
    const size_t run = (size_t)(first / job->feed.batch);
    struct look look = {
        .job = job,
        .values = w->own,
        .sums = job->layer_sums + 2 * run * job->result.n_layers,
        .n = n,
    };
    enum tare_status st =
        tare_context_set_tap(w->contexts[0], keep_values, &look, true, err);
    if (st == TARE_OK) st = tare_context_run(w->contexts[0], err);
    for (int isolated = 0; st == TARE_OK && isolated < 2; isolated++) {
        look.isolated = isolated != 0;
        look.n_seen = 0;
        st = tare_context_set_tap(w->contexts[1], judge_layer, &look, true, err);
        if (st == TARE_OK) st = tare_context_run(w->contexts[1], err);
        /* outputs are judged after the first pass, in which nothing was replaced */
        if (st == TARE_OK && !isolated)
            st = compare_judge_outputs(job, w, first, n, err);
    }
    return st;
}
