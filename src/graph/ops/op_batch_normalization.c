#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_batch_normalization(struct tare_graph *graph,
                                                struct tare_node *node,
                                                struct tare_error *err)
{
    static const char *const names[] = {"X", "scale", "B", "mean", "var"};
    char text[TARE_DIMS_TEXT];
    if (tare_node_int(node, "training_mode", 0))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "training_mode is 1; export the model for inference");
    if (!tare_node_int(node, "spatial", 1))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "spatial is 0, tare has 1 only");
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    if (x->rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 2 or more",
                       tare_dims_print(x, text));
    for (size_t i = 0; i < 5; i++) {
        const enum tare_status st =
            tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
        if (st != TARE_OK) return st;
        const struct tare_dims *dims = &tare_op_input(graph, node, i)->dims;
        if (i > 0 && (dims->rank != 1 || dims->d[0] != x->d[1]))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is %.80s, want %lld", names[i],
                           tare_dims_print(dims, text), (long long)x->d[1]);
    }
    return tare_op_set_like_input(graph, node, err);
}
