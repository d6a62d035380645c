/* tare run: an engine on samples; outputs as arrays, beside others, or the top classes.
 */
#include <stdio.h>
#include <string.h>

#include "tare/builder.h"
#include "tare/file.h"
#include "tools/data.h"
#include "tools/json.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/run_compare.h"
#include "tools/run_keep.h"
#include "tools/run_mark.h"
#include "tools/scratch.h"
#include "tools/shaped.h"
#include "tools/tool.h"

static struct {
    const char *engine, *onnx, *shapes, *save_inputs, *save_outputs, *load_outputs;
    const char *onnxruntime, *dump, *json;
    struct run_tolerances tolerances;
    bool validate, mark_all;
    int64_t top;
} flags;

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE", "made by tare build", 0},
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL",
     "without --engine: run it in FP32; with one: the model for --onnxruntime", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "shapes of inputs that the model leaves open", 0},
    {"output", OPTION_TEXT, &flags.save_outputs, "DIR", "the same as --save-outputs",
     0},
    {"save-outputs", OPTION_TEXT, &flags.save_outputs, "DIR|FILE.npz",
     "write each output as DIR/<name>.npy, samples along the first axis; as "
     "DIR/<name>.<sample>.npy where samples differ in shape; or all into an archive",
     0},
    {"save-inputs", OPTION_TEXT, &flags.save_inputs, "DIR|FILE.npz",
     "write what the network read likewise, for --load-inputs", 0},
    {"mark-all", OPTION_SWITCH, &flags.mark_all, NULL,
     "treat every tensor that the engine makes as an output", 0},
    {"dump-intermediate", OPTION_TEXT, &flags.dump, "DIR|FILE.npz",
     "write every tensor of the run, inputs too", 0},
    {"top", OPTION_COUNT, &flags.top, "K",
     "print the K best classes of the first output (default: 5, when nothing else is "
     "asked for)",
     1},
};

static const struct option compare_options[] = {
    {"load-outputs", OPTION_TEXT, &flags.load_outputs, "DIR|FILE.npz",
     "compare with outputs that --save-outputs wrote", 0},
    {"onnxruntime", OPTION_TEXT, &flags.onnxruntime, "LIB",
     "compare with ONNX Runtime on the same inputs: the path of libonnxruntime.so.1; "
     "wants --onnx",
     0},
    RUN_TOLERANCE_OPTIONS(&flags.tolerances),
    {"validate", OPTION_SWITCH, &flags.validate, NULL,
     "fail where an output has NaN or Inf", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE",
     "the statistics of the comparison or the validation", 0},
};

static const struct usage usage = {
    "run",
    "--engine=FILE|--onnx=MODEL DATA [--save-outputs=DIR] [--top=K] [flags]",
    "Run an engine, or a model in FP32, on samples. Results are in the order of the\n"
    "samples. They can be compared with stored outputs or with ONNX Runtime: figures "
    "of\n"
    "both, and of the difference; exit status 1 when a tensor is out of tolerance, or "
    "not\n"
    "valid. Where the engine has optimization profiles, --batch is the number of "
    "samples "
    "a\n"
    "run.",
    "  tare run --engine=resnet.tare --images=photos --preset=imagenet --top=3\n"
    "  tare run --engine=net.tare --raw=inputs --save-outputs=outputs\n"
    "  tare run --engine=int8.tare --load-inputs=in.npz --load-outputs=fp32.npz "
    "--atol=0.1\n"
    "  tare run --onnx=net.onnx --npy=in.npy --onnxruntime=libonnxruntime.so.1 "
    "--rtol=1e-4\n"
    "  tare run --engine=net.tare --npy=in.npy --validate --mark-all\n"
    "  tare run --engine=net.tare --npy=in.npy --count=1 --dump-intermediate=tensors\n",
};

/* What runs, and on what. */
struct job {
    struct tare_model *model;
    struct tare_plan *plan;
    struct tare_engine *fp32;         /* of the plan, or */
    struct shaped opened;             /* of a file */
    const struct tare_engine *engine; /* one of them */
    struct tare_dataset *dataset;
    struct onnxruntime *other;
    struct words marked; /* its outputs besides the network's */
    struct run_kept kept;
    size_t n_compared, n_failed, n_bad;
};

