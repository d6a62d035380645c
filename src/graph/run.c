/* Graphs as programs: node after node, each by its operator's infer and eval. */
#include "graph/run.h"

#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/evaluate.h"

/* y = clamp(slope(y + residual)), as fusion has put it behind the node. */
static void apply_fused(const struct tare_node *node, const struct tare_const *inputs,
                        const struct tare_const *y)
{
    const struct tare_fused *fused = &node->fused;
    const float *residual =
        fused->has_residual ? inputs[node->n_inputs - 1].data : NULL;
    float *values = y->data;
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t i = 0; i < n; i++) {
        float v = residual ? values[i] + residual[i] : values[i];
        if (v < 0.0F) v *= fused->negative_slope;
        values[i] = v < fused->lower   ? fused->lower
                    : v > fused->upper ? fused->upper
                                       : v;
    }
}

static enum tare_status compute(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    const struct tare_op_info *info = tare_op_info(node->op);
    if (!info->eval)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "no kernel computes it with these inputs and attributes");
    struct tare_node own = *node; /* without what is fused: the residual is no input */
    own.n_inputs -= node->fused.has_residual ? 1 : 0;
    own.fused = tare_fused_none();
    const enum tare_status st = info->eval(graph, &own, inputs, outputs, err);
    if (st != TARE_OK || tare_fused_is_none(&node->fused)) return st;
    if (outputs[0].dtype != TARE_F32)
        TARE_NODE_FAIL(node, err, TARE_E_ARG, "something is fused behind %s",
                       tare_dtype_name(outputs[0].dtype));
    apply_fused(node, inputs, &outputs[0]);
    return TARE_OK;
}

/* Allocations of a failed eval are given back; memory of the caller stays his. */
static void give_back(struct tare_const *outputs, const bool *is_given, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_given[i]) {
            tare_free(outputs[i].data);
            outputs[i].data = NULL;
        }
}

enum tare_status tare_node_compute(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   struct tare_const *outputs, struct tare_error *err)
{
    struct tare_const *inputs = tare_alloc_array(node->n_inputs, sizeof *inputs);
    bool *is_given = tare_alloc_array(node->n_outputs, sizeof *is_given);
    enum tare_status st = TARE_OK;
    if (!inputs || !is_given)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory to compute node '%.80s'",
                            node->name);
    for (size_t i = 0; st == TARE_OK && i < node->n_inputs; i++)
        if (node->inputs[i] != TARE_NO_TENSOR)
            inputs[i] = tare_tensor_content(&graph->tensors[node->inputs[i]]);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        is_given[i] = outputs[i].data != NULL;
        const struct tare_tensor *tensor = &graph->tensors[node->outputs[i]];
        if (!tensor->has_dims) continue; /* eval tells */
        outputs[i].dtype = tensor->dtype;
        outputs[i].dims = tensor->dims;
    }
    if (st == TARE_OK) {
        st = compute(graph, node, inputs, outputs, err);
        if (st != TARE_OK) give_back(outputs, is_given, node->n_outputs);
    }
    tare_free(inputs);
    tare_free(is_given);
    return st;
}

enum tare_status tare_node_apply(const struct tare_graph *graph,
                                 const struct tare_node *node, size_t input, float *x,
                                 float *y, int64_t n, struct tare_error *err)
{
    struct tare_const *inputs = tare_alloc_array(node->n_inputs, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "no memory to compute node '%.80s'",
                 node->name);
    const struct tare_const row = {.dtype = TARE_F32,
                                   .dims = {.rank = 1, .d = {n}},
                                   .n_bytes = (size_t)n * sizeof *x};
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (i == input) {
            inputs[i] = row;
            inputs[i].data = x;
        } else if (node->inputs[i] != TARE_NO_TENSOR) {
            inputs[i] = tare_tensor_content(&graph->tensors[node->inputs[i]]);
            inputs[i].dims = (struct tare_dims){.rank = 0};
        }
    }
    struct tare_const output = row;
    output.data = y;
    const enum tare_status st = compute(graph, node, inputs, &output, err);
    tare_free(inputs);
    return st;
}

/* What is said of a tensor before a run, declared or inferred. */
struct shape {
    enum tare_dtype dtype;
    bool has_dtype, has_dims;
    struct tare_dims dims;
};

/* A run of a graph. */
struct run {
    struct tare_graph *graph;
    struct shape *shapes;       /* [n_tensors] before the run */
    size_t *uses;               /* [n_tensors] readers to come; outputs count as one */
    struct tare_const *outputs; /* [n_outputs] of the graph, as the caller gave them */
    bool *is_given;             /* [n_outputs] data is the caller's */
};

/* Which output of the graph the tensor is, when the caller says where it shall go. */
static size_t place_of(const struct run *run, int32_t tensor)
{
    for (size_t i = 0; i < run->graph->n_outputs; i++)
        if (run->graph->outputs[i] == tensor && run->is_given[i]) return i;
    return SIZE_MAX;
}

/* Tensors that nodes make hold their values until nobody reads them any more. */
static void release_inputs(const struct run *run, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t id = node->inputs[i];
        if (id == TARE_NO_TENSOR || --run->uses[id] > 0) continue;
        if (run->graph->tensors[id].producer >= 0)
            tare_tensor_clear_data(&run->graph->tensors[id]);
    }
}

