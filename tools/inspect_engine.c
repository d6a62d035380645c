/* tare inspect engine: layers, what is fused in them, tensors, kernels, memory. */
#include <stdio.h>
#include <string.h>

#include "tare/engine.h"
#include "tools/engine_graph.h"
#include "tools/inspect.h"
#include "tools/json.h"
#include "tools/options.h"
#include "tools/plugins.h"
#include "tools/report.h"

static const char *const places[] = {"arena", "weights", "binding", "context"};

/* "uint8 hwc [1x16x28x28] scale 0.02 zero 0, arena 0..12544" */
static void print_tensor(const char *role, const struct tare_layer_tensor *t)
{
    char dims[128], size[32];
    printf("        %-6s  %s%s%s %s [%s]", role, t->name, *t->name ? " " : "",
           tare_dtype_name(t->dtype), t->format, report_dims(&t->dims, dims));
    if (t->step > 0.0F)
        printf(" scale %.9g zero point %d", (double)t->step, t->zero_point);
    if (t->place == TARE_PLACE_BINDING || t->place == TARE_PLACE_CONTEXT)
        printf(", %s %zu\n", places[t->place], t->offset);
    else
        printf(", %s at %zu, %s\n", places[t->place], t->offset,
               report_bytes((double)t->n_bytes, size));
}

static cJSON *tensor_json(const struct tare_layer_tensor *t)
{
    cJSON *row = cJSON_CreateObject();
    json_add_number(row, "id", (double)t->id);
    (void)cJSON_AddStringToObject(row, "name", t->name);
    (void)cJSON_AddStringToObject(row, "type", tare_dtype_name(t->dtype));
    (void)cJSON_AddStringToObject(row, "format", t->format);
    inspect_add_dims(row, "dims", &t->dims);
    if (t->step > 0.0F) {
        json_add_number(row, "scale", (double)t->step);
        json_add_number(row, "zero_point", t->zero_point);
        json_add_number(row, "lowest", (double)t->lowest);
        json_add_number(row, "highest", (double)t->highest);
    }
    (void)cJSON_AddStringToObject(row, "place", places[t->place]);
    json_add_number(row, "offset", (double)t->offset);
    json_add_number(row, "bytes", (double)t->n_bytes);
    return row;
}

/* The ONNX nodes, which the engine joins with " + ". */
static void add_nodes(cJSON *row, const char *nodes)
{
    static const char joint[] = " + ";
    cJSON *array = cJSON_AddArrayToObject(row, "onnx_nodes");
    while (*nodes) {
        char name[1024];
        const char *end = strstr(nodes, joint);
        const size_t n = end ? (size_t)(end - nodes) : strlen(nodes);
        (void)snprintf(name, sizeof name, "%.*s", (int)(n < 1023 ? n : 1023), nodes);
        (void)cJSON_AddItemToArray(array, cJSON_CreateString(name));
        nodes += end ? n + sizeof joint - 1 : n;
    }
}

static void add_layer(cJSON *array, const struct tare_layer_info *l)
{
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "name", l->name);
    (void)cJSON_AddStringToObject(row, "type", l->type);
    (void)cJSON_AddStringToObject(row, "precision", l->precision);
    (void)cJSON_AddStringToObject(row, "tactic", l->tactic);
    (void)cJSON_AddStringToObject(row, "nodes", l->nodes);
    add_nodes(row, l->nodes);
    (void)cJSON_AddStringToObject(row, "output", l->output);
    inspect_add_dims(row, "dims", &l->output_dims);
    (void)cJSON_AddStringToObject(row, "format", l->output_format);
    (void)cJSON_AddStringToObject(row, "output_type", l->output_dtype);
    json_add_number(row, "output_scale", (double)l->output_scale);
    json_add_number(row, "output_zero_point", l->output_zero_point);
    json_add_number(row, "weight_bytes", (double)l->weight_bytes);
    (void)cJSON_AddBoolToObject(row, "reformat", l->is_reformat);
    json_add_number(row, "region", (double)l->region);
    json_add_number(row, "stream", (double)l->stream);
    (void)cJSON_AddItemToArray(array, row);
}

static void add_sources(cJSON *row, const struct engine_graph *graph, size_t layer)
{
    cJSON *array = cJSON_AddArrayToObject(row, "from");
    for (size_t at = graph->first[layer]; at < graph->first[layer + 1]; at++)
        if (graph->sources[at] < graph->n_layers)
            (void)cJSON_AddItemToArray(array,
                                       cJSON_CreateNumber((double)graph->sources[at]));
}

static void inspect_tensors(const struct tare_engine *engine, size_t i,
                            const struct tare_layer_info *l, cJSON *row)
{
    cJSON *arrays[2] = {cJSON_AddArrayToObject(row, "inputs"),
                        cJSON_AddArrayToObject(row, "outputs")};
    for (size_t k = 0; k < l->n_inputs + l->n_outputs; k++) {
        struct tare_layer_tensor tensor;
        const bool is_output = k >= l->n_inputs;
        tare_engine_layer_tensor(engine, i, k, &tensor);
        if (common_options.verbose)
            print_tensor(is_output ? "writes" : "reads", &tensor);
        (void)cJSON_AddItemToArray(arrays[is_output], tensor_json(&tensor));
    }
}

