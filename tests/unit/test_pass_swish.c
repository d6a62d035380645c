#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(11);
    net_input(g, "x", NET_DIMS(2, 4, 5));
    net_output(g, "y");
    return g;
}

static void check(struct tare_graph *g, double alpha)
{
    g = pass_run("swish", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->nodes[0].op, TARE_OP_SWISH);
    assert_string_equal(g->nodes[0].name, "mul");
    assert_non_null(strstr(g->nodes[0].absorbed, "sigmoid"));
    assert_true((double)tare_node_float(&g->nodes[0], "alpha", 1) == alpha);
    tare_graph_destroy(g);
}

static void test_silu(void **state)
{
    (void)state;
    static const char *const orders[] = {"x s", "s x"};
    for (size_t i = 0; i < 2; i++) {
        struct tare_graph *g = begin();
        net_node(g, TARE_OP_SIGMOID, "sigmoid", "x", "s");
        net_node(g, TARE_OP_MUL, "mul", orders[i], "y");
        check(g, 1);

        g = begin();
        net_scalar(g, "k", 1.75F);
        net_node(g, TARE_OP_MUL, "scale", i ? "x k" : "k x", "a");
        net_node(g, TARE_OP_SIGMOID, "sigmoid", "a", "s");
        net_node(g, TARE_OP_MUL, "mul", orders[i], "y");
        check(g, 1.75);
    }
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* a gate: the sigmoid of something else */
    net_input(g, "x2", NET_DIMS(2, 4, 1));
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "x2", "s");
    net_node(g, TARE_OP_MUL, "mul", "x s", "y");
    pass_keeps("swish", net_infer(g));

    g = begin(); /* the sigmoid is an output */
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "x", "s");
    net_output(g, "s");
    net_node(g, TARE_OP_MUL, "mul", "x s", "y");
    pass_keeps("swish", net_infer(g));

    g = begin(); /* read twice by one product */
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "x", "s");
    net_node(g, TARE_OP_MUL, "mul", "s s", "y");
    pass_keeps("swish", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silu),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
