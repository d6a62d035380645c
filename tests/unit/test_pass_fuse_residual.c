#include "passes.h"

static uint64_t seed = 51;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 5, 5));
    net_output(g, "y");
    return g;
}

static const char *input_name(const struct tare_graph *g, const struct tare_node *node,
                              size_t i)
{
    return g->tensors[node->inputs[i]].name;
}

/* Either operand of the Add, with and without bias. */
static void test_conv_and_add(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct tare_graph *g = begin();
        net_conv(g, "c", "x", "a", 3, 3, 3, variant & 1, &seed);
        net_node(g, TARE_OP_SIGMOID, "s", "x", "b");
        net_node(g, TARE_OP_ADD, "add", variant & 2 ? "b a" : "a b", "y");
        g = pass_run("fuse_residual", net_infer(g), true);
        assert_int_equal(g->n_nodes, 2);
        const struct tare_node *conv = net_maker(g, "y");
        assert_int_equal(conv->op, TARE_OP_CONV);
        assert_string_equal(conv->name, "c");
        assert_string_equal(conv->absorbed, "add");
        assert_true(conv->fused.has_residual);
        assert_int_equal(conv->n_inputs, variant & 1 ? 4 : 3);
        assert_string_equal(input_name(g, conv, conv->n_inputs - 1), "b");
        assert_int_equal(tare_graph_find_tensor(g, "a"), TARE_NO_TENSOR);
        tare_graph_destroy(g);
    }
}

/* Gemm, and MatMul with and without the bias that passes give it. */
static void test_matrices_and_add(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct tare_graph *g = net_create(13);
        net_input(g, "x", variant ? NET_DIMS(2, 4, 3) : NET_DIMS(4, 3));
        net_output(g, "y");
        net_weights(g, "w", NET_DIMS(3, 3), -1, 1, &seed);
        net_weights(g, "t", NET_DIMS(3), -1, 1, &seed);
        net_node(g, variant ? TARE_OP_MATMUL : TARE_OP_GEMM, "c",
                 variant == 2 ? "x w" : "x w t", "a");
        net_node(g, TARE_OP_ADD, "add", "x a", "y");
        g = pass_run("fuse_residual", net_infer(g), true);
        assert_int_equal(g->n_nodes, 1);
        assert_true(g->nodes[0].fused.has_residual);
        assert_string_equal(input_name(g, &g->nodes[0], g->nodes[0].n_inputs - 1), "x");
        tare_graph_destroy(g);
    }
}

/* The Conv comes first, its residual is made after it: it has to move. */
static void test_residual_made_later(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_SIGMOID, "s1", "x", "b");
    net_node(g, TARE_OP_RELU, "s2", "b", "d");
    net_node(g, TARE_OP_ADD, "add", "a d", "y");
    g = pass_run("fuse_residual", net_infer(g), true);
    assert_string_equal(g->nodes[2].name, "c");
    tare_graph_destroy(g);
}

/* Main branch of two Convs, shortcut of one: the main branch takes the Add. */
static void test_deeper_conv_takes_it(void **state)
{
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct tare_graph *g = begin();
        net_conv(g, "main1", "x", "a", 3, 3, 3, true, &seed);
        net_node(g, TARE_OP_RELU, "relu", "a", "b");
        net_conv(g, "main2", "b", "d", 3, 3, 3, true, &seed);
        net_conv(g, "shortcut", "x", "e", 3, 3, 1, true, &seed);
        net_node(g, TARE_OP_ADD, "add", swapped ? "e d" : "d e", "y");
        g = pass_run("fuse_residual", net_infer(g), true);
        const struct tare_node *conv = net_maker(g, "y");
        assert_string_equal(conv->name, "main2");
        assert_string_equal(input_name(g, conv, 3), "e");
        tare_graph_destroy(g);
    }
}

static void test_chain_of_adds(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_ADD, "add1", "a x", "b");
    net_conv(g, "c2", "b", "d", 3, 3, 3, false, &seed);
    net_node(g, TARE_OP_ADD, "add2", "b d", "y");
    g = pass_run("fuse_residual", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(net_maker(g, "b")->name, "c1");
    assert_string_equal(net_maker(g, "y")->name, "c2");
    tare_graph_destroy(g);
}

/* What is fused behind the Add already comes along. */
static void test_activation_behind_the_add(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_ADD, "add", "a x", "y")->fused.lower = 0;
    g = pass_run("fuse_residual", net_infer(g), true);
    assert_true(g->nodes[0].fused.lower == 0.0F);
    tare_graph_destroy(g);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* broadcast */
    net_input(g, "z", NET_DIMS(1, 3, 1, 1));
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_ADD, "add", "a z", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = begin(); /* read twice */
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_SIGMOID, "s", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = begin(); /* twice by the Add itself */
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_node(g, TARE_OP_ADD, "add", "a a", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = begin(); /* an output as it is */
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_output(g, "a");
    net_node(g, TARE_OP_ADD, "add", "a x", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = begin(); /* an activation before the Add */
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed)->fused.upper = 6;
    net_node(g, TARE_OP_ADD, "add", "a x", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = begin(); /* a constant as large as the image */
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    net_weights(g, "k", NET_DIMS(1, 3, 5, 5), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "add", "a k", "y");
    pass_keeps("fuse_residual", net_infer(g));

    g = net_create(17); /* the residual stream of a transformer */
    net_input(g, "x", NET_DIMS(2, 4, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 3), -1, 1, &seed);
    net_weights(g, "k", NET_DIMS(3), 1, 2, &seed);
    net_node(g, TARE_OP_MATMUL, "c", "x w", "a");
    net_node(g, TARE_OP_ADD, "add", "x a", "s");
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "s k", "n");
    net_node(g, TARE_OP_ADD, "skip", "n s", "y");
    pass_keeps("fuse_residual", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_and_add),
        cmocka_unit_test(test_matrices_and_add),
        cmocka_unit_test(test_residual_made_later),
        cmocka_unit_test(test_deeper_conv_takes_it),
        cmocka_unit_test(test_chain_of_adds),
        cmocka_unit_test(test_activation_behind_the_add),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
