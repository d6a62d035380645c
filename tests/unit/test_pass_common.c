#include "passes.h"

static uint64_t seed = 91;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 4, 4));
    net_output(g, "y");
    return g;
}

static void check(struct tare_graph *g, bool merges)
{
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    g = pass_run("common", net_infer(g), merges);
    if (merges) {
        assert_int_equal(g->n_nodes, 2);
        assert_string_equal(g->nodes[0].absorbed, "two");
        assert_int_equal(tare_graph_find_tensor(g, "b"), TARE_NO_TENSOR);
    }
    tare_graph_destroy(g);
}

static void test_the_same_twice(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_SIGMOID, "one", "x", "a");
    net_node(g, TARE_OP_SIGMOID, "two", "x", "b");
    check(g, true);

    g = begin(); /* constants by value */
    net_scalar(g, "k", 3);
    net_scalar(g, "k2", 3);
    net_node(g, TARE_OP_MUL, "one", "x k", "a");
    net_node(g, TARE_OP_MUL, "two", "x k2", "b");
    check(g, true);

    g = begin(); /* attributes */
    net_float(net_node(g, TARE_OP_LEAKY_RELU, "one", "x", "a"), "alpha", 0.5F);
    net_float(net_node(g, TARE_OP_LEAKY_RELU, "two", "x", "b"), "alpha", 0.5F);
    check(g, true);

    g = begin(); /* weights that both read */
    net_weights(g, "w", NET_DIMS(2, 3, 3, 3), -1, 1, &seed);
    net_ints(net_node(g, TARE_OP_CONV, "one", "x w", "a"), "pads", 4, 1, 1, 1, 1);
    net_ints(net_node(g, TARE_OP_CONV, "two", "x w", "b"), "pads", 4, 1, 1, 1, 1);
    check(g, true);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* other constants */
    net_scalar(g, "k", 3);
    net_scalar(g, "k2", 4);
    net_node(g, TARE_OP_MUL, "one", "x k", "a");
    net_node(g, TARE_OP_MUL, "two", "x k2", "b");
    check(g, false);

    g = begin(); /* other attributes */
    net_float(net_node(g, TARE_OP_LEAKY_RELU, "one", "x", "a"), "alpha", 0.5F);
    net_node(g, TARE_OP_LEAKY_RELU, "two", "x", "b");
    check(g, false);

    g = begin(); /* other fusion */
    net_node(g, TARE_OP_MUL, "one", "x x", "a");
    net_node(g, TARE_OP_MUL, "two", "x x", "b")->fused.upper = 0.5F;
    check(g, false);

    g = begin(); /* bodies */
    for (int i = 0; i < 2; i++) {
        struct tare_attr body = {.type = TARE_ATTR_GRAPH};
        NET_TRY(tare_graph_create(&body.g, &err_));
        struct tare_node *node =
            net_node(g, TARE_OP_SIGMOID, i ? "two" : "one", "x", i ? "b" : "a");
        NET_TRY(tare_node_add_attr(node, "body", body, &err_));
    }
    check(g, false);

    g = begin(); /* an output needs its name */
    net_node(g, TARE_OP_SIGMOID, "one", "x", "a");
    net_node(g, TARE_OP_SIGMOID, "two", "x", "b");
    net_output(g, "b");
    check(g, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_twice),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
