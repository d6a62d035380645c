/* tare quantize: a model and its calibration as ONNX with QuantizeLinear and
 * DequantizeLinear. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tare/quantize.h"
#include "tools/json.h"
#include "tools/layers.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/recover.h"
#include "tools/report.h"
#include "tools/tool.h"

static struct {
    const char *onnx, *cache, *output, *style, *weights, *constraints,
        *layer_precisions, *shapes, *json;
    bool no_recovery, reduce_range, external;
    int64_t batch;
} flags;

static const struct option options[] = {
    {"onnx", OPTION_TEXT, &flags.onnx, "MODEL", "the trained network", 0},
    {"cache", OPTION_TEXT, &flags.cache, "FILE",
     "its ranges: a calibration cache, or ranges in JSON; FILE.recovery is used when "
     "it "
     "is there, and for onnxruntime the report FILE.json",
     0},
    {"output", OPTION_TEXT, &flags.output, "OUT.onnx", "the model to write", 0},
    {"style", OPTION_TEXT, &flags.style, "tensorrt|onnxruntime",
     "where the pairs are, and of which type (default: tensorrt)", 0},
    {"no-recovery", OPTION_SWITCH, &flags.no_recovery, NULL,
     "leave FILE.recovery alone", 0},
    {"weights", OPTION_TEXT, &flags.weights, "uint8|int8",
     "onnxruntime: their type (default: uint8); int8 is faster, and wrong on CPUs "
     "without "
     "VNNI",
     0},
    {"reduce-range", OPTION_SWITCH, &flags.reduce_range, NULL,
     "onnxruntime: int8 weights of 7 bits, which are fast and right there too, but "
     "coarser",
     0},
    {"precision-constraints", OPTION_TEXT, &flags.constraints, "none|prefer|obey",
     "what layer precisions mean (default: none)", 0},
    {"layer-precisions", OPTION_TEXT, &flags.layer_precisions, "SPEC",
     "layer:precision[,...]; * matches; layers in fp32 get no pairs", 0},
    {"opt-shapes", OPTION_TEXT, &flags.shapes, "NAME:1x3x224x224[,...]",
     "example shapes of inputs that the model leaves open; they stay open", 0},
    {"batch", OPTION_COUNT, &flags.batch, "N",
     "example length of a first axis that the model leaves open (default: 1)", 1},
    {"external-data", OPTION_SWITCH, &flags.external, NULL,
     "constants of 1 KiB and more go to OUT.onnx.data (always, above 2 GiB)", 0},
    {"json", OPTION_TEXT, &flags.json, "FILE", "layers: requested, got, why", 0},
};

static const struct usage usage = {
    "quantize",
    "--onnx=MODEL --cache=FILE --output=OUT.onnx [flags]",
    "Write a model with QuantizeLinear and DequantizeLinear, from the ranges, the "
    "layers "
    "in\n"
    "INT8 and the recovery that `tare build --int8` would take. --style=tensorrt: "
    "int8, "
    "zero\n"
    "point 0, on what weighted layers read, their weights and shortcuts. "
    "--style=onnxruntime:\n"
    "uint8 as tare holds it, on inputs and outputs, so that onnxruntime computes "
    "QLinearConv.",
    "  tare quantize --onnx=resnet.onnx --cache=resnet.cache --output=resnet-trt.onnx\n"
    "  tare quantize --onnx=resnet.onnx --cache=resnet.cache --style=onnxruntime "
    "--output=q.onnx\n"
    "  tare quantize --onnx=net.onnx --cache=net.cache --output=q.onnx \\\n"
    "      --precision-constraints=obey --layer-precisions='head*:fp32'\n",
};

static bool find_style(enum tare_quantize_style *style)
{
    *style = TARE_STYLE_TENSORRT;
    if (!flags.style || strcmp(flags.style, "tensorrt") == 0) return true;
    *style = TARE_STYLE_ONNXRUNTIME;
    return strcmp(flags.style, "onnxruntime") == 0;
}

static bool find_weights(enum tare_quantize_weights *weights)
{
    const bool is_int8 = flags.weights && strcmp(flags.weights, "int8") == 0;
    const bool is_uint8 = flags.weights && strcmp(flags.weights, "uint8") == 0;
    *weights = flags.reduce_range ? TARE_WEIGHTS_REDUCED
               : is_int8          ? TARE_WEIGHTS_INT8
                                  : TARE_WEIGHTS_UINT8;
    return !flags.weights || is_int8 || (is_uint8 && !flags.reduce_range);
}

/* @param recovered  the recovery file that was used, or NULL */
static void print_report(const struct tare_quantized *quantized, const char *recovered)
{
    size_t n_int8 = 0;
    const size_t n_rows = tare_quantized_n_rows(quantized);
    for (size_t i = 0; i < n_rows; i++) {
        struct tare_build_row row;
        tare_quantized_row(quantized, i, &row);
        n_int8 += strcmp(row.got, "INT8") == 0;
        if (common_options.verbose) layers_print(&row);
    }
    printf("Model         %s (%s)\n", flags.output,
           flags.style ? flags.style : "tensorrt");
    printf("Layers        %zu; %zu in INT8\n", n_rows, n_int8);
    printf("Pairs         %zu on activations\n", tare_quantized_n_pairs(quantized));
    if (recovered)
        printf("Recovery      %s (%zu layers)\n", recovered,
               tare_quantized_n_recovered(quantized));
}

