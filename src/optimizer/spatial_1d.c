/* Convolutions and pools over one axis run on the kernels for two: [N, C, L] is seen as
 * [N, C, 1, L], through chains of operators for which that makes no difference. Views
 * lead into such a chain and out of it. */
#include <string.h>

#include "base/mem.h"
#include "optimizer/pass.h"

/* By tensor of the original graph. A tensor in the middle of a chain gets the fourth
 * axis itself, and keeps its name; others get a view when one is asked for. */
struct walk {
    struct tare_graph *graph;
    int32_t *wide;   /* the tensor of four axes, -1: none yet */
    int32_t *narrow; /* the tensor of three, -1: none yet */
};

static bool has_three_axes(const struct tare_graph *graph, int32_t tensor)
{
    const struct tare_tensor *t = &graph->tensors[tensor];
    bool ok = t->has_dims && t->dims.rank == 3 && t->dtype == TARE_F32 && !t->data;
    for (int i = 0; i < 3 && ok; i++)
        ok = t->dims.d[i] > 0; /* known, and not empty: kernels want that */
    return ok;
}

static bool is_window(const struct walk *walk, const struct tare_node *node)
{
    const struct tare_graph *graph = walk->graph;
    switch (node->op) {
    case TARE_OP_CONV:
        if (!tare_pass_is_float_const(graph, node->inputs[1])) return false;
        break;
    case TARE_OP_MAX_POOL:
        if (node->n_outputs > 1 && tare_graph_n_uses(graph, node->outputs[1]) > 0)
            return false;
        break;
    case TARE_OP_AVERAGE_POOL:
    case TARE_OP_GLOBAL_AVERAGE_POOL:
    case TARE_OP_GLOBAL_MAX_POOL: break;
    default: return false;
    }
    const int32_t x = node->inputs[0];
    return tare_fused_is_none(&node->fused) &&
           (walk->wide[x] >= 0 || has_three_axes(graph, x)) &&
           has_three_axes(graph, node->outputs[0]);
}

/* How many of an operator's first inputs are tensors of its output's axes, when one
 * axis more makes no difference to it; 0: it does. */
static size_t n_followed(const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_BATCH_NORMALIZATION: return node->n_outputs == 1;
    case TARE_OP_RELU:
    case TARE_OP_CLIP:
    case TARE_OP_LEAKY_RELU:
    case TARE_OP_SIGMOID:
    case TARE_OP_HARD_SIGMOID:
    case TARE_OP_HARD_SWISH:
    case TARE_OP_TANH:
    case TARE_OP_ELU:
    case TARE_OP_ERF:
    case TARE_OP_SOFTPLUS:
    case TARE_OP_IDENTITY: return 1;
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV: return 2;
    case TARE_OP_CONCAT:
        return tare_node_int(node, "axis", 0) == 1 ? node->n_inputs : 0;
    default: return 0;
    }
}

/* One value, which broadcasts to any shape. */
static bool is_single(const struct tare_graph *graph, int32_t tensor)
{
    return tare_pass_is_float_const(graph, tensor) &&
           graph->tensors[tensor].n_bytes == sizeof(float) &&
           graph->tensors[tensor].dims.rank <= 3;
}

static bool follows(const struct walk *walk, const struct tare_node *node)
{
    const size_t n = n_followed(node);
    bool any = false;
    if (!tare_fused_is_none(&node->fused)) return false;
    for (size_t i = 0; i < n; i++) {
        const bool wide = walk->wide[node->inputs[i]] >= 0;
        if (!wide && (n != 2 || !is_single(walk->graph, node->inputs[i]))) return false;
        any = any || wide;
    }
    return any && has_three_axes(walk->graph, node->outputs[0]);
}

/* [N, C, L] as [N, C, 1, L], and back. */
static struct tare_dims other_dims(const struct tare_dims *dims)
{
    return dims->rank == 3
               ? (struct tare_dims){4, {dims->d[0], dims->d[1], 1, dims->d[2]}}
               : (struct tare_dims){3, {dims->d[0], dims->d[1], dims->d[3]}};
}

/* The tensor `from` with the axis or without, made by a new node. @param[in,out] to the
 * tensor to make; -1: a new one, named after `from`. */
static enum tare_status add_view(struct tare_graph *graph, int32_t from, int32_t *to,
                                 struct tare_error *err)
{
    const struct tare_dims dims = other_dims(&graph->tensors[from].dims);
    int32_t inputs[2] = {from, TARE_NO_TENSOR};
    enum tare_status status = TARE_OK;
    if (*to < 0)
        status = tare_pass_add_tensor(graph, from, "view", TARE_F32, &dims, to, err);
    if (status == TARE_OK) status = tare_pass_add_shape(graph, *to, &inputs[1], err);
    return status == TARE_OK
               ? tare_graph_add_node(graph, TARE_OP_RESHAPE, graph->tensors[*to].name,
                                     inputs, 2, to, 1, NULL, err)
               : status;
}

/* Put `before` into a list of integers in front of each of its `parts`. */
static enum tare_status widen_ints(struct tare_node *node, const char *name,
                                   int64_t before, size_t parts, struct tare_error *err)
{
    const struct tare_attr *old = tare_node_attr(node, name);
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = 2 * parts};
    if (!old) return TARE_OK;
    attr.ints = tare_alloc_array(attr.n, sizeof *attr.ints);
    TARE_FAIL_IF(!attr.ints, err, TARE_E_NOMEM, "node '%.80s': no memory", node->name);
    for (size_t i = 0; i < parts; i++) {
        attr.ints[2 * i] = before;
        attr.ints[2 * i + 1] = old->ints[i];
    }
    return tare_node_add_attr(node, name, attr, err);
}

