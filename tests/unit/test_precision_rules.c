/* What can compute in INT8 and what cannot, each with its reason. */
#include <math.h>

#include "assign.h"

static uint64_t seed = 91;

static struct tare_graph *begin(struct tare_dims dims)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", dims);
    return g;
}

/* The node under test is "n", from x to a; a Conv or Gemm behind it asks for INT8, so
 * that only a rule keeps it in float. `reason` NULL: it computes in INT8. */
static void check(struct tare_graph *g, const char *reason)
{
    const struct tare_precision_options options = {.allow_int8 = true};
    const struct tare_dims *dims;
    if (!net_maker(g, "y")) {
        net_infer(g);
        dims = &g->tensors[net_tensor(g, "a")].dims;
        if (dims->rank == 4) {
            net_conv(g, "behind", "a", "y", (int)dims->d[1], 4, 1, false, &seed);
        } else {
            net_weights(g, "behind.w", NET_DIMS(dims->d[1], 2), -1, 1, &seed);
            net_node(g, TARE_OP_GEMM, "behind", "a behind.w", "y");
        }
    }
    net_output(g, "y");
    struct assigned result = assign(net_infer(g), "x=1 x2=1 a=1 a2=1", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "n", reason ? TARE_PRECISION_FP32 : TARE_PRECISION_INT8);
    assert_string_equal(reason_of(&result, "n"), reason ? reason : "");
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_conv(void **state)
{
    (void)state;
    struct tare_graph *g = begin(NET_DIMS(1, 4, 8, 8));
    net_input(g, "w", NET_DIMS(4, 4, 1, 1));
    net_node(g, TARE_OP_CONV, "n", "x w", "a");
    check(g, "tensor 'w' (weights) is not a float constant");

    g = begin(NET_DIMS(1, 4, 8, 8));
    net_weights(g, "w", NET_DIMS(4, 4, 1, 1), -1, 1, &seed);
    net_input(g, "b", NET_DIMS(4));
    net_node(g, TARE_OP_CONV, "n", "x w b", "a");
    check(g, "tensor 'b' (bias) is not a float constant");

    static const float bad[] = {NAN, INFINITY, 2e9F};
    for (size_t i = 0; i < 3; i++) {
        g = begin(NET_DIMS(1, 4, 8, 8));
        net_conv(g, "n", "x", "a", 4, 4, 1, true, &seed);
        ((float *)g->tensors[net_tensor(g, "n.w")].data)[3] = bad[i];
        check(g, "tensor 'n.w' (weights) holds values above 1e+09 or NaN");
    }

    g = begin(NET_DIMS(1, 4, 8, 8)); /* nothing but constants */
    net_weights(g, "k", NET_DIMS(1, 4, 200, 200), -1, 1, &seed);
    net_conv(g, "n", "k", "a", 4, 4, 1, false, &seed);
    check(g, "its input 'k' is constant");
}

/* |sum| <= K * 255 * 128 must stay below 2^31: K = 65793 does, 65794 does not. */
static void test_int32_overflow(void **state)
{
    (void)state;
    assert_true(INT64_C(65793) * 255 * 128 < INT64_C(2147483648));
    assert_false(INT64_C(65794) * 255 * 128 < INT64_C(2147483648));
    for (int k = 65793; k <= 65794; k++) {
        const char *const why = k == 65793
                                    ? NULL
                                    : "it sums 65794 products, more than the 65793 "
                                      "that fit an int32";
        for (int transposed = 0; transposed < 2; transposed++) {
            struct tare_graph *g = begin(NET_DIMS(1, k));
            net_weights(g, "w", transposed ? NET_DIMS(2, k) : NET_DIMS(k, 2), -1, 1,
                        &seed);
            net_int(net_node(g, TARE_OP_GEMM, "n", "x w", "y"), "transB", transposed);
            check(g, why);
        }
        struct tare_graph *g = begin(NET_DIMS(1, 2, k));
        net_weights(g, "w", NET_DIMS(k, 2), -1, 1, &seed);
        net_node(g, TARE_OP_MATMUL, "n", "x w", "y");
        check(g, why);
    }
    /* 257 channels of 2 x 128 make 65792, of 2 x 129 make 66306; groups divide it. */
    for (int groups = 1; groups <= 257; groups += 256)
        for (int kernel = 128; kernel <= 129; kernel++) {
            struct tare_graph *g = begin(NET_DIMS(1, 257, 2, kernel));
            net_weights(g, "w", NET_DIMS(257, 257 / groups, 2, kernel), -1, 1, &seed);
            net_int(net_node(g, TARE_OP_CONV, "n", "x w", "y"), "group", groups);
            check(g,
                  kernel == 129 && groups == 1
                      ? "it sums 66306 products, more than the 65793 that fit an int32"
                      : NULL);
        }
}

static void test_gemm_and_matmul(void **state)
{
    (void)state;
    struct tare_graph *g = begin(NET_DIMS(3, 2));
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_int(net_node(g, TARE_OP_GEMM, "n", "x w", "a"), "transA", 1);
    check(g, "a transposed first matrix has no INT8 kernel");

    g = begin(NET_DIMS(3, 2));
    net_weights(g, "w", NET_DIMS(2, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(3, 1), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "n", "x w t", "a");
    check(g, "its bias 't' differs from row to row");

    g = begin(NET_DIMS(3, 2));
    net_weights(g, "w", NET_DIMS(2, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(1, 4), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "n", "x w t", "a");
    check(g, NULL);

    g = begin(NET_DIMS(3, 2));
    net_input(g, "x2", NET_DIMS(2, 4));
    net_node(g, TARE_OP_MATMUL, "n", "x x2", "a");
    check(g, NULL);

    /* Codes of two activations are up to 255 and -128 from their zero points. */
    assert_true(INT64_C(65793) * 255 * 128 < INT64_C(2147483648));
    assert_false(INT64_C(65794) * 255 * 128 < INT64_C(2147483648));
    for (int k = 65793; k <= 65794; k++) {
        g = begin(NET_DIMS(3, k));
        net_input(g, "x2", NET_DIMS(k, 4));
        net_node(g, TARE_OP_MATMUL, "n", "x x2", "a");
        check(g, k == 65793 ? NULL
                            : "it sums 65794 products, more than the 65793 that fit an "
                              "int32");
    }

    g = begin(NET_DIMS(2, 3));
    net_weights(g, "w", NET_DIMS(2, 2), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "n", "w x", "a");
    check(g, "its input 'w' is constant");

    g = begin(NET_DIMS(2, 3, 2));
    net_weights(g, "w", NET_DIMS(2, 2, 4), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "n", "x w", "y");
    check(g, "its second matrix 'w' has 3 axes, INT8 wants 2");
}

static void test_elementwise(void **state)
{
    (void)state;
    static const enum tare_op tables[] = {
        TARE_OP_RELU,         TARE_OP_CLIP, TARE_OP_LEAKY_RELU, TARE_OP_SIGMOID,
        TARE_OP_HARD_SIGMOID, TARE_OP_TANH, TARE_OP_ERF,        TARE_OP_SOFTPLUS,
        TARE_OP_ELU,          TARE_OP_ABS,  TARE_OP_NEG};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct tare_graph *g = begin(NET_DIMS(1, 4, 8, 8));
        net_node(g, tables[i], "n", "x", "a");
        check(g, NULL);
    }
    static const enum tare_op poles[] = {TARE_OP_LOG, TARE_OP_RECIPROCAL, TARE_OP_TAN,
                                         TARE_OP_ATANH};
    for (size_t i = 0; i < sizeof poles / sizeof poles[0]; i++) {
        struct tare_graph *g = begin(NET_DIMS(1, 4, 8, 8));
        net_node(g, poles[i], "n", "x", "a");
        check(g, "its function has a pole: INT8 on request alone");
    }
    struct tare_graph *g = begin(NET_DIMS(1, 4, 8, 8));
    net_scalar(g, "two", 2);
    net_node(g, TARE_OP_DIV, "n", "two x", "a");
    check(g, "its function has a pole: INT8 on request alone");
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_scalar(g, "two", 2);
    net_node(g, TARE_OP_DIV, "n", "x two", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    *(float *)net_const(g, "k", TARE_F32, NET_DIMS(1, 1, 1, 1)) = 2;
    net_node(g, TARE_OP_MUL, "n", "k x", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_weights(g, "k", NET_DIMS(4, 1, 1), -1, 1, &seed);
    net_node(g, TARE_OP_PRELU, "n", "x k", "a");
    check(g, "its input 'k' is constant");

    g = begin(NET_DIMS(1, 4, 8, 8));
    net_input(g, "x2", NET_DIMS(1, 4, 8, 8));
    net_node(g, TARE_OP_ADD, "n", "x x2", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_input(g, "x2", NET_DIMS(1, 4, 1, 1));
    net_node(g, TARE_OP_ADD, "n", "x x2", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_weights(g, "k", NET_DIMS(1, 4, 8, 8), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "n", "x k", "a");
    check(g, "its input 'k' is constant");
    static const enum tare_op pairs[] = {TARE_OP_SUB, TARE_OP_MUL, TARE_OP_MIN,
                                         TARE_OP_MAX};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        g = begin(NET_DIMS(1, 4, 8, 8));
        net_input(g, "x2", NET_DIMS(1, 4, 8, 8));
        net_node(g, pairs[i], "n", "x x2", "a");
        check(g, NULL);
    }
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_input(g, "x2", NET_DIMS(1, 4, 8, 8));
    net_node(g, TARE_OP_DIV, "n", "x x2", "a");
    check(g, "Div has no INT8 kernel");
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_node(g, TARE_OP_MAX, "n", "x x x", "a");
    check(g, "it has 3 inputs, INT8 wants 2");
}

static void test_moving(void **state)
{
    (void)state;
    struct tare_graph *g = begin(NET_DIMS(1, 4, 8, 8));
    net_longs(g, "pads", 8, 0, 0, 1, 1, 0, 0, 1, 1);
    net_scalar(g, "half", 0.5F);
    net_node(g, TARE_OP_PAD, "n", "x pads half", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_longs(g, "pads", 8, 0, 0, 1, 1, 0, 0, 1, 1);
    net_string(net_node(g, TARE_OP_PAD, "n", "x pads", "a"), "mode", "reflect");
    check(g, NULL);

    g = begin(NET_DIMS(1, 4, 8, 8));
    net_longs(g, "indices", 4, 3, 0, -1, 2);
    net_int(net_node(g, TARE_OP_GATHER, "n", "x indices", "a"), "axis", 1);
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "n", "x", "a"), "axes", 2, 2, 3);
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "n", "x", "a"), "axes", 2, 1, 2);
    check(g, "INT8 takes means over the two axes of images");

    g = begin(NET_DIMS(1, 4, 8, 8));
    float *scales = net_const(g, "s", TARE_F32, NET_DIMS(4));
    scales[0] = scales[1] = 1;
    scales[2] = scales[3] = 2;
    net_node(g, TARE_OP_RESIZE, "n", "x - s", "a");
    check(g, NULL);
    static const char *const modes[] = {"linear", "cubic"};
    for (size_t i = 0; i < 2; i++) {
        g = begin(NET_DIMS(1, 4, 8, 8));
        scales = net_const(g, "s", TARE_F32, NET_DIMS(4));
        scales[0] = scales[1] = 1;
        scales[2] = scales[3] = 2;
        net_string(net_node(g, TARE_OP_RESIZE, "n", "x - s", "a"), "mode", modes[i]);
        check(g, i == 0 ? NULL
                        : "INT8 resamples to the nearest value or linearly, without "
                          "antialias");
    }
    g = begin(NET_DIMS(1, 4, 8, 8));
    scales = net_const(g, "s", TARE_F32, NET_DIMS(4));
    scales[0] = scales[2] = scales[3] = 1;
    scales[1] = 2;
    net_node(g, TARE_OP_RESIZE, "n", "x - s", "a");
    check(g, "only resampling of two axes of images has INT8 kernels");

    g = begin(NET_DIMS(1, 4, 8, 8));
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "n", "x", "a"), "perm", 4, 0, 3, 1, 2);
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_weights(g, "k", NET_DIMS(1, 4, 8, 8), -1, 1, &seed);
    net_int(net_node(g, TARE_OP_CONCAT, "n", "x k", "a"), "axis", 1);
    check(g, "its input 'k' is constant");
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_node(g, TARE_OP_GLOBAL_MAX_POOL, "n", "x", "a");
    check(g, NULL);
    g = begin(NET_DIMS(1, 4, 4096, 4096));
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "n", "x", "a");
    check(g, "it averages more than 8388608 values");
    g = begin(NET_DIMS(1, 4, 8, 8)); /* integers */
    g->tensors[net_tensor(g, "x")].dtype = TARE_S64;
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "n", "x", "i"), "perm", 4, 0, 3, 1, 2);
    net_int(net_node(g, TARE_OP_CAST, "cast", "i", "a"), "to", 1);
    check(g, "its input 'x' is int64, not float32");
    g = begin(NET_DIMS(1, 4, 8, 8));
    net_ints(net_node(g, TARE_OP_AVERAGE_POOL, "n", "x", "a"), "kernel_shape", 2, 2, 2);
    check(g, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_int32_overflow),
        cmocka_unit_test(test_gemm_and_matmul),
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
