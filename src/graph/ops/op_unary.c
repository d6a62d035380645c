/* Operators of one input, element by element. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* y = f(x, alpha, beta), in double: the float32 result is then rounded once. */
typedef double unary_fn(double x, double alpha, double beta);

#define UNARY(name, expression)                                                        \
    static double name(double x, double alpha, double beta)                            \
    {                                                                                  \
        (void)alpha;                                                                   \
        (void)beta;                                                                    \
        return expression;                                                             \
    }
UNARY(relu, x < 0.0 ? 0.0 : x)
UNARY(leaky_relu, x < 0.0 ? alpha * x : x)
UNARY(sigmoid, 1.0 / (1.0 + exp(-x)))
UNARY(hard_sigmoid, fmax(0.0, fmin(1.0, alpha *x + beta)))
UNARY(hard_swish, x *fmax(0.0, fmin(1.0, x / 6.0 + 0.5)))
UNARY(hyperbolic_tangent, tanh(x))
UNARY(exponential, exp(x))
UNARY(logarithm, log(x))
UNARY(square_root, sqrt(x))
UNARY(absolute, fabs(x))
UNARY(negate, -x)
UNARY(round_down, floor(x))
UNARY(round_up, ceil(x))
UNARY(reciprocal, 1.0 / x)
UNARY(error_function, erf(x))
UNARY(softplus, fmax(x, 0.0) + log1p(exp(-fabs(x))))
UNARY(swish, x / (1.0 + exp(-alpha * x)))
UNARY(elu, x < 0.0 ? alpha * expm1(x) : x)

static const struct {
    unary_fn *fn;
    float alpha, beta; /* where the node does not say */
    bool has_integers;
} unaries[TARE_OP_COUNT] = {
    [TARE_OP_RELU] = {relu, 0.0F, 0.0F, false},
    [TARE_OP_LEAKY_RELU] = {leaky_relu, 0.01F, 0.0F, false},
    [TARE_OP_SIGMOID] = {sigmoid, 0.0F, 0.0F, false},
    [TARE_OP_HARD_SIGMOID] = {hard_sigmoid, 0.2F, 0.5F, false},
    [TARE_OP_HARD_SWISH] = {hard_swish, 0.0F, 0.0F, false},
    [TARE_OP_TANH] = {hyperbolic_tangent, 0.0F, 0.0F, false},
    [TARE_OP_EXP] = {exponential, 0.0F, 0.0F, false},
    [TARE_OP_LOG] = {logarithm, 0.0F, 0.0F, false},
    [TARE_OP_SQRT] = {square_root, 0.0F, 0.0F, false},
    [TARE_OP_ABS] = {absolute, 0.0F, 0.0F, true},
    [TARE_OP_NEG] = {negate, 0.0F, 0.0F, true},
    [TARE_OP_FLOOR] = {round_down, 0.0F, 0.0F, false},
    [TARE_OP_CEIL] = {round_up, 0.0F, 0.0F, false},
    [TARE_OP_RECIPROCAL] = {reciprocal, 0.0F, 0.0F, false},
    [TARE_OP_ERF] = {error_function, 0.0F, 0.0F, false},
    [TARE_OP_SOFTPLUS] = {softplus, 0.0F, 0.0F, false},
    [TARE_OP_SWISH] = {swish, 1.0F, 0.0F, false},
    [TARE_OP_ELU] = {elu, 1.0F, 0.0F, false},
};

enum tare_status tare_infer_unary(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    const unsigned dtypes =
        unaries[node->op].has_integers ? TARE_IS_NUMBER : TARE_IS_FLOAT;
    const enum tare_status st = tare_op_want_dtype(graph, node, 0, dtypes, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* Abs and Neg; the most negative value wraps. */
static void eval_integers(enum tare_op op, const struct tare_const *x,
                          struct tare_const *y)
{
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t i = 0; i < n; i++) {
        const int64_t value = tare_const_get_int(x, i);
        const int64_t negated = (int64_t)(0 - (uint64_t)value);
        tare_const_set_int(y, i, op == TARE_OP_ABS && value >= 0 ? value : negated);
    }
}

enum tare_status tare_eval_unary(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    if (inputs[0].dtype != TARE_F32) {
        eval_integers(node->op, &inputs[0], &outputs[0]);
        return TARE_OK;
    }
    const double alpha =
        (double)tare_node_float(node, "alpha", unaries[node->op].alpha);
    const double beta = (double)tare_node_float(node, "beta", unaries[node->op].beta);
    const int64_t n = tare_dims_count(&outputs[0].dims);
    for (int64_t i = 0; i < n; i++)
        tare_const_set(
            &outputs[0], i,
            unaries[node->op].fn(tare_const_get(&inputs[0], i), alpha, beta));
    return TARE_OK;
}

enum tare_status tare_infer_clip(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    float lower, upper;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_clip_bounds(graph, node, &lower, &upper, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

enum tare_status tare_eval_clip(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    float lower, upper;
    enum tare_status st = tare_node_clip_bounds(graph, node, &lower, &upper, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    const int64_t n = tare_dims_count(&outputs[0].dims);
    for (int64_t i = 0; i < n; i++) {
        double x = tare_const_get(&inputs[0], i);
        if (x < (double)lower) x = (double)lower;
        if (x > (double)upper) x = (double)upper;
        tare_const_set(&outputs[0], i, x);
    }
    return TARE_OK;
}
