/* tare calibrate: run the FP32 model over samples, choose ranges, write the cache. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/calibration.h"
#include "tools/data.h"
#include "tools/feed.h"
#include "tools/progress.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *onnx, *calibrator, *cache, *header, *shapes, *isa, *load;
    double percentile, quantile, cutoff;
} flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"cache", OPTION_TEXT, &flags.cache, "OUT",
     "the calibration cache to write; a report goes to OUT.json", 0},
    {"calibrator", OPTION_TEXT, &flags.calibrator,
     "entropy2|entropy|minmax|max|percentile|mse|legacy|load",
     "how ranges are chosen (default: entropy2); entropy and legacy observe the "
     "tensors "
     "that fusion leaves",
     0},
    {"percentile", OPTION_REAL, &flags.percentile, "99.99",
     "percentile, max: percent of the values that a range holds (default: 99.99; max: "
     "100)",
     0},
    {"quantile", OPTION_REAL, &flags.quantile, "0.5",
     "legacy: quantile that is the region's maximum (default: 0.5)", 0},
    {"cutoff", OPTION_REAL, &flags.cutoff, "0.5",
     "legacy: part of the maximum where the regression begins; 1: none (default: 0.5)",
     0},
    {"load", OPTION_TEXT, &flags.load, "FILE",
     "load: a calibration cache, its report, or JSON {\"tensor\": range}", 0},
    {"header", OPTION_TEXT, &flags.header, "TRT-8601",
     "version in the cache's first line (default: TRT-8601)", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224",
     "shapes of inputs that the model leaves open", 0},
    {"isa", OPTION_TEXT, &flags.isa, "native|ref|avx2|avx512|vnni",
     "kernels to use; the cache does not depend on it", 0},
};

static const struct usage usage = {
    "calibrate",
    "--onnx=MODEL DATA --cache=OUT [flags]",
    "Run the FP32 network over samples, observe every tensor, choose its range and\n"
    "write a calibration cache in TensorRT's format. The cache does not depend on the\n"
    "order of samples, on --batch or on --threads.",
    "  tare calibrate --onnx=resnet.onnx --images=calib --preset=imagenet --count=500 "
    "\\\n"
    "      --cache=resnet.cache\n"
    "  tare calibrate --onnx=net.onnx --list=train.txt --scale=1/255 "
    "--calibrator=minmax \\\n"
    "      --cache=net.cache\n"
    "  tare calibrate --onnx=mnist.onnx --idx=t10k-images.gz --color=gray --scale=1 "
    "\\\n"
    "      --cache=mnist.cache\n",
};

/* What belongs to one calibration. */
struct job {
    struct tare_model *model;
    struct tare_dataset *dataset;
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct feed feed;
    const char **names;
    struct tare_observations *observations;
    struct tare_calibration *calibration;
    struct tare_cache *cache, *loaded;
    double seconds;
};

static void release(struct job *job)
{
    tare_cache_destroy(job->cache);
    tare_cache_destroy(job->loaded);
    tare_calibration_destroy(job->calibration);
    tare_observations_destroy(job->observations);
    free(job->names);
    feed_close(&job->feed);
    tare_engine_destroy(job->engine);
    tare_plan_destroy(job->plan);
    tare_dataset_destroy(job->dataset);
    tare_model_destroy(job->model);
}

static struct tare_calibrator_options settings(const struct job *job)
{
    return (struct tare_calibrator_options){.percentile = flags.percentile,
                                            .quantile = flags.quantile,
                                            .cutoff = flags.cutoff,
                                            .ranges = job->loaded};
}

/* A flag that is wrong shall show before hours of running. */
static enum tare_status check_calibrator(struct job *job, bool *after_fusion,
                                         struct tare_error *err)
{
    enum tare_status st =
        tare_calibrator_after_fusion(flags.calibrator, after_fusion, err);
    if (st == TARE_OK && flags.load)
        st = tare_cache_read_ranges(flags.load, &job->loaded, err);
    if (st != TARE_OK) return st;
    const struct tare_calibrator_options chosen = settings(job);
    return tare_calibrator_check(flags.calibrator, &chosen, err);
}

