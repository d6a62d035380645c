/* tare debug reduce: the least part of a model that still fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tare/file.h"
#include "tools/data.h"
#include "tools/ddmin.h"
#include "tools/debug.h"
#include "tools/debug_check.h"
#include "tools/debug_parts.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/scratch.h"
#include "tools/words.h"

static struct {
    const char *onnx, *output, *shapes, *cache, *isa;
    bool check_build, no_bisect;
    int64_t fail_code;
    struct debug_criterion criterion;
} flags = {.criterion = {.min_sqnr_db = -1.0, .accuracy_drop = -1.0}};

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the model that fails", 0},
    {"output", OPTION_TEXT, &flags.output, "OUT.onnx", "the part to write", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "shapes of inputs that the model leaves open; parts get what follows", 0},
    {"no-bisect", OPTION_SWITCH, &flags.no_bisect, NULL,
     "do not look for the first and the last node that matter before the rest: for "
     "failures that come and go",
     0},
};

static const struct option check_options[] = {
    {"check", OPTION_TEXT, &flags.criterion.command, "CMD",
     "a command for the shell: {} in it is the part's path, {inputs} the path of its "
     "inputs' FP32 values as .npz (wants DATA); the part fails when it does not exit "
     "with 0",
     0},
    {"fail-code", OPTION_COUNT, &flags.fail_code, "N",
     "with --check: only this exit status is the failure (128 and more: of a signal)",
     1},
    {"check-build", OPTION_SWITCH, &flags.check_build, NULL,
     "the part fails when it cannot be built, in INT8 with --cache", 0},
    {"cache", OPTION_TEXT, &flags.cache, "FILE", "calibration cache", 0},
    {"min-sqnr", OPTION_REAL, &flags.criterion.min_sqnr_db, "DB",
     "the part fails when an output in INT8 has less than that of signal over noise, "
     "its inputs being FP32's; wants --cache and DATA",
     0},
    RUN_TOLERANCE_OPTIONS(&flags.criterion.tolerances),
    {"isa", OPTION_TEXT, &flags.isa, "native|avx2|...", "as in tare build", 0},
};

static const struct usage usage = {
    "debug reduce",
    "--onnx=MODEL --output=OUT.onnx CHECK [DATA] [flags]",
    "Find the least part of a model that still fails, and write it: no node of it can "
    "be\n"
    "left out. First the last, then the first node that matter are found by bisection, "
    "then\n"
    "nodes between them are taken out (ddmin). Inputs of a part are tensors of the "
    "model.\n"
    "Parts that are no models are left aside. One check of --check, --check-build, "
    "and\n"
    "INT8 beside FP32: --min-sqnr or --atol and --rtol.",
    "  tare debug reduce --onnx=net.onnx --output=part.onnx --check-build\n"
    "  tare debug reduce --onnx=net.onnx --output=part.onnx --npy=in.npy --count=1 \\\n"
    "      --check='tare run --onnx={} --load-inputs={inputs} --onnxruntime=ort.so'\n"
    "  tare debug reduce --onnx=net.onnx --output=part.onnx --cache=net.cache \\\n"
    "      --npy=in.npy --count=8 --min-sqnr=20\n",
};

struct job {
    char folder[SCRATCH_PATH_BYTES];
    char base[SCRATCH_PATH_BYTES + 16]; /* the whole model */
    struct debug_parts parts;
    struct debug_check check;
    size_t n_tests;
};

/* "name:1x3x8x8,…" onto the model's inputs. */
static enum tare_status set_shape(const struct tare_surgery *surgery, const char *text,
                                  struct tare_error *err)
{
    const char *colon = strrchr(text, ':');
    struct words lengths = {0};
    char name[1024];
    if (!colon || (size_t)(colon - text) >= sizeof name)
        return report_error(err, TARE_E_ARG,
                            "--opt-shapes: '%.80s' is not of the form NAME:1x3x8x8",
                            text);
    (void)snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    words_split(&lengths, colon + 1, 'x');
    enum tare_status st = TARE_OK;
    for (size_t axis = 0; st == TARE_OK && axis < lengths.n; axis++)
        st = tare_surgeon_set_axis(surgery, name, (int)axis, lengths.items[axis], err);
    words_free(&lengths);
    return st;
}

/* Whether the first axis of an input is still open. */
static bool is_batch_open(const struct tare_model *model)
{
    for (size_t i = 0; i < tare_model_n_inputs(model); i++) {
        struct tare_model_value value;
        tare_model_input(model, i, &value);
        if (value.dims.rank > 0 && value.dims.d[0] < 0) return true;
    }
    return false;
}

