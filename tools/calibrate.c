/* tare calibrate: run the FP32 model over samples, choose ranges, write the cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/calibration.h"
#include "tare/file.h"
#include "tools/data.h"
#include "tools/feed.h"
#include "tools/interrupt.h"
#include "tools/observe.h"
#include "tools/plugins.h"
#include "tools/ranks.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/tool.h"
#include "tools/tune.h"

#define CALIBRATORS "entropy2|entropy|minmax|max|percentile|mse|legacy|load|default|mix"

static struct {
    const char *onnx, *calibrator, *cache, *header, *shapes, *isa, *observations, *from,
        *load;
    double percentile, quantile, cutoff;
    bool resume, exact_bins;
    const char *recover;
} flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"cache", OPTION_TEXT, &flags.cache, "OUT",
     "the calibration cache to write; a report goes to OUT.json", 0},
    {"calibrator", OPTION_TEXT, &flags.calibrator, CALIBRATORS,
     "how ranges are chosen (default: entropy2); entropy and legacy observe the "
     "tensors that fusion leaves; default judges several on samples that it holds "
     "back, mix goes on to choose one for each tensor",
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
    {"exact-bins", OPTION_SWITCH, &flags.exact_bins, NULL,
     "run the samples twice and choose from 2048 bins of width amax / 2048, as "
     "TensorRT "
     "does",
     0},
    {"header", OPTION_TEXT, &flags.header, "TRT-8601",
     "version in the cache's first line (default: TRT-8601)", 0},
    {"observations", OPTION_TEXT, &flags.observations, "OUT.h5",
     "keep the histograms (HDF5), also while running", 0},
    {"resume", OPTION_SWITCH, &flags.resume, NULL,
     "go on from --observations where a run was stopped", 0},
    {"from", OPTION_TEXT, &flags.from, "A.h5[,B.h5...]",
     "calibrate from kept histograms: no model, no images", 0},
    {"recover", OPTION_TEXT, &flags.recover, "bias,equalize,smooth,rounding|auto|none",
     "correct biases and weights for INT8, into OUT.recovery: any of these passes, or "
     "what helps (default: none; of the calibrators default and mix: auto)",
     0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224",
     "shapes of inputs that the model leaves open", 0},
    {"isa", OPTION_TEXT, &flags.isa,
     "native|portable|ref|avx2|avxvnni|avx512|vnni|bf16|amx|amx16|neon|dotprod|i8mm",
     "kernels to use; the cache does not depend on it", 0},
};

static const struct usage usage = {
    "calibrate",
    "--onnx=MODEL DATA --cache=OUT [flags]\n"
    "       tare calibrate --from=A.h5[,B.h5...] --cache=OUT [flags]",
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
    "      --cache=mnist.cache\n"
    "  tare calibrate --onnx=net.onnx --images=calib --observations=net.h5 --resume "
    "\\\n"
    "      --cache=net.cache\n"
    "  tare calibrate --from=net.h5,more.h5 --calibrator=minmax --cache=net.cache\n"
    "  mpirun -n 4 tare calibrate --onnx=net.onnx --images=calib --cache=net.cache\n",
};

/* What belongs to one calibration. */
struct job {
    struct tare_model *model;
    struct tare_dataset *dataset;
    struct tare_plan *plan;
    struct tare_engine *engine;
    struct feed feed;
    char *preprocess; /* JSON; NULL with --from */
    struct tare_observations *observations;
    struct recover_request recover;
    struct tare_tuning *tuning; /* of default and mix; of the others: */
    struct tare_calibration *calibration;
    struct tare_cache *cache, *loaded;
    size_t n_run; /* samples, in these seconds */
    double seconds;
};

static void release(struct job *job)
{
    tare_tuning_destroy(job->tuning);
    tare_cache_destroy(job->cache);
    tare_cache_destroy(job->loaded);
    tare_calibration_destroy(job->calibration);
    tare_observations_destroy(job->observations);
    tare_preprocess_free_json(job->preprocess);
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
                                            .ranges = job->loaded,
                                            .n_threads = option_threads()};
}

