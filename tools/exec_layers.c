/* The engine's layers as TensorRT's engine inspector tells of them. */
#include <stdio.h>
#include <string.h>

#include "tools/exec.h"
#include "tools/json.h"

/* --profilingVerbosity, old names included. */
static bool is_verbosity(const char *name, const char *old)
{
    const char *given =
        exec_flags.verbosity ? exec_flags.verbosity : "layer_names_only";
    return strcmp(given, name) == 0 || strcmp(given, old) == 0;
}

static cJSON *tensor_json(const struct tare_layer_tensor *tensor)
{
    static const char *const places[] = {"Device", "Constant", "Host", "Device"};
    cJSON *row = cJSON_CreateObject();
    cJSON *dims = cJSON_CreateArray();
    char format[64];
    (void)snprintf(format, sizeof format, "%s %s", tensor->format,
                   tare_dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->dims.rank; i++)
        (void)cJSON_AddItemToArray(dims, cJSON_CreateNumber((double)tensor->dims.d[i]));
    (void)cJSON_AddStringToObject(row, "Name", tensor->name);
    (void)cJSON_AddStringToObject(row, "Location", places[tensor->place]);
    (void)cJSON_AddItemToObject(row, "Dimensions", dims);
    (void)cJSON_AddStringToObject(row, "Format/Datatype", format);
    if (tensor->step > 0.0F) json_add_number(row, "Scale", (double)tensor->step);
    return row;
}

static cJSON *layer_json(const struct tare_engine *engine, size_t i)
{
    struct tare_layer_info layer;
    tare_engine_layer(engine, i, &layer);
    cJSON *row = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(row, "Name", layer.name);
    (void)cJSON_AddStringToObject(row, "LayerType", layer.type);
    cJSON *arrays[2] = {cJSON_AddArrayToObject(row, "Inputs"),
                        cJSON_AddArrayToObject(row, "Outputs")};
    for (size_t k = 0; k < layer.n_inputs + layer.n_outputs; k++) {
        struct tare_layer_tensor tensor;
        tare_engine_layer_tensor(engine, i, k, &tensor);
        if (tensor.place != TARE_PLACE_WEIGHTS)
            (void)cJSON_AddItemToArray(arrays[k >= layer.n_inputs],
                                       tensor_json(&tensor));
    }
    (void)cJSON_AddStringToObject(row, "Precision", layer.precision);
    (void)cJSON_AddStringToObject(row, "TacticName", layer.tactic);
    json_add_number(row, "WeightBytes", (double)layer.weight_bytes);
    json_add_number(row, "StreamId", (double)layer.stream);
    (void)cJSON_AddStringToObject(row, "Metadata", layer.nodes);
    return row;
}

/* {"Layers": [...], "Bindings": [...]}: names, or in detail. */
static cJSON *engine_json(const struct tare_engine *engine)
{
    struct tare_engine_info info;
    tare_engine_info(engine, &info);
    cJSON *root = cJSON_CreateObject();
    cJSON *layers = cJSON_AddArrayToObject(root, "Layers");
    cJSON *bindings = cJSON_AddArrayToObject(root, "Bindings");
    const bool in_detail = is_verbosity("detailed", "verbose");
    for (size_t i = 0; i < info.n_layers && !is_verbosity("none", "none"); i++) {
        struct tare_layer_info layer;
        tare_engine_layer(engine, i, &layer);
        (void)cJSON_AddItemToArray(layers, in_detail ? layer_json(engine, i)
                                                     : cJSON_CreateString(layer.name));
    }
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(engine, i, &binding);
        (void)cJSON_AddItemToArray(bindings, cJSON_CreateString(binding.name));
    }
    return root;
}

/* A name a line, or an object. */
static void print_items(const char *title, const cJSON *items)
{
    printf("%s:\n", title);
    const cJSON *item;
    cJSON_ArrayForEach(item, items)
    {
        char *text = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
        printf("%s\n", text ? text : cJSON_IsString(item) ? item->valuestring : "");
        cJSON_free(text);
    }
}

enum tare_status exec_layer_info(const struct tare_engine *engine,
                                 struct tare_error *err)
{
    if (!exec_flags.dump_layers && !exec_flags.export_layers) return TARE_OK;
    if (is_verbosity("none", "none"))
        exec_warn("--profilingVerbosity=none: layers are left out of the layer "
                  "information");
    else if (!is_verbosity("detailed", "verbose"))
        exec_info("The layer information has names alone; "
                  "--profilingVerbosity=detailed says more.");
    cJSON *root = engine_json(engine);
    if (exec_flags.dump_layers) {
        exec_info("Layer Information:");
        print_items("Layers", cJSON_GetObjectItem(root, "Layers"));
        print_items("Bindings", cJSON_GetObjectItem(root, "Bindings"));
        exec_info("%s", "");
    }
    if (exec_flags.export_layers)
        return json_write(root, exec_flags.export_layers, err);
    cJSON_Delete(root);
    return TARE_OK;
}
