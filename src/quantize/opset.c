/* Graphs of opsets 7 to 12 become such of 13: what was an attribute and is an input
 * then moves, and operators that went are replaced. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "quantize/quantize.h"

struct raise {
    struct tare_graph *graph;
    struct tare_node *node; /* the one that is rewritten */
    bool has_open_axes;
};

/* The attribute as a constant "<node>_<name>", of int64 or float32, a list or a scalar;
 * it goes. */
static enum tare_status take_attr(struct raise *r, const char *name, int32_t *id,
                                  struct tare_error *err)
{
    const struct tare_attr *attr = tare_node_attr(r->node, name);
    *id = TARE_NO_TENSOR;
    if (!attr) return TARE_OK;
    const bool is_float =
        attr->type == TARE_ATTR_FLOAT || attr->type == TARE_ATTR_FLOATS;
    const bool is_list = attr->type == TARE_ATTR_INTS || attr->type == TARE_ATTR_FLOATS;
    struct tare_const value = {.dtype = is_float ? TARE_F32 : TARE_S64};
    if (is_list) value.dims = (struct tare_dims){.rank = 1, .d = {(int64_t)attr->n}};
    enum tare_status st = tare_const_alloc(&value, err);
    if (st != TARE_OK) return st;
    const void *from = attr->type == TARE_ATTR_INT     ? (const void *)&attr->i
                       : attr->type == TARE_ATTR_FLOAT ? (const void *)&attr->f
                       : is_float                      ? (const void *)attr->floats
                                                       : (const void *)attr->ints;
    if (value.n_bytes) memcpy(value.data, from, value.n_bytes);
    st = tare_quantize_add_const(r->graph, r->node->name, name, &value, id, err);
    if (st == TARE_OK) tare_node_remove_attr(r->node, name);
    return st;
}

/* Attributes become the inputs behind input 0, in this order; trailing ones that the
 * node does not have are left out. */
static enum tare_status attrs_to_inputs(struct raise *r, const char *const *names,
                                        size_t n, struct tare_error *err)
{
    int32_t inputs[5] = {r->node->inputs[0]};
    size_t n_inputs = 1;
    for (size_t i = 0; i < n; i++) {
        const enum tare_status st = take_attr(r, names[i], &inputs[1 + i], err);
        if (st != TARE_OK) return st;
        if (inputs[1 + i] != TARE_NO_TENSOR) n_inputs = 2 + i;
    }
    return tare_node_set_inputs(r->node, inputs, n_inputs, err);
}

static enum tare_status raise_axes(struct raise *r, struct tare_error *err)
{
    return attrs_to_inputs(r, (const char *const[]){"axes"}, 1, err);
}

static enum tare_status raise_split(struct raise *r, struct tare_error *err)
{
    return attrs_to_inputs(r, (const char *const[]){"split"}, 1, err);
}

static enum tare_status raise_clip(struct raise *r, struct tare_error *err)
{
    if (r->graph->opset >= 11) return TARE_OK;
    return attrs_to_inputs(r, (const char *const[]){"min", "max"}, 2, err);
}

static enum tare_status raise_pad(struct raise *r, struct tare_error *err)
{
    if (r->graph->opset >= 11) return TARE_OK;
    return attrs_to_inputs(r, (const char *const[]){"pads", "value"}, 2, err);
}

static enum tare_status raise_slice(struct raise *r, struct tare_error *err)
{
    if (r->graph->opset >= 10) return TARE_OK;
    return attrs_to_inputs(r, (const char *const[]){"starts", "ends", "axes"}, 3, err);
}

/* In inference the ratio does not count. */
static enum tare_status raise_dropout(struct raise *r, struct tare_error *err)
{
    (void)err;
    tare_node_remove_attr(r->node, "ratio");
    return TARE_OK;
}

static enum tare_status raise_batch_normalization(struct raise *r,
                                                  struct tare_error *err)
{
    if (!tare_node_int(r->node, "spatial", 1))
        TARE_NODE_FAIL(r->node, err, TARE_E_UNSUPPORTED, "%s",
                       "spatial = 0 has no counterpart in opset 13");
    tare_node_remove_attr(r->node, "spatial");
    return TARE_OK;
}

static enum tare_status set_text(struct tare_node *node, const char *name,
                                 const char *text, struct tare_error *err)
{
    const struct tare_attr attr = {.type = TARE_ATTR_STRING, .s = tare_strdup(text)};
    TARE_FAIL_IF(!attr.s, err, TARE_E_NOMEM, "no memory");
    return tare_node_add_attr(node, name, attr, err);
}

/* Upsample, and opset 10's Resize, are a Resize that takes coordinates times the scale,
 * and rounds them down. */