/* The scores of a sample, in the first output. */
static enum tare_status find_scores(const struct run_arrays *outputs, size_t sample,
                                    const float **scores, size_t *n,
                                    struct tare_error *err)
{
    const struct tare_result result = run_array_sample(outputs, 0, sample);
    if (result.dtype != TARE_F32)
        return report_error(err, TARE_E_ARG,
                            "output '%.80s' is %s, scores are float32: use "
                            "--save-outputs",
                            outputs->items[0].name, tare_dtype_name(result.dtype));
    *scores = result.data;
    *n = result.n_bytes / sizeof(float);
    return TARE_OK;
}

static void print_best(const float *scores, size_t n)
{
    const size_t k = (size_t)flags.top < n ? (size_t)flags.top : n;
    float bound = 0.0f;
    size_t last = SIZE_MAX;
    for (size_t rank = 0; rank < k; rank++) { /* the next below (bound, last) */
        size_t best = SIZE_MAX;
        for (size_t c = 0; c < n; c++) {
            const bool is_left = last == SIZE_MAX || scores[c] < bound ||
                                 (scores[c] == bound && c > last);
            if (is_left && (best == SIZE_MAX || scores[c] > scores[best])) best = c;
        }
        if (best == SIZE_MAX) break; /* only NaN is left */
        last = best;
        bound = scores[best];
        printf("\t%zu:%.6g", best, (double)bound);
    }
}

static enum tare_status print_top(const struct job *job, struct tare_error *err)
{
    for (size_t s = 0; s < job->kept.outputs.n_samples; s++) {
        const float *scores = NULL;
        size_t n = 0;
        const enum tare_status st =
            find_scores(&job->kept.outputs, s, &scores, &n, err);
        if (st != TARE_OK) return st;
        printf("%s", tare_dataset_sample_name(job->dataset, (int64_t)s));
        print_best(scores, n);
        printf("\n");
    }
    return TARE_OK;
}

/* The model in FP32, without an engine file; --mark-all wants all of its tensors. */
static enum tare_status build_model(struct job *job, struct tare_error *err)
{
    const struct tare_build_options build = {.keep_tensors =
                                                 flags.mark_all || flags.dump};
    int64_t sample[3];
    enum tare_status st = plugins_load_model(flags.onnx, &job->model, err);
    if (st == TARE_OK) st = data_open_for_model(job->model, &job->dataset, err);
    if (st != TARE_OK) return st;
    tare_dataset_dims(job->dataset, sample);
    st = tare_model_bind(job->model, flags.shapes, data_batch(), sample, err);
    if (st == TARE_OK) st = tare_build(job->model, &build, &job->plan, err);
    if (st != TARE_OK) return st;
    st = tare_plan_open(job->plan, &job->fp32, err);
    job->engine = job->fp32;
    return st;
}

static enum tare_status open_other(struct job *job, struct tare_error *err)
{
    char folder[SCRATCH_PATH_BYTES], model[SCRATCH_PATH_BYTES + 16];
    if (!flags.mark_all)
        return onnxruntime_open(flags.onnxruntime, flags.onnx, job->engine, NULL,
                                &job->other, err);
    enum tare_status st = scratch_make(folder, err);
    (void)snprintf(model, sizeof model, "%s/marked.onnx", folder);
    if (st == TARE_OK)
        st = run_mark_all(flags.onnx, job->engine, model, &job->marked, err);
    if (st == TARE_OK)
        st = onnxruntime_open(flags.onnxruntime, model, job->engine, &job->marked,
                              &job->other, err);
    scratch_remove(folder);
    return st;
}

