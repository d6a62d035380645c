/* Operators of one input, element by element. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* y = f(x, p, q), p and q the node's parameters; in double: the float32 result is then
 * rounded once. */
typedef void unary_fn(const float *x_values, double p, double q, float *y, int64_t n);

#define UNARY(name, expression)                                                        \
    static void name(const float *x_values, double p, double q, float *y, int64_t n)   \
    {                                                                                  \
        (void)p;                                                                       \
        (void)q;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                              \
            const double x = (double)x_values[i];                                      \
            y[i] = (float)(expression);                                                \
        }                                                                              \
    }

static inline double soft_plus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static inline double unit(double x)
{
    return fmax(0.0, fmin(1.0, x));
}

UNARY(relu, x < 0.0 ? 0.0 : x)
UNARY(leaky_relu, x < 0.0 ? p * x : x)
UNARY(thresholded_relu, x > p || isnan(x) ? x : 0.0)
UNARY(elu, x < 0.0 ? p * expm1(x) : x)
UNARY(selu, q *(x <= 0.0 ? p * expm1(x) : x))
UNARY(celu, x < 0.0 ? p * expm1(x / p) : x)
UNARY(shrink, x<-p ? x + q : x> p ? x - q : isnan(x) ? x : 0.0)
UNARY(sigmoid, 1.0 / (1.0 + exp(-x)))
UNARY(hard_sigmoid, unit(p *x + q))
UNARY(hard_swish, x *unit(x / 6.0 + 0.5))
UNARY(swish, x / (1.0 + exp(-p * x)))
UNARY(soft_sign, x / (1.0 + fabs(x)))
UNARY(softplus, soft_plus(x))
UNARY(mish, x *tanh(soft_plus(x)))
/* Hendrycks and Gimpel (2016): x Phi(x), and its approximation. */
#define SQRT_HALF    0.70710678118654752440
#define SQRT_2_BY_PI 0.79788456080286535588
UNARY(gelu, 0.5 * x * erfc(-x * SQRT_HALF))
UNARY(gelu_tanh, 0.5 * x * (1.0 + tanh(SQRT_2_BY_PI * (x + 0.044715 * x * x * x))))
UNARY(error_function, erf(x))
UNARY(exponential, exp(x))
UNARY(logarithm, log(x))
UNARY(square_root, sqrt(x))
UNARY(reciprocal, 1.0 / x)
UNARY(absolute, fabs(x))
UNARY(negate, -x)
UNARY(sign, x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x)
UNARY(round_down, floor(x))
UNARY(round_up, ceil(x))
UNARY(round_even, rint(x))
UNARY(sine, sin(x))
UNARY(cosine, cos(x))
UNARY(tangent, tan(x))
UNARY(arc_sine, asin(x))
UNARY(arc_cosine, acos(x))
UNARY(arc_tangent, atan(x))
UNARY(hyperbolic_sine, sinh(x))
UNARY(hyperbolic_cosine, cosh(x))
UNARY(hyperbolic_tangent, tanh(x))
UNARY(area_sine, asinh(x))
UNARY(area_cosine, acosh(x))
UNARY(area_tangent, atanh(x))

/* Of integers; the most negative one wraps. */
typedef void int_unary_fn(int64_t *values, int64_t n);
#define INT_UNARY(name, expression)                                                    \
    static void name(int64_t *values, int64_t n)                                       \
    {                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                              \
            const int64_t x = values[i];                                               \
            values[i] = (int64_t)(expression);                                         \
        }                                                                              \
    }