/* The model with the shapes of the flags, from which parts are cut. */
static enum tare_status write_base(const struct job *job, struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct words shapes = {0};
    char batch[32];
    enum tare_status st = plugins_load_surgery(flags.onnx, &model, err);
    const struct tare_surgery surgery = {.model = model};
    words_split(&shapes, flags.shapes ? flags.shapes : "", ',');
    for (size_t i = 0; st == TARE_OK && i < shapes.n; i++)
        st = set_shape(&surgery, shapes.items[i], err);
    (void)snprintf(batch, sizeof batch, "%lld", (long long)data_batch());
    if (st == TARE_OK && is_batch_open(model))
        st = tare_surgeon_set_axis(&surgery, NULL, 0, batch, err);
    if (st == TARE_OK) st = tare_model_save(model, job->base, false, err);
    words_free(&shapes);
    tare_model_destroy(model);
    return st;
}

/* Every tensor in FP32, on the samples. */
static enum tare_status make_tensors(struct job *job, struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_dataset *dataset = NULL;
    int64_t sample[3];
    enum tare_status st = plugins_load_model(job->base, &model, err);
    if (st == TARE_OK) st = data_open_for_model(model, &dataset, err);
    if (st == TARE_OK) {
        tare_dataset_dims(dataset, sample);
        st = tare_model_bind(model, NULL, data_batch(), sample, err);
    }
    if (st == TARE_OK)
        st = debug_tensors_make(model, dataset, &job->check.tensors, err);
    tare_dataset_destroy(dataset);
    tare_model_destroy(model);
    return st;
}

static enum tare_status open_job(struct job *job, struct tare_error *err)
{
    struct debug_check *check = &job->check;
    enum tare_status st = scratch_make(job->folder, err);
    if (st != TARE_OK) return st;
    check->criterion = &flags.criterion;
    check->fail_code = (int)flags.fail_code;
    check->build = flags.check_build;
    check->isa = flags.isa;
    check->batch = data_batch();
    (void)snprintf(job->base, sizeof job->base, "%s/model.onnx", job->folder);
    (void)snprintf(check->part, sizeof check->part, "%s/part.onnx", job->folder);
    (void)snprintf(check->inputs, sizeof check->inputs, "%s/inputs.npz", job->folder);
    if (flags.cache) st = tare_cache_read(flags.cache, &check->cache, err);
    if (st == TARE_OK) st = write_base(job, err);
    if (st == TARE_OK) st = debug_parts_open(job->base, &job->parts, err);
    if (st == TARE_OK && data_is_given()) st = make_tensors(job, err);
    return st;
}

static void release(struct job *job)
{
    debug_tensors_release(&job->check.tensors);
    tare_cache_destroy(job->check.cache);
    debug_parts_close(&job->parts);
    scratch_remove(job->folder);
}

static void tell(const struct job *job, const bool *keep, const char *what)
{
    size_t n = 0;
    for (size_t i = 0; i < job->parts.graph.n_nodes; i++)
        n += keep[i];
    if (debug_tells())
        (void)fprintf(stderr, "tare: part %zu: %zu of %zu nodes: %s%s%s\n",
                      job->n_tests, n, job->parts.graph.n_nodes, what,
                      *job->check.says ? ", " : "", job->check.says);
}

/* Whether the part of these nodes fails; what is no model does not. */
static enum tare_status test(void *ctx, const bool *keep, bool *fails,
                             struct tare_error *err)
{
    struct job *job = ctx;
    struct debug_check *check = &job->check;
    struct words inputs = {0};
    struct tare_error why = {0};
    *fails = false;
    job->n_tests++;
    check->says[0] = '\0';
    enum tare_status st =
        debug_parts_write(&job->parts, keep, check->part, &inputs, &why);
    if (st == TARE_OK) {
        st = debug_check_part(check, &inputs, fails, err);
        if (st == TARE_OK) tell(job, keep, *fails ? "fails" : "passes");
    } else if (st == TARE_E_IO || st == TARE_E_NOMEM) {
        *err = why;
    } else {
        (void)snprintf(check->says, sizeof check->says, "%.150s", why.text);
        tell(job, keep, "no model");
        st = TARE_OK;
    }
    words_free(&inputs);
    return st;
}

/* Bisect to the least `n` for which the first `n` nodes of those from `first` on fail;
 * or, backwards, for which the last `n` of them do. What is kept has failed. */
