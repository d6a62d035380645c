/* tare cache: check, convert, compare and show calibration caches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cache.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct cache_flags flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL",
     "verify: names, needs and bounds of this model; convert: ncnn's weights", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,…]",
     "shapes of inputs that the model leaves open", 0},
    {"observations", OPTION_TEXT, &flags.observations, "FILE.h5",
     "verify: peaks that tare calibrate observed (default: those in F.json)", 0},
    {"to", OPTION_TEXT, &flags.to, "tensorrt|json|ncnn|onnxruntime",
     "convert: the format (default: tensorrt)", 0},
    {"output", OPTION_TEXT, &flags.output, "OUT", "convert: the file to write", 0},
    {"header", OPTION_TEXT, &flags.header, "TRT-8601",
     "convert: the version of TensorRT that will read it", 0},
    {"algorithm", OPTION_TEXT, &flags.algorithm, "EntropyCalibration2",
     "convert: or EntropyCalibration, MinMaxCalibration, LegacyCalibration", 0},
    {"tolerance", OPTION_REAL, &flags.tolerance, "R",
     "diff: ranges up to a factor of 1 + R apart are equal (default: 0)", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "show, diff: the same as JSON", 0},
};

static const struct usage usage = {
    "cache",
    "verify|convert|diff|show FILE… [flags]",
    "verify   name what is wrong with caches: scales that are not peak / 127, header,\n"
    "         duplicates, names that the model lacks, ranges that INT8 needs\n"
    "convert  write a cache with another header, or as JSON, ncnn's table or ONNX\n"
    "         Runtime's JSON; reads TensorRT's caches, JSON and ONNX Runtime's JSON\n"
    "diff     the tensors whose ranges differ, the largest ratio first\n"
    "show     the ranges",
    "  tare cache verify resnet.cache --onnx=resnet.onnx\n"
    "  tare cache convert resnet.cache --header=TRT-100300 --output=trt10.cache\n"
    "  tare cache convert resnet.cache --to=ncnn --onnx=resnet.onnx "
    "--output=resnet.table\n"
    "  tare cache diff a.cache b.cache --tolerance=0.01\n"
    "  tare cache show resnet.cache\n",
};

enum { MAX_FILES = 64 };
static const char *files[MAX_FILES];
static size_t n_files;

static enum tare_status run_verify(cJSON *root, bool *failed, struct tare_error *err)
{
    (void)root;
    for (size_t i = 0; i < n_files; i++) {
        size_t n_findings;
        const enum tare_status st = cache_verify(&flags, files[i], &n_findings, err);
        if (st != TARE_OK) return st;
        if (n_findings > 0) *failed = true;
    }
    return TARE_OK;
}

static enum tare_status run_convert(cJSON *root, bool *failed, struct tare_error *err)
{
    (void)root;
    (void)failed;
    return cache_convert(&flags, files[0], err);
}

static enum tare_status run_diff(cJSON *root, bool *failed, struct tare_error *err)
{
    return cache_diff(&flags, files, root, failed, err);
}

static enum tare_status run_show(cJSON *root, bool *failed, struct tare_error *err)
{
    (void)failed;
    return cache_show(files[0], root, err);
}

static const struct action {
    const char *name;
    size_t least_files, most_files;
    bool has_json;
    /* @param[out] failed  set where what was asked for does not hold */
    enum tare_status (*run)(cJSON *root, bool *failed, struct tare_error *err);
} actions[] = {
    {"verify", 1, MAX_FILES, false, run_verify},
    {"convert", 1, 1, false, run_convert},
    {"diff", 2, 2, true, run_diff},
    {"show", 1, 1, true, run_show},
};
enum { N_ACTIONS = sizeof actions / sizeof actions[0] };

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < N_ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0) return &actions[i];
    return NULL;
}

/* Takes the files out of the arguments, wherever they stand among the flags. */
static int take_files(int argc, char **argv)
{
    int kept = 1;
    n_files = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            argv[kept++] = argv[i];
        else if (n_files++ < MAX_FILES)
            files[n_files - 1] = argv[i];
    }
    return kept;
}

static int check_usage(const struct action *action)
{
    if (n_files < action->least_files || n_files > action->most_files)
        return usage_error(&usage, "cache %s: %zu files, want %s", action->name,
                           n_files,
                           action->most_files == 1   ? "one"
                           : action->most_files == 2 ? "two"
                                                     : "1 to 64");
    if (action->run == run_convert && !flags.output)
        return usage_error(&usage, "--output is missing");
    if (flags.json && !action->has_json)
        return usage_error(&usage, "cache %s: --json does not apply", action->name);
    return EXIT_DONE;
}

int tool_cache(int argc, char **argv)
{
    const struct option_group group = {"Cache", options,
                                       sizeof options / sizeof options[0]};
    const struct action *action = find_action(argc > 1 ? argv[1] : NULL);
    const int skip = action ? 1 : 0;
    int status;
    argv[skip] = argv[0];
    const int n = take_files(argc - skip, argv + skip);
    if (!options_parse(&usage, &group, 1, n, argv + skip, &status)) return status;
    if (!action)
        return usage_error(&usage, "say what to do: verify, convert, diff or show");
    status = check_usage(action);
    if (status != EXIT_DONE) return status;

    struct tare_error err = {0};
    bool failed = false;
    cJSON *root = cJSON_CreateObject();
    enum tare_status st = action->run(root, &failed, &err);
    if (st == TARE_OK && flags.json)
        st = json_write(root, flags.json, &err);
    else
        cJSON_Delete(root);
    if (st != TARE_OK) return report_failure(&err);
    return failed ? EXIT_FAILED : EXIT_DONE;
}
