#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "q", NET_DIMS(2, 3, 4));
    net_input(g, "k", NET_DIMS(2, 4, 5));
    net_scalar(g, "half", 0.5F);
    net_scalar(g, "four", 4.0F);
    net_output(g, "y");
    return g;
}

static void check(struct tare_graph *g, double alpha, size_t n_nodes)
{
    g = pass_run("attention_scale", net_infer(g), true);
    assert_int_equal(g->n_nodes, n_nodes);
    const struct tare_node *node = net_maker(g, "y");
    assert_int_equal(node->op, TARE_OP_MATMUL);
    assert_string_equal(node->name, "product");
    assert_non_null(strstr(node->absorbed, "scale"));
    assert_true((double)tare_node_float(node, "alpha", 1) == alpha);
    tare_graph_destroy(g);
}

static void test_behind(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_node(g, TARE_OP_DIV, "scale", "p four", "y");
    check(g, 0.25, 1);

    g = begin();
    net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_node(g, TARE_OP_MUL, "scale", "half p", "y");
    check(g, 0.5, 1);
}

static void test_in_front(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* on both sides, as PyTorch 2 has it, and behind */
    net_node(g, TARE_OP_MUL, "scale_q", "q half", "a");
    net_node(g, TARE_OP_MUL, "scale_k", "half k", "b");
    net_node(g, TARE_OP_MATMUL, "product", "a b", "p");
    net_node(g, TARE_OP_DIV, "scale", "p four", "y");
    check(g, 0.0625, 1);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* the scaled tensor is read elsewhere */
    net_node(g, TARE_OP_MUL, "scale_q", "q half", "a");
    net_node(g, TARE_OP_MATMUL, "product", "a k", "y");
    net_node(g, TARE_OP_RELU, "relu", "a", "z");
    net_output(g, "z");
    pass_keeps("attention_scale", net_infer(g));

    g = begin(); /* the product is an output */
    net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_output(g, "p");
    net_node(g, TARE_OP_MUL, "scale", "p half", "y");
    pass_keeps("attention_scale", net_infer(g));

    g = begin(); /* four over the product */
    net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_node(g, TARE_OP_DIV, "scale", "four p", "y");
    pass_keeps("attention_scale", net_infer(g));

    g = begin(); /* no one factor */
    *(float *)net_const(g, "zero", TARE_F32, NET_DIMS(1)) = 0;
    net_node(g, TARE_OP_MATMUL, "product", "q k", "p");
    net_node(g, TARE_OP_MUL, "scale", "p zero", "y");
    pass_keeps("attention_scale", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_in_front),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
