/* tare inspect: look into a model, an engine, a cache, observations, the CPU. */
#include <stdio.h>
#include <string.h>

#include "tare/cpu.h"
#include "tools/cache.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/observations.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct inspect_flags flags;

static const struct option options[] = {
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "model, capability: shapes of inputs that it leaves open", 0},
    {"batch", OPTION_COUNT, &flags.batch, "N",
     "model: length of an open first axis (default: 1)", 1},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the same as JSON", 0},
    {"histogram", OPTION_SWITCH, &flags.histogram, NULL, "data: ten bins, with bars",
     0},
    {"show-values", OPTION_COUNT, &flags.n_values, "N", "data: the first N values", 1},
    {"type", OPTION_TEXT, &flags.type, "float32|uint8|...",
     "data: type of a file without a header, as NumPy names it (default: float32)", 0},
    {"shape", OPTION_TEXT, &flags.data_shape, "1x3x224x224",
     "data: its shape (default: one axis)", 0},
};

#define NOTHING_NAMED                                                                  \
    "say what to inspect: model, capability, engine, cache, "                          \
    "observations, data or cpu"

static const struct usage usage = {
    "inspect",
    "model|capability|engine|cache|observations|data|cpu [FILE] [flags]",
    "Print what a file holds: nodes, shapes, MACs, parameters and memory of a model; "
    "what\n"
    "of a model tare cannot run, by node, and which parts it can (exit status 1 when\n"
    "something is unsupported); layers, precisions, tactics and memory of an engine;\n"
    "ranges of a calibration cache; what calibration observed of each tensor; types, "
    "shapes\n"
    "and statistics of arrays (.npy, .npz, a folder of .npy, or numbers without a "
    "header);\n"
    "what this CPU offers.",
    "  tare inspect model resnet.onnx\n"
    "  tare inspect capability detector.onnx --json=capability.json\n"
    "  tare inspect engine resnet.tare --json=layers.json\n"
    "  tare inspect cache resnet.cache\n"
    "  tare inspect observations resnet.h5\n"
    "  tare inspect data outputs.npz --histogram --show-values=8\n"
    "  tare inspect data sample.bin --type=uint8 --shape=3x224x224\n"
    "  tare inspect cpu\n",
};

void inspect_add_dims(cJSON *object, const char *name, const struct tare_dims *dims)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (int i = 0; i < dims->rank; i++)
        (void)cJSON_AddItemToArray(array, cJSON_CreateNumber((double)dims->d[i]));
}

static enum tare_status inspect_cache(const struct inspect_flags *given,
                                      const char *path, cJSON *root, bool *failed,
                                      struct tare_error *err)
{
    (void)given;
    (void)failed;
    return cache_show(path, root, err);
}

static enum tare_status inspect_observations(const struct inspect_flags *given,
                                             const char *path, cJSON *root,
                                             bool *failed, struct tare_error *err)
{
    (void)given;
    (void)failed;
    return observations_show(path, root, err);
}

static enum tare_status inspect_cpu(const struct inspect_flags *given, const char *path,
                                    cJSON *root, bool *failed, struct tare_error *err)
{
    (void)given;
    (void)failed;
    (void)path;
    (void)err;
    printf("CPU               %s\nThreads           %d\nInstruction sets  up to %s\n",
           tare_cpu_name(), tare_cpu_threads(), tare_cpu_isa());
    (void)cJSON_AddStringToObject(root, "name", tare_cpu_name());
    json_add_number(root, "threads", tare_cpu_threads());
    (void)cJSON_AddStringToObject(root, "isa", tare_cpu_isa());
    return TARE_OK;
}

static const struct {
    const char *what;
    bool wants_file;
    enum tare_status (*inspect)(const struct inspect_flags *given, const char *path,
                                cJSON *root, bool *failed, struct tare_error *err);
} subjects[] = {
    {"model", true, inspect_model},
    {"capability", true, inspect_capability},
    {"engine", true, inspect_engine},
    {"cache", true, inspect_cache},
    {"observations", true, inspect_observations},
    {"data", true, inspect_data},
    {"cpu", false, inspect_cpu},
};

int tool_inspect(int argc, char **argv)
{
    const struct option_group group = {"Inspect", options,
                                       sizeof options / sizeof options[0]};
    enum { N_SUBJECTS = sizeof subjects / sizeof subjects[0] };
    size_t which = 0;
    while (which < N_SUBJECTS &&
           (argc < 2 || strcmp(subjects[which].what, argv[1]) != 0))
        which++;
    const bool is_help = argc > 1 && strncmp(argv[1], "-", 1) == 0;
    if (which == N_SUBJECTS && !is_help) return usage_error(&usage, NOTHING_NAMED);
    int skip = is_help ? 0 : 1;
    const char *path = NULL;
    if (!is_help && subjects[which].wants_file) {
        if (argc < 3 || strncmp(argv[2], "--", 2) == 0) {
            const bool asks = argc > 2 && strcmp(argv[2], "--help") == 0;
            if (!asks) return usage_error(&usage, "inspect %s: name a file", argv[1]);
        } else {
            path = argv[2];
            skip = 2;
        }
    }
    int status;
    if (!options_parse(&usage, &group, 1, argc - skip, argv + skip, &status))
        return status;
    if (which == N_SUBJECTS) return usage_error(&usage, NOTHING_NAMED);

    struct tare_error err = {0};
    cJSON *root = cJSON_CreateObject();
    bool failed = false;
    enum tare_status st = subjects[which].inspect(&flags, path, root, &failed, &err);
    if (st == TARE_OK && flags.json)
        st = json_write(root, flags.json, &err);
    else
        cJSON_Delete(root);
    if (st != TARE_OK) return report_failure(&err);
    return failed ? EXIT_FAILED : EXIT_DONE;
}
