#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 4, 5));
    net_output(g, "y");
    return g;
}

static void to_nhwc(struct tare_graph *g, const char *x, const char *y)
{
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "", x, y), "perm", 4, 0, 2, 3, 1);
}

static void to_nchw(struct tare_graph *g, const char *x, const char *y)
{
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "", x, y), "perm", 4, 0, 3, 1, 2);
}

static void test_two_in_a_row(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    to_nhwc(g, "x", "a");
    to_nhwc(g, "a", "y");
    g = pass_run("transpose", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(tare_node_attr(&g->nodes[0], "perm")->ints[1], 3);
    tare_graph_destroy(g);

    g = begin(); /* the first is wanted elsewhere too */
    to_nhwc(g, "x", "a");
    net_output(g, "a");
    to_nchw(g, "a", "y");
    g = pass_run("transpose", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

static void test_around_a_function(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct tare_graph *g = begin();
        net_scalar(g, "k", 3);
        to_nhwc(g, "x", "a");
        if (kind == 0) net_node(g, TARE_OP_RELU, "f", "a", "b");
        if (kind == 1) net_node(g, TARE_OP_MUL, "f", "k a", "b");
        if (kind == 2) net_node(g, TARE_OP_SUB, "f", "a k", "b");
        to_nchw(g, "b", "y");
        g = pass_run("transpose", net_infer(g), true);
        assert_int_equal(g->n_nodes, 1);
        assert_string_equal(g->nodes[0].name, "f");
        assert_ptr_equal(net_maker(g, "y"), &g->nodes[0]);
        tare_graph_destroy(g);
    }
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* they do not cancel */
    to_nhwc(g, "x", "a");
    net_node(g, TARE_OP_RELU, "f", "a", "b");
    to_nhwc(g, "b", "y");
    pass_keeps("transpose", net_infer(g));

    g = begin(); /* the tensor between is an output */
    to_nhwc(g, "x", "a");
    net_node(g, TARE_OP_RELU, "f", "a", "b");
    net_output(g, "b");
    to_nchw(g, "b", "y");
    pass_keeps("transpose", net_infer(g));

    g = begin(); /* not every value alike: a constant along the last axis */
    to_nhwc(g, "x", "a");
    uint64_t seed = 5;
    net_weights(g, "k", NET_DIMS(3), 1, 2, &seed);
    net_node(g, TARE_OP_MUL, "f", "a k", "b");
    to_nchw(g, "b", "y");
    pass_keeps("transpose", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_in_a_row),
        cmocka_unit_test(test_around_a_function),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
