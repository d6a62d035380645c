/* Gemm and MatMul. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_gemm(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    struct tare_gemm gemm;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < 3 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_gemm(graph, node, &gemm, err);
    if (st != TARE_OK) return st;

    const struct tare_dims out = {.rank = 2, .d = {gemm.m, gemm.n}};
    const struct tare_tensor *c = tare_op_input(graph, node, 2);
    struct tare_dims wide;
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    if (c &&
        (!tare_dims_broadcast(&c->dims, &out, &wide) || !tare_dims_equal(&wide, &out)))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "C is %.80s, the product is %.80s",
                       tare_dims_print(&c->dims, have), tare_dims_print(&out, want));
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

/* The axes in front of the two that are multiplied. */
static struct tare_dims batch_axes(const struct tare_dims *dims)
{
    struct tare_dims batch = *dims;
    batch.rank -= 2;
    return batch;
}

enum tare_status tare_infer_matmul(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st != TARE_OK) return st;
    struct tare_dims a = tare_op_input(graph, node, 0)->dims;
    struct tare_dims b = tare_op_input(graph, node, 1)->dims;
    char text_a[TARE_DIMS_TEXT], text_b[TARE_DIMS_TEXT];
    tare_dims_print(&a, text_a);
    tare_dims_print(&b, text_b);
    const bool row = a.rank == 1, column = b.rank == 1;
    if (row) tare_dims_insert(&a, 0);
    if (column) tare_dims_insert(&b, 1);
    if (a.rank < 2 || b.rank < 2 || a.d[a.rank - 1] != b.d[b.rank - 2])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not multiply with %.80s",
                       text_a, text_b);

    const struct tare_dims batch_a = batch_axes(&a), batch_b = batch_axes(&b);
    struct tare_dims out;
    if (!tare_dims_broadcast(&batch_a, &batch_b, &out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not broadcast with %.80s",
                       text_a, text_b);
    if (!row) out.d[out.rank++] = a.d[a.rank - 2];
    if (!column) out.d[out.rank++] = b.d[b.rank - 1];
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}
