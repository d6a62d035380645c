/* Constants, and the types of what goes in and out. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/exporter.h"

int32_t tare_export_type(enum tare_dtype dtype)
{
    switch (dtype) {
    case TARE_F32: return ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    case TARE_U8: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
    case TARE_S8: return ONNX__TENSOR_PROTO__DATA_TYPE__INT8;
    case TARE_S32: return ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    case TARE_S64: return ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    case TARE_BOOL: return ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    case TARE_F64: return ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    case TARE_F16: return ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16;
    case TARE_S16: return ONNX__TENSOR_PROTO__DATA_TYPE__INT16;
    case TARE_U16: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT16;
    case TARE_U32: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT32;
    case TARE_U64: return ONNX__TENSOR_PROTO__DATA_TYPE__UINT64;
    case TARE_BF16: return ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16;
    }
    return ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED;
}

Onnx__StringStringEntryProto *tare_export_entry(struct tare_exporter *exporter,
                                                char *key, char *value)
{
    Onnx__StringStringEntryProto *entry = tare_export_take(exporter, 1, sizeof *entry);
    if (!entry || !key || !value) return NULL;
    onnx__string_string_entry_proto__init(entry);
    entry->key = key;
    entry->value = value;
    return entry;
}

/** Where the bytes are, in the file of external data. */
static enum tare_status set_external(struct tare_exporter *exporter,
                                     Onnx__TensorProto *proto,
                                     const struct tare_const *content,
                                     struct tare_error *err)
{
    static const char *const keys[] = {"location", "offset", "length"};
    enum { N = sizeof keys / sizeof keys[0] };
    const size_t offset = exporter->external_bytes;
    char *const values[N] = {
        tare_export_text(exporter, "%s", exporter->location),
        tare_export_text(exporter, "%zu", offset),
        tare_export_text(exporter, "%zu", content->n_bytes),
    };
    proto->external_data = tare_export_take(exporter, N, sizeof *proto->external_data);
    TARE_FAIL_IF(!proto->external_data, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < N; i++) {
        char *key = tare_export_text(exporter, "%s", keys[i]);
        proto->external_data[i] = tare_export_entry(exporter, key, values[i]);
        TARE_FAIL_IF(!proto->external_data[i], err, TARE_E_NOMEM, "no memory");
    }
    proto->n_external_data = N;
    proto->has_data_location = 1;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    size_t end;
    TARE_FAIL_IF(!tare_grow(&exporter->externals, &exporter->cap_externals,
                            exporter->n_externals + 1, sizeof *exporter->externals),
                 err, TARE_E_NOMEM, "no memory");
    exporter->externals[exporter->n_externals++] = *content;
    TARE_FAIL_IF(!tare_add_size(offset, content->n_bytes, &end) ||
                     !tare_add_size(end, TARE_EXTERNAL_ALIGN - 1, &end),
                 err, TARE_E_UNSUPPORTED, "the constants are too large");
    exporter->external_bytes = end / TARE_EXTERNAL_ALIGN * TARE_EXTERNAL_ALIGN;
    return TARE_OK;
}

/** Type and dims, without the elements. */
static enum tare_status describe(struct tare_exporter *exporter,
                                 const struct tare_const *content,
                                 Onnx__TensorProto **out, struct tare_error *err)
{
    Onnx__TensorProto *proto = tare_export_take(exporter, 1, sizeof *proto);
    const size_t rank = (size_t)content->dims.rank;
    int64_t *dims = tare_export_take(exporter, rank, sizeof *dims);
    TARE_FAIL_IF(!proto || !dims, err, TARE_E_NOMEM, "no memory");
    onnx__tensor_proto__init(proto);
    if (rank) memcpy(dims, content->dims.d, rank * sizeof *dims);
    proto->dims = dims;
    proto->n_dims = rank;
    proto->has_data_type = 1;
    proto->data_type = tare_export_type(content->dtype);
    *out = proto;
    return TARE_OK;
}

static void set_raw(Onnx__TensorProto *proto, const struct tare_const *content)
{
    proto->has_raw_data = 1;
    proto->raw_data.data = content->data;
    proto->raw_data.len = content->n_bytes;
}

enum tare_status tare_export_tensor(struct tare_exporter *exporter,
                                    const struct tare_const *content,
                                    Onnx__TensorProto **out, struct tare_error *err)
{
    const enum tare_status st = describe(exporter, content, out, err);
    if (st == TARE_OK) set_raw(*out, content);
    return st;
}

enum tare_status tare_export_initializer(struct tare_exporter *exporter,
                                         const char *name,
                                         const struct tare_const *content,
                                         struct tare_error *err)
{
    Onnx__GraphProto *graph = exporter->proto;
    Onnx__TensorProto *proto;
    enum tare_status st = describe(exporter, content, &proto, err);
    if (st != TARE_OK) return st;
    proto->name = tare_export_text(exporter, "%s", name);
    TARE_FAIL_IF(!proto->name ||
                     !tare_grow(&graph->initializer, &exporter->cap_initializers,
                                graph->n_initializer + 1, sizeof *graph->initializer),
                 err, TARE_E_NOMEM, "no memory");
    graph->initializer[graph->n_initializer++] = proto;
    if (exporter->location && content->n_bytes >= TARE_EXTERNAL_BYTES)
        return set_external(exporter, proto, content, err);
    set_raw(proto, content);
    return TARE_OK;
}

