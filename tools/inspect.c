/* tare inspect: look into a model, an engine, a cache, observations, the CPU. */
#include <stdio.h>
#include <string.h>

#include "tare/cpu.h"
#include "tare/engine.h"
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
};

#define NOTHING_NAMED                                                                  \
    "say what to inspect: model, capability, engine, cache, "                          \
    "observations or cpu"

static const struct usage usage = {
    "inspect",
    "model|capability|engine|cache|observations|cpu [FILE] [flags]",
    "Print what a file holds: nodes, shapes, MACs, parameters and memory of a model; "
    "what\n"
    "of a model tare cannot run, by node, and which parts it can (exit status 1 when\n"
    "something is unsupported); layers, precisions, tactics and memory of an engine;\n"
    "ranges of a calibration cache; what calibration observed of each tensor; what "
    "this\n"
    "CPU offers.",
    "  tare inspect model resnet.onnx\n"
    "  tare inspect capability detector.onnx --json=capability.json\n"
    "  tare inspect engine resnet.tare --json=layers.json\n"
    "  tare inspect cache resnet.cache\n"
    "  tare inspect observations resnet.h5\n"
    "  tare inspect cpu\n",
};

void inspect_add_dims(cJSON *object, const char *name, const struct tare_dims *dims)
{
    cJSON *array = cJSON_AddArrayToObject(object, name);
    for (int i = 0; i < dims->rank; i++)
        (void)cJSON_AddItemToArray(array, cJSON_CreateNumber((double)dims->d[i]));
}

static void print_layers(const struct tare_engine *engine, size_t n_layers, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "layers");
    printf("\n%-5s %-10s %-34s %-18s %-13s %-10s  %s\n", "Prec", "Type", "Tactic",
           "Output", "Format", "Weights", "Layer");
    for (size_t i = 0; i < n_layers; i++) {
        struct tare_layer_info l;
        char dims[128], size[32], format[32];
        tare_engine_layer(engine, i, &l);
        (void)snprintf(format, sizeof format, "%s %s", l.output_format, l.output_dtype);
        printf("%-5s %-10s %-34s %-18s %-13s %-10s  %s\n", l.precision, l.type,
               l.tactic, report_dims(&l.output_dims, dims), format,
               report_bytes((double)l.weight_bytes, size), l.name);
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", l.name);
        (void)cJSON_AddStringToObject(row, "type", l.type);
        (void)cJSON_AddStringToObject(row, "precision", l.precision);
        (void)cJSON_AddStringToObject(row, "tactic", l.tactic);
        (void)cJSON_AddStringToObject(row, "nodes", l.nodes);
        (void)cJSON_AddStringToObject(row, "output", l.output);
        inspect_add_dims(row, "dims", &l.output_dims);
        (void)cJSON_AddStringToObject(row, "format", l.output_format);
        (void)cJSON_AddStringToObject(row, "output_type", l.output_dtype);
        json_add_number(row, "output_scale", (double)l.output_scale);
        json_add_number(row, "output_zero_point", l.output_zero_point);
        json_add_number(row, "weight_bytes", (double)l.weight_bytes);
        (void)cJSON_AddBoolToObject(row, "reformat", l.is_reformat);
        (void)cJSON_AddItemToArray(array, row);
    }
}

static enum tare_status inspect_engine(const struct inspect_flags *given,
                                       const char *path, cJSON *root, bool *failed,
                                       struct tare_error *err)
{
    (void)given;
    (void)failed;
    struct tare_engine *engine;
    struct tare_engine_info info;
    char a[32], b[32], activations[128];
    const enum tare_status st = tare_engine_load(path, &engine, err);
    if (st != TARE_OK) return st;
    tare_engine_info(engine, &info);
    printf("Engine       %s, by tare %s, needs %s\n", info.model, info.version,
           info.isa);
    printf("File         %s, weights %s\nActivations  %s\n",
           report_bytes((double)info.file_bytes, a),
           report_bytes((double)info.weight_bytes, b),
           report_activations(&info, activations));
    if (!info.is_exact)
        printf("Bit-exact    no: some tactics are another library's, which rounds "
               "differently\n");
    (void)cJSON_AddBoolToObject(root, "bit_exact", info.is_exact);
    (void)cJSON_AddStringToObject(root, "model", info.model);
    (void)cJSON_AddStringToObject(root, "version", info.version);
    (void)cJSON_AddStringToObject(root, "isa", info.isa);
    json_add_number(root, "file_bytes", (double)info.file_bytes);
    json_add_number(root, "weight_bytes", (double)info.weight_bytes);
    json_add_number(root, "activation_bytes", (double)info.activation_bytes);
    json_add_number(root, "live_bytes", (double)info.live_bytes);
    cJSON *bindings = cJSON_AddArrayToObject(root, "bindings");
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        char dims[128];
        tare_engine_binding(engine, i, &binding);
        printf("%-12s %s %s [%s]\n", binding.is_input ? "Input" : "Output",
               binding.name, tare_dtype_name(binding.dtype),
               report_dims(&binding.dims, dims));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", binding.name);
        (void)cJSON_AddBoolToObject(row, "input", binding.is_input);
        inspect_add_dims(row, "dims", &binding.dims);
        (void)cJSON_AddItemToArray(bindings, row);
    }
    print_layers(engine, info.n_layers, root);
    tare_engine_destroy(engine);
    return TARE_OK;
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