static void print_layers(const struct tare_engine *engine,
                         const struct engine_graph *graph, cJSON *root)
{
    cJSON *array = cJSON_AddArrayToObject(root, "layers");
    printf("\n%-5s %-10s %-34s %-18s %-13s %-10s  %s\n", "Prec", "Type", "Tactic",
           "Output", "Format", "Weights", "Layer (nodes inside)");
    for (size_t i = 0; i < graph->n_layers; i++) {
        struct tare_layer_info l;
        char dims[128], size[32], format[32];
        tare_engine_layer(engine, i, &l);
        (void)snprintf(format, sizeof format, "%s %s", l.output_format, l.output_dtype);
        printf("%-5s %-10s %-34s %-18s %-13s %-10s  %s", l.precision, l.type, l.tactic,
               report_dims(&l.output_dims, dims), format,
               report_bytes((double)l.weight_bytes, size), l.name);
        const bool says_more = *l.nodes && strcmp(l.nodes, l.name) != 0;
        if (says_more) printf(" (%s)", l.nodes);
        if (l.region > 0) printf(" [region %zu, stream %zu]", l.region, l.stream);
        printf("\n");
        add_layer(array, &l);
        cJSON *row = cJSON_GetArrayItem(array, cJSON_GetArraySize(array) - 1);
        inspect_tensors(engine, i, &l, row);
        add_sources(row, graph, i);
    }
}

/* How many layers compute in each precision, and the weights that they read. */
static void print_precisions(const struct tare_engine *engine, size_t n_layers,
                             cJSON *root)
{
    static const char *const names[] = {"INT8", "FP16", "BF16", "FP32"};
    cJSON *array = cJSON_AddArrayToObject(root, "precisions");
    for (size_t p = 0; p < sizeof names / sizeof names[0]; p++) {
        size_t n = 0, n_reformats = 0, weight_bytes = 0;
        char size[32];
        for (size_t i = 0; i < n_layers; i++) {
            struct tare_layer_info l;
            tare_engine_layer(engine, i, &l);
            if (strcmp(l.precision, names[p]) != 0) continue;
            n += !l.is_reformat;
            n_reformats += l.is_reformat;
            weight_bytes += l.weight_bytes;
        }
        if (n + n_reformats == 0) continue;
        printf("%-12s %zu layers, %zu reformats, weights %s\n", names[p], n,
               n_reformats, report_bytes((double)weight_bytes, size));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", names[p]);
        json_add_number(row, "layers", (double)n);
        json_add_number(row, "reformats", (double)n_reformats);
        json_add_number(row, "weight_bytes", (double)weight_bytes);
        (void)cJSON_AddItemToArray(array, row);
    }
}

/* The 8-bit form of a binding: what the conversion behind an input makes, or that in
 * front of an output reads. */
static bool find_quantized(const struct tare_engine *engine, size_t n_layers,
                           size_t binding, bool is_input,
                           struct tare_layer_tensor *quantized)
{
    for (size_t i = 0; i < n_layers; i++) {
        struct tare_layer_info l;
        struct tare_layer_tensor bound;
        tare_engine_layer(engine, i, &l);
        if (!l.is_reformat || l.n_inputs < 1 || l.n_outputs < 1) continue;
        tare_engine_layer_tensor(engine, i, is_input ? 0 : l.n_inputs, &bound);
        tare_engine_layer_tensor(engine, i, is_input ? l.n_inputs : 0, quantized);
        if (bound.place == TARE_PLACE_BINDING && bound.offset == binding &&
            quantized->step > 0.0F)
            return true;
    }
    return false;
}

static void print_bindings(const struct tare_engine *engine,
                           const struct tare_engine_info *info, cJSON *root)
{
    cJSON *bindings = cJSON_AddArrayToObject(root, "bindings");
    for (size_t i = 0; i < info->n_bindings; i++) {
        struct tare_binding binding;
        struct tare_layer_tensor quantized;
        char dims[128], size[32];
        tare_engine_binding(engine, i, &binding);
        printf("%-12s %s %s [%s]", binding.is_input ? "Input" : "Output", binding.name,
               tare_dtype_name(binding.dtype), report_dims(&binding.dims, dims));
        if (binding.format != TARE_LINEAR)
            printf(" %s", tare_format_name(binding.format));
        if (binding.dtype == TARE_S8 && binding.model_dtype == TARE_F32)
            printf(" scale %.9g", (double)binding.scale);
        if (binding.n_bytes) printf(" %s", report_bytes((double)binding.n_bytes, size));
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", binding.name);
        (void)cJSON_AddBoolToObject(row, "input", binding.is_input);
        (void)cJSON_AddStringToObject(row, "type", tare_dtype_name(binding.dtype));
        (void)cJSON_AddStringToObject(row, "format", tare_format_name(binding.format));
        if (binding.dtype == TARE_S8 && binding.model_dtype == TARE_F32)
            json_add_number(row, "scale", (double)binding.scale);
        inspect_add_dims(row, "dims", &binding.dims);
        json_add_number(row, "bytes", (double)binding.n_bytes);
        if (find_quantized(engine, info->n_layers, i, binding.is_input, &quantized)) {
            printf(", inside %s %s scale %.9g zero point %d",
                   tare_dtype_name(quantized.dtype), quantized.format,
                   (double)quantized.step, quantized.zero_point);
            (void)cJSON_AddItemToObject(row, "quantized", tensor_json(&quantized));
        }
        printf("\n");
        (void)cJSON_AddItemToArray(bindings, row);
    }
}

