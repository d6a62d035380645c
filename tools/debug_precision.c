/* tare debug precision: the least set of layers that must stay in FP32. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/file.h"
#include "tare/recovery.h"
#include "tools/data.h"
#include "tools/ddmin.h"
#include "tools/debug.h"
#include "tools/debug_judge.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/words.h"

static struct {
    const char *onnx, *cache, *shapes, *isa, *spec, *json;
    bool no_recovery;
    struct debug_criterion criterion;
} flags = {.criterion = {.min_sqnr_db = -1.0, .accuracy_drop = -1.0}};

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"cache", OPTION_TEXT, &flags.cache, "FILE",
     "calibration cache; FILE.recovery is used when it is there", 0},
    {"no-recovery", OPTION_SWITCH, &flags.no_recovery, NULL,
     "leave FILE.recovery alone", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "shapes of inputs that the model leaves open", 0},
    {"isa", OPTION_TEXT, &flags.isa, "native|avx2|...", "as in tare build", 0},
    {"spec", OPTION_TEXT, &flags.spec, "FILE",
     "write the layers as --layer-precisions takes them", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE",
     "the layers, layer_precisions, the number of builds", 0},
};

static const struct option criterion_options[] = {
    {"min-sqnr", OPTION_REAL, &flags.criterion.min_sqnr_db, "DB",
     "signal over noise of every output against FP32", 0},
    {"accuracy-drop", OPTION_REAL, &flags.criterion.accuracy_drop, "P",
     "percentage points of top-1 that may be lost; without labels, percent of samples "
     "of another class than FP32's",
     0},
    RUN_TOLERANCE_OPTIONS(&flags.criterion.tolerances),
    {"check", OPTION_TEXT, &flags.criterion.command, "CMD",
     "a command for the shell, {} in it is the engine's path; it exits with 0 when all "
     "is well",
     0},
};

static const struct usage usage = {
    "debug precision",
    "--onnx=MODEL --cache=FILE DATA CRITERION [flags]",
    "Find layers that must stay in FP32 so that an INT8 build keeps a criterion: a set "
    "as\n"
    "small as can be, from which no layer can be left out. It is found by delta "
    "debugging\n"
    "(ddmin), an engine built and run for every try. One criterion of --min-sqnr, "
    "--atol\n"
    "and --rtol, --accuracy-drop or --check. `tare search` looks for the fastest mix "
    "within\n"
    "a budget instead, and times it.",
    "  tare debug precision --onnx=net.onnx --cache=net.cache --npy=in.npy "
    "--min-sqnr=25\n"
    "  tare debug precision --onnx=net.onnx --cache=net.cache --npy=in.npy "
    "--atol=0.1 \\\n"
    "      --spec=fp32.txt\n"
    "  tare build --onnx=net.onnx --int8 --cache=net.cache --engine=net.tare \\\n"
    "      --precision-constraints=obey --layer-precisions=\"$(cat fp32.txt)\"\n"
    "  tare debug precision --onnx=net.onnx --cache=net.cache "
    "--opt-shapes=x:1x3x224x224 \\\n"
    "      --check='./top1.sh {} 75.2'\n",
};

struct job {
    struct tare_model *model;
    struct tare_cache *cache;
    struct tare_recovery *recovery;
    struct tare_dataset *dataset; /* NULL: --check needs none */
    struct debug_judge *judge;
    struct words layers; /* those that are INT8 without a request */
    size_t n_builds;
};

