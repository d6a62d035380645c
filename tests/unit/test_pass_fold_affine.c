#include "passes.h"

static uint64_t seed = 21;

/* Conv "c" of x [2,3,5,5] to "a" [2,4,5,5]. */
static struct tare_graph *begin_conv(bool bias)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 5, 5));
    net_output(g, "y");
    net_conv(g, "c", "x", "a", 3, 4, 3, bias, &seed);
    return g;
}

/* One Conv or Gemm is left, which makes y and answers to the other's name. */
static void check_folded(struct tare_graph *g, const char *absorbed)
{
    g = pass_run("fold_affine", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(g->nodes[0].name, "c");
    assert_string_equal(g->nodes[0].absorbed, absorbed);
    assert_int_equal(g->nodes[0].n_inputs, 3);
    tare_graph_destroy(g);
}

static void check_kept(struct tare_graph *g)
{
    pass_keeps("fold_affine", net_infer(g));
}

static void add_norm(struct tare_graph *g, const char *name, const char *x,
                     const char *y, int channels)
{
    char inputs[128], part[4][16];
    const char *const suffix[] = {"ga", "be", "mu", "va"};
    for (int i = 0; i < 4; i++) {
        (void)snprintf(part[i], sizeof part[i], "%s.%s", name, suffix[i]);
        net_weights(g, part[i], NET_DIMS(channels), i == 3 ? 0.1F : -2, 2, &seed);
    }
    (void)snprintf(inputs, sizeof inputs, "%s %s %s %s %s", x, part[0], part[1],
                   part[2], part[3]);
    net_float(net_node(g, TARE_OP_BATCH_NORMALIZATION, name, inputs, y), "epsilon",
              0.01F);
}

static void test_batch_norm(void **state)
{
    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        struct tare_graph *g = begin_conv(bias);
        add_norm(g, "bn", "a", "y", 4);
        check_folded(g, "bn");
    }
}

static void test_grouped_conv(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 5, 5));
    net_output(g, "y");
    net_int(net_conv(g, "c", "x", "a", 1, 4, 3, true, &seed), "group", 4);
    add_norm(g, "bn", "a", "y", 4);
    check_folded(g, "bn");
}

/* ConvTranspose "c" of x to "a" [2,6,9,7], or over one axis. */
static struct tare_graph *begin_transpose(int groups, int n_axes, bool bias)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", n_axes == 2 ? NET_DIMS(2, 4, 5, 4) : NET_DIMS(2, 4, 5));
    net_output(g, "y");
    net_weights(g, "w",
                n_axes == 2 ? NET_DIMS(4, 6 / groups, 3, 2)
                            : NET_DIMS(4, 6 / groups, 3),
                -1, 1, &seed);
    if (bias) net_weights(g, "b", NET_DIMS(6), -1, 1, &seed);
    struct tare_node *node =
        net_node(g, TARE_OP_CONV_TRANSPOSE, "c", bias ? "x w b" : "x w", "a");
    net_int(node, "group", groups);
    net_ints(node, "strides", (size_t)n_axes, 2, 2);
    net_ints(node, "pads", 2 * (size_t)n_axes, 1, 0, 1, 1);
    return g;
}

static void test_conv_transpose(void **state)
{
    (void)state;
    for (int groups = 1; groups <= 2; groups++)
        for (int bias = 0; bias < 2; bias++) {
            struct tare_graph *g = begin_transpose(groups, 2, bias);
            add_norm(g, "bn", "a", "y", 6);
            check_folded(g, "bn");

            g = begin_transpose(groups, 1, bias);
            net_weights(g, "k", NET_DIMS(6, 1), 0.5F, 2, &seed);
            net_weights(g, "t", NET_DIMS(1, 6, 1), 0.5F, 2, &seed);
            net_node(g, TARE_OP_MUL, "times", "a k", "b1");
            net_node(g, TARE_OP_ADD, "plus", "b1 t", "y");
            check_folded(g, "times + plus");
        }
    struct tare_graph *g = net_create(13); /* its weights are computed */
    net_input(g, "x", NET_DIMS(2, 4, 5, 4));
    net_input(g, "w", NET_DIMS(4, 6, 3, 2));
    net_output(g, "y");
    net_node(g, TARE_OP_CONV_TRANSPOSE, "c", "x w", "a");
    add_norm(g, "bn", "a", "y", 6);
    check_kept(g);
}