static enum tare_status add_dim(struct tare_exporter *exporter,
                                const struct tare_tensor *tensor, int axis,
                                Onnx__TensorShapeProto *shape, struct tare_error *err)
{
    Onnx__TensorShapeProto__Dimension *dim = tare_export_take(exporter, 1, sizeof *dim);
    TARE_FAIL_IF(!dim, err, TARE_E_NOMEM, "no memory");
    onnx__tensor_shape_proto__dimension__init(dim);
    if (tensor->dims.d[axis] >= 0) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = tensor->dims.d[axis];
    } else if (tensor->symbols[axis]) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dim->dim_param = tensor->symbols[axis];
    }
    shape->dim[shape->n_dim++] = dim;
    return TARE_OK;
}

static enum tare_status make_shape(struct tare_exporter *exporter,
                                   const struct tare_tensor *tensor,
                                   Onnx__TensorShapeProto **out, struct tare_error *err)
{
    Onnx__TensorShapeProto *shape = tare_export_take(exporter, 1, sizeof *shape);
    const size_t rank = (size_t)tensor->dims.rank;
    if (shape) {
        onnx__tensor_shape_proto__init(shape);
        shape->dim = tare_export_take(exporter, rank, sizeof *shape->dim);
    }
    TARE_FAIL_IF(!shape || !shape->dim, err, TARE_E_NOMEM, "no memory");
    for (int i = 0; i < tensor->dims.rank; i++) {
        const enum tare_status st = add_dim(exporter, tensor, i, shape, err);
        if (st != TARE_OK) return st;
    }
    *out = shape;
    return TARE_OK;
}

static enum tare_status make_value(struct tare_exporter *exporter,
                                   const struct tare_tensor *tensor,
                                   Onnx__ValueInfoProto **out, struct tare_error *err)
{
    Onnx__ValueInfoProto *value = tare_export_take(exporter, 1, sizeof *value);
    Onnx__TypeProto *type = tare_export_take(exporter, 1, sizeof *type);
    Onnx__TypeProto__Tensor *dense = tare_export_take(exporter, 1, sizeof *dense);
    TARE_FAIL_IF(!value || !type || !dense, err, TARE_E_NOMEM, "no memory");
    onnx__value_info_proto__init(value);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(dense);
    value->name = tensor->name;
    *out = value;
    if (exporter->is_body && !tensor->has_dtype) return TARE_OK; /* a run tells */
    value->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = dense;
    dense->has_elem_type = 1;
    dense->elem_type = tare_export_type(tensor->dtype);
    return tensor->has_dims ? make_shape(exporter, tensor, &dense->shape, err)
                            : TARE_OK;
}

static enum tare_status add_values(struct tare_exporter *exporter, const int32_t *ids,
                                   size_t n, Onnx__ValueInfoProto ***list,
                                   size_t *n_list, struct tare_error *err)
{
    *list = tare_export_take(exporter, n, sizeof **list);
    TARE_FAIL_IF(!*list, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        const enum tare_status st =
            make_value(exporter, &exporter->graph->tensors[ids[i]], &(*list)[i], err);
        if (st != TARE_OK) return st;
    }
    *n_list = n;
    return TARE_OK;
}

static enum tare_status check_output_types(const struct tare_graph *graph,
                                           struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const struct tare_tensor *tensor = &graph->tensors[graph->outputs[i]];
        TARE_FAIL_IF(tensor->producer >= 0 && !tensor->has_dtype, err,
                     TARE_E_UNSUPPORTED,
                     "the type of output '%.80s' is not known: the model does not say "
                     "it, and it cannot be inferred",
                     tensor->name);
    }
    return TARE_OK;
}

/* The types of what opaque nodes make, which nobody can infer. */
static enum tare_status add_opaque_values(struct tare_exporter *exporter,
                                          struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    int32_t *ids = tare_alloc_array(graph->n_tensors, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory");
    size_t n = 0;
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const struct tare_tensor *tensor = &graph->tensors[i];
        if (tensor->producer < 0 || !tensor->has_dtype) continue;
        if (graph->nodes[tensor->producer].op == TARE_OP_OPAQUE &&
            !tare_graph_is_output(graph, (int32_t)i))
            ids[n++] = (int32_t)i;
    }
    const enum tare_status st =
        add_values(exporter, ids, n, &exporter->proto->value_info,
                   &exporter->proto->n_value_info, err);
    tare_free(ids);
    return st;
}

static enum tare_status add_constants(struct tare_exporter *exporter,
                                      struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    size_t *uses = tare_alloc_array(graph->n_tensors, sizeof *uses);
    TARE_FAIL_IF(!uses, err, TARE_E_NOMEM, "no memory");
    tare_graph_count_uses(graph, uses);
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_tensors && st == TARE_OK; i++) {
        const struct tare_tensor *tensor = &graph->tensors[i];
        if (!uses[i] || !tensor->data || tensor->producer >= 0) continue;
        const struct tare_const content = {.dtype = tensor->dtype,
                                           .dims = tensor->dims,
                                           .data = tensor->data,
                                           .n_bytes = tensor->n_bytes};
        st = tare_export_initializer(exporter, tensor->name, &content, err);
    }
    tare_free(uses);
    return st;
}

enum tare_status tare_export_values(struct tare_exporter *exporter,
                                    struct tare_error *err)
{
    const struct tare_graph *graph = exporter->graph;
    Onnx__GraphProto *proto = exporter->proto;
    const size_t n_inputs = graph->n_inputs - graph->n_captures;
    enum tare_status st = exporter->is_body ? TARE_OK : check_output_types(graph, err);
    if (st == TARE_OK) st = add_constants(exporter, err);
    if (st == TARE_OK)
        st = add_values(exporter, graph->inputs, n_inputs, &proto->input,
                        &proto->n_input, err);
    if (st == TARE_OK)
        st = add_values(exporter, graph->outputs, graph->n_outputs, &proto->output,
                        &proto->n_output, err);
    if (st == TARE_OK) st = add_opaque_values(exporter, err);
    return st;
}
