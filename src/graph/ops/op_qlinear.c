/* QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger: sums of products of levels,
 * exact (graph/ops/product.h), as int32 or as levels of the output. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/product.h"
#include "graph/ops/quantize.h"
#include "graph/window.h"

/* Which inputs are what; 0: there is none. */
struct roles {
    size_t a, a_zero, b, b_zero, a_scale, b_scale, y_scale, y_zero, bias;
};

static struct roles roles_of(enum tare_op op)
{
    if (op == TARE_OP_CONV_INTEGER || op == TARE_OP_MATMUL_INTEGER)
        return (struct roles){.a = 0, .b = 1, .a_zero = 2, .b_zero = 3};
    return (struct roles){.a = 0,
                          .a_scale = 1,
                          .a_zero = 2,
                          .b = 3,
                          .b_scale = 4,
                          .b_zero = 5,
                          .y_scale = 6,
                          .y_zero = 7,
                          .bias = op == TARE_OP_QLINEAR_CONV ? 8 : 0};
}

static bool is_conv(enum tare_op op)
{
    return op == TARE_OP_CONV_INTEGER || op == TARE_OP_QLINEAR_CONV;
}

/* Bytes of one type, with zero points of the same. */
static enum tare_status check_levels(const struct tare_graph *graph,
                                     const struct tare_node *node, size_t i,
                                     size_t zero, struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, i);
    const struct tare_tensor *z = tare_op_input(graph, node, zero);
    const enum tare_status st = tare_op_want_dtype(graph, node, i, TARE_IS_BYTE, err);
    if (st == TARE_OK && z && z->dtype != x->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %zu is %s, its zero point %s",
                       i, tare_dtype_name(x->dtype), tare_dtype_name(z->dtype));
    return st;
}

/* A parameter: one value, or one for each of `n`. */
static enum tare_status check_count(const struct tare_graph *graph,
                                    const struct tare_node *node, size_t i, int64_t n,
                                    struct tare_error *err)
{
    const struct tare_tensor *tensor = i ? tare_op_input(graph, node, i) : NULL;
    char text[TARE_DIMS_TEXT];
    if (tensor && tare_dims_count(&tensor->dims) != 1 &&
        (tensor->dims.rank != 1 || tensor->dims.d[0] != n))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "input %zu is %.80s, tare reads 1 value or %lld", i,
                       tare_dims_print(&tensor->dims, text), (long long)n);
    return TARE_OK;
}

/* Types, and parameters of a, b and y of one or this many values. */
static enum tare_status check_inputs(const struct tare_graph *graph,
                                     const struct tare_node *node, int64_t n_a,
                                     int64_t n_b, int64_t n_y, struct tare_error *err)
{
    const struct roles r = roles_of(node->op);
    const struct {
        size_t input;
        int64_t n;
    } counts[] = {{r.a_scale, n_a}, {r.a_zero, n_a},  {r.b_scale, n_b},
                  {r.b_zero, n_b},  {r.y_scale, n_y}, {r.y_zero, n_y}};
    enum tare_status st = check_levels(graph, node, r.a, r.a_zero, err);
    if (st == TARE_OK) st = check_levels(graph, node, r.b, r.b_zero, err);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && st == TARE_OK; i++)
        st = check_count(graph, node, counts[i].input, counts[i].n, err);
    if (st != TARE_OK || !r.y_zero) return st;
    const size_t scales[] = {r.a_scale, r.b_scale, r.y_scale};
    for (size_t i = 0; i < 3 && st == TARE_OK; i++)
        st = tare_op_want_dtype(graph, node, scales[i], TARE_IS_FLOAT, err);
    return st == TARE_OK ? tare_op_want_dtype(graph, node, r.y_zero, TARE_IS_BYTE, err)
                         : st;
}

static enum tare_dtype output_type(const struct tare_graph *graph,
                                   const struct tare_node *node)
{
    const struct roles r = roles_of(node->op);
    return r.y_zero ? tare_op_input(graph, node, r.y_zero)->dtype : TARE_S32;
}