static enum tare_status raise_resize(struct raise *r, struct tare_error *err)
{
    struct tare_node *node = r->node;
    int32_t inputs[3] = {node->inputs[0], TARE_NO_TENSOR, tare_node_input(node, 1)};
    if (r->graph->opset >= 11) return TARE_OK;
    enum tare_status st = TARE_OK;
    if (inputs[2] == TARE_NO_TENSOR) st = take_attr(r, "scales", &inputs[2], err);
    node->op = TARE_OP_RESIZE;
    if (st == TARE_OK) st = tare_node_set_inputs(node, inputs, 3, err);
    if (st == TARE_OK)
        st = set_text(node, "coordinate_transformation_mode", "asymmetric", err);
    return st == TARE_OK ? set_text(node, "nearest_mode", "floor", err) : st;
}

/* Before opset 13 it is taken over all axes from `axis` on, 1 by default. */
static enum tare_status raise_softmax(struct raise *r, struct tare_error *err)
{
    const struct tare_tensor *x = &r->graph->tensors[r->node->inputs[0]];
    int64_t axis = tare_node_int(r->node, "axis", 1);
    const int32_t rank = x->has_dims ? x->dims.rank : 0;
    if (axis < 0) axis += rank;
    bool is_same = rank > 0 && axis >= 0 && axis < rank;
    for (int64_t i = axis + 1; is_same && i < rank; i++)
        is_same = !r->has_open_axes && x->dims.d[i] == 1;
    if (!is_same)
        TARE_NODE_FAIL(
            r->node, err, TARE_E_UNSUPPORTED,
            "opset %d takes it over all axes from %lld on, opset 13 over one; "
            "convert the model to opset 13 (onnx.version_converter)",
            r->graph->opset, (long long)axis);
    return tare_node_add_attr(
        r->node, "axis", (struct tare_attr){.type = TARE_ATTR_INT, .i = axis}, err);
}

static enum tare_status raise_scatter(struct raise *r, struct tare_error *err)
{
    (void)err;
    r->node->op = TARE_OP_SCATTER_ELEMENTS;
    return TARE_OK;
}

static const struct {
    enum tare_op op;
    enum tare_status (*run)(struct raise *r, struct tare_error *err);
} raises[] = {
    {TARE_OP_SQUEEZE, raise_axes},
    {TARE_OP_UNSQUEEZE, raise_axes},
    {TARE_OP_REDUCE_SUM, raise_axes},
    {TARE_OP_SPLIT, raise_split},
    {TARE_OP_CLIP, raise_clip},
    {TARE_OP_PAD, raise_pad},
    {TARE_OP_SLICE, raise_slice},
    {TARE_OP_DROPOUT, raise_dropout},
    {TARE_OP_BATCH_NORMALIZATION, raise_batch_normalization},
    {TARE_OP_UPSAMPLE, raise_resize},
    {TARE_OP_RESIZE, raise_resize},
    {TARE_OP_SCATTER, raise_scatter},
    {TARE_OP_SOFTMAX, raise_softmax},
    {TARE_OP_LOG_SOFTMAX, raise_softmax},
    {TARE_OP_HARDMAX, raise_softmax},
};

static enum tare_status raise_graph(struct tare_graph *graph, bool has_open_axes,
                                    struct tare_error *err);

static enum tare_status raise_node(struct raise *r, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < r->node->n_attrs && st == TARE_OK; i++)
        if (r->node->attrs[i].g)
            st = raise_graph(r->node->attrs[i].g, r->has_open_axes, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < sizeof raises / sizeof raises[0]; i++)
        if (raises[i].op == r->node->op) return raises[i].run(r, err);
    /* A Gemm without C is new, one with C is what it was. */
    if (r->node->op == TARE_OP_GEMM ||
        tare_op_is_same(r->node->op, r->graph->opset, TARE_QUANTIZE_OPSET))
        return TARE_OK;
    TARE_NODE_FAIL(r->node, err, TARE_E_UNSUPPORTED,
                   "opset %d's has no counterpart in opset 13; convert the model "
                   "(onnx.version_converter)",
                   r->graph->opset);
}

static enum tare_status raise_graph(struct tare_graph *graph, bool has_open_axes,
                                    struct tare_error *err)
{
    struct raise r = {.graph = graph, .has_open_axes = has_open_axes};
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++) {
        r.node = &graph->nodes[i];
        if (!r.node->dead) st = raise_node(&r, err);
    }
    graph->opset = TARE_QUANTIZE_OPSET;
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++)
        if (!graph->nodes[i].dead) st = tare_node_check(graph, &graph->nodes[i], err);
    return st;
}

enum tare_status tare_quantize_raise_opset(struct tare_graph *graph, bool has_open_axes,
                                           struct tare_error *err)
{
    if (graph->opset >= TARE_QUANTIZE_OPSET) return TARE_OK;
    return raise_graph(graph, has_open_axes, err);
}
