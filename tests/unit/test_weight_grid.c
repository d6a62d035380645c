/* Weights that were quantized before, and come as floats on a grid, are on the same
 * grid again: nothing is lost, whatever was folded into them on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "engine/build/weighted.h"
#include "engine/build/weights.h"
#include "graph/weight_grid.h"
#include "optimizer/optimizer.h"
#include "recovery/descent.h"
#include "remake/rescale.h"
#include "tests/kernels/check.h"
#include "tests/unit/net.h"

enum { IN = 6, OUT = 24, KERNEL = 3, N_WEIGHTS = IN * KERNEL * KERNEL };

static int integer_below(int limit)
{
    return (int)(check_u32() % (2U * (unsigned)limit + 1U)) - limit;
}

static void a_step_is_found(void **state)
{
    static const int q[6] = {93, -7, 0, 12, -55, 4};
    float w[6] = {0};
    (void)state;
    assert_true(tare_weight_scale(w, 6) == 1.0);
    for (int i = 0; i < 6; i++)
        w[i] = (float)q[i] * 0.0123f;
    assert_true(fabs(tare_weight_scale(w, 6) - 0.0123) <= 1e-7);
    w[1] *= 1.01f;
    assert_true(tare_weight_scale(w, 6) == (double)w[0] / 127.0);
}

/* One scale for all channels, whose largest weights are then any integers. */
static void fill(float *w, int8_t *q)
{
    for (int c = 0; c < OUT; c++) {
        const int most = 1 + (int)(check_u32() % 127U);
        for (int i = 0; i < N_WEIGHTS; i++) {
            const int v = i == c ? most : integer_below(most);
            q[c * N_WEIGHTS + i] = (int8_t)v;
            w[c * N_WEIGHTS + i] = (float)v * 0.00371f;
        }
    }
}

/* The weights of the network's one Conv are `q` in steps that are whole fractions of
 * the old ones, but for the signs that were folded in.
 */
static void expect_weights(const struct tare_graph *g, const int8_t *q,
                           const float *signs)
{
    const struct tare_quant quant = {true, 0.02f, 128, 1};
    struct tare_weighted weighted;
    struct tare_u8_weights made;
    const struct tare_node *conv = net_maker(g, "y");
    assert_int_equal(conv->op, TARE_OP_CONV);
    NET_TRY(tare_weighted_make(g, conv, &weighted, &err_));
    NET_TRY(tare_u8_weights_make(&weighted.window, weighted.weights, weighted.bias,
                                 false, NULL, &quant, &quant, &made, &err_));
    for (int i = 0; i < OUT * N_WEIGHTS; i++) {
        const int c = i / N_WEIGHTS, most = q[c * N_WEIGHTS + c];
        const int fraction = abs(made.weights[c * N_WEIGHTS + c]) / most;
        const int want = (signs[c] < 0.0F ? -q[i] : q[i]) * fraction;
        if (made.weights[i] != want)
            fail_msg("weight %d is %d, want %d", i, made.weights[i], want);
    }
    tare_u8_weights_release(&made);
    tare_weighted_release(&weighted);
}

/* Conv, BatchNormalization, Mul: one Conv after the optimizer. */
static struct tare_graph *make_network(int8_t *q, float *factors)
{
    uint64_t seed = check_u32() | 1U;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, IN, 8, 8));
    net_conv(g, "conv", "x", "conv", IN, OUT, KERNEL, true, &seed);
    fill(g->tensors[net_tensor(g, "conv.w")].data, q);
    net_weights(g, "scale", NET_DIMS(OUT), -2, 2, &seed);
    net_weights(g, "b", NET_DIMS(OUT), -1, 1, &seed);
    net_weights(g, "mean", NET_DIMS(OUT), -1, 1, &seed);
    net_weights(g, "var", NET_DIMS(OUT), 0.1F, 4, &seed);
    net_weights(g, "by", NET_DIMS(1, OUT, 1, 1), 0.5F, 2, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "bn", "conv scale b mean var", "bn");
    net_node(g, TARE_OP_MUL, "mul", "bn by", "y");
    net_int(net_conv(g, "depthwise", "y", "z", 1, OUT, 3, false, &seed), "group", OUT);
    net_output(g, "z");
    memcpy(factors, g->tensors[net_tensor(g, "scale")].data, OUT * sizeof *factors);
    net_infer(g);
    NET_TRY(tare_optimize(g, NULL, &err_));
    return g;
}

