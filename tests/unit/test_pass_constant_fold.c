#include "passes.h"

static uint64_t seed = 11;

static struct tare_graph *scaled_input(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    return g;
}

static void test_chain_becomes_a_constant(void **state)
{
    (void)state;
    struct tare_graph *g = scaled_input();
    net_weights(g, "a", NET_DIMS(2, 3), -1, 1, &seed);
    net_weights(g, "b", NET_DIMS(3), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "add", "a b", "sum");
    net_node(g, TARE_OP_RELU, "relu", "sum", "factor");
    net_node(g, TARE_OP_MUL, "mul", "x factor", "y");
    g = pass_run("constant_fold", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    const int32_t factor = tare_graph_find_tensor(g, "factor");
    assert_true(factor >= 0);
    assert_true(tare_tensor_is_const(&g->tensors[factor]));
    assert_int_equal(g->tensors[factor].producer, -1);
    assert_int_equal(tare_graph_find_tensor(g, "sum"), TARE_NO_TENSOR);
    tare_graph_destroy(g);
}

/* Too large for the inference to have computed it on the way. */
static void test_large_constant(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 40000));
    net_output(g, "y");
    net_weights(g, "a", NET_DIMS(1, 40000), -1, 1, &seed);
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "x b", "y");
    g = pass_run("constant_fold", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    tare_graph_destroy(g);
}

/* Shape of a known tensor is a constant; the Reshape that uses it stays. */
static void test_shape(void **state)
{
    (void)state;
    struct tare_graph *g = scaled_input();
    net_node(g, TARE_OP_SHAPE, "shape", "x", "s");
    net_node(g, TARE_OP_RELU, "relu", "x", "r");
    net_node(g, TARE_OP_RESHAPE, "reshape", "r s", "y");
    g = pass_run("constant_fold", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

static void test_output_that_is_constant(void **state)
{
    (void)state;
    struct tare_graph *g = scaled_input();
    net_node(g, TARE_OP_RELU, "relu", "x", "y");
    net_output(g, "c");
    net_weights(g, "a", NET_DIMS(4), -1, 1, &seed);
    net_node(g, TARE_OP_NEG, "neg", "a", "c");
    struct tare_graph *after = net_copy(net_infer(g));
    bool changed = false;
    NET_TRY(pass_find("constant_fold")(after, &changed, &err_));
    assert_true(changed);
    assert_true(tare_tensor_is_const(&after->tensors[after->outputs[1]]));
    tare_graph_destroy(after);
    tare_graph_destroy(g);
}

/* The evaluator of Add knows nothing of a fused activation. */
static void test_fused_nodes_stay(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 40000));
    net_output(g, "y");
    net_weights(g, "a", NET_DIMS(1, 40000), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "add", "a a", "b")->fused.lower = 0;
    net_node(g, TARE_OP_ADD, "add2", "x b", "y");
    pass_keeps("constant_fold", net_infer(g));
}

static void test_activations_stay(void **state)
{
    (void)state;
    struct tare_graph *g = scaled_input();
    net_scalar(g, "two", 2);
    net_node(g, TARE_OP_MUL, "mul", "x two", "y");
    pass_keeps("constant_fold", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_becomes_a_constant),
        cmocka_unit_test(test_large_constant),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_output_that_is_constant),
        cmocka_unit_test(test_fused_nodes_stay),
        cmocka_unit_test(test_activations_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
