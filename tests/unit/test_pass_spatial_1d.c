#include "passes.h"
#include "tests/unit/engine_graphs.h"

static uint64_t seed = 47;

static struct tare_node *conv_1d(struct tare_graph *g, const char *name, const char *x,
                                 const char *y, int in_c, int out_c, int kernel)
{
    char inputs[96], weights[32], term[32];
    (void)snprintf(weights, sizeof weights, "%s.w", name);
    (void)snprintf(term, sizeof term, "%s.b", name);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, weights, term);
    net_weights(g, weights, NET_DIMS(out_c, in_c, kernel), -1, 1, &seed);
    net_weights(g, term, NET_DIMS(out_c), -1, 1, &seed);
    return net_node(g, TARE_OP_CONV, name, inputs, y);
}

static struct tare_graph *signal_graph(int opset)
{
    struct tare_graph *g = net_create(opset);
    net_input(g, "x", NET_DIMS(2, 4, 23));
    return g;
}

static size_t count_ops(const struct tare_graph *g, enum tare_op op)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_nodes; i++)
        n += g->nodes[i].op == op;
    return n;
}

static const struct tare_dims *dims_of(const struct tare_graph *g, const char *name)
{
    return &g->tensors[tare_graph_find_tensor(g, name)].dims;
}

/* A residual block: one view at each end. */
static struct tare_graph *block(int opset)
{
    struct tare_graph *g = signal_graph(opset);
    struct tare_node *first = conv_1d(g, "first", "x", "a", 4, 6, 5);
    net_ints(first, "strides", 1, 2);
    net_ints(first, "pads", 2, 2, 1);
    net_ints(first, "kernel_shape", 1, 5);
    net_weights(g, "scale", NET_DIMS(6), 1, 2, &seed);
    net_weights(g, "shift", NET_DIMS(6), -1, 1, &seed);
    net_weights(g, "mean", NET_DIMS(6), -1, 1, &seed);
    net_weights(g, "variance", NET_DIMS(6), 1, 2, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "norm", "a scale shift mean variance",
             "b");
    net_node(g, TARE_OP_RELU, "relu", "b", "c");
    struct tare_node *second = conv_1d(g, "second", "c", "d", 3, 6, 3);
    net_ints(second, "dilations", 1, 2);
    net_string(second, "auto_pad", "SAME_UPPER");
    net_int(second, "group", 2);
    net_node(g, TARE_OP_ADD, "add", "d c", "e");
    struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "e", "f");
    net_ints(pool, "kernel_shape", 1, 2);
    net_ints(pool, "strides", 1, 2);
    net_scalar(g, "half", 0.5F);
    net_node(g, TARE_OP_MUL, "mul", "half f", "y");
    net_output(g, "y");
    return net_infer(g);
}

static void test_block(void **state)
{
    (void)state;
    static const int opsets[] = {11, 13};
    for (size_t i = 0; i < 2; i++) {
        struct tare_graph *g = pass_run("spatial_1d", block(opsets[i]), true);
        assert_int_equal(count_ops(g, TARE_OP_RESHAPE), 2);
        assert_int_equal(dims_of(g, "c")->rank, 4); /* the chain keeps its names */
        assert_int_equal(dims_of(g, "y")->rank, 3);
        pass_keeps("spatial_1d", g);
    }
}

/* What wants three axes reads views; a tensor that is an output keeps its own. */
static void test_leaves_the_chain(void **state)
{
    (void)state;
    struct tare_graph *g = signal_graph(13);
    conv_1d(g, "c1", "x", "a", 4, 4, 1);
    net_node(g, TARE_OP_SIGMOID, "gate", "a", "b");
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "b", "t"), "perm", 3, 0, 2, 1);
    net_node(g, TARE_OP_MUL, "mul", "b x", "m");
    net_weights(g, "row", NET_DIMS(23), -1, 1, &seed);
    net_node(g, TARE_OP_ADD, "add", "b row", "r");
    conv_1d(g, "c2", "b", "z", 4, 2, 3);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "z", "p");
    net_output(g, "t");
    net_output(g, "m");
    net_output(g, "r");
    net_output(g, "z");
    net_output(g, "p");
    g = pass_run("spatial_1d", net_infer(g), true);
    assert_int_equal(dims_of(g, "b")->rank, 4);
    assert_int_equal(dims_of(g, "z")->rank, 3);
    assert_int_equal(net_maker(g, "z")->op, TARE_OP_RESHAPE);
    assert_int_equal(count_ops(g, TARE_OP_RESHAPE), 5); /* x; b, m, z, p */
    tare_graph_destroy(g);
}