/* What is wrong with flags shall show before hours of running. */
static enum tare_status check_files(struct tare_error *err)
{
    enum tare_status st = tare_file_check(flags.cache, err);
    if (st == TARE_OK && flags.observations)
        st = tare_file_check(flags.observations, err);
    return st;
}

static bool is_calibrator(const char *name)
{
    size_t i = 0;
    while (tare_calibrator_name(i) && strcmp(tare_calibrator_name(i), name) != 0)
        i++;
    return tare_calibrator_name(i) || tune_is_asked(name);
}

static enum tare_status check_calibrator(struct job *job, bool *after_fusion,
                                         struct tare_error *err)
{
    if (tune_is_asked(flags.calibrator)) return TARE_OK;
    enum tare_status st =
        tare_calibrator_after_fusion(flags.calibrator, after_fusion, err);
    if (st == TARE_OK && flags.load)
        st = tare_cache_read_ranges(flags.load, &job->loaded, err);
    if (st != TARE_OK) return st;
    const struct tare_calibrator_options chosen = settings(job);
    return tare_calibrator_check(flags.calibrator, &chosen, err);
}

static enum tare_status open_all(struct job *job, bool after_fusion,
                                 struct tare_error *err)
{
    enum tare_status st = plugins_load_model(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = data_open_for_model(job->model, &job->dataset, err);
    if (st != TARE_OK) return st;
    int64_t sample[3];
    tare_dataset_dims(job->dataset, sample);
    st = tare_model_bind(job->model, flags.shapes, data_batch(), sample, err);
    if (st == TARE_OK && tare_model_is_quantized(job->model))
        st = report_error(err, TARE_E_ARG,
                          "%s is quantized itself, so that there is nothing to "
                          "calibrate: tare build --int8 builds it as it is",
                          flags.onnx);
    const struct tare_build_options build = {
        .keep_tensors = !after_fusion, .cut_early = !after_fusion, .isa = flags.isa};
    if (st == TARE_OK) st = tare_build(job->model, &build, &job->plan, err);
    if (st != TARE_OK) return st;
    st = tare_plan_open(job->plan, &job->engine, err);
    if (st != TARE_OK) return st;
    const struct tare_engine *engine = job->engine;
    return feed_open(&job->feed, &engine, 1, job->dataset, option_threads(), err);
}

static enum tare_status observe_dataset(struct job *job, const struct tare_comm *comm,
                                        struct tare_error *err)
{
    size_t n_bytes;
    const void *bytes = tare_plan_bytes(job->plan, &n_bytes);
    enum tare_status st = tare_preprocess_json(tare_dataset_preprocess(job->dataset),
                                               &job->preprocess, err);
    if (st != TARE_OK) return st;
    const struct observe_options observe_options = {
        .path = flags.observations,
        .resume = flags.resume,
        .exact = flags.exact_bins,
        .source = observe_source(bytes, n_bytes, job->preprocess, job->dataset),
        .comm = comm,
    };
    const double start = report_clock();
    st = observe(job->engine, &job->feed, &observe_options, &job->n_run,
                 &job->observations, err);
    job->seconds = report_clock() - start;
    return st;
}

static const struct tare_calibration *calibration_of(const struct job *job)
{
    return job->tuning ? tare_tuning_calibration(job->tuning) : job->calibration;
}

static enum tare_status choose_ranges(struct job *job, struct tare_error *err)
{
    if (tune_is_asked(flags.calibrator))
        return tune_run(flags.calibrator, &job->recover, job->model, job->dataset,
                        job->observations, flags.header, flags.isa, &job->tuning, err);
    const struct tare_calibrator_options chosen = settings(job);
    const enum tare_status st = tare_calibration_create(
        job->observations, flags.calibrator, &chosen, &job->calibration, err);
    if (st != TARE_OK) return st;
    return tare_calibration_cache(job->calibration, flags.header, &job->cache, err);
}

static enum tare_status write_recovery(const struct job *job, struct tare_error *err)
{
    if (job->tuning)
        return recover_write(tare_tuning_recovery(job->tuning), flags.cache, err);
    return recover_run(&job->recover, job->model, job->dataset, job->cache, flags.cache,
                       flags.isa, err);
}

static enum tare_status write_files(struct job *job, struct tare_error *err)
{
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s.json", flags.cache);
    if (n < 0 || (size_t)n >= sizeof path) {
        return report_error(err, TARE_E_ARG, "--cache: the path is too long");
    }
    enum tare_status st = choose_ranges(job, err);
    if (st == TARE_OK)
        st = tare_calibration_write_report(calibration_of(job), job->preprocess, path,
                                           err);
    if (st == TARE_OK)
        st = tare_cache_write(job->tuning ? tare_tuning_cache(job->tuning) : job->cache,
                              flags.cache, err);
    return st == TARE_OK ? write_recovery(job, err) : st;
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
    const double n = (double)tare_observations_samples(job->observations);
    const struct tare_calibration *calibration = calibration_of(job);
    printf("Calibrator    %s\n", tare_calibration_method(calibration));
    printf("Tensors       %zu\n", tare_calibration_count(calibration));
    printf("Images        %.0f\n", n);
    if (job->dataset && tare_dataset_n_skipped(job->dataset) > 0)
        printf("Skipped       %lld\n", (long long)tare_dataset_n_skipped(job->dataset));
    if (job->n_run) printf("Images/s      %.1f\n", (double)job->n_run / job->seconds);
    printf("Peak memory   %s\n", report_bytes(report_peak_memory(), memory));
    printf("Cache         %s\n", flags.cache);
    print_most_clipped(calibration);
}

static enum tare_status calibrate(struct job *job, const struct tare_comm *comm,
                                  struct tare_error *err)
{
    bool after_fusion = false;
    enum tare_status st = check_files(err);
    if (st == TARE_OK) st = check_calibrator(job, &after_fusion, err);
    if (st != TARE_OK) return st;
    if (flags.from) return observe_from_files(flags.from, &job->observations, err);
    st = open_all(job, after_fusion, err);
    return st == TARE_OK ? observe_dataset(job, comm, err) : st;
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
    if (!flags.cache) return usage_error(&usage, "--cache is missing");
    if (!flags.onnx == !flags.from)
        return usage_error(&usage, "give either --onnx and data, or --from");
    if (flags.calibrator && !is_calibrator(flags.calibrator))
        return usage_error(&usage, "--calibrator=%s, want " CALIBRATORS,
                           flags.calibrator);
    if (flags.onnx && data_check(&usage) != EXIT_DONE) return EXIT_USAGE;
    if (flags.exact_bins && flags.from)
        return usage_error(&usage, "--exact-bins needs the samples, not --from");
    if (flags.resume && !flags.observations)
        return usage_error(&usage, "--resume wants --observations=FILE to go on from");

    struct job job = {0};
    const bool tunes = tune_is_asked(flags.calibrator);
    if (!recover_parse(tunes && !flags.recover ? "auto" : flags.recover, &job.recover))
        return usage_error(&usage,
                           "--recover=%s, want auto, none, or some of bias, equalize, "
                           "smooth and rounding",
                           flags.recover);
    if (flags.from && (tunes || job.recover.passes))
        return usage_error(&usage, "--%s needs the model and samples, not --from",
                           tunes ? "calibrator=default or mix" : "recover");

    struct tare_comm comm = {0};
    struct tare_error err = {0};
    enum tare_status st = ranks_open(&comm, &err);
    if (st != TARE_OK) return report_failure(&err);
    if (comm.size > 1 && flags.resume)
        st = report_error(&err, TARE_E_ARG, "--resume works with one process only");
    if (st == TARE_OK) st = calibrate(&job, &comm, &err);
    interrupt_defer();
    if (st == TARE_OK && comm.rank == 0) st = write_files(&job, &err);
    interrupt_resume();
    if (st == TARE_OK && comm.rank == 0) print_summary(&job);
    release(&job);
    return ranks_close(&comm, st, &err);
}
