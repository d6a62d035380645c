#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4));
    net_output(g, "y");
    net_node(g, TARE_OP_RELU, "relu", "x", "a");
    return g;
}

/* A whole branch goes in one run, and the constants that only it read. */
static void test_branch(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_scalar(g, "two", 2);
    net_node(g, TARE_OP_MUL, "m1", "a two", "b");
    net_node(g, TARE_OP_ADD, "m2", "b b", "c");
    net_node(g, TARE_OP_SIGMOID, "m3", "c", "d");
    net_node(g, TARE_OP_SIGMOID, "last", "a", "y");
    g = pass_run("dead", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(tare_graph_find_tensor(g, "two"), TARE_NO_TENSOR);
    tare_graph_destroy(g);
}

static void test_partly_used_node_stays(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_int(net_node(g, TARE_OP_SPLIT, "split", "a", "y unused"), "axis", 1);
    pass_keeps("dead", net_infer(g));
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_SIGMOID, "last", "a", "y");
    net_output(g, "a"); /* an output in the middle */
    pass_keeps("dead", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branch),
        cmocka_unit_test(test_partly_used_node_stays),
        cmocka_unit_test(test_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
