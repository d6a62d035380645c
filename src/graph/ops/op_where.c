/* Where: one of two values, as a bool says, all three broadcast together. */
#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_where(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    const struct tare_tensor *condition = tare_op_input(graph, node, 0);
    const struct tare_tensor *x = tare_op_input(graph, node, 1);
    const struct tare_tensor *y = tare_op_input(graph, node, 2);
    struct tare_dims values, out;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_BOOL, err);
    if (st != TARE_OK) return st;
    if (x->dtype != y->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "values are %s and %s, want the same",
                       tare_dtype_name(x->dtype), tare_dtype_name(y->dtype));
    st = tare_op_broadcast(node, &x->dims, &y->dims, &values, err);
    if (st == TARE_OK)
        st = tare_op_broadcast(node, &condition->dims, &values, &out, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, x->dtype, &out, err) : st;
}

/* A row of elements of one size, whatever they mean; apart for the steps and
 * with a mask instead of a branch, so that the loops are vectors. */
#define WHERE_LOOP(x_at, y_at)                                                         \
    for (int64_t i = 0; i < rows->n; i++) {                                            \
        const type from_x = (x_at), from_y = (y_at);                                   \
        const type is_x = (type)(0 - (uint64_t)(condition[i] != 0));                   \
        to[i] = (type)(from_y ^ ((from_x ^ from_y) & is_x));                           \
    }
#define WHERE_ROW(name, element)                                                       \
    static void name(const struct tare_const *inputs, const struct tare_rows *rows,    \
                     void *out, int64_t at)                                            \
    {                                                                                  \
        typedef element type;                                                          \
        const uint8_t *condition = (const uint8_t *)inputs[0].data + rows->at[0];      \
        const type *x = (const type *)inputs[1].data + rows->at[1];                    \
        const type *y = (const type *)inputs[2].data + rows->at[2];                    \
        type *restrict to = (type *)out + at;                                          \
        const int64_t *step = rows->step;                                              \
        const type first_x = *x, first_y = *y;                                         \
        if (!step[0])                                                                  \
            for (int64_t i = 0; i < rows->n; i++)                                      \
                to[i] = *condition ? x[i * step[1]] : y[i * step[2]];                  \
        else if (step[1] && step[2])                                                   \
            WHERE_LOOP(x[i], y[i])                                                     \
        else if (step[1])                                                              \
            WHERE_LOOP(x[i], first_y)                                                  \
        else if (step[2])                                                              \
            WHERE_LOOP(first_x, y[i])                                                  \
        else                                                                           \
            WHERE_LOOP(first_x, first_y)                                               \
    }
WHERE_ROW(where_1, uint8_t)
WHERE_ROW(where_2, uint16_t)
WHERE_ROW(where_4, uint32_t)
WHERE_ROW(where_8, uint64_t)

enum tare_status tare_eval_where(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const struct tare_dims *const dims[] = {&inputs[0].dims, &inputs[1].dims,
                                            &inputs[2].dims};
    struct tare_rows rows;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || !tare_rows_begin(&rows, &outputs[0].dims, dims, 3)) return st;
    const int n_bytes = tare_dtype_bytes(outputs[0].dtype);
    int64_t at = 0;
    do {
        (n_bytes == 1   ? where_1
         : n_bytes == 2 ? where_2
         : n_bytes == 4 ? where_4
                        : where_8)(inputs, &rows, outputs[0].data, at);
        at += rows.n;
    } while (tare_rows_next(&rows));
    return st;
}
