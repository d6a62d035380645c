/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. */
#include "graph/ops/quantize.h"

#include <math.h>

#include "base/dims.h"
#include "graph/params.h"

struct tare_level_range tare_level_range(enum tare_dtype dtype)
{
    switch (dtype) {
    case TARE_U8: return (struct tare_level_range){0, 255};
    case TARE_S8: return (struct tare_level_range){-128, 127};
    case TARE_U16: return (struct tare_level_range){0, 65535};
    default: return (struct tare_level_range){-32768, 32767};
    }
}

int64_t tare_quantize_level(float x, int64_t zero_point, struct tare_level_range range)
{
    const float least = (float)(range.least - zero_point);
    const float most = (float)(range.most - zero_point);
    const float clamped = x >= least ? (x <= most ? x : most) : least; /* NaN: least */
    /* Rounds to the nearest integer, halves to even, below 2^22. */
    const float shift = 12582912.0F;
    const float rounded = clamped + shift;
    return (int64_t)(rounded - shift) + zero_point;
}

/* Where the scale of an element is: the tensor is [outer, n, inner], scale [n], or
 * [outer, n_blocks, inner] when it is blocked, or one (all three are 1 and the count).
 */
struct layout {
    int64_t outer, n, inner;
    int64_t block, n_blocks; /* block 0: not blocked */
};

static enum tare_status read_layout(const struct tare_graph *graph,
                                    const struct tare_node *node, struct layout *out,
                                    struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *scale = &tare_op_input(graph, node, 1)->dims;
    const int64_t block = tare_node_int(node, "block_size", 0);
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    int32_t axis;
    *out = (struct layout){1, 1, tare_dims_count(x), 0, 1};
    if (block == 0 && tare_dims_count(scale) == 1 && scale->rank <= 1) return TARE_OK;
    const enum tare_status st = tare_node_axis(node, 1, x->rank, &axis, err);
    if (st != TARE_OK) return st;
    if (block < 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "block_size is %lld",
                       (long long)block);
    struct tare_dims wanted = *x;
    if (block > 0)
        wanted.d[axis] = x->d[axis] / block + (x->d[axis] % block != 0);
    else
        wanted = (struct tare_dims){.rank = 1, .d = {x->d[axis]}};
    if (!tare_dims_equal(scale, &wanted))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "scale is %.80s, want %.80s",
                       tare_dims_print(scale, have), tare_dims_print(&wanted, want));
    *out = (struct layout){.n = x->d[axis], .block = block};
    if (block > 0) out->n_blocks = wanted.d[axis];
    if (!tare_axes_product(x->d, axis, &out->outer) ||
        !tare_axes_product(x->d + axis + 1, x->rank - axis - 1, &out->inner))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    return TARE_OK;
}

/* The type that QuantizeLinear makes: the zero point's, the attribute's, or uint8. */
static enum tare_status output_type(const struct tare_graph *graph,
                                    const struct tare_node *node, enum tare_dtype *out,
                                    struct tare_error *err)
{
    static const enum tare_dtype types[] = {
        [2] = TARE_U8, [3] = TARE_S8, [4] = TARE_U16, [5] = TARE_S16};
    const struct tare_tensor *zero = tare_op_input(graph, node, 2);
    const int64_t asked = tare_node_int(node, "output_dtype", 0);
    if (asked != 0 && (asked < 2 || asked > 5))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "output_dtype is %lld, tare has 2 to 5 (8 and 16 bits)",
                       (long long)asked);
    *out = zero ? zero->dtype : asked ? types[asked] : TARE_U8;
    if (zero && asked && types[asked] != zero->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "output_dtype is %s, the zero point is %s",
                       tare_dtype_name(types[asked]), tare_dtype_name(zero->dtype));
    return TARE_OK;
}

/* What both directions ask of scale and zero point, whose types are `levels`. */
static enum tare_status check_parameters(const struct tare_graph *graph,
                                         const struct tare_node *node, unsigned levels,
                                         struct tare_error *err)
{
    const struct tare_tensor *scale = tare_op_input(graph, node, 1);
    const struct tare_tensor *zero = tare_op_input(graph, node, 2);
    struct layout layout;
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 2, levels, err);
    if (st == TARE_OK) st = read_layout(graph, node, &layout, err);
    if (st == TARE_OK && zero && !tare_dims_equal(&zero->dims, &scale->dims) &&
        (tare_dims_count(&zero->dims) != 1 || tare_dims_count(&scale->dims) != 1))
        TARE_NODE_FAIL(
            node, err, TARE_E_FORMAT, "the zero point is %.80s, the scale %.80s",
            tare_dims_print(&zero->dims, have), tare_dims_print(&scale->dims, want));
    return st;
}

enum tare_status tare_infer_quantize_linear(struct tare_graph *graph,
                                            struct tare_node *node,
                                            struct tare_error *err)
{
    enum tare_dtype dtype;
    enum tare_status st =
        tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT | TARE_IS(TARE_S32), err);
    if (st == TARE_OK) st = check_parameters(graph, node, TARE_IS_LEVEL, err);
    if (st == TARE_OK) st = output_type(graph, node, &dtype, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, dtype,
                                              &tare_op_input(graph, node, 0)->dims, err)
                         : st;
}