INT_UNARY(int_relu, x < 0 ? 0 : x)
INT_UNARY(int_absolute, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
INT_UNARY(int_negate, 0 - (uint64_t)x)
INT_UNARY(int_sign, (x > 0) - (x < 0))
INT_UNARY(int_not, ~x)
INT_UNARY(int_is_zero, x == 0)
INT_UNARY(int_is_set, x != 0)
INT_UNARY(int_copy, x)

#define IS_SIGNED                                                                      \
    (TARE_IS(TARE_S8) | TARE_IS(TARE_S16) | TARE_IS(TARE_S32) | TARE_IS(TARE_S64))

static const struct {
    unary_fn *fn;
    int_unary_fn *int_fn;
    unsigned dtypes;   /* of the integers; 0: int_fn is NULL */
    const char *p, *q; /* names of the parameters */
    float at_p, at_q;  /* their values where the node does not say */
} unaries[TARE_OP_COUNT] = {
    [TARE_OP_RELU] = {.fn = relu, .int_fn = int_relu, .dtypes = IS_SIGNED},
    [TARE_OP_LEAKY_RELU] = {.fn = leaky_relu, .p = "alpha", .at_p = 0.01F},
    [TARE_OP_THRESHOLDED_RELU] = {.fn = thresholded_relu, .p = "alpha", .at_p = 1.0F},
    [TARE_OP_ELU] = {.fn = elu, .p = "alpha", .at_p = 1.0F},
    [TARE_OP_SELU] = {.fn = selu,
                      .p = "alpha",
                      .at_p = 1.67326319217681884765625F,
                      .q = "gamma",
                      .at_q = 1.05070102214813232421875F},
    [TARE_OP_CELU] = {.fn = celu, .p = "alpha", .at_p = 1.0F},
    [TARE_OP_SHRINK] = {.fn = shrink, .p = "lambd", .at_p = 0.5F, .q = "bias"},
    [TARE_OP_SIGMOID] = {.fn = sigmoid},
    [TARE_OP_HARD_SIGMOID] =
        {.fn = hard_sigmoid, .p = "alpha", .at_p = 0.2F, .q = "beta", .at_q = 0.5F},
    [TARE_OP_HARD_SWISH] = {.fn = hard_swish},
    [TARE_OP_SOFTSIGN] = {.fn = soft_sign},
    [TARE_OP_SWISH] = {.fn = swish, .p = "alpha", .at_p = 1.0F},
    [TARE_OP_SOFTPLUS] = {.fn = softplus},
    [TARE_OP_MISH] = {.fn = mish},
    [TARE_OP_GELU] = {.fn = gelu},
    [TARE_OP_ERF] = {.fn = error_function},
    [TARE_OP_EXP] = {.fn = exponential},
    [TARE_OP_LOG] = {.fn = logarithm},
    [TARE_OP_SQRT] = {.fn = square_root},
    [TARE_OP_RECIPROCAL] = {.fn = reciprocal},
    [TARE_OP_ABS] = {.fn = absolute, .int_fn = int_absolute, .dtypes = TARE_IS_INT},
    [TARE_OP_NEG] = {.fn = negate, .int_fn = int_negate, .dtypes = IS_SIGNED},
    [TARE_OP_SIGN] = {.fn = sign, .int_fn = int_sign, .dtypes = TARE_IS_INT},
    [TARE_OP_FLOOR] = {.fn = round_down},
    [TARE_OP_CEIL] = {.fn = round_up},
    [TARE_OP_ROUND] = {.fn = round_even},
    [TARE_OP_SIN] = {.fn = sine},
    [TARE_OP_COS] = {.fn = cosine},
    [TARE_OP_TAN] = {.fn = tangent},
    [TARE_OP_ASIN] = {.fn = arc_sine},
    [TARE_OP_ACOS] = {.fn = arc_cosine},
    [TARE_OP_ATAN] = {.fn = arc_tangent},
    [TARE_OP_SINH] = {.fn = hyperbolic_sine},
    [TARE_OP_COSH] = {.fn = hyperbolic_cosine},
    [TARE_OP_TANH] = {.fn = hyperbolic_tangent},
    [TARE_OP_ASINH] = {.fn = area_sine},
    [TARE_OP_ACOSH] = {.fn = area_cosine},
    [TARE_OP_ATANH] = {.fn = area_tangent},
    [TARE_OP_NOT] = {.int_fn = int_is_zero, .dtypes = TARE_IS_BOOL},
    [TARE_OP_BITWISE_NOT] = {.int_fn = int_not, .dtypes = TARE_IS_INT},
};

/* Gelu: whether it is the approximation. */
static enum tare_status is_approximate(const struct tare_node *node, bool *approximate,
                                       struct tare_error *err)
{
    const char *how = tare_node_string(node, "approximate", "none");
    *approximate = strcmp(how, "tanh") == 0;
    if (!*approximate && strcmp(how, "none") != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "approximate is '%.20s', want none or tanh", how);
    return TARE_OK;
}

enum tare_status tare_infer_unary(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    bool approximate;
    unsigned dtypes = unaries[node->op].dtypes;
    if (unaries[node->op].fn) dtypes |= TARE_IS_FLOAT;

    enum tare_status st = tare_op_want_dtype(graph, node, 0, dtypes, err);
    if (st == TARE_OK && node->op == TARE_OP_GELU)
        st = is_approximate(node, &approximate, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* uint64 is read as its bits, whose sign says nothing. */
static int_unary_fn *int_function(enum tare_op op, enum tare_dtype dtype)
{
    if (dtype == TARE_U64 && op == TARE_OP_ABS) return int_copy;
    if (dtype == TARE_U64 && op == TARE_OP_SIGN) return int_is_set;
    return unaries[op].int_fn;
}

static void eval_integers(const struct tare_node *node, const struct tare_const *x,
                          struct tare_const *y)
{
    int64_t values[TARE_BLOCK];
    int_unary_fn *const compute = int_function(node->op, x->dtype);
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t at = 0; at < n; at += TARE_BLOCK) {
        tare_const_read_ints(x, at, 1, tare_block(n - at), values);
        compute(values, tare_block(n - at));
        tare_const_write_ints(y, at, tare_block(n - at), values);
    }
}

enum tare_status tare_eval_unary(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    bool approximate = false;
    enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK && node->op == TARE_OP_GELU)
        st = is_approximate(node, &approximate, err);
    if (st != TARE_OK) return st;
    if (inputs[0].dtype != TARE_F32) {
        eval_integers(node, &inputs[0], &outputs[0]);
        return TARE_OK;
    }
    const char *p = unaries[node->op].p, *q = unaries[node->op].q;
    const float at_p = unaries[node->op].at_p, at_q = unaries[node->op].at_q;
    (approximate ? gelu_tanh : unaries[node->op].fn)(
        inputs[0].data, (double)(p ? tare_node_float(node, p, at_p) : 0.0F),
        (double)(q ? tare_node_float(node, q, at_q) : 0.0F), outputs[0].data,
        tare_dims_count(&outputs[0].dims));
    return TARE_OK;
}
