/* If: one of two graphs. */
#include "base/dims.h"
#include "graph/ops/body.h"
#include "graph/ops/ops.h"
#include "graph/run.h"

static enum tare_status branch(const struct tare_node *node, const char *name,
                               struct tare_graph **body, size_t *first,
                               struct tare_error *err)
{
    const enum tare_status st = tare_node_body(node, name, body, first, err);
    if (st != TARE_OK) return st;
    if ((*body)->n_inputs != (*body)->n_captures ||
        (*body)->n_outputs != node->n_outputs)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%s has %zu inputs and %zu outputs, want 0 and %zu", name,
                       (*body)->n_inputs - (*body)->n_captures, (*body)->n_outputs,
                       node->n_outputs);
    return TARE_OK;
}

/* What the branches make, eval tells. */
enum tare_status tare_infer_if(struct tare_graph *graph, struct tare_node *node,
                               struct tare_error *err)
{
    struct tare_graph *body;
    size_t first;
    struct tare_const condition;
    enum tare_status st = branch(node, "then_branch", &body, &first, err);
    if (st == TARE_OK) st = branch(node, "else_branch", &body, &first, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 0, TARE_IS_BOOL, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "cond", 0, &condition, err);
    if (st == TARE_OK && tare_dims_count(&condition.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "cond is not one value");
    return st;
}

enum tare_status tare_eval_if(const struct tare_graph *graph,
                              const struct tare_node *node,
                              const struct tare_const *inputs,
                              struct tare_const *outputs, struct tare_error *err)
{
    struct tare_graph *body;
    size_t first;
    (void)graph;
    const bool holds = tare_const_get_int(&inputs[0], 0) != 0;
    const enum tare_status st =
        branch(node, holds ? "then_branch" : "else_branch", &body, &first, err);
    if (st != TARE_OK) return st;
    TARE_TRY(tare_graph_run(body, inputs + first, outputs, err), err,
             "node '%.80s' (If)", node->name);
    return TARE_OK;
}