enum tare_status tare_infer_qlinear_conv(struct tare_graph *graph,
                                         struct tare_node *node, struct tare_error *err)
{
    const struct roles r = roles_of(node->op);
    struct tare_spatial s;
    enum tare_status st = tare_node_window_nd(graph, node, &s, err);
    if (st == TARE_OK) st = check_inputs(graph, node, 1, s.out_c, 1, err);
    if (st == TARE_OK && r.bias) {
        st = tare_op_want_dtype(graph, node, r.bias, TARE_IS(TARE_S32), err);
        if (st == TARE_OK)
            st = tare_op_want_vector(graph, node, r.bias, "bias", s.out_c, err);
    }
    if (st != TARE_OK) return st;
    const struct tare_dims out = tare_spatial_dims(&s);
    return tare_op_set_output(graph, node, 0, output_type(graph, node), &out, err);
}

enum tare_status tare_infer_qlinear_matmul(struct tare_graph *graph,
                                           struct tare_node *node,
                                           struct tare_error *err)
{
    const struct roles r = roles_of(node->op);
    struct tare_matmul matmul;
    enum tare_status st =
        tare_node_matmul(node, &tare_op_input(graph, node, r.a)->dims,
                         &tare_op_input(graph, node, r.b)->dims, &matmul, err);
    if (st == TARE_OK)
        st = check_inputs(graph, node, matmul.m, matmul.n, matmul.m, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, output_type(graph, node),
                                              &matmul.dims, err)
                         : st;
}

/* An input that may be left out. */
static struct tare_const input_at(const struct tare_node *node,
                                  const struct tare_const *inputs, size_t i)
{
    return i && i < node->n_inputs ? inputs[i] : (struct tare_const){0};
}

/* One parameter for all, or one an index: the step from one to the next. */
static int64_t step_of(const struct tare_const *parameter)
{
    return parameter->data && tare_dims_count(&parameter->dims) > 1;
}

static int64_t level_at(const struct tare_const *zero, int64_t i)
{
    return zero->data ? tare_const_get_int(zero, i) : 0;
}

/* The levels of `x` [outer, n, inner] without their zero points, of which there is one,
 *  or one for each of n. @param[out] out  release with tare_free(). */
static enum tare_status remove_zero(const struct tare_const *x,
                                    const struct tare_const *zero, int64_t n,
                                    int64_t inner, float **out, struct tare_error *err)
{
    const int64_t count = tare_dims_count(&x->dims), step = step_of(zero);
    *out = tare_alloc_array((size_t)count, sizeof **out);
    TARE_FAIL_IF(!*out, err, TARE_E_NOMEM, "no memory for %lld values",
                 (long long)count);
    for (int64_t row = 0; row * inner < count; row++) {
        const int64_t z = level_at(zero, row % n * step);
        for (int64_t i = row * inner; i < (row + 1) * inner; i++)
            (*out)[i] = (float)(x->dtype == TARE_U8 ? ((const uint8_t *)x->data)[i] - z
                                                    : ((const int8_t *)x->data)[i] - z);
    }
    return TARE_OK;
}

/* Where sums go: element (i, j) of product `batch` of [m, n]. Rows belong to a, columns
 * to b; in a convolution, rows belong to the weights. */
struct store {
    int64_t batch, m, n;
    struct tare_const *y;
    struct tare_const row_scale, column_scale, y_scale, y_zero; /* none: int32 */
    int64_t first_row;                                          /* in the parameters */
    const int32_t *bias; /* of each row, or NULL */
};

static float scale_at(const struct tare_const *scale, int64_t i)
{
    return ((const float *)scale->data)[i * step_of(scale)];
}

static void store_sums(const void *context, int64_t i, int64_t j, int64_t n,
                       const double *sums)
{
    const struct store *to = context;
    const int64_t row = to->first_row + i, at = (to->batch * to->m + i) * to->n + j;
    const double bias = to->bias ? (double)to->bias[row] : 0.0;
    if (!to->y_scale.data) {
        for (int64_t l = 0; l < n; l++)
            ((int32_t *)to->y->data)[at + l] = (int32_t)(uint32_t)(int64_t)sums[l];
        return;
    }
    const struct tare_level_range range = tare_level_range(to->y->dtype);
    const int64_t zero = level_at(&to->y_zero, row * step_of(&to->y_zero));
    for (int64_t l = 0; l < n; l++) {
        const float factor = scale_at(&to->row_scale, row) *
                             scale_at(&to->column_scale, j + l) /
                             scale_at(&to->y_scale, row);
        const float x = (float)(sums[l] + bias) * factor;
        ((uint8_t *)to->y->data)[at + l] = (uint8_t)tare_quantize_level(x, zero, range);
    }
}

