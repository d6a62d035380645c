#include "passes.h"

enum spelling { PLAIN, SQUARED, TURNED, N_SPELLINGS };

/* x to y, over the axes from `axis` on, as exporters spell it; the nodes "times" and
 * "plus" where there are constants "w" and "b". */
static void spell(struct tare_graph *g, enum spelling spelling, int axis)
{
    const int n = 3 - axis;
    net_scalar(g, "two", 2);
    net_scalar(g, "eps", 0.01F);
    const bool w = tare_graph_find_tensor(g, "w") >= 0;
    const bool b = tare_graph_find_tensor(g, "b") >= 0;
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "mean", "x", "m"), "axes", (size_t)n,
             axis, 2);
    net_node(g, TARE_OP_SUB, "sub", "x m", "d");
    if (spelling == SQUARED)
        net_node(g, TARE_OP_MUL, "square", "d d", "dd");
    else
        net_node(g, TARE_OP_POW, "square", "d two", "dd");
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "mean2", "dd", "v"), "axes", (size_t)n,
             axis, 2);
    net_node(g, TARE_OP_ADD, "add", spelling == TURNED ? "eps v" : "v eps", "e");
    net_node(g, TARE_OP_SQRT, "root", "e", "s");
    net_node(g, TARE_OP_DIV, "div", "d s", w ? "q" : b ? "t" : "y");
    if (w)
        net_node(g, TARE_OP_MUL, "times", spelling == TURNED ? "w q" : "q w",
                 b ? "t" : "y");
    if (b) net_node(g, TARE_OP_ADD, "plus", spelling == TURNED ? "b t" : "t b", "y");
}

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 4, 5));
    net_output(g, "y");
    return g;
}

/* The pass leaves one node of this name. */
static struct tare_graph *check(struct tare_graph *g, const char *name, size_t n_inputs)
{
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->nodes[0].op, TARE_OP_LAYER_NORMALIZATION);
    assert_int_equal(g->nodes[0].n_inputs, n_inputs);
    assert_string_equal(g->nodes[0].name, name);
    assert_non_null(strstr(g->nodes[0].absorbed, "mean2"));
    assert_true(tare_node_float(&g->nodes[0], "epsilon", 0) == 0.01F);
    return g;
}

static void test_spellings(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < N_SPELLINGS; i++) {
        struct tare_graph *g = begin();
        net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
        net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
        spell(g, (enum spelling)i, 2);
        g = check(g, "plus", 3);
        assert_int_equal(tare_node_int(&g->nodes[0], "axis", -1), 2);
        tare_graph_destroy(g);
    }
}

static void test_without_constants(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct tare_graph *g = begin();
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "div", 2));

    g = begin();
    net_weights(g, "w", NET_DIMS(1, 5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "times", 2));

    g = begin();
    net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "plus", 3));
}

static void test_two_axes(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct tare_graph *g = begin();
    net_weights(g, "w", NET_DIMS(1, 4, 5), 0.5F, 2, &seed);
    net_weights(g, "b", NET_DIMS(4, 5), -1, 1, &seed);
    spell(g, PLAIN, 1);
    g = check(g, "plus", 3);
    assert_int_equal(tare_node_int(&g->nodes[0], "axis", -1), 1);
    assert_int_equal(g->tensors[g->nodes[0].inputs[1]].dims.rank, 2);
    tare_graph_destroy(g);
}

/* What is behind stays where it is no constant a row. */
static void test_other_factors(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct tare_graph *g = begin();
    net_weights(g, "w", NET_DIMS(4, 1), 0.5F, 2, &seed); /* one a row */
    spell(g, PLAIN, 2);
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);

    g = begin(); /* makes the tensor longer */
    net_weights(g, "b", NET_DIMS(3, 1, 1, 5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);

    g = begin(); /* the normalized values are an output */
    net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    net_output(g, "q");
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    static const char *const read[] = {"m", "d", "dd", "v", "e", "s"};
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        struct tare_graph *g = begin();
        spell(g, PLAIN, 2);
        net_output(g, read[i]);
        pass_keeps("layer_norm", net_infer(g));
    }

    struct tare_graph *g = begin(); /* another power */
    spell(g, PLAIN, 2);
    *(float *)g->tensors[net_tensor(g, "two")].data = 4;
    pass_keeps("layer_norm", net_infer(g));

    g = begin(); /* means over different axes */
    spell(g, PLAIN, 2);
    g->nodes[3].attrs[0].ints[0] = 1;
    pass_keeps("layer_norm", net_infer(g));

    g = begin(); /* not over the last axis */
    spell(g, PLAIN, 2);
    g->nodes[0].attrs[0].ints[0] = 1;
    g->nodes[3].attrs[0].ints[0] = 1;
    pass_keeps("layer_norm", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),      cmocka_unit_test(test_without_constants),
        cmocka_unit_test(test_two_axes),       cmocka_unit_test(test_other_factors),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
