#include "onnx/export.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "onnx/exporter.h"
#include "onnx/wire.h"
#include "tare/version.h"

/* More than this, and some reader's limit of 2 GiB is near. */
#define INLINE_BYTES ((size_t)INT32_MAX - ((size_t)1 << 20))

enum { MAX_DOMAINS = 1024 };

void *tare_export_take(struct tare_exporter *exporter, size_t n, size_t elem_bytes)
{
    if (!tare_grow(&exporter->blocks, &exporter->cap_blocks, exporter->n_blocks + 1,
                   sizeof *exporter->blocks))
        return NULL;
    void *block = tare_alloc_array(n, elem_bytes);
    if (block) exporter->blocks[exporter->n_blocks++] = block;
    return block;
}

char *tare_export_text(struct tare_exporter *exporter, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    char *text = n < 0 ? NULL : tare_export_take(exporter, (size_t)n + 1, 1);
    if (text) (void)vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return text;
}

static void release(struct tare_exporter *exporter, Onnx__GraphProto *graph)
{
    tare_free(graph->node);
    tare_free(graph->initializer);
    for (size_t i = 0; i < exporter->n_messages; i++)
        tare_onnx_free(exporter->messages[i]);
    tare_free(exporter->messages);
    for (size_t i = 0; i < exporter->n_blocks; i++)
        tare_free(exporter->blocks[i]);
    tare_free(exporter->blocks);
    tare_free(exporter->externals);
    tare_export_free_bodies(exporter);
}

/** The oldest IR version that knows the operator set, and 4, the first in which a
 *  constant need not be an input. */
static int64_t ir_version(int opset)
{
    static const struct {
        int opset, ir;
    } versions[] = {{9, 4},  {10, 5}, {11, 6},  {12, 7},
                    {15, 8}, {19, 9}, {21, 10}, {INT32_MAX, 0}};
    int ir = 4;
    for (size_t i = 0; opset >= versions[i].opset; i++)
        ir = versions[i].ir;
    return ir;
}

static bool has_domain(const Onnx__ModelProto *model, const char *domain)
{
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (strcmp(model->opset_import[i]->domain, domain) == 0) return true;
    return false;
}

static enum tare_status add_domain(struct tare_exporter *exporter,
                                   Onnx__ModelProto *model, const char *domain,
                                   int64_t version, struct tare_error *err)
{
    TARE_FAIL_IF(model->n_opset_import == MAX_DOMAINS, err, TARE_E_UNSUPPORTED,
                 "nodes of more than %d domains", MAX_DOMAINS);
    Onnx__OperatorSetIdProto *import = tare_export_take(exporter, 1, sizeof *import);
    char *name = tare_export_text(exporter, "%s", domain);
    Onnx__OperatorSetIdProto **list =
        tare_export_take(exporter, model->n_opset_import + 1, sizeof *list);
    TARE_FAIL_IF(!import || !name || !list, err, TARE_E_NOMEM, "no memory");
    onnx__operator_set_id_proto__init(import);
    import->domain = name;
    import->has_version = 1;
    import->version = version;
    if (model->n_opset_import)
        memcpy(list, model->opset_import, model->n_opset_import * sizeof *list);
    list[model->n_opset_import++] = import;
    model->opset_import = list;
    return TARE_OK;
}

/** The domains of opaque nodes, in bodies too. */
static enum tare_status add_domains_of(struct tare_exporter *exporter,
                                       const struct tare_graph *graph,
                                       Onnx__ModelProto *model, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        if (node->opaque && !has_domain(model, node->opaque->domain))
            st = add_domain(exporter, model, node->opaque->domain,
                            node->opaque->version, err);
        for (size_t k = 0; k < node->n_attrs && st == TARE_OK; k++)
            if (node->attrs[k].type == TARE_ATTR_GRAPH)
                st = add_domains_of(exporter, node->attrs[k].g, model, err);
    }
    return st;
}

/** The default operator set, and those of opaque nodes. */
static enum tare_status add_domains(struct tare_exporter *exporter,
                                    Onnx__ModelProto *model, struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    const enum tare_status st = add_domain(exporter, model, "", graph->opset, err);
    return st == TARE_OK ? add_domains_of(exporter, graph, model, err) : st;
}