/* Of one channel of weights 127 and 1 in steps of 0.01, and this bias. */
static void make_channel(float bias, bool is_given, const struct tare_quant *y,
                         struct tare_u8_weights *made)
{
    static const float weights[2] = {1.27F, 0.01F};
    const struct tare_window window = {
        .in_c = 2, .out_c = 1, .groups = 1, .kernel_h = 1, .kernel_w = 1};
    const struct tare_quant x = {true, 0.5F, 128, 1};
    NET_TRY(tare_u8_weights_make(&window, weights, &bias, is_given, NULL, &x, y, made,
                                 &err_));
}

/* Steps of the sum are 0.5 * 0.01, the zero point takes 128 * 128 of them out. */
static void biases_are_in_the_sums(void **state)
{
    static const struct {
        float bias;
        bool is_given, is_held;
        int32_t steps;
        float behind;
    } cases[] = {
        {0.0124F, false, true, 2, 0},
        {0.0126F, false, true, 3, 0},
        {-0.0126F, false, true, -3, 0},
        {0.015F, true, true, 3, 0},
        {0.0126F, true, true, 0, 0.063F}, /* a float bias of a quantized model */
        {0.0126F, false, false, 0, 0.0126F},
        {1e8F, false, true, 0, 5e8F}, /* no sum can hold it */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct tare_quant y = {cases[i].is_held, 0.2F, 0, 0};
        struct tare_u8_weights made;
        make_channel(cases[i].bias, cases[i].is_given, &y, &made);
        assert_int_equal(made.weights[0], 127);
        assert_int_equal(made.weights[1], 1);
        assert_int_equal(made.acc_init[0], cases[i].steps - 128 * 128);
        assert_true(made.bias[0] == cases[i].behind);
        assert_true(made.multiplier[0] ==
                    0.5F * 0.01F / (cases[i].is_held ? 0.2F : 1.0F));
        tare_u8_weights_release(&made);
    }
}

static void folding_keeps_the_grid(void **state)
{
    static int8_t q[OUT * N_WEIGHTS];
    float signs[OUT];
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct tare_graph *g = make_network(q, signs);
        expect_weights(g, q, signs);
        tare_graph_destroy(g);
    }
}

/* What equalization does is one more factor a channel. */
static void rescaling_keeps_the_grid(void **state)
{
    static int8_t q[OUT * N_WEIGHTS];
    float signs[OUT], factors[OUT];
    const char *obstacle;
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct tare_graph *g = make_network(q, signs);
        const int32_t y = tare_graph_find_tensor(g, "y");
        g->tensors[y].quant = (struct tare_quant){true, 0.02f, 128, 1};
        net_maker(g, "z")->precision = TARE_PRECISION_INT8;
        for (int c = 0; c < OUT; c++)
            factors[c] = 0.1F + (float)(check_u32() % 1000U) / 1111.0F;
        NET_TRY(tare_rescale(g, y, factors, false, &obstacle, &err_));
        assert_null(obstacle);
        expect_weights(g, q, signs);
        tare_graph_destroy(g);
    }
}

/* Layer-wise rounding has nothing to choose, however much the output would gain. */
static void rounding_keeps_the_grid(void **state)
{
    enum { N = 9 };
    static double gram[N * N], d[N], room[N];
    float w[N];
    int8_t q[N], found[N];
    (void)state;
    for (int i = 0; i < N; i++) {
        q[i] = (int8_t)(i == 4 ? 90 : integer_below(90));
        w[i] = (float)q[i] * 0.0123f;
        gram[i * N + i] = 1.0;
        d[i] = (double)w[i] + 0.0123 * (i % 2 ? 0.9 : -0.9);
    }
    tare_descent_round(N, w, tare_weight_scale(w, N), gram, d, 1e-3, room, found);
    for (int i = 0; i < N; i++)
        assert_int_equal(found[i], q[i]);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_found),
        cmocka_unit_test(biases_are_in_the_sums),
        cmocka_unit_test(folding_keeps_the_grid),
        cmocka_unit_test(rescaling_keeps_the_grid),
        cmocka_unit_test(rounding_keeps_the_grid),
    };
    return cmocka_run_group_tests_name("weight_grid", tests, NULL, NULL);
}
