#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 1, 4));
    net_output(g, "y");
    return g;
}

static void test_chain(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_longs(g, "axis", 1, 2);
    net_longs(g, "shape", 2, 0, -1);
    net_node(g, TARE_OP_SQUEEZE, "s", "x axis", "a");
    net_node(g, TARE_OP_UNSQUEEZE, "u", "a axis", "b");
    net_node(g, TARE_OP_RESHAPE, "r", "b shape", "c");
    net_node(g, TARE_OP_FLATTEN, "f", "c", "y");
    g = pass_run("reshape", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->nodes[0].op, TARE_OP_RESHAPE);
    assert_string_equal(g->nodes[0].name, "f");
    assert_non_null(strstr(g->nodes[0].absorbed, "r"));
    tare_graph_destroy(g);
}

static void test_first_is_read_elsewhere(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_longs(g, "axis", 1, 2);
    net_node(g, TARE_OP_SQUEEZE, "s", "x axis", "a");
    net_output(g, "a");
    net_node(g, TARE_OP_FLATTEN, "f", "a", "y");
    g = pass_run("reshape", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->tensors[net_maker(g, "y")->inputs[0]].name, "x");
    tare_graph_destroy(g);
}

static void test_transpose_of_axes_of_one(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "t", "x", "y"), "perm", 4, 2, 0, 1, 3);
    g = pass_run("reshape", net_infer(g), true);
    assert_int_equal(g->nodes[0].op, TARE_OP_RESHAPE);
    tare_graph_destroy(g);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "t", "x", "y"), "perm", 4, 0, 3, 2, 1);
    pass_keeps("reshape", net_infer(g));

    g = begin();
    net_node(g, TARE_OP_FLATTEN, "f", "x", "a");
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_longs(g, "shape", 1, -1);
    net_node(g, TARE_OP_RESHAPE, "r", "b shape", "y");
    pass_keeps("reshape", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_first_is_read_elsewhere),
        cmocka_unit_test(test_transpose_of_axes_of_one),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