static enum tare_status open_job(struct job *job, struct tare_error *err)
{
    char path[RECOVER_PATH_BYTES];
    int64_t sample[3];
    const bool has_data = data_is_given();
    enum tare_status st = plugins_load_model(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = tare_cache_read(flags.cache, &job->cache, err);
    if (st == TARE_OK && !flags.no_recovery)
        st = recover_read_beside(flags.cache, path, &job->recovery, err);
    if (st == TARE_OK && has_data)
        st = data_open_for_model(job->model, &job->dataset, err);
    if (st != TARE_OK) return st;
    if (has_data) tare_dataset_dims(job->dataset, sample);
    st = tare_model_bind(job->model, flags.shapes, data_batch(),
                         has_data ? sample : NULL, err);
    return st == TARE_OK ? debug_judge_create(&flags.criterion, job->model,
                                              job->dataset, &job->judge, err)
                         : st;
}

static void release(struct job *job)
{
    debug_judge_destroy(job->judge);
    words_free(&job->layers);
    tare_dataset_destroy(job->dataset);
    tare_recovery_destroy(job->recovery);
    tare_cache_destroy(job->cache);
    tare_model_destroy(job->model);
}

/* "'a':fp32,'b':fp32" of the layers in the set; free() it. */
static char *spec_of(const struct job *job, const bool *set)
{
    struct words entries = {0};
    for (size_t i = 0; i < job->layers.n; i++)
        if (set[i]) words_add(&entries, "'%s':fp32", job->layers.items[i]);
    char *spec = words_join(&entries, ',');
    words_free(&entries);
    return spec;
}

/* INT8 but for the layers in the set. @param set  NULL: nothing is asked for */
static enum tare_status build(struct job *job, const bool *set, struct tare_plan **plan,
                              struct tare_error *err)
{
    char *spec = set ? spec_of(job, set) : NULL;
    const struct tare_build_options o = {
        .int8 = true,
        .cache = job->cache,
        .recovery = job->recovery,
        .isa = flags.isa,
        .constraints = spec ? TARE_CONSTRAINTS_OBEY : TARE_CONSTRAINTS_NONE,
        .layer_precisions = spec,
    };
    job->n_builds++;
    const enum tare_status st = tare_build(job->model, &o, plan, err);
    free(spec);
    return st;
}

static void tell(const struct job *job, const bool *set, bool holds)
{
    size_t n = 0;
    for (size_t i = 0; set && i < job->layers.n; i++)
        n += set[i];
    if (!debug_tells()) return;
    (void)fprintf(stderr, "tare: build %zu: %zu of %zu layers in FP32: %s, %s\n",
                  job->n_builds, n, job->layers.n, holds ? "holds" : "does not hold",
                  debug_judge_says(job->judge));
}

static enum tare_status test(void *ctx, const bool *set, bool *holds,
                             struct tare_error *err)
{
    struct job *job = ctx;
    struct tare_plan *plan = NULL;
    enum tare_status st = build(job, set, &plan, err);
    if (st == TARE_OK) st = debug_judge_plan(job->judge, plan, holds, err);
    tare_plan_destroy(plan);
    if (st == TARE_OK) tell(job, set, *holds);
    return st;
}

/* Names of the layers that a build without requests has in INT8, and whether it does.
 */
static enum tare_status list_layers(struct job *job, bool *holds,
                                    struct tare_error *err)
{
    struct tare_plan *plan = NULL;
    enum tare_status st = build(job, NULL, &plan, err);
    for (size_t i = 0; st == TARE_OK && i < tare_plan_n_rows(plan); i++) {
        struct tare_build_row row;
        tare_plan_row(plan, i, &row);
        if (strcmp(row.got, "INT8") != 0) continue;
        if (strchr(row.name, '\''))
            st = report_error(err, TARE_E_UNSUPPORTED,
                              "layer %.80s has a quote in its name, so that no "
                              "specification can name it: rename it by tare surgeon",
                              row.name);
        words_add(&job->layers, "%s", row.name);
    }
    if (st == TARE_OK && job->layers.failed)
        st = report_error(err, TARE_E_NOMEM, "no memory for the layers");
    if (st == TARE_OK && job->layers.n == 0)
        st = report_error(err, TARE_E_ARG, "%.150s: no layer runs in INT8", flags.onnx);
    if (st == TARE_OK) st = debug_judge_plan(job->judge, plan, holds, err);
    tare_plan_destroy(plan);
    if (st == TARE_OK) tell(job, NULL, *holds);
    return st;
}

static cJSON *result_json(const struct job *job, const bool *set, const char *spec)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *layers = cJSON_AddArrayToObject(root, "fp32_layers");
    for (size_t i = 0; i < job->layers.n; i++)
        if (set[i])
            (void)cJSON_AddItemToArray(layers,
                                       cJSON_CreateString(job->layers.items[i]));
    (void)cJSON_AddStringToObject(root, "layer_precisions", spec ? spec : "");
    json_add_number(root, "int8_layers", (double)job->layers.n);
    json_add_number(root, "builds", (double)job->n_builds);
    return root;
}

