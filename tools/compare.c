/* tare compare: an engine beside the FP32 model, or beside another engine. */
#include "tools/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tools/data.h"
#include "tools/feed.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *onnx, *json;
    struct option_list engines;
    bool layers;
} flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the network, run in FP32", 0},
    {"engine", OPTION_LIST, &flags.engines, "FILE",
     "made by tare build; twice: the first is the reference", 0},
    {"layers", OPTION_SWITCH, &flags.layers, NULL,
     "compare every tensor that both networks make", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the figures; rates in percent", 0},
};

static const struct usage usage = {
    "compare",
    "--onnx=MODEL --engine=FILE DATA [--layers] [flags]",
    "Run the FP32 network and an engine on the same samples: top-1 and top-5 where "
    "there\n"
    "are labels, agreement, SQNR and cosine of the outputs (signal: the output less "
    "its\n"
    "mean over the sample) and of every layer. \"alone\" is a layer's own damage: its\n"
    "inputs are the reference's.",
    "  tare compare --onnx=resnet.onnx --engine=resnet.tare --images=test "
    "--preset=imagenet\n"
    "  tare compare --onnx=net.onnx --engine=net.tare --list=test.txt --layers "
    "--json=r.json\n"
    "  tare compare --engine=a.tare --engine=b.tare --images=test "
    "--preprocess=net.cache.json\n",
};

/* One comparison. Slots per sample make the sums independent of the threads. */
struct job {
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *engines[2]; /* reference, test */
    struct tare_dataset *dataset;
    struct feed feed;
    struct compare_result result;
    size_t n_classes; /* values of the first output in one sample */
    size_t *partner;  /* [test taps] tap of the reference, or SIZE_MAX */
    size_t *offset;   /* [reference taps] into a worker's values */
    size_t n_values;
    struct compare_sums *output_sums; /* [sample][output] */
    struct compare_sums *layer_sums;  /* [sample][layer][accumulated, isolated] */
    struct {
        int64_t reference, test;  /* best class */
    } * best;                     /* [sample] */
    struct compare_hits *hits[2]; /* [sample] */
};

/* "a:1x3x8x8,b:1x7": what the engine's inputs are. */
static void print_shapes(const struct tare_engine *engine, char *text, size_t size)
{
    struct tare_engine_info info;
    size_t used = 0;
    tare_engine_info(engine, &info);
    text[0] = '\0';
    for (size_t i = 0; i < info.n_bindings && used + 1 < size; i++) {
        struct tare_binding input;
        char dims[128];
        tare_engine_binding(engine, i, &input);
        if (!input.is_input) break;
        const int n = snprintf(text + used, size - used, "%s%.800s:%s", i ? "," : "",
                               input.name, report_dims(&input.dims, dims));
        if (n > 0) used += (size_t)n;
    }
}