static enum tare_status open_job(struct job *job, struct tare_error *err)
{
    enum tare_status st = flags.json ? tare_file_check(flags.json, err) : TARE_OK;
    if (st != TARE_OK) return st;
    if (flags.engine) {
        st = shaped_open(&job->opened, flags.engine, data_given_batch(), err);
        job->engine = job->opened.engine;
        if (st == TARE_OK) st = data_open_for_engine(job->engine, &job->dataset, err);
    } else {
        st = build_model(job, err);
    }
    return st == TARE_OK && flags.onnxruntime ? open_other(job, err) : st;
}

static void close_job(struct job *job)
{
    run_kept_release(&job->kept);
    onnxruntime_close(job->other);
    words_free(&job->marked);
    tare_dataset_destroy(job->dataset);
    tare_engine_destroy(job->fp32);
    shaped_close(&job->opened);
    tare_plan_destroy(job->plan);
    tare_model_destroy(job->model);
}

static enum tare_status save(const struct job *job, struct tare_error *err)
{
    const struct run_arrays *const all[] = {&job->kept.inputs, &job->kept.inner,
                                            &job->kept.outputs};
    enum tare_status st = TARE_OK;
    if (flags.save_inputs) st = run_arrays_save(&all[0], 1, flags.save_inputs, err);
    if (st == TARE_OK && flags.save_outputs)
        st = flags.mark_all ? run_arrays_save(&all[1], 2, flags.save_outputs, err)
                            : run_arrays_save(&all[2], 1, flags.save_outputs, err);
    if (st == TARE_OK && flags.dump) st = run_arrays_save(all, 3, flags.dump, err);
    return st;
}

/* Tensors of `a` beside those that are stored. */
static enum tare_status compare_stored(struct job *job, const struct run_arrays *a,
                                       cJSON *rows, struct tare_error *err)
{
    const struct run_sides sides = {"tare", "stored"};
    struct run_arrays stored;
    enum tare_status st = run_arrays_load(a, flags.load_outputs, &stored, err);
    if (st == TARE_OK)
        st = run_compare(a, &stored, &sides, &flags.tolerances, rows, &job->n_compared,
                         &job->n_failed, err);
    for (size_t i = 0; st == TARE_OK && i < a->n && a == &job->kept.outputs; i++)
        if (!stored.items[i].name && job->n_compared && !common_options.quiet)
            (void)fprintf(stderr, "tare: warning: %s holds no output '%s'\n",
                          flags.load_outputs, a->items[i].name);
    run_arrays_release(&stored);
    return st;
}

static enum tare_status compare(struct job *job, cJSON *root, struct tare_error *err)
{
    const struct run_sides sides = {"tare", "onnxruntime"};
    const struct run_arrays *const sets[] = {&job->kept.inner, &job->kept.outputs};
    char name[256];
    cJSON *rows = cJSON_AddArrayToObject(root, "comparison");
    enum tare_status st = TARE_OK;
    if (run_tolerances_stray(&flags.tolerances, sets, 2, name))
        return report_error(err, TARE_E_ARG,
                            "--atol, --rtol: there is no output '%.200s'", name);
    for (size_t i = 0; st == TARE_OK && i < 2 && flags.load_outputs; i++)
        st = compare_stored(job, sets[i], rows, err);
    if (st == TARE_OK && flags.load_outputs && job->n_compared == 0)
        return report_error(err, TARE_E_ARG,
                            "%.200s: holds none of the network's outputs, '%.80s' or "
                            "another",
                            flags.load_outputs, job->kept.outputs.items[0].name);
    if (st == TARE_OK && flags.onnxruntime) {
        printf("onnxruntime %s\n", onnxruntime_version(job->other));
        const struct run_arrays *const others[] = {&job->kept.other_inner,
                                                   &job->kept.others};
        for (size_t i = job->marked.n ? 0 : 1; st == TARE_OK && i < 2; i++)
            st = run_compare(sets[i], others[i], &sides, &flags.tolerances, rows,
                             &job->n_compared, &job->n_failed, err);
    }
    if (st == TARE_OK && job->n_compared)
        printf("%zu of %zu tensors within tolerance\n", job->n_compared - job->n_failed,
               job->n_compared);
    return st;
}