static const struct tare_dims per_channel[] = {
    {.rank = 0},
    {.rank = 1, .d = {1}},
    {.rank = 3, .d = {4, 1, 1}},
    {.rank = 4, .d = {1, 4, 1, 1}},
    {.rank = 4, .d = {1, 1, 1, 1}},
};

static void test_arithmetic(void **state)
{
    (void)state;
    static const enum tare_op ops[] = {TARE_OP_ADD, TARE_OP_SUB, TARE_OP_MUL,
                                       TARE_OP_DIV};
    for (size_t d = 0; d < sizeof per_channel / sizeof per_channel[0]; d++)
        for (size_t o = 0; o < 4; o++)
            for (int first = 0; first < 2; first++) {
                if (first && ops[o] == TARE_OP_DIV) continue;
                struct tare_graph *g = begin_conv(true);
                net_weights(g, "k", per_channel[d], 0.5F, 2, &seed);
                net_node(g, ops[o], "op", first ? "k a" : "a k", "y");
                check_folded(g, "op");
            }
}

static void test_shapes_that_are_not_per_channel(void **state)
{
    (void)state;
    static const struct tare_dims shapes[] = {
        {.rank = 1, .d = {5}},             /* along the width */
        {.rank = 3, .d = {4, 5, 1}},       /* differs from row to row */
        {.rank = 4, .d = {2, 4, 1, 1}},    /* from image to image */
        {.rank = 5, .d = {1, 1, 1, 1, 1}}, /* adds an axis */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct tare_graph *g = begin_conv(true);
        net_weights(g, "k", shapes[i], 0.5F, 2, &seed);
        net_node(g, TARE_OP_MUL, "op", "a k", "y");
        check_kept(g);
    }
    struct tare_graph *g = net_create(13); /* one channel becomes four */
    net_input(g, "x", NET_DIMS(1, 3, 5, 5));
    net_output(g, "y");
    net_conv(g, "c", "x", "a", 3, 1, 3, true, &seed);
    net_weights(g, "k", NET_DIMS(4, 1, 1), 0.5F, 2, &seed);
    net_node(g, TARE_OP_MUL, "op", "a k", "y");
    check_kept(g);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin_conv(true); /* read twice */
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "a k", "b");
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    check_kept(g);

    g = begin_conv(true); /* an output as it is */
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "a k", "y");
    net_output(g, "a");
    check_kept(g);

    g = begin_conv(true); /* an activation in between */
    net_maker(g, "a")->fused.lower = 0;
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "a k", "y");
    check_kept(g);

    g = begin_conv(true); /* 1 / x */
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_DIV, "op", "k a", "y");
    check_kept(g);

    g = begin_conv(true); /* behind a node without weights */
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "b"), "kernel_shape", 2, 2, 2);
    add_norm(g, "bn", "b", "y", 4);
    check_kept(g);
}

/* Division by zero makes infinities only where the Conv's output is not zero. */
static void test_no_infinite_weights(void **state)
{
    (void)state;
    struct tare_graph *g = begin_conv(true);
    net_scalar(g, "k", 0);
    net_node(g, TARE_OP_DIV, "op", "a k", "y");
    struct tare_graph *after = net_copy(net_infer(g));
    bool changed = false;
    NET_TRY(pass_find("fold_affine")(after, &changed, &err_));
    assert_false(changed);
    tare_graph_destroy(after);
    tare_graph_destroy(g);
}

