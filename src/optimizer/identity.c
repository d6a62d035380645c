/* Nodes that hand their first input on unchanged are taken out. */
#include <float.h>
#include <math.h>

#include "base/dims.h"
#include "graph/params.h"
#include "graph/window.h"
#include "optimizer/pass.h"

/* Each says whether the node, whose output has its input's dims and dtype, changes
 * nothing. */
typedef enum tare_status no_op_fn(const struct tare_graph *graph,
                                  const struct tare_node *node, bool *no_op,
                                  struct tare_error *err);

static enum tare_status always(const struct tare_graph *graph,
                               const struct tare_node *node, bool *no_op,
                               struct tare_error *err)
{
    (void)graph, (void)node, (void)err;
    *no_op = true;
    return TARE_OK;
}

/* Axes of length 1 may move: the elements keep their order. */
static enum tare_status moves_nothing(const struct tare_graph *graph,
                                      const struct tare_node *node, bool *no_op,
                                      struct tare_error *err)
{
    const struct tare_dims *dims = &graph->tensors[node->inputs[0]].dims;
    int32_t permutation[TARE_MAX_RANK];
    const enum tare_status status =
        tare_node_permutation(graph, node, permutation, err);
    if (status != TARE_OK) return status;
    int32_t last = -1;
    *no_op = true;
    for (int32_t i = 0; i < dims->rank; i++) {
        if (dims->d[permutation[i]] == 1) continue;
        if (permutation[i] < last) *no_op = false;
        last = permutation[i];
    }
    return TARE_OK;
}

/* A slice as long as its axis may still turn it round: then it starts at the end. */
static enum tare_status takes_all(const struct tare_graph *graph,
                                  const struct tare_node *node, bool *no_op,
                                  struct tare_error *err)
{
    struct tare_slice slice;
    const enum tare_status status = tare_node_slice(graph, node, &slice, err);
    if (status != TARE_OK) return status;
    const int32_t rank = graph->tensors[node->inputs[0]].dims.rank;
    *no_op = true;
    for (int32_t i = 0; i < rank; i++)
        if (slice.start[i] != 0) *no_op = false;
    return TARE_OK;
}

/* A pad as long as its input may still cut one end and fill the other. */
static enum tare_status pads_nothing(const struct tare_graph *graph,
                                     const struct tare_node *node, bool *no_op,
                                     struct tare_error *err)
{
    struct tare_pads pads;
    const enum tare_status status = tare_node_pads(graph, node, &pads, err);
    if (status != TARE_OK) return status;
    const int32_t rank = graph->tensors[node->inputs[0]].dims.rank;
    *no_op = true;
    for (int32_t i = 0; i < rank; i++)
        if (pads.begin[i] != 0) *no_op = false;
    return TARE_OK;
}

/* ONNX before opset 11 spells "no bound" as the largest float. */
static enum tare_status clips_nothing(const struct tare_graph *graph,
                                      const struct tare_node *node, bool *no_op,
                                      struct tare_error *err)
{
    float lower, upper;
    *no_op = false;
    if (!tare_node_clip_is_fixed(graph, node)) return TARE_OK;
    const enum tare_status status =
        tare_node_clip_bounds(graph, node, &lower, &upper, err);
    *no_op = status == TARE_OK && lower <= -FLT_MAX && upper >= FLT_MAX;
    return status;
}

static enum tare_status window_of_one(const struct tare_graph *graph,
                                      const struct tare_node *node, bool *no_op,
                                      struct tare_error *err)
{
    struct tare_spatial window;
    const enum tare_status status = tare_node_window_nd(graph, node, &window, err);
    if (status != TARE_OK) return status;
    *no_op = true;
    for (int i = 0; i < window.n_axes; i++)
        if (window.kernel[i] != 1 || window.stride[i] != 1 || window.pad_begin[i] != 0)
            *no_op = false;
    return TARE_OK;
}

/* Nothing trains here; in a graph that is not inferred that has to be seen. */
static enum tare_status trains_not(const struct tare_graph *graph,
                                   const struct tare_node *node, bool *no_op,
                                   struct tare_error *err)
{
    (void)err;
    const int32_t training = tare_node_input(node, 2);
    const struct tare_tensor *tensor =
        training == TARE_NO_TENSOR ? NULL : &graph->tensors[training];
    *no_op = !tensor || (tensor->data && tensor->n_bytes == 1 &&
                         *(const uint8_t *)tensor->data == 0);
    return TARE_OK;
}