/* The weights [out_c, in_c, k] as [out_c, in_c, 1, k]. */
static enum tare_status widen_weights(struct walk *walk, int32_t weights,
                                      struct tare_error *err)
{
    const struct tare_tensor *from = &walk->graph->tensors[weights];
    const struct tare_dims dims = other_dims(&from->dims);
    const size_t n = from->n_bytes / sizeof(float);
    double *values = tare_alloc_array(n, sizeof *values);
    TARE_FAIL_IF(!values, err, TARE_E_NOMEM, "no memory for %zu weights", n);
    for (size_t i = 0; i < n; i++)
        values[i] = tare_pass_const_at(from, (int64_t)i);
    const enum tare_status status = tare_pass_add_const(
        walk->graph, weights, &dims, values, &walk->wide[weights], err);
    tare_free(values);
    return status;
}

static enum tare_status widen_window(struct walk *walk, int32_t id,
                                     struct tare_error *err)
{
    struct tare_graph *graph = walk->graph;
    const int32_t x = graph->nodes[id].inputs[0];
    enum tare_status status = TARE_OK;
    if (walk->wide[x] < 0) status = add_view(graph, x, &walk->wide[x], err);
    const int32_t w =
        graph->nodes[id].op == TARE_OP_CONV ? graph->nodes[id].inputs[1] : -1;
    if (status == TARE_OK && w >= 0 && walk->wide[w] < 0)
        status = widen_weights(walk, w, err);
    if (status != TARE_OK) return status;
    struct tare_node *node = &graph->nodes[id];
    node->inputs[0] = walk->wide[x];
    if (w >= 0) node->inputs[1] = walk->wide[w];
    status = widen_ints(node, "kernel_shape", 1, 1, err);
    if (status == TARE_OK) status = widen_ints(node, "strides", 1, 1, err);
    if (status == TARE_OK) status = widen_ints(node, "dilations", 1, 1, err);
    return status == TARE_OK ? widen_ints(node, "pads", 0, 2, err) : status;
}

/* Give the first output, and MaxPool's unused second, the fourth axis. */
static enum tare_status widen_output(struct walk *walk, int32_t id,
                                     struct tare_error *err)
{
    struct tare_graph *graph = walk->graph;
    const int32_t y = graph->nodes[id].outputs[0];
    const struct tare_dims dims = other_dims(&graph->tensors[y].dims);
    int32_t made = y;
    if (!tare_graph_is_output(graph, y)) {
        for (size_t i = 0; i < graph->nodes[id].n_outputs; i++)
            graph->tensors[graph->nodes[id].outputs[i]].dims = dims;
        walk->wide[y] = y;
        walk->narrow[y] = -1;
        return TARE_OK;
    }
    enum tare_status status =
        tare_pass_add_tensor(graph, y, "view", TARE_F32, &dims, &walk->wide[y], err);
    if (status != TARE_OK) return status;
    if (graph->nodes[id].n_outputs > 1)
        graph->tensors[graph->nodes[id].outputs[1]].dims = dims;
    tare_graph_set_output(graph, id, 0, walk->wide[y]);
    return add_view(graph, walk->wide[y], &made, err);
}

/* A node that wants three axes reads views of what has four. */
static enum tare_status narrow_inputs(struct walk *walk, int32_t id,
                                      struct tare_error *err)
{
    struct tare_graph *graph = walk->graph;
    for (size_t i = 0; i < graph->nodes[id].n_inputs; i++) {
        const int32_t x = graph->nodes[id].inputs[i];
        if (x < 0 || walk->narrow[x] == x) continue;
        if (walk->narrow[x] < 0) {
            const enum tare_status status = add_view(graph, x, &walk->narrow[x], err);
            if (status != TARE_OK) return status;
        }
        graph->nodes[id].inputs[i] = walk->narrow[x];
    }
    return TARE_OK;
}

static enum tare_status visit(struct walk *walk, int32_t id, bool *changed,
                              struct tare_error *err)
{
    struct tare_node *node = &walk->graph->nodes[id];
    enum tare_status status = TARE_OK;
    if (is_window(walk, node)) {
        status = widen_window(walk, id, err);
        *changed = true;
    } else if (follows(walk, node)) {
        for (size_t i = 0; i < n_followed(node); i++)
            if (walk->wide[node->inputs[i]] >= 0)
                node->inputs[i] = walk->wide[node->inputs[i]];
    } else {
        return narrow_inputs(walk, id, err);
    }
    return status == TARE_OK ? widen_output(walk, id, err) : status;
}

enum tare_status tare_pass_spatial_1d(struct tare_graph *graph, bool *changed,
                                      struct tare_error *err)
{
    const size_t n_tensors = graph->n_tensors, n_nodes = graph->n_nodes;
    struct walk walk = {.graph = graph};
    walk.wide = tare_alloc_array(n_tensors, 2 * sizeof *walk.wide);
    TARE_FAIL_IF(!walk.wide, err, TARE_E_NOMEM, "no memory for %zu tensors", n_tensors);
    walk.narrow = walk.wide + n_tensors;
    for (size_t i = 0; i < n_tensors; i++) {
        walk.wide[i] = -1;
        walk.narrow[i] = (int32_t)i;
    }
    enum tare_status status = TARE_OK;
    for (size_t i = 0; i < n_nodes && status == TARE_OK; i++)
        if (!graph->nodes[i].dead) status = visit(&walk, (int32_t)i, changed, err);
    tare_free(walk.wide);
    return status == TARE_OK && *changed ? tare_graph_sort(graph, err) : status;
}