static void test_shared_weights(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 5, 5));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 3, 1, 1), -1, 1, &seed);
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_CONV, "c1", "x w", "a");
    net_node(g, TARE_OP_MUL, "op", "a k", "b");
    net_node(g, TARE_OP_CONV, "c2", "b w", "y");
    g = pass_run("fold_affine", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

static void test_gemm(void **state)
{
    (void)state;
    static const struct tare_dims biases[] = {
        {.rank = -1},
        {.rank = 0},
        {.rank = 1, .d = {1}},
        {.rank = 1, .d = {4}},
        {.rank = 2, .d = {1, 4}},
    };
    for (size_t b = 0; b < sizeof biases / sizeof biases[0]; b++)
        for (int transposed = 0; transposed < 2; transposed++) {
            struct tare_graph *g = net_create(13);
            net_input(g, "x", NET_DIMS(2, 3));
            net_output(g, "y");
            net_weights(g, "w", transposed ? NET_DIMS(4, 3) : NET_DIMS(3, 4), -1, 1,
                        &seed);
            if (biases[b].rank >= 0) net_weights(g, "t", biases[b], -1, 1, &seed);
            struct tare_node *gemm = net_node(
                g, TARE_OP_GEMM, "c", biases[b].rank < 0 ? "x w" : "x w t", "a");
            net_int(gemm, "transB", transposed);
            net_float(gemm, "alpha", 0.5F);
            net_float(gemm, "beta", 3);
            net_weights(g, "k", NET_DIMS(4), 0.5F, 2, &seed);
            net_node(g, TARE_OP_MUL, "op", "a k", "b");
            add_norm(g, "bn", "b", "y", 4);
            check_folded(g, "op + bn");
        }
}

static void test_gemm_with_a_bias_a_row(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(2, 1), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "c", "x w t", "a");
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "a k", "y");
    check_kept(g);
}

/* The channels of a MatMul are its last axis, however many are in front. */
static void test_matmul(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 4, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(4), -1, 1, &seed);
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MATMUL, "c", "x w", "a");
    net_node(g, TARE_OP_ADD, "add", "t a", "b");
    net_node(g, TARE_OP_DIV, "div", "b k", "y");
    g = pass_run("fold_affine", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->nodes[0].n_inputs, 3);
    tare_graph_destroy(g);

    g = net_create(13); /* a value a row; a BatchNormalization of axis 1 */
    net_input(g, "x", NET_DIMS(2, 4, 3));
    net_output(g, "y");
    net_output(g, "z");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(4, 1), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "c", "x w", "a");
    net_node(g, TARE_OP_ADD, "add", "a t", "y");
    net_node(g, TARE_OP_MATMUL, "c2", "x w", "b");
    add_norm(g, "bn", "b", "z", 4);
    check_kept(g);
}

/* Nothing is scaled: the weights, which others may share, stay as they are. */
static void test_bias_alone_keeps_weights(void **state)
{
    (void)state;
    struct tare_graph *g = begin_conv(true);
    net_weights(g, "t", NET_DIMS(4, 1, 1), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "add", "a t", "y");
    g = pass_run("fold_affine", net_infer(g), true);
    assert_string_equal(g->tensors[g->nodes[0].inputs[1]].name, "c.w");
    tare_graph_destroy(g);
}

/* A chain is rounded once: (w * 1/3) * 3 is w again, bit by bit, which two roundings
 * would miss for some of these weights. */
static void test_chain_is_rounded_once(void **state)
{
    (void)state;
    struct tare_graph *g = begin_conv(true);
    net_scalar(g, "three", 3);
    net_node(g, TARE_OP_DIV, "div", "a three", "b");
    net_node(g, TARE_OP_MUL, "mul", "b three", "y");
    struct tare_graph *before = net_copy(net_infer(g));
    g = pass_run("fold_affine", g, true);
    assert_int_equal(g->n_nodes, 1);
    const char *const old[] = {"c.w", "c.b"};
    for (size_t i = 0; i < 2; i++) {
        const struct tare_tensor *a = &before->tensors[net_tensor(before, old[i])];
        const struct tare_tensor *b = &g->tensors[g->nodes[0].inputs[1 + i]];
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->data, b->data, a->n_bytes);
    }
    tare_graph_destroy(before);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_grouped_conv),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_shapes_that_are_not_per_channel),
        cmocka_unit_test(test_what_must_stay),
        cmocka_unit_test(test_no_infinite_weights),
        cmocka_unit_test(test_shared_weights),
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_with_a_bias_a_row),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_bias_alone_keeps_weights),
        cmocka_unit_test(test_chain_is_rounded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
