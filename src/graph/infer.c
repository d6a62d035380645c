#include "base/dims.h"
#include "base/mem.h"
#include "graph/evaluate.h"
#include "graph/graph.h"

/* What inference computes on the way: one result, with what it is made from, and all
 * results of a graph together. Shapes need a few bytes; the bounds keep a hostile model
 * from making inference expensive. */
#define SMALL_BYTES ((size_t)64 * 1024)
#define TOTAL_BYTES ((size_t)16 * 1024 * 1024)
/* A result may be this many times as large as what it is made from (a bool that becomes
 * an int64), plus SMALL_BYTES. An Expand beyond that is better computed at run time. */
#define GROWTH 8

static bool reads_shape_only(enum tare_op op)
{
    return op == TARE_OP_SHAPE || op == TARE_OP_SIZE;
}

/* Operators over many elements for each that they make. No shape comes from them, so
 * that inference does not run them. */
static bool is_costly(enum tare_op op)
{
    switch (op) {
    case TARE_OP_CONV:
    case TARE_OP_CONV_INTEGER:
    case TARE_OP_CONV_TRANSPOSE:
    case TARE_OP_DEFORM_CONV:
    case TARE_OP_QLINEAR_CONV:
    case TARE_OP_AVERAGE_POOL:
    case TARE_OP_LP_POOL:
    case TARE_OP_MAX_POOL:
    case TARE_OP_LRN:
    case TARE_OP_TF_IDF_VECTORIZER: return true;
    default: return false;
    }
}

/* Whether all inputs are there for eval, and how many bytes it reads and makes. */
static bool can_eval(const struct tare_graph *graph, const struct tare_node *node,
                     size_t *n_read, size_t *n_made)
{
    *n_read = *n_made = 0;
    if (!tare_op_info(node->op)->eval || node->op == TARE_OP_PLUGIN ||
        !tare_fused_is_none(&node->fused))
        return false;
    for (size_t i = 0; i < node->n_inputs && !reads_shape_only(node->op); i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *tensor = &graph->tensors[node->inputs[i]];
        if (!tensor->data || tensor->dtype == TARE_F16 || tensor->dtype == TARE_F64)
            return false;
        if (!tare_add_size(*n_read, tensor->n_bytes, n_read)) return false;
    }
    for (size_t i = 0; i < node->n_attrs; i++) {
        const struct tare_attr *attr = &node->attrs[i];
        if (!tare_add_size(*n_read, attr->t.n_bytes + attr->n * sizeof(int64_t),
                           n_read))
            return false;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        const struct tare_tensor *tensor = &graph->tensors[node->outputs[i]];
        size_t n_bytes;
        if (!tensor->has_dims ||
            !tare_dims_bytes(&tensor->dims, tensor->dtype, &n_bytes) ||
            !tare_add_size(*n_made, n_bytes, n_made))
            return false;
    }
    return true;
}

/* Run a node's eval; can_eval() said yes. */
static enum tare_status evaluate(struct tare_graph *graph, const struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_const *outputs = tare_alloc_array(node->n_outputs, sizeof *outputs);
    if (!outputs)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory to compute it");
    const enum tare_status st = tare_node_compute(graph, node, outputs, err);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        struct tare_tensor *tensor = &graph->tensors[node->outputs[i]];
        tare_tensor_clear_data(tensor);
        tensor->data = outputs[i].data;
        tensor->n_bytes = outputs[i].n_bytes;
    }
    tare_free(outputs);
    return st;
}

/* What every infer function takes for granted: the operator's first inputs and its
 * output are there. */
static enum tare_status check_inputs(const struct tare_node *node,
                                     struct tare_error *err)
{
    for (size_t i = 0; i < tare_op_info(node->op)->min_inputs; i++)
        if (tare_node_input(node, i) == TARE_NO_TENSOR)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %zu is missing", i);
    if (node->n_outputs == 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "no output");
    return TARE_OK;
}

