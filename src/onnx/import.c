#include "onnx/import.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "onnx/importer.h"
#include "onnx/printable.h"
#include "onnx/wire.h"

enum { MIN_IR = 3, MAX_IR = 13 }; /* 3 is the first with operator sets */

bool tare_import_default_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

/** The version of the default operator set; 0 when the model does not import it. */
static enum tare_status read_opset(const Onnx__ModelProto *model, int *opset,
                                   struct tare_error *err)
{
    const Onnx__OperatorSetIdProto *found = NULL;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = model->opset_import[i];
        if (!tare_import_default_domain(import->domain)) continue;
        TARE_FAIL_IF(found && found->version != import->version, err, TARE_E_FORMAT,
                     "imports the default operator set as version %lld and %lld",
                     (long long)found->version, (long long)import->version);
        found = import;
    }
    *opset = 0;
    if (!found) return TARE_OK;
    TARE_FAIL_IF(
        found->version < TARE_OPSET_FIRST || found->version > TARE_OPSET_MAX, err,
        TARE_E_UNSUPPORTED,
        "opset %lld is not supported, want %d to %d (onnx.version_converter may "
        "help)",
        (long long)found->version, TARE_OPSET_FIRST, TARE_OPSET_MAX);
    *opset = (int)found->version;
    return TARE_OK;
}

