/* Of Reshape, Flatten, Squeeze and Unsqueeze one behind the other the last does it all,
 * and a Transpose that moves axes of length 1 alone is a Reshape too. */
#include "base/dims.h"
#include "graph/params.h"
#include "optimizer/pass.h"

static bool is_view(enum tare_op op)
{
    return op == TARE_OP_RESHAPE || op == TARE_OP_FLATTEN || op == TARE_OP_SQUEEZE ||
           op == TARE_OP_UNSQUEEZE;
}

/* The elements keep their order in memory. */
static bool keeps_order(const struct tare_graph *graph, const struct tare_node *node)
{
    int32_t permutation[TARE_MAX_RANK], last_axis = -1;
    const struct tare_dims *dims = &graph->tensors[node->inputs[0]].dims;
    if (tare_node_permutation(graph, node, permutation, NULL) != TARE_OK) return false;
    for (int32_t i = 0; i < dims->rank; i++) {
        if (dims->d[permutation[i]] == 1) continue;
        if (permutation[i] < last_axis) return false;
        last_axis = permutation[i];
    }
    return true;
}

/* A shape without zeros, which Reshape takes for "as it is". */
static bool can_say(const struct tare_graph *graph, int32_t tensor)
{
    const struct tare_dims *dims = &graph->tensors[tensor].dims;
    for (int32_t i = 0; i < dims->rank; i++)
        if (dims->d[i] < 1) return false;
    return true;
}

/* Let the node be a Reshape of x to its output's dims. */
static enum tare_status become_reshape(struct tare_graph *graph, int32_t id, int32_t x,
                                       const struct tare_pass_group *group,
                                       struct tare_error *err)
{
    const int32_t y = graph->nodes[id].outputs[0];
    int32_t inputs[2] = {x};
    const enum tare_status status = tare_pass_add_shape(graph, y, &inputs[1], err);
    return status == TARE_OK
               ? tare_pass_replace(graph, id, group, TARE_OP_RESHAPE, inputs, 2, err)
               : status;
}

enum tare_status tare_pass_reshape(struct tare_graph *graph, bool *changed,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || (!is_view(node->op) && node->op != TARE_OP_TRANSPOSE) ||
            !tare_pass_has_shape(graph, node->inputs[0]) ||
            !tare_pass_has_shape(graph, node->outputs[0]) ||
            !can_say(graph, node->outputs[0]))
            continue;
        int32_t x = node->inputs[0];
        struct tare_pass_group group = {0};
        const int32_t maker = tare_pass_producer(graph, x);
        if (is_view(node->op)) {
            if (maker < 0 || !is_view(graph->nodes[maker].op) ||
                tare_tensor_is_const(&graph->tensors[x]))
                continue;
            if (tare_graph_n_uses(graph, x) == 1) tare_pass_group_add(&group, maker);
            x = graph->nodes[maker].inputs[0];
        } else if (!keeps_order(graph, node)) {
            continue;
        }
        const enum tare_status status =
            become_reshape(graph, (int32_t)i, x, &group, err);
        if (status != TARE_OK) return status;
        *changed = true;
    }
    return TARE_OK;
}