/* Its inputs' shapes are known, and so its outputs' can be. */
static bool can_infer(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *tensor = &graph->tensors[node->inputs[i]];
        if (!tensor->has_dims || !tare_dims_known(&tensor->dims)) return false;
    }
    return true;
}

static void defer(struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        graph->tensors[node->outputs[i]].has_dims = false;
}

enum tare_status tare_node_infer(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    enum tare_status st = check_inputs(node, err);
    if (st != TARE_OK) return st;
    defer(graph, node);
    if (!can_infer(graph, node)) return TARE_E_DEFERRED;
    st = tare_op_info(node->op)->infer(graph, node, err);
    if (st == TARE_E_DEFERRED) {
        defer(graph, node);
        if (err) *err = (struct tare_error){0};
    }
    for (size_t i = 0; i < node->n_outputs && st == TARE_OK; i++)
        graph->tensors[node->outputs[i]].has_dtype = true;
    if (st != TARE_OK || !node->fused.has_residual) return st;
    const struct tare_dims *out = &graph->tensors[node->outputs[0]].dims;
    const struct tare_tensor *residual =
        &graph->tensors[node->inputs[node->n_inputs - 1]];
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    if (!tare_dims_equal(&residual->dims, out))
        TARE_NODE_FAIL(
            node, err, TARE_E_ARG, "the fused residual is %.80s, the output is %.80s",
            tare_dims_print(&residual->dims, have), tare_dims_print(out, want));
    return TARE_OK;
}

enum tare_status tare_graph_eval_node(struct tare_graph *graph, int32_t node,
                                      bool *evaluated, struct tare_error *err)
{
    struct tare_node *n = &graph->nodes[node];
    size_t n_read, n_made, limit;
    *evaluated = false;
    const enum tare_status st = tare_node_infer(graph, n, err);
    if (st == TARE_E_DEFERRED) return TARE_OK;
    if (st != TARE_OK) return st;
    if (!can_eval(graph, n, &n_read, &n_made) ||
        !tare_mul_size(n_read, GROWTH, &limit) ||
        !tare_add_size(limit, SMALL_BYTES, &limit) || n_made > limit)
        return TARE_OK;
    *evaluated = true;
    return evaluate(graph, n, err);
}

/* Forget what an earlier inference has left on the outputs of nodes. */
static void forget(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        if (graph->tensors[i].producer >= 0) {
            tare_tensor_clear_data(&graph->tensors[i]);
            graph->tensors[i].has_dims = false;
        }
}

static enum tare_status check_graph_input(const struct tare_tensor *tensor,
                                          struct tare_error *err)
{
    size_t n_bytes;
    char text[TARE_DIMS_TEXT];
    TARE_FAIL_IF(!tensor->has_dims || !tare_dims_known(&tensor->dims), err, TARE_E_ARG,
                 "input '%.80s' has shape %.80s; every axis must be given",
                 tensor->name,
                 tensor->has_dims ? tare_dims_print(&tensor->dims, text) : "(unknown)");
    TARE_FAIL_IF(!tare_dims_bytes(&tensor->dims, tensor->dtype, &n_bytes), err,
                 TARE_E_UNSUPPORTED, "input '%.80s' has shape %.80s; that is too large",
                 tensor->name, tare_dims_print(&tensor->dims, text));
    return TARE_OK;
}

enum tare_status tare_graph_infer(struct tare_graph *graph, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < graph->n_inputs && st == TARE_OK; i++)
        st = check_graph_input(&graph->tensors[graph->inputs[i]], err);
    if (st != TARE_OK) return st;
    forget(graph);
    size_t n_left = TOTAL_BYTES;
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++) {
        struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        size_t n_read, n_made;
        st = tare_node_infer(graph, node, err);
        if (st == TARE_E_DEFERRED)
            st = TARE_OK;
        else if (st == TARE_OK && !is_costly(node->op) &&
                 can_eval(graph, node, &n_read, &n_made) && n_read <= SMALL_BYTES &&
                 n_made <= SMALL_BYTES && n_made <= n_left) {
            n_left -= n_made;
            st = evaluate(graph, node, err);
        }
    }
    return st;
}