static enum tare_status bisect(struct job *job, bool *set, bool backwards,
                               struct tare_error *err)
{
    const size_t n_nodes = job->parts.graph.n_nodes;
    size_t first = 0, end = n_nodes;
    bool *part = calloc(n_nodes, sizeof *part);
    if (!part) return report_error(err, TARE_E_NOMEM, "no memory for the parts");
    while (first < n_nodes && !set[first])
        first++;
    while (end > 0 && !set[end - 1])
        end--;
    size_t passes = 0, fails = end - first;
    enum tare_status st = TARE_OK;
    while (st == TARE_OK && fails - passes > 1) {
        const size_t n = passes + (fails - passes) / 2;
        bool it_fails = false;
        for (size_t i = 0; i < n_nodes; i++)
            part[i] = set[i] && (backwards ? i + n >= end : i < first + n);
        st = test(job, part, &it_fails, err);
        if (it_fails)
            fails = n;
        else
            passes = n;
    }
    for (size_t i = 0; i < n_nodes; i++)
        set[i] = set[i] && (backwards ? i + fails >= end : i < first + fails);
    free(part);
    return st;
}

static enum tare_status write_result(struct job *job, const bool *set,
                                     struct tare_error *err)
{
    size_t n = 0;
    bool fails;
    const size_t n_tests = job->n_tests;
    enum tare_status st = test(job, set, &fails, err); /* for what it says */
    if (st == TARE_OK)
        st = debug_parts_write(&job->parts, set, flags.output, NULL, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < job->parts.graph.n_nodes; i++)
        n += set[i];
    printf("%s: %zu of %zu nodes fail (%zu parts tried): %s\n", flags.output, n,
           job->parts.graph.n_nodes, n_tests, job->check.says);
    for (size_t i = 0; i < job->parts.graph.n_nodes; i++) {
        struct tare_surgeon_node node;
        if (!set[i]) continue;
        tare_surgeon_get_node(job->parts.model, i, &node);
        printf("  %-20s %s\n", node.op, node.name);
    }
    return TARE_OK;
}

static enum tare_status reduce(struct job *job, struct tare_error *err)
{
    const size_t n_nodes = job->parts.graph.n_nodes;
    bool fails = false;
    size_t n_tests;
    bool *set = calloc(n_nodes + 1, sizeof *set);
    if (!set) return report_error(err, TARE_E_NOMEM, "no memory for the parts");
    memset(set, true, n_nodes);
    enum tare_status st = test(job, set, &fails, err);
    if (st == TARE_OK && !fails)
        st = report_error(err, TARE_E_ARG,
                          "%.100s: the whole model does not fail, so there is nothing "
                          "to reduce%s%.100s",
                          flags.onnx, *job->check.says ? ": " : "", job->check.says);
    if (st == TARE_OK && !flags.no_bisect) st = bisect(job, set, false, err);
    if (st == TARE_OK && !flags.no_bisect) st = bisect(job, set, true, err);
    if (st == TARE_OK) st = ddmin(set, n_nodes, test, job, &n_tests, err);
    if (st == TARE_OK) st = write_result(job, set, err);
    free(set);
    return st;
}

static int check_usage(void)
{
    struct debug_criterion criterion = flags.criterion;
    const char *wrong;
    if (!flags.onnx || !flags.output)
        return usage_error(&usage, "--%s is missing", flags.onnx ? "output" : "onnx");
    if (flags.check_build && !criterion.command) criterion.command = "";
    if ((flags.check_build && flags.criterion.command) ||
        !debug_criterion_check(&criterion, &wrong))
        return usage_error(&usage, "want one check of --check, --check-build, "
                                   "--min-sqnr, and --atol and --rtol");
    if (flags.criterion.command && !strstr(flags.criterion.command, "{}"))
        return usage_error(&usage,
                           "--check: there is no {} in it, for the part's path");
    if (flags.fail_code && !flags.criterion.command)
        return usage_error(&usage, "--fail-code wants --check");
    const bool is_int8 = !flags.criterion.command && !flags.check_build;
    if (is_int8 && !flags.cache)
        return usage_error(&usage, "--cache is missing, for INT8");
    const bool wants_data = is_int8 || (flags.criterion.command &&
                                        strstr(flags.criterion.command, "{inputs}"));
    return wants_data || data_is_given() ? data_check(&usage) : EXIT_DONE;
}

int debug_reduce(int argc, char **argv)
{
    const struct option_group groups[] = {
        {"Reduce", options, sizeof options / sizeof options[0]},
        {"Check (one)", check_options, sizeof check_options / sizeof check_options[0]},
        data_group,
        preprocess_group,
    };
    int status;
    if (!options_parse(&usage, groups, 4, argc, argv, &status)) return status;
    /* of parts, warnings are a matter of course: the cache has more names than they */
    if (!common_options.verbose && !common_options.log_level)
        report_start_log(TARE_LOG_ERROR);
    if (check_usage() != EXIT_DONE) return EXIT_USAGE;
    struct job job = {0};
    struct tare_error err = {0};
    enum tare_status st = tare_file_check(flags.output, &err);
    if (st == TARE_OK) st = open_job(&job, &err);
    if (st == TARE_OK) st = reduce(&job, &err);
    release(&job);
    return st == TARE_OK ? EXIT_DONE : report_failure(&err);
}
