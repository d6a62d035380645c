#include "base/dims.h"
#include "graph/ops/ops.h"

int64_t tare_node_macs(const struct tare_graph *graph, const struct tare_node *node)
{
    if (node->op != TARE_OP_CONV && node->op != TARE_OP_GEMM &&
        node->op != TARE_OP_MATMUL)
        return 0;
    const struct tare_dims *w = &tare_op_input(graph, node, 1)->dims;
    const struct tare_dims *a = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *out = &graph->tensors[node->outputs[0]].dims;
    int64_t taps; /* of one output element */
    bool ok = true;
    if (node->op == TARE_OP_CONV)
        ok = tare_axes_product(w->d + 1, w->rank - 1, &taps);
    else if (node->op == TARE_OP_GEMM)
        taps = a->d[tare_node_int(node, "transA", 0) ? 0 : 1];
    else
        taps = a->d[a->rank - 1];
    int64_t macs;
    if (!ok || __builtin_mul_overflow(taps, tare_dims_count(out), &macs))
        return INT64_MAX;
    return macs;
}