/* "x 1x3x8x8 to 4x3x32x32, opt 2x3x16x16" of inputs that have several shapes. */
static void print_profiles(const struct tare_engine *engine, cJSON *root)
{
    cJSON *profiles = cJSON_AddArrayToObject(root, "profiles");
    for (size_t p = 0; p < tare_engine_n_profiles(engine); p++) {
        cJSON *inputs = cJSON_CreateArray();
        (void)cJSON_AddItemToArray(profiles, inputs);
        struct tare_binding binding;
        tare_engine_binding(engine, 0, &binding);
        for (size_t i = 0; binding.is_input;
             tare_engine_binding(engine, ++i, &binding)) {
            struct tare_shape_range range;
            char min[128], opt[128], max[128];
            tare_engine_profile(engine, p, i, &range);
            printf("Profile %-4zu %s %s to %s, opt %s\n", p, binding.name,
                   report_dims(&range.min, min), report_dims(&range.max, max),
                   report_dims(&range.opt, opt));
            cJSON *row = cJSON_CreateObject();
            (void)cJSON_AddStringToObject(row, "name", binding.name);
            inspect_add_dims(row, "min", &range.min);
            inspect_add_dims(row, "opt", &range.opt);
            inspect_add_dims(row, "max", &range.max);
            (void)cJSON_AddItemToArray(inputs, row);
        }
    }
}

static void print_summary(const struct tare_engine_info *info, cJSON *root)
{
    char a[32], b[32], activations[128];
    printf("Engine       %s, by tare %s, needs %s\n", info->model, info->version,
           info->isa);
    printf("File         %s, weights %s\nActivations  %s\n",
           report_bytes((double)info->file_bytes, a),
           report_bytes((double)info->weight_bytes, b),
           report_activations(info, activations));
    if (info->n_regions > 0)
        printf("Branches     %zu regions of layers that run side by side, in %zu "
               "streams at the most\n",
               info->n_regions, info->n_streams);
    if (!info->is_exact)
        printf("Bit-exact    no: some tactics are another library's, which rounds "
               "differently%s\n",
               info->is_int8_exact ? "" : "; INT8 codes may be one off");
    if (info->can_refit)
        printf("Weights      %s\n", info->is_stripped
                                        ? "stripped: `tare refit` gives it some"
                                        : "`tare refit` gives it others");
    (void)cJSON_AddBoolToObject(root, "bit_exact", info->is_exact);
    (void)cJSON_AddBoolToObject(root, "int8_bit_exact", info->is_int8_exact);
    (void)cJSON_AddBoolToObject(root, "can_refit", info->can_refit);
    (void)cJSON_AddBoolToObject(root, "stripped", info->is_stripped);
    (void)cJSON_AddStringToObject(root, "model", info->model);
    (void)cJSON_AddStringToObject(root, "version", info->version);
    (void)cJSON_AddStringToObject(root, "isa", info->isa);
    json_add_number(root, "file_bytes", (double)info->file_bytes);
    json_add_number(root, "weight_bytes", (double)info->weight_bytes);
    json_add_number(root, "activation_bytes", (double)info->activation_bytes);
    json_add_number(root, "live_bytes", (double)info->live_bytes);
    json_add_number(root, "regions", (double)info->n_regions);
    json_add_number(root, "streams", (double)info->n_streams);
}

enum tare_status inspect_engine(const struct inspect_flags *flags, const char *path,
                                cJSON *root, bool *failed, struct tare_error *err)
{
    (void)flags;
    (void)failed;
    struct tare_engine *engine;
    struct tare_engine_info info;
    struct engine_graph graph;
    enum tare_status st = plugins_load_engine(path, &engine, err);
    if (st != TARE_OK) return st;
    st = engine_graph_make(&graph, engine, err);
    if (st == TARE_OK) {
        tare_engine_info(engine, &info);
        print_summary(&info, root);
        print_precisions(engine, info.n_layers, root);
        print_bindings(engine, &info, root);
        print_profiles(engine, root);
        print_layers(engine, &graph, root);
    }
    engine_graph_release(&graph);
    tare_engine_destroy(engine);
    return st;
}
