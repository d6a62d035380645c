/* Operators of two inputs, element by element, broadcast as NumPy does. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_binary(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *a = tare_op_input(graph, node, 0);
    const struct tare_tensor *b = tare_op_input(graph, node, 1);
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_NUMBER, err);
    if (st != TARE_OK) return st;
    if (a->dtype != b->dtype && node->op != TARE_OP_POW)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "inputs are %s and %s, want the same",
                       tare_dtype_name(a->dtype), tare_dtype_name(b->dtype));
    struct tare_dims out;
    char text_a[TARE_DIMS_TEXT], text_b[TARE_DIMS_TEXT];
    if (!tare_dims_broadcast(&a->dims, &b->dims, &out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not broadcast with %.80s",
                       tare_dims_print(&a->dims, text_a),
                       tare_dims_print(&b->dims, text_b));
    return tare_op_set_output(graph, node, 0, a->dtype, &out, err);
}

double tare_compute(enum tare_op op, double a, double b)
{
    switch (op) {
    case TARE_OP_ADD: return a + b;
    case TARE_OP_SUB: return a - b;
    case TARE_OP_MUL: return a * b;
    case TARE_OP_DIV: return a / b;
    case TARE_OP_MIN: return isnan(a) || a < b ? a : b;
    case TARE_OP_MAX: return isnan(a) || a > b ? a : b;
    default: return pow(a, b);
    }
}

int64_t tare_compute_int(enum tare_op op, int64_t a, int64_t b)
{
    switch (op) {
    case TARE_OP_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case TARE_OP_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case TARE_OP_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case TARE_OP_DIV: return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case TARE_OP_MIN: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

static enum tare_status eval_element(const struct tare_node *node,
                                     const struct tare_const *inputs, int64_t at_a,
                                     int64_t at_b, struct tare_const *out, int64_t i,
                                     struct tare_error *err)
{
    if (out->dtype == TARE_F32 || node->op == TARE_OP_POW) {
        tare_const_set(out, i,
                       tare_compute(node->op, tare_const_get(&inputs[0], at_a),
                                    tare_const_get(&inputs[1], at_b)));
        return TARE_OK;
    }
    const int64_t a = tare_const_get_int(&inputs[0], at_a);
    const int64_t b = tare_const_get_int(&inputs[1], at_b);
    if (node->op == TARE_OP_DIV && b == 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%lld is divided by 0", (long long)a);
    tare_const_set_int(out, i, tare_compute_int(node->op, a, b));
    return TARE_OK;
}

enum tare_status tare_eval_binary(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_const *out = &outputs[0];
    enum tare_status st = tare_const_alloc(out, err);
    if (st != TARE_OK) return st;

    int64_t stride_a[TARE_MAX_RANK], stride_b[TARE_MAX_RANK];
    tare_broadcast_strides(&inputs[0].dims, &out->dims, stride_a);
    tare_broadcast_strides(&inputs[1].dims, &out->dims, stride_b);
    int64_t at_a = 0, at_b = 0;
    int64_t *const offsets[] = {&at_a, &at_b};
    const int64_t *const strides[] = {stride_a, stride_b};
    int64_t index[TARE_MAX_RANK] = {0};
    const int64_t n = tare_dims_count(&out->dims);
    for (int64_t i = 0; i < n && st == TARE_OK; i++) {
        st = eval_element(node, inputs, at_a, at_b, out, i, err);
        tare_dims_next(&out->dims, index, offsets, strides, 2);
    }
    return st;
}