static enum tare_status open_reference(struct job *job, struct tare_error *err)
{
    if (flags.engines.n == 2)
        return tare_engine_load(flags.engines.items[0], &job->engines[0], err);
    char shapes[4096];
    print_shapes(job->engines[1], shapes, sizeof shapes);
    enum tare_status st = tare_model_load(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = tare_model_bind(job->model, shapes, 1, NULL, err);
    const struct tare_build_options build = {0};
    if (st == TARE_OK) st = tare_build(job->model, &build, &job->plan, err);
    if (st != TARE_OK) return st;
    size_t n_bytes;
    const void *bytes = tare_plan_bytes(job->plan, &n_bytes);
    return tare_engine_open(bytes, n_bytes, &job->engines[0], err);
}

/* The same inputs and outputs. */
static enum tare_status check_bindings(const struct job *job, struct tare_error *err)
{
    struct tare_engine_info info[2];
    for (int e = 0; e < 2; e++)
        tare_engine_info(job->engines[e], &info[e]);
    if (info[0].n_bindings != info[1].n_bindings)
        return report_error(err, TARE_E_ARG, "%s",
                            "the two networks have different inputs or outputs");
    for (size_t i = 0; i < info[0].n_bindings; i++) {
        struct tare_binding a, b;
        tare_engine_binding(job->engines[0], i, &a);
        tare_engine_binding(job->engines[1], i, &b);
        if (strcmp(a.name, b.name) != 0 || a.n_bytes != b.n_bytes ||
            a.is_input != b.is_input)
            return report_error(err, TARE_E_ARG, "the two networks differ in '%.80s'",
                                a.name);
    }
    return TARE_OK;
}

static enum tare_status open_all(struct job *job, struct tare_error *err)
{
    enum tare_status st = tare_engine_load(flags.engines.items[flags.engines.n - 1],
                                           &job->engines[1], err);
    if (st == TARE_OK) st = open_reference(job, err);
    if (st == TARE_OK) st = check_bindings(job, err);
    if (st != TARE_OK) return st;
    st = data_open_for_engine(job->engines[1], &job->dataset, err);
    if (st != TARE_OK) return st;
    const struct tare_engine *engines[] = {job->engines[0], job->engines[1]};
    st = feed_open(&job->feed, engines, 2, job->dataset, option_threads(), err);
    if (st != TARE_OK) return st;
    struct tare_binding output;
    tare_engine_binding(job->engines[1], job->feed.n_inputs, &output);
    job->n_classes = output.n_bytes / sizeof(float) / (size_t)job->feed.batch;
    return st;
}

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
    struct job *job = ctx;
    job->offset[tensor->index] = job->n_values;
    job->n_values += tensor->n_elems;
    return NULL;
}

/* The rows of the layer table: the test's taps that the reference makes as well. */
static const float *note_layer(void *ctx, const struct tare_tapped *tensor)
{
    struct job *job = ctx;
    if (tensor->layer == SIZE_MAX || job->partner[tensor->index] == SIZE_MAX) {
        job->partner[tensor->index] = SIZE_MAX;
        return NULL;
    }
    struct tare_layer_info info;
    tare_engine_layer(job->engines[1], tensor->layer, &info);
    job->result.layers[job->result.n_layers++] = (struct compare_layer){
        .name = tensor->name, .layer = info.name, .precision = info.precision};
    return NULL;
}

static enum tare_status prepare_layers(struct job *job, struct tare_error *err)
{
    const size_t n_test = tare_engine_n_taps(job->engines[1]);
    job->partner = calloc(n_test, sizeof *job->partner);
    job->offset = calloc(tare_engine_n_taps(job->engines[0]), sizeof *job->offset);
    job->result.layers = calloc(n_test, sizeof *job->result.layers);
    if (!job->partner || !job->offset || !job->result.layers)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "layers");
    for (size_t i = 0; i < n_test; i++)
        job->partner[i] =
            find_tap(job->engines[0], tare_engine_tap_name(job->engines[1], i));
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

static enum tare_status prepare(struct job *job, struct tare_error *err)
{
    struct compare_result *r = &job->result;
    r->n_samples = job->feed.n_samples;
    r->is_classifier = job->n_classes > 1;
    r->n_outputs = feed_n_outputs(&job->feed, 1);
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
        tare_engine_binding(job->engines[1], job->feed.n_inputs + i, &binding);
        r->outputs[i].name = binding.name;
    }
    return flags.layers ? prepare_layers(job, err) : TARE_OK;
}

static struct compare_sums sums_of(const float *reference, const float *test, size_t n,
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
        if (fabs(d) > s.max_abs) s.max_abs = fabs(d);
    }
    return s;
}

/* Of equal scores the lower class comes first. */
static struct compare_hits hits_of(const float *scores, size_t n, int64_t label,
                                   int64_t *best)
{
    struct compare_hits hits = {0};
    *best = 0;
    for (size_t c = 1; c < n; c++)
        if (scores[c] > scores[*best]) *best = (int64_t)c;
    if (label < 0 || (size_t)label >= n) return hits;
    size_t rank = 0;
    for (size_t c = 0; c < n; c++)
        rank += scores[c] > scores[label] ||
                (scores[c] == scores[label] && c < (size_t)label);
    hits.top1 = rank == 0;
    hits.top5 = rank < 5;
    return hits;
}