/** What belongs to the model as a whole. */
static enum tare_status check_model(struct tare_importer *importer,
                                    struct tare_error *err)
{
    const Onnx__ModelProto *model = importer->model;
    TARE_FAIL_IF(!model->has_ir_version || !model->graph, err, TARE_E_FORMAT,
                 "not an ONNX model (no %s)",
                 model->has_ir_version ? "graph" : "ir_version");
    TARE_FAIL_IF(model->ir_version < MIN_IR || model->ir_version > MAX_IR, err,
                 TARE_E_UNSUPPORTED, "IR version %lld is not supported, want %d to %d",
                 (long long)model->ir_version, MIN_IR, MAX_IR);
    const enum tare_status st = read_opset(model, &importer->graph->opset, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(
        model->n_training_info > 0, err, TARE_E_UNSUPPORTED,
        "training information is not supported; export the model for inference");
    return TARE_OK;
}

/** The graph's name is a title; nothing depends on it. */
static enum tare_status copy_title(struct tare_importer *importer,
                                   struct tare_error *err)
{
    const char *title = importer->model->graph->name;
    if (!tare_onnx_name_valid(title)) return TARE_OK;
    char *copy = tare_strdup(title);
    TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory");
    tare_free(importer->graph->name);
    importer->graph->name = copy;
    return TARE_OK;
}

/** Metadata: names of classes, strides, and such, for other programs. */
static enum tare_status copy_properties(struct tare_importer *importer,
                                        struct tare_error *err)
{
    const Onnx__ModelProto *model = importer->model;
    for (size_t i = 0; i < model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = model->metadata_props[i];
        if (!tare_onnx_name_valid(entry->key) || !entry->value) continue;
        const enum tare_status st =
            tare_graph_add_property(importer->graph, entry->key, entry->value, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

enum tare_status tare_import_proto(struct tare_importer *importer,
                                   struct tare_error *err)
{
    TARE_FAIL_IF(importer->proto->n_sparse_initializer > 0, err, TARE_E_UNSUPPORTED,
                 "sparse initializers are not supported");
    enum tare_status st = tare_import_names(importer, err);
    if (st == TARE_OK && !importer->keep_unknown)
        st = tare_import_check_ops(importer, err);
    if (st == TARE_OK && importer->graph->opset == 0)
        st = tare_error_set(err, TARE_E_FORMAT,
                            "does not import the default operator set");
    if (st == TARE_OK) st = tare_import_inputs(importer, err);
    if (st == TARE_OK) st = tare_import_nodes(importer, err);
    if (st == TARE_OK) st = tare_import_outputs(importer, err);
    if (st == TARE_OK) st = tare_graph_sort(importer->graph, err);
    if (st == TARE_OK) st = tare_import_upgrade(importer->graph, err);
    for (size_t i = 0; importer->node_names && i < importer->proto->n_node; i++)
        tare_free(importer->node_names[i]);
    tare_free(importer->node_names);
    importer->node_names = NULL;
    return st;
}

/** What opaque nodes call has to be written again with them. */
static enum tare_status keep_functions(struct tare_importer *importer,
                                       struct tare_error *err)
{
    struct tare_graph *graph = importer->graph;
    Onnx__ModelProto functions = ONNX__MODEL_PROTO__INIT;
    functions.functions = importer->model->functions;
    functions.n_functions = importer->model->n_functions;
    graph->functions_bytes = protobuf_c_message_get_packed_size(&functions.base);
    graph->functions = tare_alloc(graph->functions_bytes);
    TARE_FAIL_IF(!graph->functions, err, TARE_E_NOMEM, "no memory");
    (void)protobuf_c_message_pack(&functions.base, graph->functions);
    return TARE_OK;
}

static enum tare_status import_graph(struct tare_importer *importer,
                                     struct tare_error *err)
{
    enum tare_status st = check_model(importer, err);
    if (st == TARE_OK) st = copy_title(importer, err);
    if (st == TARE_OK) st = copy_properties(importer, err);
    importer->proto = importer->model->graph;
    struct tare_refusals refusals = {0};
    importer->refusals = &refusals;
    if (st == TARE_OK)
        st = tare_import_functions(importer->model, importer->graph->opset,
                                   importer->keep_unknown ? &refusals : NULL, err);
    if (st == TARE_OK && refusals.n) st = keep_functions(importer, err);
    if (st == TARE_OK) st = tare_import_proto(importer, err);
    tare_refusals_free(&refusals);
    return st;
}

/** Import an unpacked model, which is used up. */
static enum tare_status import_model(Onnx__ModelProto *model, const char *label,
                                     const char *folder,
                                     const struct tare_plugins *plugins,
                                     bool keep_unknown, struct tare_graph **graph,
                                     struct tare_error *err)
{
    struct tare_importer importer = {.model = model,
                                     .label = label,
                                     .folder = folder,
                                     .plugins = plugins,
                                     .keep_unknown = keep_unknown};
    enum tare_status st = tare_graph_create(&importer.graph, err);
    if (st == TARE_OK) st = import_graph(&importer, err);
    if (st != TARE_OK) {
        tare_graph_destroy(importer.graph);
        return st;
    }
    *graph = importer.graph;
    return TARE_OK;
}

static enum tare_status unpack_model(const uint8_t *data, size_t n_bytes,
                                     ProtobufCMessage **message, struct tare_error *err)
{
    return tare_onnx_unpack(&onnx__model_proto__descriptor, data, n_bytes,
                            "an ONNX model", message, err);
}

enum tare_status tare_onnx_import_bytes(const uint8_t *data, size_t n_bytes,
                                        const char *folder, struct tare_graph **graph,
                                        struct tare_error *err)
{
    ProtobufCMessage *message;
    *graph = NULL;
    enum tare_status st = unpack_model(data, n_bytes, &message, err);
    if (st == TARE_OK)
        st = import_model((Onnx__ModelProto *)message, "model", folder, NULL, false,
                          graph, err);
    tare_onnx_free(message);
    return st;
}

/** The path up to its last slash; "." when there is none. tare_free() it. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return tare_strdup(".");
    return tare_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static enum tare_status import_file(const char *path,
                                    const struct tare_plugins *plugins,
                                    bool keep_unknown, struct tare_graph **graph,
                                    struct tare_error *err)
{
    struct tare_map map; /* not a copy: the message will hold one of every weight */
    ProtobufCMessage *message;
    *graph = NULL;
    enum tare_status st = tare_map_open(path, &map, err);
    if (st != TARE_OK) return st; /* the text begins with the path */

    st = unpack_model(map.base, map.n_bytes, &message, err);
    tare_map_close(&map);
    char *folder = folder_of(path);
    if (st == TARE_OK && !folder) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    if (st == TARE_OK)
        st = import_model((Onnx__ModelProto *)message, path, folder, plugins,
                          keep_unknown, graph, err);
    tare_free(folder);
    tare_onnx_free(message);
    if (st != TARE_OK) tare_error_wrap(err, "%s", path);
    return st;
}

enum tare_status tare_onnx_import(const char *path, const struct tare_plugins *plugins,
                                  struct tare_graph **graph, struct tare_error *err)
{
    return import_file(path, plugins, false, graph, err);
}

enum tare_status tare_onnx_import_any(const char *path,
                                      const struct tare_plugins *plugins,
                                      struct tare_graph **graph, struct tare_error *err)
{
    return import_file(path, plugins, true, graph, err);
}
