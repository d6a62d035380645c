/* Scatter, ScatterElements and ScatterND: input 0 with the updates of input 2 at the
 * places that input 1 names, in the updates' order. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* What becomes of an element and its update. */
enum reduction { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MAX, REDUCE_MIN };

static enum tare_status read_reduction(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       enum reduction *out, struct tare_error *err)
{
    static const char *const names[] = {[REDUCE_NONE] = "none",
                                        [REDUCE_ADD] = "add",
                                        [REDUCE_MUL] = "mul",
                                        [REDUCE_MAX] = "max",
                                        [REDUCE_MIN] = "min"};
    size_t chosen;
    const size_t n = graph->opset < 18 ? REDUCE_MAX : REDUCE_MIN + 1;
    const enum tare_status st =
        tare_op_choice(node, "reduction", names, n, REDUCE_NONE, &chosen, err);
    *out = st == TARE_OK ? (enum reduction)chosen : REDUCE_NONE;
    return st;
}

static double combine(enum reduction reduction, double a, double b)
{
    switch (reduction) {
    case REDUCE_NONE: return b;
    case REDUCE_ADD: return a + b;
    case REDUCE_MUL: return a * b;
    case REDUCE_MAX: return isnan(a) || a > b ? a : b;
    case REDUCE_MIN: return isnan(a) || a < b ? a : b;
    }
    return b;
}

/* Integers wrap; those of uint64 are compared as their bits. */
static int64_t combine_ints(enum reduction reduction, bool is_u64, int64_t a, int64_t b)
{
    const bool less = is_u64 ? (uint64_t)a < (uint64_t)b : a < b;
    switch (reduction) {
    case REDUCE_NONE: return b;
    case REDUCE_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case REDUCE_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case REDUCE_MAX: return less ? b : a;
    case REDUCE_MIN: return less ? a : b;
    }
    return b;
}

/* Put `n` updates from `from` on behind element `at` of the output. */
static void update(enum reduction reduction, const struct tare_const *updates,
                   int64_t from, struct tare_const *out, int64_t at, int64_t n)
{
    const size_t elem = (size_t)tare_dtype_bytes(out->dtype);
    const bool is_u64 = out->dtype == TARE_U64;
    if (reduction == REDUCE_NONE) {
        memcpy((uint8_t *)out->data + (size_t)at * elem,
               (const uint8_t *)updates->data + (size_t)from * elem, (size_t)n * elem);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        if (out->dtype == TARE_F32)
            tare_const_set(out, at + i,
                           combine(reduction, tare_const_get(out, at + i),
                                   tare_const_get(updates, from + i)));
        else
            tare_const_set_int(out, at + i,
                               combine_ints(reduction, is_u64,
                                            tare_const_get_int(out, at + i),
                                            tare_const_get_int(updates, from + i)));
}

static enum tare_status check_types(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    struct tare_error *err)
{
    const enum tare_dtype data = tare_op_input(graph, node, 0)->dtype;
    const enum tare_dtype updates = tare_op_input(graph, node, 2)->dtype;
    if (data != updates)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the updates are %s, the data %s",
                       tare_dtype_name(updates), tare_dtype_name(data));
    return tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
}

static enum tare_status check_updates(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      const struct tare_dims *want,
                                      struct tare_error *err)
{
    const struct tare_dims *updates = &tare_op_input(graph, node, 2)->dims;
    char text[TARE_DIMS_TEXT], text_want[TARE_DIMS_TEXT];
    if (!tare_dims_equal(updates, want))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the updates are %.80s, want %.80s",
                       tare_dims_print(updates, text),
                       tare_dims_print(want, text_want));
    return TARE_OK;
}

