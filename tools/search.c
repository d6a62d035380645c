/* tare search: what INT8 costs layer by layer; the fastest mix within a budget. */
#include "tools/search.h"
#include "tools/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/data.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *onnx, *cache, *engine, *metric, *json, *plot, *shapes, *isa,
        *timing_cache;
    double drop;
    int64_t level;
    bool sensitivity, no_recovery, fp16, bf16;
} flags = {.drop = -1.0, .level = 3};

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"cache", OPTION_TEXT, &flags.cache, "FILE",
     "calibration cache; FILE.recovery is used when it is there", 0},
    {"accuracy-drop", OPTION_REAL, &flags.drop, "0.5",
     "what may be lost against FP32, in the metric's unit", 0},
    {"metric", OPTION_TEXT, &flags.metric, "top1|agreement|sqnr",
     "percentage points of top-1, percent of samples of another class than FP32's, or "
     "dB "
     "of the outputs' signal (default: top1; agreement without labels)",
     0},
    {"engine", OPTION_TEXT, &flags.engine, "OUT", "the engine file to write", 0},
    {"fp16", OPTION_SWITCH, &flags.fp16, NULL,
     "FP16 is a precision to choose, too, where layers are faster in it than in FP32",
     0},
    {"bf16", OPTION_SWITCH, &flags.bf16, NULL, "so is BF16", 0},
    {"sensitivity", OPTION_SWITCH, &flags.sensitivity, NULL,
     "measure the layers alone: no search, no engine", 0},
    {"no-recovery", OPTION_SWITCH, &flags.no_recovery, NULL,
     "leave FILE.recovery alone", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "shapes of inputs that the model leaves open", 0},
    {"isa", OPTION_TEXT, &flags.isa, "native|avx2|...", "as in tare build", 0},
    {"optimization-level", OPTION_COUNT, &flags.level, "0..5",
     "as in tare build (default: 3)", 0},
    {"timing-cache", OPTION_TEXT, &flags.timing_cache, "FILE", "as in tare build", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the figures", 0},
    {"plot", OPTION_TEXT, &flags.plot, "FILE.svg", "latency against accuracy", 0},
};

static const struct usage usage = {
    "search",
    "--onnx=MODEL --cache=FILE DATA --accuracy-drop=N --engine=OUT [flags]\n"
    "       tare search --onnx=MODEL --cache=FILE DATA --sensitivity [flags]",
    "Find the fastest assignment of INT8 and FP32 (--fp16, --bf16: of those too) to\n"
    "layers that loses no more than the\n"
    "budget, and build it. Every second sample is held back: layers are chosen by the\n"
    "others, and what is chosen keeps the budget on both halves. Exit status 1 when "
    "nothing\n"
    "but FP32 does. --sensitivity shows for every INT8 layer what quantizing it alone, "
    "and\n"
    "all layers up to it, does to its output and to the network's.",
    "  tare search --onnx=net.onnx --cache=net.cache --images=test --accuracy-drop=0.5 "
    "\\\n"
    "      --engine=net.tare --plot=net.svg\n"
    "  tare search --onnx=net.onnx --cache=net.cache --npy=samples.npy --metric=sqnr "
    "\\\n"
    "      --accuracy-drop=0.01 --engine=net.tare --json=net.json\n"
    "  tare search --onnx=net.onnx --cache=net.cache --images=calib --count=32 "
    "--sensitivity\n",
};

struct job {
    struct tare_model *model;
    struct tare_dataset *dataset;
    struct tare_cache *cache;
    struct tare_recovery *recovery;
    struct tare_build_options build;
    struct recover_samples runs;
    struct tare_sample_source source;
    int64_t *labels; /* [samples] */
};

static bool find_metric(struct tare_search_options *o)
{
    static const char *const names[] = {"top1", "agreement", "sqnr"};
    for (int i = 0; flags.metric && i < 3; i++)
        if (strcmp(flags.metric, names[i]) == 0) {
            o->metric = (enum tare_search_metric)i;
            return true;
        }
    return !flags.metric;
}

static enum tare_status read_labels(struct job *job, struct tare_error *err)
{
    const int64_t n = tare_dataset_count(job->dataset);
    job->labels = calloc((size_t)n, sizeof *job->labels);
    if (!job->labels)
        return report_error(err, TARE_E_NOMEM, "no memory for the %s", "labels");
    for (int64_t i = 0; i < n; i++)
        job->labels[i] = tare_dataset_label(job->dataset, i);
    return TARE_OK;
}

