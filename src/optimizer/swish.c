/* x * sigmoid(x) and x * sigmoid(a * x), also known as SiLU, become Swish. */
#include "optimizer/pass.h"

/* x of Sigmoid(x) or Sigmoid(alpha * x) that makes `tensor`; or -1. */
static int32_t read_sigmoid(const struct tare_graph *graph, int32_t tensor,
                            double *alpha, struct tare_pass_group *group)
{
    *alpha = 1;
    group->n = 0;
    const int32_t sigmoid = tare_pass_made_by(graph, tensor, TARE_OP_SIGMOID, 1);
    if (sigmoid < 0 || !tare_pass_group_add(group, sigmoid)) return -1;
    return graph->nodes[sigmoid].inputs[0];
}

static enum tare_status fuse(struct tare_graph *graph, int32_t id, bool *changed,
                             struct tare_error *err)
{
    const struct tare_node *mul = &graph->nodes[id];
    for (size_t side = 0; side < 2; side++) {
        struct tare_pass_group group = {0};
        double alpha;
        const int32_t x = mul->inputs[side];
        int32_t of = read_sigmoid(graph, mul->inputs[1 - side], &alpha, &group);
        if (of >= 0 && of != x) of = tare_pass_scaled(graph, of, &alpha, &group);
        if (of < 0 || of != x || !tare_pass_has_shape(graph, x) ||
            graph->tensors[x].dtype != TARE_F32)
            continue;
        *changed = true;
        const enum tare_status status =
            tare_pass_replace(graph, id, &group, TARE_OP_SWISH, &x, 1, err);
        if (status != TARE_OK || alpha == 1) return status;
        const struct tare_attr attr = {.type = TARE_ATTR_FLOAT, .f = (float)alpha};
        return tare_node_add_attr(&graph->nodes[id], "alpha", attr, err);
    }
    return TARE_OK;
}

enum tare_status tare_pass_swish(struct tare_graph *graph, bool *changed,
                                 struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || node->op != TARE_OP_MUL || !tare_fused_is_none(&node->fused))
            continue;
        const enum tare_status status = fuse(graph, (int32_t)i, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
