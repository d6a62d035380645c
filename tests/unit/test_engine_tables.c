/* Functions of one input in INT8: all codes, against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tests/unit/assign.h"
#include "tests/unit/engine_run.h"

enum { N = 255 }; /* signed codes */

typedef double function(double x);

static double soft_plus(double x)
{
    return log1p(exp(x));
}
static double relu(double x)
{
    return fmax(x, 0);
}
static double leaky(double x)
{
    return x < 0 ? 0.01 * x : x;
}
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double hard_sigmoid(double x)
{
    return fmin(1, fmax(0, (double)0.2F * x + 0.5));
}
static double hard_swish(double x)
{
    return x * fmin(1, fmax(0, x / 6 + 0.5));
}
static double swish(double x)
{
    return x / (1 + exp(-x));
}
static double gelu(double x)
{
    return x * erfc(-x / sqrt(2)) / 2;
}
static double elu(double x)
{
    return x < 0 ? expm1(x) : x;
}
static double selu(double x)
{
    return 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * expm1(x) : x);
}
static double thresholded(double x)
{
    return x > 1 ? x : 0;
}
static double shrink(double x)
{
    return fabs(x) > 0.5 ? x : 0;
}
static double soft_sign(double x)
{
    return x / (1 + fabs(x));
}
static double mish(double x)
{
    return x * tanh(soft_plus(x));
}
static double negative(double x)
{
    return -x;
}
static double sign(double x)
{
    return (x > 0) - (x < 0);
}
static double reciprocal(double x)
{
    return 1 / x;
}

/* y = f(x), for x and y up to the amax that is held. */
static const struct {
    enum tare_op op;
    function *f;
    double x_max, y_max;
} unaries[] = {
    {TARE_OP_RELU, relu, 4, 3},
    {TARE_OP_LEAKY_RELU, leaky, 4, 4},
    {TARE_OP_SIGMOID, sigmoid, 4, 1},
    {TARE_OP_HARD_SIGMOID, hard_sigmoid, 4, 1},
    {TARE_OP_HARD_SWISH, hard_swish, 4, 4},
    {TARE_OP_SWISH, swish, 4, 4},
    {TARE_OP_GELU, gelu, 4, 4},
    {TARE_OP_TANH, tanh, 2, 1},
    {TARE_OP_ERF, erf, 2, 1},
    {TARE_OP_SOFTPLUS, soft_plus, 4, 4},
    {TARE_OP_ELU, elu, 2, 2},
    {TARE_OP_SELU, selu, 2, 2},
    {TARE_OP_CELU, elu, 2, 2},
    {TARE_OP_THRESHOLDED_RELU, thresholded, 4, 4},
    {TARE_OP_SHRINK, shrink, 2, 2},
    {TARE_OP_SOFTSIGN, soft_sign, 4, 1},
    {TARE_OP_MISH, mish, 4, 4},
    {TARE_OP_ABS, fabs, 4, 4},
    {TARE_OP_NEG, negative, 4, 4},
    {TARE_OP_SIGN, sign, 4, 1},
    {TARE_OP_FLOOR, floor, 4, 4},
    {TARE_OP_CEIL, ceil, 4, 4},
    {TARE_OP_ROUND, rint, 4, 4},
    {TARE_OP_EXP, exp, 2, 7},
    {TARE_OP_SQRT, sqrt, 2, 2},
    {TARE_OP_SIN, sin, 4, 1},
    {TARE_OP_COS, cos, 4, 1},
    {TARE_OP_ASIN, asin, 0.9, 2},
    {TARE_OP_ACOS, acos, 0.9, 4},
    {TARE_OP_ATAN, atan, 4, 2},
    {TARE_OP_SINH, sinh, 2, 4},
    {TARE_OP_COSH, cosh, 2, 4},
    {TARE_OP_ASINH, asinh, 4, 3},
    {TARE_OP_ACOSH, acosh, 4, 3},
    {TARE_OP_LOG, log, 4, 2},
    {TARE_OP_RECIPROCAL, reciprocal, 4, 9},
    {TARE_OP_TAN, tan, 1, 2},
    {TARE_OP_ATANH, atanh, 0.9, 2},
};

