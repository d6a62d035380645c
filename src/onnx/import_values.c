/* Graph inputs, initializers and graph outputs. */
#include <string.h>

#include "base/dims.h"
#include "base/log.h"
#include "base/mem.h"
#include "onnx/importer.h"
#include "onnx/printable.h"
#include "onnx/tensor_proto.h"

static enum tare_status add_initializer(struct tare_importer *importer,
                                        Onnx__TensorProto *proto,
                                        struct tare_error *err)
{
    struct tare_const content;
    int32_t id;
    TARE_FAIL_IF(!tare_onnx_name_valid(proto->name), err, TARE_E_FORMAT,
                 "an initializer's name is empty or unprintable");
    TARE_FAIL_IF(tare_graph_find_tensor(importer->graph, proto->name) != TARE_NO_TENSOR,
                 err, TARE_E_FORMAT, "initializer '%.80s' is given twice", proto->name);
    TARE_TRY(tare_onnx_tensor(proto, importer->folder, &content, err), err,
             "initializer '%.80s'", proto->name);
    return tare_graph_add_const(importer->graph, proto->name, &content, &id, err);
}

static enum tare_status add_initializers(struct tare_importer *importer,
                                         struct tare_error *err)
{
    const Onnx__GraphProto *proto = importer->proto;
    size_t n_doubles = 0, n_halves = 0;
    for (size_t i = 0; i < proto->n_initializer; i++) {
        Onnx__TensorProto *initializer = proto->initializer[i];
        const enum tare_status st = add_initializer(importer, initializer, err);
        if (st != TARE_OK) return st;
        const bool is_double =
            initializer->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
        n_doubles += is_double;
        n_halves += !is_double && tare_onnx_type(initializer->data_type)->converted;
    }
    if (n_halves > 0 && importer->keep_unknown) /* what is read may be written again */
        tare_log(TARE_LOG_WARN, "%s: %zu 16-bit float initializers are held as float32",
                 importer->label, n_halves);
    if (n_doubles > 0)
        tare_log(TARE_LOG_WARN, "%s: %zu double initializers are rounded to float32",
                 importer->label, n_doubles);
    return TARE_OK;
}

/** One axis of a graph input: a length, or -1 and perhaps a symbol. */
static enum tare_status read_axis(const Onnx__TensorShapeProto__Dimension *proto,
                                  int64_t *length, char **symbol,
                                  struct tare_error *err)
{
    *length = -1;
    switch (proto->value_case) {
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
        /* Some exporters write an unknown length as -1. */
        TARE_FAIL_IF(proto->dim_value < -1, err, TARE_E_FORMAT,
                     "an axis has length %lld", (long long)proto->dim_value);
        *length = proto->dim_value;
        return TARE_OK;
    case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
        if (!*proto->dim_param) return TARE_OK;
        TARE_FAIL_IF(!tare_onnx_name_valid(proto->dim_param), err, TARE_E_FORMAT,
                     "an axis has an unprintable name");
        *symbol = tare_strdup(proto->dim_param);
        TARE_FAIL_IF(!*symbol, err, TARE_E_NOMEM, "no memory");
        return TARE_OK;
    default: return TARE_OK;
    }
}

static enum tare_status read_shape(const Onnx__TensorShapeProto *proto,
                                   struct tare_tensor *tensor, struct tare_error *err)
{
    struct tare_dims least = {.rank = (int32_t)proto->n_dim};
    size_t n_bytes;
    TARE_FAIL_IF(proto->n_dim > TARE_MAX_RANK, err, TARE_E_UNSUPPORTED,
                 "%zu axes, want at most %d", proto->n_dim, TARE_MAX_RANK);
    tensor->has_dims = true;
    tensor->dims.rank = (int32_t)proto->n_dim;
    for (size_t i = 0; i < proto->n_dim; i++) {
        const enum tare_status st =
            read_axis(proto->dim[i], &tensor->dims.d[i], &tensor->symbols[i], err);
        if (st != TARE_OK) return st;
        least.d[i] = tensor->dims.d[i] < 0 ? 1 : tensor->dims.d[i];
    }
    TARE_FAIL_IF(!tare_dims_bytes(&least, tensor->dtype, &n_bytes), err, TARE_E_FORMAT,
                 "the product of the axes is too large");
    return TARE_OK;
}

static enum tare_status read_type(const struct tare_importer *importer,
                                  const Onnx__TypeProto *proto,
                                  struct tare_tensor *tensor, struct tare_error *err)
{
    const bool has_type =
        proto && proto->value_case != ONNX__TYPE_PROTO__VALUE__NOT_SET;
    if (!has_type && importer->depth > 0) return TARE_OK; /* a run tells */
    TARE_FAIL_IF(!has_type, err, TARE_E_FORMAT, "no type is given");
    TARE_FAIL_IF(proto->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, err,
                 TARE_E_UNSUPPORTED, "only dense tensors are supported");
    const struct tare_onnx_type *type = tare_onnx_type(proto->tensor_type->elem_type);
    TARE_FAIL_IF(type->stored_bytes == 0, err, TARE_E_UNSUPPORTED,
                 "element type %ld (%s) is not supported",
                 (long)proto->tensor_type->elem_type, type->name);
    if (type->converted)
        tare_log(TARE_LOG_WARN, "%s: input '%s' has type %s and is taken as float32",
                 importer->label, tensor->name, type->name);
    tensor->dtype = type->dtype;
    tensor->has_dtype = true;
    if (!proto->tensor_type->shape) return TARE_OK;
    return read_shape(proto->tensor_type->shape, tensor, err);
}