/* A 16-bit float holds what was rounded to it before. */
static enum tare_status casts_nothing(const struct tare_graph *graph,
                                      const struct tare_node *node, bool *no_op,
                                      struct tare_error *err)
{
    const int32_t maker = tare_pass_producer(graph, node->inputs[0]);
    (void)err;
    *no_op =
        !tare_node_cast_rounds(node) ||
        (maker >= 0 && graph->nodes[maker].op == TARE_OP_CAST &&
         tare_node_int(&graph->nodes[maker], "to", 0) == tare_node_int(node, "to", 0));
    return TARE_OK;
}

static const struct {
    enum tare_op op;
    no_op_fn *test;
    bool any_shape; /* the test does not need the input's and the output's */
} candidates[] = {
    {TARE_OP_IDENTITY, always, true},
    {TARE_OP_DROPOUT, trains_not, true},
    {TARE_OP_RESHAPE, always, false},
    {TARE_OP_FLATTEN, always, false},
    {TARE_OP_SQUEEZE, always, false},
    {TARE_OP_UNSQUEEZE, always, false},
    {TARE_OP_EXPAND, always, false},
    {TARE_OP_CAST, casts_nothing, false},
    {TARE_OP_PAD, pads_nothing, false},
    {TARE_OP_CONCAT, always, false},
    {TARE_OP_SPLIT, always, false},
    {TARE_OP_TRANSPOSE, moves_nothing, false},
    {TARE_OP_SLICE, takes_all, false},
    {TARE_OP_CLIP, clips_nothing, false},
    {TARE_OP_MAX_POOL, window_of_one, false},
    {TARE_OP_AVERAGE_POOL, window_of_one, false},
};

static bool same_type(const struct tare_graph *graph, const struct tare_node *node)
{
    const struct tare_tensor *in = &graph->tensors[node->inputs[0]];
    const struct tare_tensor *out = &graph->tensors[node->outputs[0]];
    return tare_pass_has_shape(graph, node->inputs[0]) && out->has_dims &&
           tare_dims_equal(&in->dims, &out->dims) && in->dtype == out->dtype;
}

static enum tare_status is_no_op(const struct tare_graph *graph,
                                 const struct tare_node *node, bool *no_op,
                                 struct tare_error *err)
{
    *no_op = false;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (candidates[i].op != node->op) continue;
        if (!candidates[i].any_shape && !same_type(graph, node)) continue;
        const enum tare_status status = candidates[i].test(graph, node, no_op, err);
        if (!tare_pass_keeps_off(status, err)) return status;
        *no_op = false;
    }
    return TARE_OK;
}

/* Outputs other than the first (Dropout's mask) must be unused. */
static bool only_first_used(const struct tare_graph *graph,
                            const struct tare_node *node)
{
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0 && tare_graph_n_uses(graph, node->outputs[i]) > 0)
            return false;
    return true;
}

/* A graph output keeps its name, so the node before must make it; that fails when there
 * is none, and when the input is an output under its own name. */
static bool take_out(struct tare_graph *graph, int32_t id)
{
    const struct tare_node *node = &graph->nodes[id];
    const int32_t in = node->inputs[0];
    const int32_t out = node->outputs[0];
    if (!tare_graph_is_output(graph, out)) {
        tare_graph_remove_node(graph, id);
        tare_graph_replace_uses(graph, out, in);
        return true;
    }
    const int32_t maker = tare_pass_producer(graph, in);
    if (maker < 0 || tare_tensor_is_const(&graph->tensors[in]) ||
        tare_graph_is_output(graph, in))
        return false;
    size_t slot = 0;
    while (graph->nodes[maker].outputs[slot] != in)
        slot++;
    tare_graph_remove_node(graph, id);
    tare_graph_set_output(graph, maker, slot, out);
    tare_graph_replace_uses(graph, in, out);
    return true;
}

enum tare_status tare_pass_identity(struct tare_graph *graph, bool *changed,
                                    struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || !only_first_used(graph, node)) continue;
        bool no_op;
        const enum tare_status status = is_no_op(graph, node, &no_op, err);
        if (status != TARE_OK) return status;
        if (no_op && take_out(graph, (int32_t)i)) *changed = true;
    }
    return TARE_OK;
}