static enum tare_status add_properties(struct tare_exporter *exporter,
                                       Onnx__ModelProto *model, struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    model->metadata_props =
        tare_export_take(exporter, graph->n_properties, sizeof *model->metadata_props);
    TARE_FAIL_IF(!model->metadata_props, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < graph->n_properties; i++) {
        model->metadata_props[i] = tare_export_entry(exporter, graph->properties[i].key,
                                                     graph->properties[i].value);
        TARE_FAIL_IF(!model->metadata_props[i], err, TARE_E_NOMEM, "no memory");
    }
    model->n_metadata_props = graph->n_properties;
    return TARE_OK;
}

/** Local functions that opaque nodes call; ONNX has them from IR version 8 on. */
static enum tare_status add_functions(struct tare_exporter *exporter,
                                      Onnx__ModelProto *model, struct tare_error *err)
{
    enum { FUNCTIONS_IR = 8 };
    const struct tare_graph *graph = exporter->graph;
    ProtobufCMessage *message;
    if (!graph->functions) return TARE_OK;
    const enum tare_status st =
        tare_onnx_unpack(&onnx__model_proto__descriptor, graph->functions,
                         graph->functions_bytes, "local functions", &message, err);
    if (st != TARE_OK) return st;
    if (!tare_grow(&exporter->messages, &exporter->cap_messages,
                   exporter->n_messages + 1, sizeof *exporter->messages)) {
        tare_onnx_free(message);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    exporter->messages[exporter->n_messages++] = message;
    const Onnx__ModelProto *kept = (const Onnx__ModelProto *)message;
    model->functions = kept->functions;
    model->n_functions = kept->n_functions;
    if (model->ir_version < FUNCTIONS_IR) model->ir_version = FUNCTIONS_IR;
    return TARE_OK;
}

static enum tare_status fill_model(struct tare_exporter *exporter,
                                   Onnx__ModelProto *model, struct tare_error *err)
{
    const char *title = exporter->graph->name;
    model->has_ir_version = 1;
    model->ir_version = ir_version(exporter->graph->opset);
    model->producer_name = tare_export_text(exporter, "tare");
    model->producer_version = tare_export_text(exporter, "%s", TARE_VERSION);
    model->graph = exporter->proto;
    exporter->proto->name = tare_export_text(exporter, "%s", *title ? title : "graph");
    TARE_FAIL_IF(!model->producer_name || !model->producer_version ||
                     !exporter->proto->name,
                 err, TARE_E_NOMEM, "no memory");
    enum tare_status st = add_domains(exporter, model, err);
    if (st == TARE_OK) st = add_functions(exporter, model, err);
    if (st == TARE_OK) st = add_properties(exporter, model, err);
    if (st == TARE_OK) st = tare_export_values(exporter, err);
    if (st == TARE_OK) st = tare_export_nodes(exporter, err);
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(protobuf_c_message_get_packed_size(&model->base) > TARE_ONNX_MAX_BYTES,
                 err, TARE_E_UNSUPPORTED, "the model is larger than protobuf's 2 GiB%s",
                 exporter->location ? "" : "; write it with external data");
    return TARE_OK;
}

/** A file as protobuf-c sees it: small pieces are gathered. */
struct sink {
    ProtobufCBuffer base; /* first: protobuf-c passes its address */
    struct tare_output *out;
    uint8_t *gathered;
    size_t n;
    enum tare_status st;
    struct tare_error *err;
};
enum { SINK_BYTES = 1 << 16 };

static void flush(struct sink *sink)
{
    if (sink->st == TARE_OK)
        sink->st = tare_output_write(sink->out, sink->gathered, sink->n, sink->err);
    sink->n = 0;
}

static void append(ProtobufCBuffer *buffer, size_t n, const uint8_t *data)
{
    struct sink *sink = (struct sink *)buffer;
    if (n > SINK_BYTES - sink->n) flush(sink);
    if (n > SINK_BYTES) {
        if (sink->st == TARE_OK)
            sink->st = tare_output_write(sink->out, data, n, sink->err);
        return;
    }
    if (n) memcpy(sink->gathered + sink->n, data, n);
    sink->n += n;
}

/** @param[out] out  to be committed or discarded; NULL on failure */
static enum tare_status write_model(const Onnx__ModelProto *model, const char *path,
                                    struct tare_output **out, struct tare_error *err)
{
    *out = NULL;
    struct sink sink = {.base.append = append,
                        .gathered = tare_alloc(SINK_BYTES),
                        .st = TARE_OK,
                        .err = err};
    TARE_FAIL_IF(!sink.gathered, err, TARE_E_NOMEM, "%s: no memory", path);
    sink.st = tare_output_create(path, &sink.out, err);
    if (sink.st == TARE_OK) {
        (void)protobuf_c_message_pack_to_buffer(&model->base, &sink.base);
        flush(&sink);
        if (sink.st == TARE_OK)
            *out = sink.out;
        else
            tare_output_discard(sink.out);
    }
    tare_free(sink.gathered);
    return sink.st;
}

/** Every constant that the model refers to, each at its offset. */
static enum tare_status write_constants(const struct tare_exporter *exporter,
                                        struct tare_output *out, struct tare_error *err)
{
    static const uint8_t zeros[TARE_EXTERNAL_ALIGN];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < exporter->n_externals && st == TARE_OK; i++) {
        const struct tare_const *constant = &exporter->externals[i];
        const size_t past = constant->n_bytes % TARE_EXTERNAL_ALIGN;
        st = tare_output_write(out, constant->data, constant->n_bytes, err);
        if (st == TARE_OK && past)
            st = tare_output_write(out, zeros, TARE_EXTERNAL_ALIGN - past, err);
    }
    return st;
}

