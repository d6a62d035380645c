/* tare refit: other weights for an engine, without a build. */
#include "tools/refit.h"

#include <stdio.h>

#include "tare/model.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *engine, *onnx, *output, *json;
    bool dump_refit;
} flags;

static const struct option options[] = {
    {"engine", OPTION_TEXT, &flags.engine, "FILE",
     "an engine that was built with --refit, --strip-weights or --version-compatible",
     0},
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL",
     "the same network with other weights (default: the weights that the engine has)",
     0},
    {"output", OPTION_TEXT, &flags.output, "OUT", "the engine file to write", 0},
    {"dump-refit", OPTION_SWITCH, &flags.dump_refit, NULL,
     "list the weights: type, shape, the nodes that read them, which are missing", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "the same list", 0},
};

static const struct usage usage = {
    "refit",
    "--engine=FILE [--onnx=MODEL] [--output=OUT] [--dump-refit] [flags]",
    "Put the weights of a model into an engine, by their names: precisions, ranges "
    "and\n"
    "kernels stay, scales of weights are computed again. What comes out is what a "
    "build "
    "of\n"
    "that model gives with the same cache and flags. Without --onnx the engine is made "
    "anew\n"
    "from what it carries, for this version of tare.",
    "  tare build --onnx=net.onnx --int8 --cache=net.cache --engine=net.tare --refit\n"
    "  tare refit --engine=net.tare --onnx=trained-further.onnx --output=new.tare\n"
    "  tare refit --engine=net.tare --dump-refit\n",
};

void refit_print_weights(const struct tare_refitter *refitter)
{
    printf("%-10s %-18s %-8s  %s\n", "Type", "Shape", "State", "Weight (nodes)");
    for (size_t i = 0; i < tare_refitter_n_weights(refitter); i++) {
        struct tare_refit_weight w;
        char dims[128];
        tare_refitter_weight(refitter, i, &w);
        printf("%-10s %-18s %-8s  %s (%s)\n", tare_dtype_name(w.dtype),
               report_dims(&w.dims, dims),
               w.is_missing ? "missing"
               : w.is_given ? "given"
                            : "engine's",
               w.name, w.nodes);
    }
}

static cJSON *weights_json(const struct tare_refitter *refitter)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(root, "weights");
    for (size_t i = 0; i < tare_refitter_n_weights(refitter); i++) {
        struct tare_refit_weight w;
        cJSON *row = cJSON_CreateObject();
        tare_refitter_weight(refitter, i, &w);
        (void)cJSON_AddStringToObject(row, "name", w.name);
        (void)cJSON_AddStringToObject(row, "type", tare_dtype_name(w.dtype));
        inspect_add_dims(row, "dims", &w.dims);
        json_add_number(row, "bytes", (double)w.n_bytes);
        (void)cJSON_AddStringToObject(row, "nodes", w.nodes);
        (void)cJSON_AddBoolToObject(row, "given", w.is_given);
        (void)cJSON_AddBoolToObject(row, "missing", w.is_missing);
        (void)cJSON_AddItemToArray(array, row);
    }
    return root;
}

enum tare_status refit_set_from_file(struct tare_refitter *refitter, const char *path,
                                     struct tare_error *err)
{
    struct tare_model *model;
    enum tare_status st = plugins_load_model(path, &model, err);
    if (st != TARE_OK) return st;
    st = tare_refitter_set_from_model(refitter, model, err);
    tare_model_destroy(model);
    return st;
}

static enum tare_status make(struct tare_refitter *refitter, struct tare_error *err)
{
    struct tare_engine *engine;
    struct tare_engine_info info;
    char size[32];
    const double start = report_clock();
    enum tare_status st = tare_refitter_refit(refitter, &engine, err);
    const double seconds = report_clock() - start;
    if (st == TARE_OK) st = tare_engine_save(engine, flags.output, err);
    if (st != TARE_OK) {
        tare_engine_destroy(engine);
        return st;
    }
    tare_engine_info(engine, &info);
    printf("Engine        %s (%s)\n", flags.output,
           report_bytes((double)info.file_bytes, size));
    printf("Weights       %zu, of %s\n", tare_refitter_n_weights(refitter),
           flags.onnx ? flags.onnx : flags.engine);
    printf("Time          %.3f s\n", seconds);
    tare_engine_destroy(engine);
    return TARE_OK;
}

static enum tare_status refit(struct tare_error *err)
{
    struct tare_engine *engine = NULL;
    struct tare_refitter *refitter = NULL;
    enum tare_status st = plugins_load_engine(flags.engine, &engine, err);
    if (st == TARE_OK) st = tare_refitter_create(engine, &refitter, err);
    if (st == TARE_OK && flags.onnx)
        st = refit_set_from_file(refitter, flags.onnx, err);
    if (st == TARE_OK && flags.dump_refit) refit_print_weights(refitter);
    if (st == TARE_OK && flags.json)
        st = json_write(weights_json(refitter), flags.json, err);
    if (st == TARE_OK && flags.output) st = make(refitter, err);
    tare_refitter_destroy(refitter);
    tare_engine_destroy(engine);
    return st;
}

int tool_refit(int argc, char **argv)
{
    const struct option_group group = {"Refit", options,
                                       sizeof options / sizeof options[0]};
    int status;
    if (!options_parse(&usage, &group, 1, argc, argv, &status)) return status;
    if (!flags.engine) return usage_error(&usage, "--engine is missing");
    if (!flags.output && !flags.dump_refit && !flags.json)
        return usage_error(&usage, "nothing to do: give --output or --dump-refit");
    struct tare_error err = {0};
    return refit(&err) == TARE_OK ? EXIT_DONE : report_failure(&err);
}