static enum tare_status run_conv(const struct tare_spatial *wide, const float *x,
                                 const float *w, struct store *to,
                                 struct tare_error *err)
{
    struct tare_columns from = {.s = *wide};
    const int64_t in_c = wide->in_c / wide->groups;
    const int64_t n_in = wide->in[0] * wide->in[1] * wide->in[2];
    const int64_t taps = wide->kernel[0] * wide->kernel[1] * wide->kernel[2];
    struct tare_product product = {.m = to->m,
                                   .n = to->n,
                                   .k = in_c * taps,
                                   .row = tare_columns_row,
                                   .from = &from,
                                   .store = store_sums,
                                   .to = to};
    product.a = (struct tare_matrix){.row = product.k, .col = 1};
    enum tare_status st = TARE_OK;
    for (to->batch = 0; to->batch < wide->batch * wide->groups && st == TARE_OK;
         to->batch++) {
        to->first_row = to->batch % wide->groups * to->m;
        from.x = x + to->batch * in_c * n_in;
        product.a.data = w + to->first_row * product.k;
        st = tare_product_run(&product, err);
    }
    return st;
}

static enum tare_status run(const struct tare_graph *graph,
                            const struct tare_node *node,
                            const struct tare_const *inputs, struct store *to,
                            struct tare_error *err)
{
    const struct roles r = roles_of(node->op);
    const struct tare_const *a = &inputs[r.a], *b = &inputs[r.b];
    const struct tare_const a_zero = input_at(node, inputs, r.a_zero);
    const struct tare_const b_zero = input_at(node, inputs, r.b_zero);
    struct tare_spatial s = {0};
    struct tare_matmul matmul = {0};
    const bool conv = is_conv(node->op);
    float *x = NULL, *w = NULL;
    enum tare_status st =
        conv ? tare_node_window_nd(graph, node, &s, err)
             : tare_node_matmul(node, &a->dims, &b->dims, &matmul, err);
    if (st != TARE_OK) return st;
    s = tare_spatial_widen(&s);
    if (conv) {
        const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
        to->m = s.out_c / s.groups;
        to->n = s.out[0] * s.out[1] * s.out[2];
        st = remove_zero(a, &a_zero, 1, tare_dims_count(&a->dims), &x, err);
        if (st == TARE_OK)
            st = remove_zero(b, &b_zero, s.out_c, s.in_c / s.groups * taps, &w, err);
        if (st == TARE_OK) st = run_conv(&s, x, w, to, err);
    } else {
        to->m = matmul.m;
        to->n = matmul.n;
        st = remove_zero(a, &a_zero, matmul.m, matmul.k, &x, err);
        if (st == TARE_OK) st = remove_zero(b, &b_zero, matmul.n, 1, &w, err);
        if (st == TARE_OK)
            st = tare_matmul_run(&matmul, x, w, store_sums, to, &to->batch, err);
    }
    tare_free(x);
    tare_free(w);
    return st;
}

enum tare_status tare_eval_qlinear(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    const struct roles r = roles_of(node->op);
    const struct tare_const a_scale = input_at(node, inputs, r.a_scale);
    const struct tare_const b_scale = input_at(node, inputs, r.b_scale);
    struct store to = {.y = &outputs[0],
                       .row_scale = is_conv(node->op) ? b_scale : a_scale,
                       .column_scale = is_conv(node->op) ? a_scale : b_scale,
                       .y_scale = input_at(node, inputs, r.y_scale),
                       .y_zero = input_at(node, inputs, r.y_zero),
                       .bias = input_at(node, inputs, r.bias).data};
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    return run(graph, node, inputs, &to, err);
}
