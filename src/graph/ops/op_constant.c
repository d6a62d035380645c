/* Constant, ConstantOfShape, Shape, Size. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* A view of what a Constant's one attribute holds; `data` is the attribute's own. */
static enum tare_status read_constant(const struct tare_node *node,
                                      struct tare_const *out, struct tare_error *err)
{
    if (node->n_attrs != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%zu attributes, want one value",
                       node->n_attrs);
    struct tare_attr *attr = &node->attrs[0];
    const struct tare_dims list = {.rank = 1, .d = {(int64_t)attr->n}};
    *out = (struct tare_const){.dtype = TARE_S64};
    switch (attr->type) {
    case TARE_ATTR_TENSOR: *out = attr->t; break;
    case TARE_ATTR_INT: out->data = &attr->i; break;
    case TARE_ATTR_INTS:
        out->dims = list;
        out->data = attr->ints;
        break;
    case TARE_ATTR_FLOAT:
        out->dtype = TARE_F32;
        out->data = &attr->f;
        break;
    case TARE_ATTR_FLOATS:
        out->dtype = TARE_F32;
        out->dims = list;
        out->data = attr->floats;
        break;
    case TARE_ATTR_STRING:
    case TARE_ATTR_STRINGS:
    case TARE_ATTR_GRAPH:
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "its value is no tensor and no number");
    }
    return TARE_OK;
}

enum tare_status tare_infer_constant(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    struct tare_const value;
    const enum tare_status st = read_constant(node, &value, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, value.dtype, &value.dims, err);
}

enum tare_status tare_eval_constant(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)inputs;
    struct tare_const value;
    enum tare_status st = read_constant(node, &value, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK && outputs[0].n_bytes)
        memcpy(outputs[0].data, value.data, outputs[0].n_bytes);
    return st;
}

/* The element that fills a ConstantOfShape; NULL: float32 zero. */
static enum tare_status read_fill(const struct tare_node *node,
                                  const struct tare_const **fill,
                                  struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(node, "value");
    *fill = attr ? &attr->t : NULL;
    if (attr && tare_dims_count(&attr->t.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "value has %lld elements, want 1",
                       (long long)tare_dims_count(&attr->t.dims));
    return TARE_OK;
}

enum tare_status tare_infer_constant_of_shape(struct tare_graph *graph,
                                              struct tare_node *node,
                                              struct tare_error *err)
{
    const struct tare_const *fill;
    struct tare_dims out;
    size_t n;
    bool given;
    enum tare_status st =
        tare_op_ints(graph, node, "shape", 0, TARE_MAX_RANK, out.d, &n, &given, err);
    if (st == TARE_OK) st = read_fill(node, &fill, err);
    if (st != TARE_OK) return st;
    out.rank = (int32_t)n;
    char text[TARE_DIMS_TEXT];
    if (!tare_dims_known(&out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the shape is %.80s",
                       tare_dims_print(&out, text));
    return tare_op_set_output(graph, node, 0, fill ? fill->dtype : TARE_F32, &out, err);
}

enum tare_status tare_eval_constant_of_shape(const struct tare_graph *graph,
                                             const struct tare_node *node,
                                             const struct tare_const *inputs,
                                             struct tare_const *outputs,
                                             struct tare_error *err)
{
    (void)graph;
    (void)inputs;
    const struct tare_const *fill;
    enum tare_status st = read_fill(node, &fill, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    memset(outputs[0].data, 0, outputs[0].n_bytes);
    const size_t elem = (size_t)tare_dtype_bytes(outputs[0].dtype);
    for (size_t at = 0; fill && at < outputs[0].n_bytes; at += elem)
        memcpy((uint8_t *)outputs[0].data + at, fill->data, elem);
    return TARE_OK;
}

/* The axes from `start` to before `end` that a Shape node lists. */
static void shape_range(const struct tare_node *node, int32_t rank, int64_t *start,
                        int64_t *end)
{
    *start = tare_node_int(node, "start", 0);
    *end = tare_node_int(node, "end", rank);
    int64_t *const bounds[] = {start, end};
    for (int i = 0; i < 2; i++) {
        if (*bounds[i] < 0) *bounds[i] += rank;
        if (*bounds[i] < 0) *bounds[i] = 0;
        if (*bounds[i] > rank) *bounds[i] = rank;
    }
    if (*end < *start) *end = *start;
}

enum tare_status tare_infer_shape(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    int64_t start, end;
    shape_range(node, tare_op_input(graph, node, 0)->dims.rank, &start, &end);
    const struct tare_dims out = {.rank = 1, .d = {end - start}};
    return tare_op_set_output(graph, node, 0, TARE_S64, &out, err);
}

enum tare_status tare_eval_shape(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    int64_t start, end;
    shape_range(node, inputs[0].dims.rank, &start, &end);
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    for (int64_t i = start; st == TARE_OK && i < end; i++)
        tare_const_set_int(&outputs[0], i - start, inputs[0].dims.d[i]);
    return st;
}

enum tare_status tare_infer_size(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    return tare_op_set_output(graph, node, 0, TARE_S64, &(struct tare_dims){.rank = 0},
                              err);
}

enum tare_status tare_eval_size(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK)
        tare_const_set_int(&outputs[0], 0, tare_dims_count(&inputs[0].dims));
    return st;
}