enum tare_status tare_infer_scatter_elements(struct tare_graph *graph,
                                             struct tare_node *node,
                                             struct tare_error *err)
{
    if (node->op == TARE_OP_SCATTER && graph->opset > 10)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "opset %d, the operator ends with opset 10", graph->opset);
    int32_t axis;
    enum reduction reduction;
    enum tare_status st = check_types(graph, node, err);
    if (st == TARE_OK)
        st = tare_node_axis(node, 0, tare_op_input(graph, node, 0)->dims.rank, &axis,
                            err);
    if (st == TARE_OK) st = read_reduction(graph, node, &reduction, err);
    if (st == TARE_OK) st = tare_op_check_element_indices(graph, node, axis, err);
    if (st == TARE_OK)
        st = check_updates(graph, node, &tare_op_input(graph, node, 1)->dims, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

enum tare_status tare_eval_scatter_elements(const struct tare_graph *graph,
                                            const struct tare_node *node,
                                            const struct tare_const *inputs,
                                            struct tare_const *outputs,
                                            struct tare_error *err)
{
    const struct tare_dims *dims = &inputs[0].dims;
    int32_t axis;
    enum reduction reduction;
    enum tare_status st = tare_node_axis(node, 0, dims->rank, &axis, err);
    if (st == TARE_OK) st = read_reduction(graph, node, &reduction, err);
    if (st == TARE_OK) st = tare_eval_copy(graph, node, inputs, outputs, err);
    if (st != TARE_OK) return st;

    int64_t stride[TARE_MAX_RANK], index[TARE_MAX_RANK] = {0}, base = 0;
    tare_dims_strides(dims, stride);
    const int64_t along = stride[axis];
    stride[axis] = 0;
    const int64_t n = tare_dims_count(&inputs[1].dims);
    for (int64_t i = 0; i < n; i++) {
        int64_t at;
        st = tare_op_index(node, &inputs[1], i, axis, dims->d[axis], &at, err);
        if (st != TARE_OK) return st;
        update(reduction, &inputs[2], i, &outputs[0], base + at * along, 1);
        tare_dims_next(&inputs[1].dims, index, (int64_t *const[]){&base},
                       (const int64_t *const[]){stride}, 1);
    }
    return TARE_OK;
}

enum tare_status tare_infer_scatter_nd(struct tare_graph *graph, struct tare_node *node,
                                       struct tare_error *err)
{
    const struct tare_dims *data = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *indices = &tare_op_input(graph, node, 1)->dims;
    enum reduction reduction;
    enum tare_status st = check_types(graph, node, err);
    if (st == TARE_OK) st = read_reduction(graph, node, &reduction, err);
    if (st != TARE_OK) return st;
    const int64_t n_tuple = indices->rank ? indices->d[indices->rank - 1] : 0;
    if (n_tuple < 1 || n_tuple > data->rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "indices name %lld axes, the data has %d", (long long)n_tuple,
                       (int)data->rank);
    struct tare_dims want = {.rank = 0};
    const int32_t n_left = data->rank - (int32_t)n_tuple;
    for (int32_t i = 0; i < indices->rank - 1; i++)
        want.d[want.rank++] = indices->d[i];
    for (int32_t i = 0; i < n_left && want.rank < TARE_MAX_RANK; i++)
        want.d[want.rank++] = data->d[(int32_t)n_tuple + i];
    if (indices->rank - 1 + n_left > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the updates have rank %d, at most %d",
                       (int)(indices->rank - 1 + n_left), TARE_MAX_RANK);
    st = check_updates(graph, node, &want, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

enum tare_status tare_eval_scatter_nd(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      const struct tare_const *inputs,
                                      struct tare_const *outputs,
                                      struct tare_error *err)
{
    const struct tare_dims *dims = &inputs[0].dims;
    const int32_t n_tuple = (int32_t)inputs[1].dims.d[inputs[1].dims.rank - 1];
    enum reduction reduction;
    enum tare_status st = read_reduction(graph, node, &reduction, err);
    if (st == TARE_OK) st = tare_eval_copy(graph, node, inputs, outputs, err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    int64_t block = 1; /* elements of one update */
    for (int32_t i = n_tuple; i < dims->rank; i++)
        block *= dims->d[i];
    const int64_t n = tare_dims_count(&inputs[1].dims) / n_tuple;
    for (int64_t i = 0; i < n; i++) {
        int64_t at;
        st = tare_op_tuple_offset(node, &inputs[1], i, dims, 0, &at, err);
        if (st != TARE_OK) return st;
        update(reduction, &inputs[2], i * block, &outputs[0], at * block, block);
    }
    return TARE_OK;
}
