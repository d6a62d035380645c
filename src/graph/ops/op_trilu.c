/* Trilu: the upper or lower triangle of matrices. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_trilu(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *k = tare_op_input(graph, node, 1);
    const enum tare_status st =
        tare_op_want_dtype(graph, node, 1, TARE_IS(TARE_S64), err);
    if (st != TARE_OK) return st;
    if (x->dims.rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the input has rank %d, want 2 or more", (int)x->dims.rank);
    if (k && tare_dims_count(&k->dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input 'k' has %lld values, want 1",
                       (long long)tare_dims_count(&k->dims));
    return tare_op_set_like_input(graph, node, err);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

enum tare_status tare_eval_trilu(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t rows = dims->d[dims->rank - 2], columns = dims->d[dims->rank - 1];
    const bool has_k = node->n_inputs > 1 && inputs[1].data;
    const int64_t k =
        clamp(has_k ? tare_const_get_int(&inputs[1], 0) : 0, -rows, columns);
    const bool upper = tare_node_int(node, "upper", 1) != 0;
    const int64_t elem = tare_dtype_bytes(inputs[0].dtype);
    const uint8_t *x = inputs[0].data;
    uint8_t *y = outputs[0].data;
    const int64_t n = tare_dims_count(dims) / columns;
    memset(y, 0, outputs[0].n_bytes);
    for (int64_t r = 0; r < n; r++) {
        /* The diagonal is the upper triangle's first column, the lower one's last. */
        const int64_t diagonal = r % rows + k;
        const int64_t begin = upper ? clamp(diagonal, 0, columns) : 0;
        const int64_t end = upper ? columns : clamp(diagonal + 1, 0, columns);
        const int64_t at = (r * columns + begin) * elem;
        memcpy(y + at, x + at, (size_t)((end - begin) * elem));
    }
    return TARE_OK;
}