static enum tare_status validate(struct job *job, cJSON *root, struct tare_error *err)
{
    cJSON *rows = cJSON_AddArrayToObject(root, "validation");
    enum tare_status st =
        run_validate(&job->kept.inner, "tensor", rows, &job->n_bad, err);
    if (st == TARE_OK)
        st = run_validate(&job->kept.outputs, "output", rows, &job->n_bad, err);
    if (st == TARE_OK && job->n_bad == 0) printf("No NaN and no Inf\n");
    return st;
}

static enum tare_status run(struct job *job, cJSON *root, struct tare_error *err)
{
    enum tare_status st = open_job(job, err);
    const struct run_wants wants = {.inputs = flags.save_inputs || flags.dump,
                                    .inner = flags.mark_all || flags.dump,
                                    .other = job->other,
                                    .other_inner = job->marked.n ? &job->marked : NULL};
    if (st == TARE_OK)
        st = run_keep(job->engine, job->dataset, &wants, &job->kept, err);
    if (st == TARE_OK) st = save(job, err);
    if (st == TARE_OK && flags.top) st = print_top(job, err);
    if (st == TARE_OK) st = compare(job, root, err);
    if (st == TARE_OK && flags.validate) st = validate(job, root, err);
    return st;
}

static int check_usage(void)
{
    const char *wrong;
    if (!flags.engine && !flags.onnx)
        return usage_error(&usage, "--engine or --onnx is missing");
    if (flags.onnxruntime && !flags.onnx)
        return usage_error(&usage, "--onnxruntime wants --onnx, the model to run");
    if (flags.engine && flags.onnx && !flags.onnxruntime)
        return usage_error(&usage, "--onnx beside --engine is for --onnxruntime");
    if (flags.engine && flags.shapes)
        return usage_error(&usage,
                           "--opt-shapes are a model's, an engine has --shapes");
    if (!flags.engine && shaped_given())
        return usage_error(&usage,
                           "--shapes and --optimization-profile are an engine's, "
                           "a model has --opt-shapes");
    if (!run_tolerances_check(&flags.tolerances, &wrong))
        return usage_error(&usage,
                           "'%s' is no tolerance, want [NAME:]X, or no statistic, want "
                           "elemwise, max, mean or median",
                           wrong);
    const bool has_tolerance =
        flags.tolerances.stat || flags.tolerances.atol.n || flags.tolerances.rtol.n;
    if (has_tolerance && !flags.load_outputs && !flags.onnxruntime)
        return usage_error(&usage, "--atol, --rtol and --check-error-stat want "
                                   "--load-outputs or --onnxruntime");
    if (flags.json && !flags.load_outputs && !flags.onnxruntime && !flags.validate)
        return usage_error(&usage, "--json wants --load-outputs, --onnxruntime or "
                                   "--validate");
    return data_check(&usage);
}

int tool_run(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Run", options, sizeof options / sizeof options[0]},
        {"Comparison", compare_options,
         sizeof compare_options / sizeof compare_options[0]},
        shaped_group,
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 5, argc, argv, &status)) return status;
    if (check_usage() != EXIT_DONE) return EXIT_USAGE;
    const bool does_something = flags.save_inputs || flags.save_outputs || flags.dump ||
                                flags.load_outputs || flags.onnxruntime ||
                                flags.validate;
    if (!flags.top && !does_something) flags.top = 5;
    struct job job = {0};
    struct tare_error err = {0};
    cJSON *root = cJSON_CreateObject();
    enum tare_status st = run(&job, root, &err);
    close_job(&job);
    if (st == TARE_OK && flags.json)
        st = json_write(root, flags.json, &err);
    else
        cJSON_Delete(root);
    if (st == TARE_OK && job.n_failed)
        st = report_error(&err, TARE_E_ARG, "%zu of %zu tensors are out of tolerance",
                          job.n_failed, job.n_compared);
    else if (st == TARE_OK && job.n_bad)
        st = report_error(&err, TARE_E_ARG, "%zu tensors hold NaN or Inf", job.n_bad);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