/** @param[out] out  to be committed or discarded; NULL on failure */
static enum tare_status write_external(struct tare_exporter *exporter, const char *path,
                                       struct tare_output **out, struct tare_error *err)
{
    const char *file = tare_export_text(exporter, "%s.data", path);
    *out = NULL;
    TARE_FAIL_IF(!file, err, TARE_E_NOMEM, "%s: no memory", path);
    enum tare_status st = tare_output_create(file, out, err);
    if (st != TARE_OK) return st;
    st = write_constants(exporter, *out, err);
    if (st == TARE_OK) return st;
    tare_output_discard(*out);
    *out = NULL;
    return st;
}

/** The model, and what it keeps in a file of its own: both or none. */
static enum tare_status write_files(struct tare_exporter *exporter,
                                    const Onnx__ModelProto *model, const char *path,
                                    struct tare_error *err)
{
    struct tare_output *constants = NULL, *file = NULL;
    enum tare_status st = TARE_OK;
    if (exporter->external_bytes) st = write_external(exporter, path, &constants, err);
    if (st == TARE_OK) st = write_model(model, path, &file, err);
    if (st != TARE_OK) {
        tare_output_discard(constants);
        return st;
    }
    return constants ? tare_output_commit_pair(constants, file, err)
                     : tare_output_commit(file, err);
}

/** Bytes of all constants, in bodies too; SIZE_MAX: more than that. */
static size_t constant_bytes(const struct tare_graph *graph)
{
    size_t total = 0;
    for (size_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].producer < 0 &&
            !tare_add_size(total, graph->tensors[i].n_bytes, &total))
            return SIZE_MAX;
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; k < graph->nodes[i].n_attrs; k++) {
            const struct tare_graph *body = graph->nodes[i].attrs[k].g;
            if (body && !tare_add_size(total, constant_bytes(body), &total))
                return SIZE_MAX;
        }
    return total;
}

enum tare_status tare_onnx_export(const struct tare_graph *graph, const char *path,
                                  bool external, struct tare_error *err)
{
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto proto = ONNX__GRAPH_PROTO__INIT;
    struct tare_exporter exporter = {.graph = graph, .proto = &proto};
    const char *slash = strrchr(path, '/');
    enum tare_status st = TARE_OK;
    if (external || constant_bytes(graph) > INLINE_BYTES) {
        exporter.location =
            tare_export_text(&exporter, "%s.data", slash ? slash + 1 : path);
        if (!exporter.location) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    if (st == TARE_OK) st = fill_model(&exporter, &model, err);
    if (st != TARE_OK)
        tare_error_wrap(err, "%s", path);
    else
        st = write_files(&exporter, &model, path, err);
    release(&exporter, &proto);
    return st;
}

enum tare_status tare_onnx_export_bytes(const struct tare_graph *graph, uint8_t **data,
                                        size_t *n_bytes, struct tare_error *err)
{
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto proto = ONNX__GRAPH_PROTO__INIT;
    struct tare_exporter exporter = {.graph = graph, .proto = &proto};
    *data = NULL;
    enum tare_status st = fill_model(&exporter, &model, err);
    if (st == TARE_OK) {
        *n_bytes = protobuf_c_message_get_packed_size(&model.base);
        *data = tare_alloc(*n_bytes);
        if (*data)
            (void)protobuf_c_message_pack(&model.base, *data);
        else
            st = tare_error_set(err, TARE_E_NOMEM, "no memory for %zu bytes", *n_bytes);
    }
    release(&exporter, &proto);
    return st;
}