/* The byte of v in [least, most] steps: docs/numerics.md. */
static int byte_of(double v, double scale, int zero_point)
{
    const float steps = (float)v / (float)scale;
    if (!(steps > (zero_point ? -127.0F : 0.0F))) return zero_point ? 1 : 0;
    const float most = zero_point ? 127.0F : 255.0F;
    return (int)rintf(steps < most ? steps : most) + zero_point;
}

/* Run the node "n" from x to y in INT8 on request; compare with f of x's codes. A value
 * between two codes may round to either. */
static void check(struct tare_graph *g, function *f, double x_max, double y_max)
{
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = "n:int8"};
    const struct tare_range ranges[] = {{"x", x_max}, {"y", y_max}};
    struct built built;
    net_output(g, "y");
    NET_TRY(tare_precision_assign(net_infer(g), ranges, 2, &options, NULL, &err_));
    check_precision(g, "n", TARE_PRECISION_INT8);
    const struct tare_quant to = g->tensors[net_tensor(g, "y")].quant;
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    const float scale = (float)(x_max / 127);
    float x[N], *y;
    for (int q = -127; q <= 127; q++)
        x[q + 127] = (float)q * scale;
    const float *const inputs[] = {x};
    NET_TRY(built_run(&built, 1, inputs, &y, &err_));
    int n_off = 0;
    for (int i = 0; i < N; i++) {
        const int got = (int)rintf(y[i] / to.scale) + to.zero_point;
        const int want = byte_of(f((double)x[i]), (double)to.scale, to.zero_point);
        n_off += got != want;
        if (abs(got - want) > 1 || n_off > 1)
            fail_msg("%s(%g): code %d, want %d", tare_op_name(net_maker(g, "y")->op),
                     (double)x[i], got, want);
    }
    free(y);
    built_release(&built);
    tare_graph_destroy(g);
}

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(20);
    net_input(g, "x", NET_DIMS(5, 51));
    return g;
}

static void test_unaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unaries / sizeof unaries[0]; i++) {
        struct tare_graph *g = begin();
        net_node(g, unaries[i].op, "n", "x", "y");
        check(g, unaries[i].f, unaries[i].x_max, unaries[i].y_max);
    }
}

static double times(double x)
{
    return 1.5 * x;
}
static double plus(double x)
{
    return x + 1.5;
}
static double minus(double x)
{
    return x - 1.5;
}
static double from(double x)
{
    return 1.5 - x;
}
static double over(double x)
{
    return x / 1.5;
}
static double into(double x)
{
    return 1.5 / x;
}
static double power(double x)
{
    return pow(x, 1.5);
}
static double base(double x)
{
    return pow(1.5, x);
}
static double least(double x)
{
    return fmin(x, 1.5);
}
static double most(double x)
{
    return fmax(1.5, x);
}
static double sloped(double x)
{
    return x < 0 ? 1.5 * x : x;
}

/* Two inputs, of which one is the constant 1.5. */
static void test_constants(void **state)
{
    (void)state;
    static const struct {
        enum tare_op op;
        const char *inputs;
        function *f;
    } nodes[] = {
        {TARE_OP_MUL, "x c", times},    {TARE_OP_MUL, "c x", times},
        {TARE_OP_ADD, "x c", plus},     {TARE_OP_ADD, "c x", plus},
        {TARE_OP_SUB, "x c", minus},    {TARE_OP_SUB, "c x", from},
        {TARE_OP_DIV, "x c", over},     {TARE_OP_DIV, "c x", into},
        {TARE_OP_POW, "x c", power},    {TARE_OP_POW, "c x", base},
        {TARE_OP_MIN, "x c", least},    {TARE_OP_MAX, "c x", most},
        {TARE_OP_PRELU, "x c", sloped},
    };
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        struct tare_graph *g = begin();
        *(float *)net_const(g, "c", TARE_F32, NET_DIMS(1, 1)) = 1.5F;
        net_node(g, nodes[i].op, "n", nodes[i].inputs, "y");
        check(g, nodes[i].f, 2, 3);
    }
}

static double between(double x)
{
    return fmin(fmax(1.5 * x, -1), 0.5);
}

/* What is fused behind arithmetic is in the table too. */
static void test_fused(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_scalar(g, "c", 1.5F);
    struct tare_node *node = net_node(g, TARE_OP_MUL, "n", "x c", "y");
    node->fused.lower = -1;
    node->fused.upper = 0.5F;
    check(g, between, 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unaries),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
