/* ArgMax and ArgMin. NaN counts as the greatest value for the one, and as the least for
 * the other, as in NumPy. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_arg(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_node_axis(node, 0, out.rank, &axis, err);
    if (st != TARE_OK) return st;
    if (out.d[axis] == 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %d is empty", (int)axis);
    out.d[axis] = 1;
    if (!tare_node_int(node, "keepdims", 1)) tare_dims_remove(&out, axis);
    return tare_op_set_output(graph, node, 0, TARE_S64, &out, err);
}

/* Of `width` lanes beside one another, each with n elements `inner` apart from `at` on.
 * Keys of ArgMin are turned round: then the greatest counts. */
struct lanes {
    const struct tare_const *x;
    int64_t at, n, inner, width;
    bool is_min, takes_last;
};

static void read_row(const struct lanes *l, int64_t k, int64_t *keys)
{
    tare_const_read_keys(l->x, l->at + k * l->inner, 1, l->width, keys);
    const bool has_nan = l->x->dtype == TARE_F32;
    for (int64_t i = 0; l->is_min && i < l->width; i++)
        if (!has_nan || keys[i] != INT64_MAX) keys[i] = ~keys[i];
}

static void find_lanes(const struct lanes *l, int64_t *found)
{
    int64_t best[TARE_BLOCK], keys[TARE_BLOCK];
    read_row(l, 0, best);
    for (int64_t i = 0; i < l->width; i++)
        found[i] = 0;
    for (int64_t k = 1; k < l->n; k++) {
        read_row(l, k, keys);
        for (int64_t i = 0; i < l->width; i++) {
            const bool wins = l->takes_last ? keys[i] >= best[i] : keys[i] > best[i];
            best[i] = wins ? keys[i] : best[i];
            found[i] = wins ? k : found[i];
        }
    }
}

enum tare_status tare_eval_arg(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *dims = &inputs[0].dims;
    struct tare_lanes split;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, 0, dims->rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    split = tare_dims_lanes(dims, axis);
    struct lanes l = {.x = &inputs[0],
                      .n = split.n,
                      .inner = split.inner,
                      .is_min = node->op == TARE_OP_ARG_MIN,
                      .takes_last = tare_node_int(node, "select_last_index", 0) != 0};
    int64_t *found = outputs[0].data;
    for (int64_t o = 0; o < split.outer; o++)
        for (int64_t i = 0; i < split.inner; i += TARE_BLOCK) {
            l.at = o * split.n * split.inner + i;
            l.width = tare_block(split.inner - i);
            find_lanes(&l, found + o * split.inner + i);
        }
    return TARE_OK;
}