static cJSON *report_json(const struct tare_quantized *quantized)
{
    cJSON *root = cJSON_CreateObject();
    json_add_number(root, "pairs", (double)tare_quantized_n_pairs(quantized));
    cJSON *layers = cJSON_AddArrayToObject(root, "layers");
    for (size_t i = 0; layers && i < tare_quantized_n_rows(quantized); i++) {
        struct tare_build_row row;
        tare_quantized_row(quantized, i, &row);
        layers_add(layers, &row);
    }
    return root;
}

/* What calibration saw, when its report lies beside the cache. */
static enum tare_status read_seen(struct tare_cache **seen, struct tare_error *err)
{
    char path[RECOVER_PATH_BYTES];
    const int n = snprintf(path, sizeof path, "%s.json", flags.cache);
    const bool fits = n >= 0 && (size_t)n < sizeof path;
    return fits && access(path, F_OK) == 0 ? tare_cache_read_seen(path, seen, err)
                                           : TARE_OK;
}

static enum tare_status quantize(struct tare_quantize_options *wanted,
                                 struct tare_error *err)
{
    struct tare_model *model = NULL;
    struct tare_cache *cache = NULL, *seen = NULL;
    struct tare_recovery *recovery = NULL;
    struct tare_quantized *quantized = NULL;
    char path[RECOVER_PATH_BYTES];
    enum tare_status st = plugins_load_model(flags.onnx, &model, err);
    if (st == TARE_OK) st = tare_cache_read_ranges(flags.cache, &cache, err);
    if (st == TARE_OK && wanted->style == TARE_STYLE_ONNXRUNTIME)
        st = read_seen(&seen, err);
    if (st == TARE_OK && !flags.no_recovery)
        st = recover_read_beside(flags.cache, path, &recovery, err);
    wanted->cache = cache;
    wanted->seen = seen;
    wanted->recovery = recovery;
    if (st == TARE_OK) st = tare_quantize(model, wanted, &quantized, err);
    if (st == TARE_OK)
        st = tare_model_save(tare_quantized_model(quantized), flags.output,
                             flags.external, err);
    if (st == TARE_OK && flags.json)
        st = json_write(report_json(quantized), flags.json, err);
    if (st == TARE_OK) print_report(quantized, recovery ? path : NULL);
    tare_quantized_destroy(quantized);
    tare_recovery_destroy(recovery);
    tare_cache_destroy(seen);
    tare_cache_destroy(cache);
    tare_model_destroy(model);
    return st;
}

int tool_quantize(int argc, char **argv)
{
    const struct option_group group = {"Quantize", options,
                                       sizeof options / sizeof options[0]};
    int status;
    if (!options_parse(&usage, &group, 1, argc, argv, &status)) return status;
    if (!flags.onnx || !flags.cache || !flags.output)
        return usage_error(&usage, "--%s is missing",
                           !flags.onnx    ? "onnx"
                           : !flags.cache ? "cache"
                                          : "output");
    struct tare_quantize_options wanted = {.layer_precisions = flags.layer_precisions,
                                           .shapes = flags.shapes,
                                           .batch = flags.batch};
    if (!find_style(&wanted.style))
        return usage_error(&usage, "--style=%s, want tensorrt or onnxruntime",
                           flags.style);
    if (!layers_constraints(flags.constraints, &wanted.constraints))
        return usage_error(&usage,
                           "--precision-constraints=%s, want none, prefer or obey",
                           flags.constraints);
    if (!find_weights(&wanted.weights))
        return usage_error(&usage,
                           "--weights=%s, want uint8 or int8; --reduce-range is "
                           "int8",
                           flags.weights);
    if (wanted.style != TARE_STYLE_ONNXRUNTIME && (flags.weights || flags.reduce_range))
        return usage_error(&usage, "--%s is for --style=onnxruntime",
                           flags.weights ? "weights" : "reduce-range");

    struct tare_error err = {0};
    return quantize(&wanted, &err) == TARE_OK ? EXIT_DONE : report_failure(&err);
}
