/* Resize and Upsample. */
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_resize(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_resize resize;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_resize(graph, node, &resize, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, TARE_F32, &resize.out, err);
}
