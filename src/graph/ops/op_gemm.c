/* Gemm and MatMul. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/ops/product.h"
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

/* alpha * sum + beta * C, rounded once. */
struct gemm_store {
    float *y;
    const float *c; /* NULL: absent */
    int64_t n, c_stride[TARE_MAX_RANK];
    double alpha, beta;
};

static void store_gemm(const void *context, int64_t i, int64_t j, int64_t n,
                       const double *sums)
{
    const struct gemm_store *to = context;
    float *y = to->y + i * to->n + j;
    for (int64_t l = 0; l < n; l++) {
        double value = to->alpha * sums[l];
        if (to->c)
            value += to->beta *
                     (double)to->c[i * to->c_stride[0] + (j + l) * to->c_stride[1]];
        y[l] = (float)value;
    }
}

enum tare_status tare_eval_gemm(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct tare_gemm gemm;
    enum tare_status st = tare_node_gemm(graph, node, &gemm, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    struct gemm_store to = {.y = outputs[0].data,
                            .c = node->n_inputs > 2 ? inputs[2].data : NULL,
                            .n = gemm.n,
                            .alpha = (double)gemm.alpha,
                            .beta = (double)gemm.beta};
    if (to.c) tare_broadcast_strides(&inputs[2].dims, &outputs[0].dims, to.c_stride);
    const struct tare_matrix b = {.data = inputs[1].data,
                                  .row = gemm.trans_b ? 1 : gemm.n,
                                  .col = gemm.trans_b ? gemm.k : 1};
    const struct tare_product product = {.m = gemm.m,
                                         .n = gemm.n,
                                         .k = gemm.k,
                                         .a = {.data = inputs[0].data,
                                               .row = gemm.trans_a ? 1 : gemm.k,
                                               .col = gemm.trans_a ? gemm.m : 1},
                                         .row = tare_matrix_row,
                                         .from = &b,
                                         .store = store_gemm,
                                         .to = &to};
    return tare_product_run(&product, err);
}

/* The axes in front of the two that are multiplied. */
static struct tare_dims batch_axes(const struct tare_dims *dims)
{
    struct tare_dims batch = *dims;
    batch.rank -= 2;
    return batch;
}

enum tare_status tare_node_matmul(const struct tare_node *node,
                                  const struct tare_dims *dims_a,
                                  const struct tare_dims *dims_b,
                                  struct tare_matmul *out, struct tare_error *err)
{
    struct tare_dims a = *dims_a, b = *dims_b;
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
    if (!tare_dims_broadcast(&batch_a, &batch_b, &out->batch))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not broadcast with %.80s",
                       text_a, text_b);
    out->m = a.d[a.rank - 2];
    out->k = a.d[a.rank - 1];
    out->n = b.d[b.rank - 1];
    tare_broadcast_strides(&batch_a, &out->batch, out->a_stride);
    tare_broadcast_strides(&batch_b, &out->batch, out->b_stride);
    out->dims = out->batch;
    if (!row) out->dims.d[out->dims.rank++] = out->m;
    if (!column) out->dims.d[out->dims.rank++] = out->n;
    return TARE_OK;
}

enum tare_status tare_infer_matmul(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *a = tare_op_input(graph, node, 0);
    const struct tare_tensor *b = tare_op_input(graph, node, 1);
    struct tare_matmul matmul;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_NUMBER, err);
    if (st == TARE_OK && a->dtype != b->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "inputs are %s and %s, want the same",
                       tare_dtype_name(a->dtype), tare_dtype_name(b->dtype));
    if (st == TARE_OK) st = tare_node_matmul(node, &a->dims, &b->dims, &matmul, err);
    return st == TARE_OK
               ? tare_op_set_output(graph, node, 0, a->dtype, &matmul.dims, err)
               : st;
}

enum tare_status tare_matmul_run(const struct tare_matmul *matmul, const float *a,
                                 const float *b, tare_product_store_fn *store,
                                 const void *to, int64_t *batch, struct tare_error *err)
{
    const int64_t m = matmul->m, n = matmul->n, k = matmul->k;
    struct tare_matrix right = {.row = n, .col = 1};
    struct tare_product product = {.m = m,
                                   .n = n,
                                   .k = k,
                                   .row = tare_matrix_row,
                                   .from = &right,
                                   .store = store,
                                   .to = to};
    int64_t index[TARE_MAX_RANK] = {0}, at_a = 0, at_b = 0;
    int64_t *const offsets[] = {&at_a, &at_b};
    const int64_t *const strides[] = {matmul->a_stride, matmul->b_stride};
    enum tare_status st = TARE_OK;
    if (tare_dims_count(&matmul->dims) == 0) return st;
    *batch = 0;
    do {
        product.a = (struct tare_matrix){a + at_a * m * k, k, 1};
        right.data = b + at_b * k * n;
        st = tare_product_run(&product, err);
        ++*batch;
    } while (st == TARE_OK &&
             tare_dims_next(&matmul->batch, index, offsets, strides, 2));
    return st;
}

struct matmul_store {
    int64_t batch, m, n;
    double alpha; /* a factor that passes give a MatMul */
    float *y;
};

static void store_matmul(const void *context, int64_t i, int64_t j, int64_t n,
                         const double *sums)
{
    const struct matmul_store *to = context;
    float *y = to->y + (to->batch * to->m + i) * to->n + j;
    for (int64_t l = 0; l < n; l++)
        y[l] = (float)(to->alpha * sums[l]);
}

/* Integers wrap. */
static void multiply_ints(const struct tare_matmul *matmul, const struct tare_const *a,
                          const struct tare_const *b, struct tare_const *y)
{
    const int64_t m = matmul->m, n = matmul->n, k = matmul->k;
    int64_t index[TARE_MAX_RANK] = {0}, at_a = 0, at_b = 0, at = 0;
    int64_t *const offsets[] = {&at_a, &at_b};
    const int64_t *const strides[] = {matmul->a_stride, matmul->b_stride};
    do
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                uint64_t sum = 0;
                for (int64_t l = 0; l < k; l++)
                    sum += (uint64_t)tare_const_get_int(a, (at_a * m + i) * k + l) *
                           (uint64_t)tare_const_get_int(b, (at_b * k + l) * n + j);
                tare_const_set_int(y, at++, (int64_t)sum);
            }
    while (tare_dims_next(&matmul->batch, index, offsets, strides, 2));
}

/* The bias that passes give a MatMul by a matrix: [n], added to each row. */
static void add_bias(const struct tare_const *bias, const struct tare_const *y)
{
    const int64_t n = tare_dims_count(&bias->dims), count = tare_dims_count(&y->dims);
    const float *b = bias->data;
    float *values = y->data;
    for (int64_t i = 0; i < count; i++)
        values[i] += b[i % n];
}

enum tare_status tare_eval_matmul(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_matmul matmul;
    enum tare_status st =
        tare_node_matmul(node, &inputs[0].dims, &inputs[1].dims, &matmul, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    if (outputs[0].dtype != TARE_F32) {
        multiply_ints(&matmul, &inputs[0], &inputs[1], &outputs[0]);
        return TARE_OK;
    }
    struct matmul_store to = {.m = matmul.m,
                              .n = matmul.n,
                              .alpha = (double)tare_node_float(node, "alpha", 1.0F),
                              .y = outputs[0].data};
    st = tare_matmul_run(&matmul, inputs[0].data, inputs[1].data, store_matmul, &to,
                         &to.batch, err);
    if (st == TARE_OK && node->n_inputs > 2) add_bias(&inputs[2], &outputs[0]);
    return st;
}