static void judge_outputs(struct job *job, const struct feed_worker *w, int64_t first,
                          int64_t n)
{
    struct compare_result *r = &job->result;
    for (int64_t s = 0; s < n; s++) {
        const size_t sample = (size_t)(first + s);
        for (size_t i = 0; i < r->n_outputs; i++) {
            struct tare_binding binding;
            tare_engine_binding(job->engines[1], job->feed.n_inputs + i, &binding);
            const size_t elems =
                binding.n_bytes / sizeof(float) / (size_t)job->feed.batch;
            job->output_sums[sample * r->n_outputs + i] =
                sums_of(w->outputs[0][i] + (size_t)s * elems,
                        w->outputs[1][i] + (size_t)s * elems, elems, elems > 1);
        }
        const int64_t label = tare_dataset_label(job->dataset, (int64_t)sample);
        const size_t at = (size_t)s * job->n_classes;
        job->hits[0][sample] = hits_of(w->outputs[0][0] + at, job->n_classes, label,
                                       &job->best[sample].reference);
        job->hits[1][sample] = hits_of(w->outputs[1][0] + at, job->n_classes, label,
                                       &job->best[sample].test);
    }
}

/* One pass of the test engine against the values of the reference. */
struct look {
    struct job *job;
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
        sums_of(reference, tensor->data, n, false);
    return look->isolated ? reference : NULL;
}

static enum tare_status judge_layers(struct job *job, struct feed_worker *w,
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
        if (st == TARE_OK && !isolated) judge_outputs(job, w, first, n);
    }
    return st;
}

static enum tare_status judge(void *ctx, struct feed *feed, int worker, int64_t first,
                              int64_t n, struct tare_error *err)
{
    struct job *job = ctx;
    struct feed_worker *w = &feed->workers[worker];
    if (flags.layers) return judge_layers(job, w, first, n, err);
    enum tare_status st = tare_context_run(w->contexts[0], err);
    if (st == TARE_OK) st = tare_context_run(w->contexts[1], err);
    if (st == TARE_OK) judge_outputs(job, w, first, n);
    return st;
}

static void add_up(struct job *job)
{
    struct compare_result *r = &job->result;
    for (size_t s = 0; s < r->n_samples; s++) {
        r->n_labelled += tare_dataset_label(job->dataset, (int64_t)s) >= 0;
        r->reference.top1 += job->hits[0][s].top1;
        r->reference.top5 += job->hits[0][s].top5;
        r->test.top1 += job->hits[1][s].top1;
        r->test.top5 += job->hits[1][s].top5;
        r->agree += job->best[s].reference == job->best[s].test;
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
}

static void release(struct job *job)
{
    for (int i = 0; job->feed.workers && i < job->feed.n_workers; i++)
        free(job->feed.workers[i].own);
    feed_close(&job->feed);
    free(job->hits[0]);
    free(job->hits[1]);
    free(job->best);
    free(job->layer_sums);
    free(job->output_sums);
    free(job->offset);
    free(job->partner);
    free(job->result.layers);
    free(job->result.outputs);
    tare_dataset_destroy(job->dataset);
    tare_engine_destroy(job->engines[0]);
    tare_engine_destroy(job->engines[1]);
    tare_plan_destroy(job->plan);
    tare_model_destroy(job->model);
}

int tool_compare(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Comparison", options, sizeof options / sizeof options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 3, argc, argv, &status)) return status;
    const size_t n_wanted = flags.onnx ? 1 : 2;
    if (flags.engines.n != n_wanted)
        return usage_error(&usage,
                           "give --onnx and one --engine, or two --engine; not %zu%s",
                           flags.engines.n, flags.onnx ? " beside --onnx" : "");

    struct job job = {0};
    struct tare_error err = {0};
    enum tare_status st = open_all(&job, &err);
    if (st == TARE_OK) st = prepare(&job, &err);
    if (st == TARE_OK) st = feed_run(&job.feed, "comparing", judge, &job, &err);
    if (st == TARE_OK) {
        add_up(&job);
        compare_print(&job.result, flags.onnx ? "FP32" : "Reference");
        if (flags.json) st = compare_write_json(&job.result, flags.json, &err);
    }
    release(&job);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