static enum tare_status open_all(struct job *job, struct tare_error *err)
{
    struct tare_model_value input;
    bool after_fusion = false;
    enum tare_status st = check_calibrator(job, &after_fusion, err);
    if (st == TARE_OK) st = tare_model_load(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = data_check_inputs(tare_model_n_inputs(job->model), err);
    if (st != TARE_OK) return st;
    tare_model_input(job->model, 0, &input);
    st = data_open(NULL, &input.dims, &job->dataset, err);
    if (st != TARE_OK) return st;
    int64_t sample[3];
    tare_dataset_dims(job->dataset, sample);
    st = tare_model_bind(job->model, flags.shapes, data_batch(), sample, err);
    const struct tare_build_options build = {.keep_tensors = !after_fusion,
                                             .isa = flags.isa};
    if (st == TARE_OK) st = tare_build(job->model, &build, &job->plan, err);
    if (st != TARE_OK) return st;
    size_t n_bytes;
    const void *bytes = tare_plan_bytes(job->plan, &n_bytes);
    st = tare_engine_open(bytes, n_bytes, &job->engine, err);
    if (st != TARE_OK) return st;
    const struct tare_engine *engine = job->engine;
    return feed_open(&job->feed, &engine, 1, job->dataset, option_threads(), err);
}

/* One run: the tap hands each tensor on, less what belongs to missing samples. */
struct observing {
    tare_observe_fn *observe;
    void *ctx;
    int64_t batch, n_samples;
    const char *uneven; /* a tensor that cannot be cut at a sample */
};

static const float *hand_on(void *ctx, const struct tare_tapped *tensor)
{
    struct observing *o = ctx;
    size_t n = tensor->n_elems;
    if (o->n_samples < o->batch) {
        if (tensor->dims.rank == 0 || tensor->dims.d[0] % o->batch != 0)
            o->uneven = tensor->name;
        n = n / (size_t)o->batch * (size_t)o->n_samples;
    }
    o->observe(o->ctx, tensor->index, tensor->data, n);
    return NULL;
}

static enum tare_status run_sample(void *ctx, int worker, size_t sample,
                                   tare_observe_fn *observe, void *observe_ctx,
                                   struct tare_error *err)
{
    struct job *job = ctx;
    struct feed *feed = &job->feed;
    struct tare_context *context = feed->workers[worker].contexts[0];
    struct observing observing = {observe, observe_ctx, feed->batch, 0, NULL};
    enum tare_status st =
        feed_read(feed, worker, (int64_t)sample, &observing.n_samples, err);
    if (st == TARE_OK)
        st = tare_context_set_tap(context, hand_on, &observing, false, err);
    if (st == TARE_OK) st = tare_context_run(context, err);
    if (st != TARE_OK || !observing.uneven) return st;
    return report_error(
        err, TARE_E_ARG,
        "the last batch has %lld of %lld samples and tensor '%.80s' cannot be cut: use "
        "--count with a multiple of the batch",
        (long long)observing.n_samples, (long long)feed->batch, observing.uneven);
}

static enum tare_status observe(struct job *job, struct tare_error *err)
{
    const size_t n_tensors = tare_engine_n_taps(job->engine);
    job->names = calloc(n_tensors, sizeof *job->names);
    if (!job->names) {
        return report_error(err, TARE_E_NOMEM, "no memory for %zu tensors", n_tensors);
    }
    for (size_t i = 0; i < n_tensors; i++)
        job->names[i] = tare_engine_tap_name(job->engine, i);
    const struct tare_forward forward = {
        .ctx = job,
        .n_workers = job->feed.n_workers,
        .batch = (size_t)job->feed.batch,
        .n_tensors = n_tensors,
        .names = job->names,
        .run = run_sample,
    };
    progress_start("calibrating");
    const double start = report_clock();
    const enum tare_status st = tare_observations_create(
        &forward, job->feed.n_samples, progress_show, NULL, &job->observations, err);
    job->seconds = report_clock() - start;
    progress_clear();
    return st;
}

static enum tare_status write_files(struct job *job, struct tare_error *err)
{
    char *preprocess = NULL;
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s.json", flags.cache);
    if (n < 0 || (size_t)n >= sizeof path) {
        return report_error(err, TARE_E_ARG, "--cache: the path is too long");
    }
    const struct tare_calibrator_options chosen = settings(job);
    enum tare_status st = tare_calibration_create(job->observations, flags.calibrator,
                                                  &chosen, &job->calibration, err);
    if (st == TARE_OK)
        st = tare_calibration_cache(job->calibration, flags.header, &job->cache, err);
    if (st == TARE_OK)
        st = tare_preprocess_json(tare_dataset_preprocess(job->dataset), &preprocess,
                                  err);
    if (st == TARE_OK)
        st = tare_calibration_write_report(job->calibration, preprocess, path, err);
    if (st == TARE_OK) st = tare_cache_write(job->cache, flags.cache, err);
    tare_preprocess_free_json(preprocess);
    return st;
}

static int by_clipping(const void *a, const void *b)
{
    const struct tare_calibrated *x = a, *y = b;
    if (x->clip_fraction != y->clip_fraction)
        return x->clip_fraction > y->clip_fraction ? -1 : 1;
    return strcmp(x->observed.name, y->observed.name);
}

static void print_most_clipped(const struct tare_calibration *calibration)
{
    const size_t n = tare_calibration_count(calibration);
    struct tare_calibrated *rows = calloc(n, sizeof *rows);
    if (!rows) return;
    for (size_t i = 0; i < n; i++)
        tare_calibration_get(calibration, i, &rows[i]);
    qsort(rows, n, sizeof *rows, by_clipping);
    printf("\nMost clipped:\n%12s %12s %10s  %s\n", "amax", "threshold", "clipped",
           "tensor");
    for (size_t i = 0; i < n && i < 10; i++)
        printf("%12.6g %12.6g %9.4f%%  %s\n", (double)rows[i].observed.amax,
               (double)rows[i].threshold, 100.0 * rows[i].clip_fraction,
               rows[i].observed.name);
    free(rows);
}

static void print_summary(const struct job *job)
{
    char memory[32];
    const double n = (double)job->feed.n_samples;
    printf("Calibrator    %s\n", tare_calibration_method(job->calibration));
    printf("Tensors       %zu\n", tare_calibration_count(job->calibration));
    printf("Images        %zu\n", job->feed.n_samples);
    printf("Images/s      %.1f\n", job->seconds > 0.0 ? n / job->seconds : 0.0);
    printf("Peak memory   %s\n", report_bytes(report_peak_memory(), memory));
    printf("Cache         %s\n", flags.cache);
    print_most_clipped(job->calibration);
}

int tool_calibrate(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Calibration", options, sizeof options / sizeof options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 3, argc, argv, &status)) return status;
    if (!flags.onnx || !flags.cache)
        return usage_error(&usage, "--%s is missing", flags.onnx ? "cache" : "onnx");

    struct job job = {0};
    struct tare_error err = {0};
    enum tare_status st = open_all(&job, &err);
    if (st == TARE_OK) st = observe(&job, &err);
    if (st == TARE_OK) st = write_files(&job, &err);
    if (st == TARE_OK) print_summary(&job);
    release(&job);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