static enum tare_status open_job(struct job *job, struct tare_error *err)
{
    char path[RECOVER_PATH_BYTES];
    int64_t sample[3];
    enum tare_status st = plugins_load_model(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = tare_cache_read(flags.cache, &job->cache, err);
    if (st == TARE_OK && !flags.no_recovery)
        st = recover_read_beside(flags.cache, path, &job->recovery, err);
    if (st == TARE_OK) st = data_open_for_model(job->model, &job->dataset, err);
    if (st != TARE_OK) return st;
    tare_dataset_dims(job->dataset, sample);
    st = tare_model_bind(job->model, flags.shapes, data_batch(), sample, err);
    if (st == TARE_OK && tare_model_n_inputs(job->model) != 1)
        return report_error(err, TARE_E_UNSUPPORTED,
                            "the model has %zu inputs: tare search wants one",
                            tare_model_n_inputs(job->model));
    if (st == TARE_OK) st = read_labels(job, err);
    if (st != TARE_OK) return st;
    job->source = recover_source(&job->runs, job->model, job->dataset);
    job->build = (struct tare_build_options){
        .int8 = true,
        .fp16 = flags.fp16,
        .bf16 = flags.bf16,
        .cache = job->cache,
        .recovery = job->recovery,
        .isa = flags.isa,
        .optimization_level = (int)flags.level,
        .timing_cache = flags.timing_cache,
        .timing_threads = option_threads(),
    };
    return TARE_OK;
}

static void release(struct job *job)
{
    free(job->labels);
    tare_dataset_destroy(job->dataset);
    tare_recovery_destroy(job->recovery);
    tare_cache_destroy(job->cache);
    tare_model_destroy(job->model);
}

static enum tare_status measure(struct job *job, struct tare_error *err)
{
    struct tare_sensitivity *sensitivity;
    const struct tare_sensitivity_options o = {.n_threads = option_threads()};
    progress_start("measuring layers");
    enum tare_status st =
        tare_sensitivity_create(job->model, &job->build, &job->source, &o,
                                progress_show, NULL, &sensitivity, err);
    progress_clear();
    if (st == TARE_OK && flags.json)
        st = search_write_sensitivity(sensitivity, flags.json, err);
    if (st == TARE_OK) search_print_sensitivity(sensitivity);
    tare_sensitivity_destroy(sensitivity);
    return st;
}

static void show_phase(void *ctx, const char *what)
{
    (void)ctx;
    progress_clear();
    progress_start(what);
}

static bool has_labels(const struct job *job)
{
    for (int64_t i = 0; i < tare_dataset_count(job->dataset); i++)
        if (job->labels[i] >= 0) return true;
    return false;
}

/* How to build the same by hand, up to the layer precisions. */
static void command_of(char *text, size_t size)
{
    (void)snprintf(
        text, size, "tare build --onnx=%s --int8%s%s --cache=%s --engine=%s%s",
        flags.onnx, flags.fp16 ? " --fp16" : "", flags.bf16 ? " --bf16" : "",
        flags.cache, flags.engine, flags.no_recovery ? " --no-recovery" : "");
}

static enum tare_status search(struct job *job, struct tare_search_options *o,
                               struct tare_error *err)
{
    struct tare_search *found;
    char command[16384];
    o->n_threads = option_threads();
    o->labels = has_labels(job) ? job->labels : NULL;
    if (!flags.metric && !o->labels) o->metric = TARE_SEARCH_AGREEMENT;
    o->phase = show_phase;
    o->progress = progress_show;
    enum tare_status st =
        tare_search_create(job->model, &job->build, &job->source, o, &found, err);
    progress_clear();
    if (st != TARE_OK) return st;
    command_of(command, sizeof command);
    search_print(found, o, command);
    if (flags.json) st = search_write_json(found, o, flags.json, err);
    if (st == TARE_OK && flags.plot) st = search_write_plot(found, o, flags.plot, err);
    if (st == TARE_OK && tare_search_plan(found))
        st = tare_plan_save(tare_search_plan(found), flags.engine, err);
    else if (st == TARE_OK)
        st = search_failure(found, o, err);
    tare_search_destroy(found);
    return st;
}

static int check_usage(void)
{
    if (!flags.onnx || !flags.cache)
        return usage_error(&usage, "--%s is missing", flags.onnx ? "cache" : "onnx");
    if (flags.level > 5)
        return usage_error(&usage, "--optimization-level: want 0 to 5");
    if (flags.sensitivity) {
        if (flags.engine || flags.plot || flags.metric || flags.drop >= 0.0 ||
            flags.fp16 || flags.bf16)
            return usage_error(&usage, "--sensitivity searches nothing: --engine, "
                                       "--plot, --metric, --accuracy-drop, --fp16 and "
                                       "--bf16 do not go with it");
    } else if (!flags.engine || flags.drop < 0.0) {
        return usage_error(&usage, "--%s is missing",
                           flags.engine ? "accuracy-drop" : "engine");
    }
    return data_check(&usage);
}

static enum tare_status check_files(struct tare_error *err)
{
    const char *const paths[] = {flags.json, flags.plot, flags.engine};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < sizeof paths / sizeof paths[0]; i++)
        if (paths[i]) st = tare_file_check(paths[i], err);
    return st;
}

int tool_search(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Search", options, sizeof options / sizeof options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 3, argc, argv, &status)) return status;
    if (check_usage() != EXIT_DONE) return EXIT_USAGE;
    struct tare_search_options o = {.drop = flags.drop};
    if (!find_metric(&o))
        return usage_error(&usage, "--metric=%s, want top1, agreement or sqnr",
                           flags.metric);
    struct job job = {0};
    struct tare_error err = {0};
    enum tare_status st = check_files(&err);
    if (st == TARE_OK) st = open_job(&job, &err);
    if (st == TARE_OK)
        st = flags.sensitivity ? measure(&job, &err) : search(&job, &o, &err);
    release(&job);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
