/* Conv, MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/window.h"

static enum tare_status infer_window(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    struct tare_spatial s;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 3 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_window(graph, node, &s, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = {.rank = 4,
                                  .d = {s.batch, s.out_c, s.out[0], s.out[1]}};
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

enum tare_status tare_infer_conv(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    const enum tare_status st = infer_window(graph, node, err);
    if (st != TARE_OK) return st;
    const struct tare_tensor *bias = tare_op_input(graph, node, 2);
    const int64_t out_c = graph->tensors[node->outputs[0]].dims.d[1];
    if (bias && (bias->dims.rank != 1 || bias->dims.d[0] != out_c)) {
        char text[TARE_DIMS_TEXT];
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "bias is %.80s, want %lld",
                       tare_dims_print(&bias->dims, text), (long long)out_c);
    }
    return TARE_OK;
}

enum tare_status tare_infer_pool(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    if (tare_node_int(node, "storage_order", 0))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "storage_order is %lld, tare has 0 only",
                       (long long)tare_node_int(node, "storage_order", 0));
    return infer_window(graph, node, err);
}

enum tare_status tare_infer_global_pool(struct tare_graph *graph,
                                        struct tare_node *node, struct tare_error *err)
{
    return infer_window(graph, node, err);
}
