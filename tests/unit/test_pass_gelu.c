#include "passes.h"

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "in", NET_DIMS(2, 4, 5));
    net_output(g, "y");
    net_scalar(g, "4", 4);
    net_node(g, TARE_OP_MUL, "scale", "in 4", "x");
    net_scalar(g, "1", 1);
    net_scalar(g, "3", 3);
    net_scalar(g, "half", 0.5F);
    net_scalar(g, "sqrt2", 1.41421356F);
    net_scalar(g, "rsqrt2", 0.70710678F);
    net_scalar(g, "cubic", 0.044715F);
    net_scalar(g, "slope", 0.79788456F);
    return g;
}

static void check(struct tare_graph *g, const char *approximate)
{
    g = pass_run("gelu", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    const struct tare_node *node = net_maker(g, "y");
    assert_int_equal(node->op, TARE_OP_GELU);
    assert_string_equal(node->name, "last");
    assert_string_equal(tare_node_string(node, "approximate", "none"), approximate);
    assert_non_null(strstr(node->absorbed, "plus"));
    tare_graph_destroy(g);
}

/* The product of x, a half and the tensor "e", in one of three orders. */
static void add_products(struct tare_graph *g, int order)
{
    if (order == 0) {
        net_node(g, TARE_OP_MUL, "m", "x e", "p");
        net_node(g, TARE_OP_MUL, "last", "p half", "y");
    } else if (order == 1) {
        net_node(g, TARE_OP_MUL, "m", "half x", "p");
        net_node(g, TARE_OP_MUL, "last", "p e", "y");
    } else {
        net_node(g, TARE_OP_MUL, "m", "half e", "p");
        net_node(g, TARE_OP_MUL, "last", "x p", "y");
    }
}

static void add_erf(struct tare_graph *g, bool divides)
{
    net_node(g, divides ? TARE_OP_DIV : TARE_OP_MUL, "scaled",
             divides ? "x sqrt2" : "rsqrt2 x", "a");
    net_node(g, TARE_OP_ERF, "erf", "a", "b");
    net_node(g, TARE_OP_ADD, "plus", divides ? "b 1" : "1 b", "e");
}

static void add_tanh(struct tare_graph *g, bool power)
{
    if (power) {
        net_node(g, TARE_OP_POW, "cube", "x 3", "c");
    } else {
        net_node(g, TARE_OP_MUL, "square", "x x", "s");
        net_node(g, TARE_OP_MUL, "cube", "s x", "c");
    }
    net_node(g, TARE_OP_MUL, "weak", "cubic c", "d");
    net_node(g, TARE_OP_ADD, "sum", power ? "x d" : "d x", "f");
    net_node(g, TARE_OP_MUL, "scaled", "f slope", "a");
    net_node(g, TARE_OP_TANH, "tanh", "a", "b");
    net_node(g, TARE_OP_ADD, "plus", "b 1", "e");
}

static void test_forms(void **state)
{
    (void)state;
    for (int order = 0; order < 3; order++)
        for (int variant = 0; variant < 2; variant++) {
            struct tare_graph *g = begin();
            add_erf(g, variant);
            add_products(g, order);
            check(g, "none");

            g = begin();
            add_tanh(g, variant);
            add_products(g, order);
            check(g, "tanh");
        }
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* another scale */
    net_node(g, TARE_OP_DIV, "scaled", "x 3", "a");
    net_node(g, TARE_OP_ERF, "erf", "a", "b");
    net_node(g, TARE_OP_ADD, "plus", "b 1", "e");
    add_products(g, 0);
    pass_keeps("gelu", net_infer(g));

    g = begin(); /* no half */
    add_erf(g, true);
    net_node(g, TARE_OP_MUL, "last", "x e", "y");
    pass_keeps("gelu", net_infer(g));

    g = begin(); /* times another tensor */
    add_erf(g, true);
    net_node(g, TARE_OP_MUL, "m", "in e", "p");
    net_node(g, TARE_OP_MUL, "last", "p half", "y");
    pass_keeps("gelu", net_infer(g));

    g = begin(); /* erf is wanted elsewhere */
    add_erf(g, true);
    net_output(g, "b");
    add_products(g, 0);
    pass_keeps("gelu", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