enum tare_status tare_infer_dequantize_linear(struct tare_graph *graph,
                                              struct tare_node *node,
                                              struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *zero = tare_op_input(graph, node, 2);
    const unsigned levels = TARE_IS_LEVEL | TARE_IS(TARE_S32);
    enum tare_status st = tare_op_want_dtype(graph, node, 0, levels, err);
    if (st == TARE_OK) st = check_parameters(graph, node, levels, err);
    if (st == TARE_OK && zero && zero->dtype != x->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the zero point is %s, the input %s",
                       tare_dtype_name(zero->dtype), tare_dtype_name(x->dtype));
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, TARE_F32, &x->dims, err)
                         : st;
}

/* `n` elements from `at` on, with the parameters from `p` on, `step` apart (0 or 1). */
typedef void row_fn(const struct tare_const *inputs, struct tare_const *y, int64_t at,
                    int64_t n, int64_t p, int64_t step);

static int64_t zero_point(const struct tare_const *zero, int64_t i)
{
    return zero ? tare_const_get_int(zero, i) : 0;
}

static float divide(const struct tare_const *x, int64_t i, float scale)
{
    if (x->dtype == TARE_F32) return ((const float *)x->data)[i] / scale;
    /* Rounded here, where it is exact: what the caller rounds is an integer. */
    return (float)rint((double)((const int32_t *)x->data)[i] / (double)scale);
}

static void quantize_row(const struct tare_const *inputs, struct tare_const *y,
                         int64_t at, int64_t n, int64_t p, int64_t step)
{
    const struct tare_level_range range = tare_level_range(y->dtype);
    const struct tare_const *zero = inputs[2].data ? &inputs[2] : NULL;
    for (int64_t i = 0; i < n; i++, p += step) {
        const float x = divide(&inputs[0], at + i, ((float *)inputs[1].data)[p]);
        const int64_t level = tare_quantize_level(x, zero_point(zero, p), range);
        if (y->dtype == TARE_U8)
            ((uint8_t *)y->data)[at + i] = (uint8_t)level;
        else
            tare_const_set_int(y, at + i, level);
    }
}

static void dequantize_row(const struct tare_const *inputs, struct tare_const *y,
                           int64_t at, int64_t n, int64_t p, int64_t step)
{
    const struct tare_const *zero = inputs[2].data ? &inputs[2] : NULL;
    float *to = y->data;
    for (int64_t i = at; i < at + n; i++, p += step)
        to[i] = (float)(tare_const_get_int(&inputs[0], i) - zero_point(zero, p)) *
                ((float *)inputs[1].data)[p];
}

enum tare_status tare_eval_quantize(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    row_fn *const run =
        node->op == TARE_OP_QUANTIZE_LINEAR ? quantize_row : dequantize_row;
    const struct tare_const views[3] = {
        inputs[0], inputs[1], node->n_inputs > 2 ? inputs[2] : (struct tare_const){0}};
    struct layout l;
    enum tare_status st = read_layout(graph, node, &l, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.n; i++)
            run(views, &outputs[0], (o * l.n + i) * l.inner, l.inner,
                l.block ? (o * l.n_blocks + i / l.block) * l.inner : i, l.block != 0);
    return TARE_OK;
}

enum tare_status tare_infer_dynamic_quantize_linear(struct tare_graph *graph,
                                                    struct tare_node *node,
                                                    struct tare_error *err)
{
    static const enum tare_dtype types[] = {TARE_U8, TARE_F32, TARE_U8};
    const struct tare_dims scalar = {.rank = 0};
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    for (size_t i = 0; i < node->n_outputs && st == TARE_OK; i++)
        st = tare_op_set_output(graph, node, i, types[i], i == 0 ? x : &scalar, err);
    return st;
}

/* The range of the values and 0 as 256 levels; all zero: a scale of 1. */
enum tare_status tare_eval_dynamic_quantize_linear(const struct tare_graph *graph,
                                                   const struct tare_node *node,
                                                   const struct tare_const *inputs,
                                                   struct tare_const *outputs,
                                                   struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_op_alloc_outputs(node, outputs, err);
    if (st != TARE_OK) return st;
    const struct tare_level_range range = tare_level_range(TARE_U8);
    const int64_t n = tare_dims_count(&inputs[0].dims);
    const float *x = inputs[0].data;
    uint8_t *y = outputs[0].data;
    float least = 0.0F, most = 0.0F;
    for (int64_t i = 0; i < n; i++) {
        if (x[i] < least) least = x[i];
        if (x[i] > most) most = x[i];
    }
    const float scale = least == most ? 1.0F : (most - least) / 255.0F;
    const int64_t zero = tare_quantize_level(-least / scale, 0, range);
    for (int64_t i = 0; i < n; i++)
        y[i] = (uint8_t)tare_quantize_level(x[i] / scale, zero, range);
    if (node->n_outputs > 1) tare_const_set(&outputs[1], 0, (double)scale);
    if (node->n_outputs > 2) tare_const_set_int(&outputs[2], 0, zero);
    return TARE_OK;
}