static enum tare_status print_result(const struct job *job, const bool *set,
                                     struct tare_error *err)
{
    size_t n = 0;
    char *spec = spec_of(job, set);
    for (size_t i = 0; i < job->layers.n; i++)
        n += set[i];
    if (n > 0 && !spec)
        return report_error(err, TARE_E_NOMEM, "no memory for the layers");
    printf("Must stay in FP32: %zu of %zu INT8 layers (%zu builds)\n", n, job->layers.n,
           job->n_builds);
    for (size_t i = 0; i < job->layers.n; i++)
        if (set[i]) printf("  %s\n", job->layers.items[i]);
    if (n > 0)
        printf("By hand: tare build --onnx=%s --int8 --cache=%s%s --engine=OUT "
               "--precision-constraints=obey --layer-precisions=\"%s\"\n",
               flags.onnx, flags.cache, flags.no_recovery ? " --no-recovery" : "",
               spec);
    const char *text = spec ? spec : "";
    enum tare_status st = TARE_OK;
    if (flags.spec) st = tare_file_write(flags.spec, text, strlen(text), err);
    if (st == TARE_OK && flags.json)
        st = json_write(result_json(job, set, spec), flags.json, err);
    free(spec);
    return st;
}

static enum tare_status find(struct job *job, struct tare_error *err)
{
    bool holds = false;
    size_t n_tests = 0;
    enum tare_status st = list_layers(job, &holds, err);
    if (st != TARE_OK) return st;
    bool *set = calloc(job->layers.n, sizeof *set);
    if (!set) return report_error(err, TARE_E_NOMEM, "no memory for the layers");
    if (!holds) {
        memset(set, true, job->layers.n);
        st = test(job, set, &holds, err);
        if (st == TARE_OK && !holds)
            st = report_error(err, TARE_E_ARG,
                              "the criterion does not hold with all %zu layers in FP32 "
                              "either: %.100s",
                              job->layers.n, debug_judge_says(job->judge));
        if (st == TARE_OK) st = ddmin(set, job->layers.n, test, job, &n_tests, err);
    }
    if (st == TARE_OK) st = print_result(job, set, err);
    free(set);
    return st;
}

static int check_usage(void)
{
    const char *wrong;
    if (!flags.onnx || !flags.cache)
        return usage_error(&usage, "--%s is missing", flags.onnx ? "cache" : "onnx");
    if (!debug_criterion_check(&flags.criterion, &wrong))
        return usage_error(&usage, "%s", wrong);
    if (flags.criterion.command && !data_is_given()) return EXIT_DONE;
    return data_check(&usage);
}

int debug_precision(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Precision", options, sizeof options / sizeof options[0]},
        {"Criterion (one)", criterion_options,
         sizeof criterion_options / sizeof criterion_options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 4, argc, argv, &status)) return status;
    if (check_usage() != EXIT_DONE) return EXIT_USAGE;
    const char *const files[] = {flags.spec, flags.json};
    struct job job = {0};
    struct tare_error err = {0};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < sizeof files / sizeof files[0]; i++)
        if (files[i]) st = tare_file_check(files[i], &err);
    if (st == TARE_OK) st = open_job(&job, &err);
    if (st == TARE_OK) st = find(&job, &err);
    release(&job);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