static enum tare_status add_input(struct tare_importer *importer,
                                  const Onnx__ValueInfoProto *proto, int32_t *inputs,
                                  size_t *n_inputs, struct tare_error *err)
{
    struct tare_graph *graph = importer->graph;
    TARE_FAIL_IF(!tare_onnx_name_valid(proto->name), err, TARE_E_FORMAT,
                 "a graph input's name is empty or unprintable");
    int32_t id = tare_graph_find_tensor(graph, proto->name);
    if (id != TARE_NO_TENSOR) { /* an initializer may be listed among the inputs */
        TARE_FAIL_IF(!tare_tensor_is_const(&graph->tensors[id]), err, TARE_E_FORMAT,
                     "graph input '%.80s' is given twice", proto->name);
        return TARE_OK;
    }
    const enum tare_status st = tare_graph_add_tensor(graph, proto->name, &id, err);
    if (st != TARE_OK) return st;
    TARE_TRY(read_type(importer, proto->type, &graph->tensors[id], err), err,
             "graph input '%.80s'", proto->name);
    inputs[(*n_inputs)++] = id;
    return TARE_OK;
}

enum tare_status tare_import_inputs(struct tare_importer *importer,
                                    struct tare_error *err)
{
    const Onnx__GraphProto *proto = importer->proto;
    enum tare_status st = add_initializers(importer, err);
    if (st != TARE_OK) return st;
    size_t n_inputs = 0;
    int32_t *inputs = tare_alloc_array(proto->n_input, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; st == TARE_OK && i < proto->n_input; i++)
        st = add_input(importer, proto->input[i], inputs, &n_inputs, err);
    if (st == TARE_OK)
        st = tare_graph_set_inputs(importer->graph, inputs, n_inputs, err);
    tare_free(inputs);
    return st;
}

/** What the model says of a tensor that a node makes. It is kept for export; inference
 *  finds out for itself. */
static enum tare_status note_type(struct tare_tensor *tensor,
                                  const Onnx__TypeProto *type, struct tare_error *err)
{
    if (tensor->producer < 0 || tensor->has_dtype || !type ||
        type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return TARE_OK;
    const struct tare_onnx_type *known = tare_onnx_type(type->tensor_type->elem_type);
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (known->stored_bytes == 0) return TARE_OK;
    tensor->has_dtype = true;
    tensor->dtype = known->dtype;
    if (!shape || shape->n_dim > TARE_MAX_RANK) return TARE_OK;
    tensor->has_dims = true;
    tensor->dims.rank = (int32_t)shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++) {
        struct tare_error why = {0};
        /* a bad axis is an open one */
        if (read_axis(shape->dim[i], &tensor->dims.d[i], &tensor->symbols[i], &why) ==
            TARE_E_NOMEM)
            return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

static enum tare_status note_types(struct tare_importer *importer,
                                   Onnx__ValueInfoProto *const *values, size_t n,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!values[i]->name) continue;
        const int32_t id = tare_graph_find_tensor(importer->graph, values[i]->name);
        if (id == TARE_NO_TENSOR) continue;
        const enum tare_status st =
            note_type(&importer->graph->tensors[id], values[i]->type, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status find_output(const struct tare_importer *importer,
                                    const Onnx__ValueInfoProto *proto, int32_t *id,
                                    struct tare_error *err)
{
    *id = TARE_NO_TENSOR;
    const enum tare_status st =
        proto->name ? tare_import_find(importer, proto->name, id, err) : TARE_OK;
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(*id == TARE_NO_TENSOR, err, TARE_E_FORMAT,
                 "graph output '%.80s' is made by no node",
                 tare_onnx_shown(proto->name));
    return TARE_OK;
}

enum tare_status tare_import_outputs(struct tare_importer *importer,
                                     struct tare_error *err)
{
    const Onnx__GraphProto *proto = importer->proto;
    enum tare_status st = TARE_OK;
    TARE_FAIL_IF(proto->n_output == 0, err, TARE_E_FORMAT, "the graph has no outputs");
    int32_t *outputs = tare_alloc_array(proto->n_output, sizeof *outputs);
    TARE_FAIL_IF(!outputs, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; st == TARE_OK && i < proto->n_output; i++)
        st = find_output(importer, proto->output[i], &outputs[i], err);
    if (st == TARE_OK)
        st = tare_graph_set_outputs(importer->graph, outputs, proto->n_output, err);
    if (st == TARE_OK) st = note_types(importer, proto->output, proto->n_output, err);
    if (st == TARE_OK)
        st = note_types(importer, proto->value_info, proto->n_value_info, err);
    tare_free(outputs);
    return st;
}