static void test_squeeze_and_excite(void **state)
{
    (void)state;
    struct tare_graph *g = signal_graph(13);
    conv_1d(g, "c1", "x", "a", 4, 8, 3);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "a", "p");
    conv_1d(g, "c2", "p", "q", 8, 8, 1);
    net_node(g, TARE_OP_HARD_SIGMOID, "gate", "q", "s");
    net_node(g, TARE_OP_MUL, "mul", "a s", "m");
    net_int(net_node(g, TARE_OP_CONCAT, "join", "m a", "j"), "axis", 1);
    struct tare_node *pool = net_node(g, TARE_OP_AVERAGE_POOL, "pool", "j", "y");
    net_ints(pool, "kernel_shape", 1, 3);
    net_ints(pool, "pads", 2, 1, 1);
    net_output(g, "y");
    g = pass_run("spatial_1d", net_infer(g), true);
    assert_int_equal(g->n_nodes, 7 + 2);
    tare_graph_destroy(g);
}

static void test_others_stay(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13); /* two axes */
    net_input(g, "x", NET_DIMS(1, 3, 5, 5));
    net_output(g, "y");
    net_conv(g, "c", "x", "y", 3, 4, 3, true, &seed);
    pass_keeps("spatial_1d", net_infer(g));

    g = signal_graph(13); /* weights that are computed */
    net_input(g, "w", NET_DIMS(2, 4, 3));
    net_node(g, TARE_OP_CONV, "c", "x w", "y");
    net_output(g, "y");
    pass_keeps("spatial_1d", net_infer(g));

    g = signal_graph(13); /* indices that are wanted */
    net_ints(net_node(g, TARE_OP_MAX_POOL, "p", "x", "y i"), "kernel_shape", 1, 2);
    net_output(g, "y");
    net_output(g, "i");
    bool changed = false;
    NET_TRY(pass_find("spatial_1d")(net_infer(g), &changed, &err_));
    assert_false(changed);
    tare_graph_destroy(g);
}

/* The largest difference of an engine's outputs from the naive run of `original`. */
static double run_engine(const struct tare_graph *graph,
                         const struct tare_graph *original)
{
    struct naive run = naive_run(original, seed);
    struct graph_values inputs = graph_inputs(&run);
    struct graph_values outputs = graph_run(graph, 2, &inputs);
    const double *want = run.values[original->outputs[0]];
    double most = 1e-30, worst = 0;
    for (int64_t i = 0; i < naive_count(naive_dims(&run, original->outputs[0])); i++) {
        worst = fmax(worst, fabs(want[i] - (double)outputs.data[0][i]));
        most = fmax(most, fabs(want[i]));
    }
    graph_values_free(&outputs);
    graph_values_free(&inputs);
    naive_free(&run);
    return worst / most;
}

/* With the other passes a block is two convolutions and a pool, in INT8 too. */
static void test_engine(void **state)
{
    (void)state;
    struct tare_graph *g = block(13);
    struct tare_graph *optimized = graph_optimized(g);
    assert_int_equal(count_ops(optimized, TARE_OP_CONV), 2);
    assert_int_equal(count_ops(optimized, TARE_OP_RELU), 0);
    assert_int_equal(count_ops(optimized, TARE_OP_ADD), 0);
    assert_true(run_engine(optimized, g) <= 1e-5);
    graph_to_int8(optimized, seed);
    assert_true(graph_has_layer(optimized, "conv", "INT8"));
    assert_true(run_engine(optimized, g) <= 0.05);
    tare_graph_destroy(optimized);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_leaves_the_chain),
        cmocka_unit_test(test_squeeze_and_excite),
        cmocka_unit_test(test_others_stay),
        cmocka_unit_test(test_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