static enum tare_status run_node(const struct run *run, struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_graph *graph = run->graph;
    enum tare_status st = tare_node_infer(graph, node, err);
    if (st == TARE_E_DEFERRED)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "the shape of its output does not follow from its inputs");
    if (st != TARE_OK) return st;
    struct tare_const *made = tare_alloc_array(node->n_outputs, sizeof *made);
    if (!made) TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory");
    for (size_t i = 0; i < node->n_outputs; i++) {
        const size_t place = place_of(run, node->outputs[i]);
        if (place == SIZE_MAX) continue;
        made[i].data = run->outputs[place].data;
        made[i].n_bytes = run->outputs[place].n_bytes;
    }
    st = tare_node_compute(graph, node, made, err);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        struct tare_tensor *tensor = &graph->tensors[node->outputs[i]];
        tensor->dtype = made[i].dtype;
        tensor->dims = made[i].dims;
        tensor->has_dims = true;
        tensor->data = made[i].data;
        tensor->n_bytes = made[i].n_bytes;
    }
    tare_free(made);
    if (st == TARE_OK) release_inputs(run, node);
    return st;
}

/* Hand the value of an output over, or a copy where it belongs to somebody else. */
static enum tare_status take_output(const struct run *run, size_t i,
                                    struct tare_error *err)
{
    struct tare_tensor *tensor = &run->graph->tensors[run->graph->outputs[i]];
    struct tare_const *out = &run->outputs[i];
    if (run->is_given[i] && out->data == tensor->data) {
        out->dtype = tensor->dtype;
        out->dims = tensor->dims;
        return TARE_OK;
    }
    const bool is_ours = tensor->producer >= 0 &&
                         run->uses[run->graph->outputs[i]] == 1 &&
                         place_of(run, run->graph->outputs[i]) == SIZE_MAX;
    run->uses[run->graph->outputs[i]]--;
    out->dtype = tensor->dtype;
    out->dims = tensor->dims;
    if (is_ours) {
        out->data = tensor->data;
        out->n_bytes = tensor->n_bytes;
        tensor->data = NULL;
        return TARE_OK;
    }
    const enum tare_status st = tare_const_alloc(out, err);
    if (st == TARE_OK && out->n_bytes) memcpy(out->data, tensor->data, out->n_bytes);
    return st;
}

static void note_shapes(const struct run *run)
{
    for (size_t i = 0; i < run->graph->n_tensors; i++) {
        const struct tare_tensor *tensor = &run->graph->tensors[i];
        run->shapes[i] = (struct shape){tensor->dtype, tensor->has_dtype,
                                        tensor->has_dims, tensor->dims};
    }
}

static void restore_shapes(const struct run *run)
{
    for (size_t i = 0; i < run->graph->n_tensors; i++) {
        struct tare_tensor *tensor = &run->graph->tensors[i];
        tensor->dtype = run->shapes[i].dtype;
        tensor->has_dtype = run->shapes[i].has_dtype;
        tensor->has_dims = run->shapes[i].has_dims;
        tensor->dims = run->shapes[i].dims;
    }
}

/* Nodes' outputs have no values, not even what inference has found out. */
static void clear_made(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].producer >= 0) tare_tensor_clear_data(&graph->tensors[i]);
}

/* The graph as it was: no values but its constants'. */
static void forget(const struct run *run)
{
    struct tare_graph *graph = run->graph;
    for (size_t i = 0; i < graph->n_inputs; i++)
        graph->tensors[graph->inputs[i]].data = NULL;
    for (size_t i = 0; i < graph->n_outputs; i++) {
        struct tare_tensor *tensor = &graph->tensors[graph->outputs[i]];
        if (run->is_given[i] && tensor->data == run->outputs[i].data)
            tensor->data = NULL;
    }
    clear_made(graph);
}

static enum tare_status bind_inputs(struct tare_graph *graph,
                                    const struct tare_const *inputs,
                                    struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        struct tare_tensor *tensor = &graph->tensors[graph->inputs[i]];
        TARE_FAIL_IF(!inputs[i].data, err, TARE_E_ARG, "input '%.80s' has no value",
                     tensor->name);
        tensor->dtype = inputs[i].dtype;
        tensor->dims = inputs[i].dims;
        tensor->has_dims = true;
        tensor->data = inputs[i].data;
        tensor->n_bytes = inputs[i].n_bytes;
    }
    return TARE_OK;
}

static enum tare_status run_all(const struct run *run, const struct tare_const *inputs,
                                struct tare_error *err)
{
    struct tare_graph *graph = run->graph;
    enum tare_status st = bind_inputs(graph, inputs, err);
    for (size_t i = 0; i < graph->n_outputs; i++)
        run->is_given[i] = run->outputs[i].data != NULL;
    if (st == TARE_OK) tare_graph_count_uses(graph, run->uses);
    for (size_t i = 0; st == TARE_OK && i < graph->n_nodes; i++)
        if (!graph->nodes[i].dead) st = run_node(run, &graph->nodes[i], err);
    for (size_t i = 0; st == TARE_OK && i < graph->n_outputs; i++)
        st = take_output(run, i, err);
    if (st != TARE_OK) give_back(run->outputs, run->is_given, graph->n_outputs);
    return st;
}

enum tare_status tare_graph_run(struct tare_graph *graph,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct run run = {
        .graph = graph,
        .shapes = tare_alloc_array(graph->n_tensors, sizeof *run.shapes),
        .uses = tare_alloc_array(graph->n_tensors, sizeof *run.uses),
        .outputs = outputs,
        .is_given = tare_alloc_array(graph->n_outputs, sizeof *run.is_given),
    };
    enum tare_status st = TARE_OK;
    if (!run.shapes || !run.uses || !run.is_given) {
        st = tare_error_set(err, TARE_E_NOMEM, "no memory to run a graph");
    } else {
        note_shapes(&run);
        clear_made(graph);
        st = run_all(&run, inputs, err);
        forget(&run);
        restore_shapes(&run);
    }
    tare_free(run.shapes);
    tare_free(run.uses);
    tare_free(run.is_given);
    return st;
}
