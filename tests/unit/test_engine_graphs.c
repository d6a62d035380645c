/* Graphs of odd shape through the builder and the engine, as they are, optimised, and
 * in INT8: outputs that are read, viewed, given twice or not computed at all, tensors
 * that a node reads twice, residuals that are the input, few axes and many. What the
 * outputs should be, naive.h says. */
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"

typedef void graph_fn(struct tare_graph *g, uint64_t *seed);

static void image(struct tare_graph *g)
{
    net_input(g, "x", NET_DIMS(2, 4, 5, 6));
}

/* "c": a convolution of x, so that what follows has an HWC version. */
static void stem(struct tare_graph *g, uint64_t *seed)
{
    image(g);
    net_conv(g, "stem", "x", "c", 4, 4, 3, true, seed);
}

static void output_that_is_read(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_node(g, TARE_OP_RELU, "relu", "c", "r");
    net_conv(g, "tail", "r", "y", 4, 3, 3, true, seed);
    net_output(g, "c");
    net_output(g, "r");
    net_output(g, "y");
}

static void output_that_is_residual(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_conv(g, "body", "c", "b", 4, 4, 3, true, seed);
    net_node(g, TARE_OP_ADD, "add", "b c", "s");
    net_node(g, TARE_OP_RELU, "relu", "s", "y");
    net_output(g, "y");
    net_output(g, "c");
}

static void views(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_node(g, TARE_OP_FLATTEN, "flat", "c", "f");
    net_longs(g, "shape", 3, 2, 30, 4);
    net_node(g, TARE_OP_RESHAPE, "reshape", "f shape", "y");
    net_output(g, "y");
    net_output(g, "f");
    net_output(g, "c");
}

static void view_of_input(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    image(g);
    net_node(g, TARE_OP_FLATTEN, "flat", "x", "y");
    net_output(g, "y");
}

static void input_as_output(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    image(g);
    net_node(g, TARE_OP_RELU, "relu", "x", "y");
    net_output(g, "x");
    net_output(g, "y");
}

static void input_as_only_output(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    image(g);
    net_node(g, TARE_OP_IDENTITY, "identity", "x", "i");
    net_node(g, TARE_OP_DROPOUT, "dropout", "i", "y");
    net_output(g, "y");
}

static void output_twice(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_node(g, TARE_OP_RELU, "relu", "c", "y");
    net_output(g, "y");
    net_output(g, "y");
}

static void constant_output(struct tare_graph *g, uint64_t *seed)
{
    image(g);
    net_weights(g, "w", NET_DIMS(3, 2), -1, 1, seed);
    net_node(g, TARE_OP_RELU, "relu", "w", "r");
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "x", "y");
    net_output(g, "r");
    net_output(g, "y");
}

static void unread_input(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_input(g, "unread", NET_DIMS(3));
    image(g);
    net_node(g, TARE_OP_RELU, "relu", "x", "y");
    net_output(g, "y");
}

static void two_inputs(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_input(g, "z", NET_DIMS(4, 1, 6));
    net_node(g, TARE_OP_MUL, "mul", "z c", "y");
    net_output(g, "y");
}

static void same_tensor_twice(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_node(g, TARE_OP_ADD, "add", "c c", "a");
    net_node(g, TARE_OP_MUL, "mul", "x x", "m");
    net_conv(g, "tail", "a", "y", 4, 3, 1, true, seed);
    net_output(g, "y");
    net_output(g, "m");
}

static void product_with_itself(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_input(g, "x", NET_DIMS(5, 5));
    net_node(g, TARE_OP_MATMUL, "square", "x x", "y");
    net_output(g, "y");
}

static void concat_twice(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "c c", "j"), "axis", 1);
    net_conv(g, "tail", "j", "y", 8, 3, 1, true, seed);
    net_output(g, "y");
    net_output(g, "j");
}

static void concat_of_one(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "c", "j"), "axis", 1);
    net_conv(g, "tail", "j", "y", 4, 3, 1, true, seed);
    net_output(g, "y");
}

static void concat_of_inputs(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    image(g);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "x x x", "y"), "axis", 3);
    net_output(g, "y");
}

static void residual_is_input(struct tare_graph *g, uint64_t *seed)
{
    image(g);
    net_conv(g, "first", "x", "a", 4, 4, 3, true, seed);
    net_node(g, TARE_OP_ADD, "add1", "a x", "b");
    net_conv(g, "second", "b", "c", 4, 4, 1, true, seed);
    net_node(g, TARE_OP_ADD, "add2", "b c", "d");
    net_node(g, TARE_OP_RELU, "relu", "d", "e");
    net_conv(g, "tail", "e", "y", 4, 3, 1, true, seed);
    net_output(g, "y");
}

static void residual_is_other_convolution(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_conv(g, "left", "c", "l", 4, 4, 3, true, seed);
    net_conv(g, "right", "c", "r", 4, 4, 1, true, seed);
    net_node(g, TARE_OP_ADD, "add", "l r", "s");
    net_conv(g, "tail", "s", "y", 4, 3, 1, true, seed);
    net_output(g, "y");
}

static void one_pixel(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "c", "m");
    net_conv(g, "head", "m", "h", 4, 6, 1, true, seed);
    net_node(g, TARE_OP_FLATTEN, "flat", "h", "f");
    net_weights(g, "w", NET_DIMS(6, 5), -1, 1, seed);
    net_node(g, TARE_OP_MATMUL, "fc", "f w", "y");
    net_output(g, "m");
    net_output(g, "h");
    net_output(g, "y");
}

static void padded_output(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_longs(g, "pads", 8, 0, 0, 1, 2, 0, 0, 0, 1);
    net_node(g, TARE_OP_PAD, "pad", "c pads", "p");
    net_conv(g, "tail", "p", "y", 4, 3, 3, true, seed);
    net_output(g, "y");
    net_output(g, "p");
}

/* Pads that cut: height at its begin, width at its end. */
static void cropped_output(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_longs(g, "pads", 8, 0, 0, -1, 2, 0, 0, 1, -2);
    net_node(g, TARE_OP_PAD, "pad", "c pads", "p");
    net_conv(g, "tail", "p", "y", 4, 3, 3, true, seed);
    net_output(g, "y");
    net_output(g, "p");
}

static void transposed(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "c", "t"), "perm", 4, 3, 1, 0, 2);
    net_conv(g, "tail", "t", "y", 4, 3, 3, true, seed);
    net_output(g, "t");
    net_output(g, "y");
}

static void rank_3(struct tare_graph *g, uint64_t *seed)
{
    net_input(g, "x", NET_DIMS(2, 3, 7));
    net_weights(g, "row", NET_DIMS(7), 1, 2, seed);
    net_weights(g, "column", NET_DIMS(3, 1), 1, 2, seed);
    net_node(g, TARE_OP_ADD, "add", "x row", "a");
    net_node(g, TARE_OP_DIV, "div", "a column", "b");
    net_node(g, TARE_OP_SUB, "sub", "b a", "y");
    net_output(g, "y");
}

static void rank_5(struct tare_graph *g, uint64_t *seed)
{
    net_input(g, "x", NET_DIMS(2, 3, 2, 1, 5));
    net_weights(g, "w", NET_DIMS(3, 1, 4, 1), 1, 2, seed);
    net_node(g, TARE_OP_MUL, "mul", "x w", "a");
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "x b", "y");
    net_output(g, "y");
}

static void scalars(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_input(g, "x", (struct tare_dims){0});
    net_input(g, "v", NET_DIMS(1));
    net_scalar(g, "two", 2);
    net_node(g, TARE_OP_ADD, "add", "x x", "a");
    net_node(g, TARE_OP_MUL, "mul", "a two", "y");
    net_node(g, TARE_OP_SUB, "sub", "y v", "z");
    net_output(g, "y");
    net_output(g, "z");
}

static void scalar_beside_image(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    net_input(g, "s", (struct tare_dims){0});
    net_node(g, TARE_OP_MUL, "mul", "c s", "m");
    net_scalar(g, "half", 0.5F);
    net_node(g, TARE_OP_ADD, "add", "half m", "y");
    net_output(g, "y");
}

/* Over one axis and two, with a shift and without. */
static void layer_norms(struct tare_graph *g, uint64_t *seed)
{
    g->opset = 17;
    net_input(g, "x", NET_DIMS(2, 5, 19));
    net_weights(g, "scale", NET_DIMS(19), 0.5F, 2, seed);
    net_weights(g, "shift", NET_DIMS(19), -1, 1, seed);
    net_weights(g, "plane", NET_DIMS(5, 19), 0.5F, 2, seed);
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "last", "x scale shift", "a");
    net_int(net_node(g, TARE_OP_LAYER_NORMALIZATION, "two", "a plane", "b"), "axis", 1);
    net_float(net_node(g, TARE_OP_LAYER_NORMALIZATION, "none", "b scale", "c"),
              "epsilon", 0.25F);
    net_int(net_node(g, TARE_OP_RMS_NORMALIZATION, "rms", "c plane", "d"), "axis", 1);
    net_output(g, "a");
    net_output(g, "b");
    net_output(g, "c");
    net_output(g, "d");
}

/* The scale is computed: no kernel, but it runs. */
static void layer_norm_by_activation(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    g->opset = 17;
    net_input(g, "x", NET_DIMS(4, 6));
    net_input(g, "s", NET_DIMS(6));
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "x s", "y");
    net_output(g, "y");
}

/* Matrices of which some are broadcast; as many as threads, and fewer. */
static void batched_products(struct tare_graph *g, uint64_t *seed)
{
    net_input(g, "a", NET_DIMS(3, 1, 5, 7));
    net_input(g, "b", NET_DIMS(4, 7, 9));
    net_input(g, "c", NET_DIMS(1, 9, 33));
    net_weights(g, "w", NET_DIMS(4, 33, 2), -1, 1, seed);
    net_node(g, TARE_OP_MATMUL, "first", "a b", "ab");
    net_node(g, TARE_OP_MATMUL, "second", "ab c", "abc");
    net_node(g, TARE_OP_MATMUL, "third", "abc w", "y");
    net_node(g, TARE_OP_MATMUL, "one", "c w", "z");
    net_output(g, "ab");
    net_output(g, "y");
    net_output(g, "z");
}

static void empty_constant_output(struct tare_graph *g, uint64_t *seed)
{
    stem(g, seed);
    (void)net_const(g, "none", TARE_F32, NET_DIMS(2, 0));
    net_output(g, "none");
    net_output(g, "c");
}

static const struct {
    const char *name;
    graph_fn *make;
    bool has_int8;
} graphs[] = {
    {"output that is read", output_that_is_read, true},
    {"output that is a residual", output_that_is_residual, true},
    {"views", views, true},
    {"view of the input", view_of_input, false},
    {"input as output", input_as_output, false},
    {"input as only output", input_as_only_output, false},
    {"output twice", output_twice, true},
    {"constant output", constant_output, false},
    {"empty constant output", empty_constant_output, true},
    {"unread input", unread_input, false},
    {"two inputs", two_inputs, true},
    {"same tensor twice", same_tensor_twice, true},
    {"product with itself", product_with_itself, false},
    {"concat twice", concat_twice, true},
    {"concat of one", concat_of_one, true},
    {"concat of inputs", concat_of_inputs, false},
    {"residual is the input", residual_is_input, true},
    {"residual is another convolution", residual_is_other_convolution, true},
    {"one pixel", one_pixel, true},
    {"padded output", padded_output, true},
    {"cropped output", cropped_output, true},
    {"transposed", transposed, true},
    {"rank 3", rank_3, false},
    {"rank 5", rank_5, false},
    {"scalars", scalars, false},
    {"scalar beside an image", scalar_beside_image, true},
    {"layer norms", layer_norms, false},
    {"layer norm by an activation", layer_norm_by_activation, false},
    {"batched products", batched_products, false},
};

/* The engine of `graph` against the naive values of `original`. */
static void check_outputs(const char *name, const struct tare_graph *graph,
                          const struct tare_graph *original, uint64_t seed,
                          double tolerance)
{
    struct naive run = naive_run(original, seed);
    struct graph_values inputs = graph_inputs(&run);
    struct graph_values outputs = graph_run(graph, 1, &inputs);
    assert_int_equal(outputs.n, original->n_outputs);
    for (size_t i = 0; i < outputs.n; i++) {
        const double *want = run.values[original->outputs[i]];
        const int64_t n = naive_count(naive_dims(&run, original->outputs[i]));
        double most = 1e-30, worst = 0;
        for (int64_t k = 0; k < n; k++) {
            const double difference = fabs(want[k] - (double)outputs.data[i][k]);
            if (!(difference <= worst)) worst = difference;
            most = fmax(most, fabs(want[k]));
        }
        if (!(worst <= tolerance * most))
            fail_msg("%s: output %zu is off by %g of %g", name, i, worst, most);
    }
    struct graph_values again = graph_run(graph, 3, &inputs);
    for (size_t i = 0; i < outputs.n; i++)
        assert_memory_equal(
            again.data[i], outputs.data[i],
            (size_t)naive_count(naive_dims(&run, original->outputs[i])) *
                sizeof(float));
    graph_values_free(&again);
    graph_values_free(&outputs);
    graph_values_free(&inputs);
    naive_free(&run);
}

static void test_odd_graphs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        uint64_t seed = check_u32() | 1U;
        struct tare_graph *g = net_create(13);
        graphs[i].make(g, &seed);
        net_infer(g);
        check_outputs(graphs[i].name, g, g, seed, 1e-5);
        struct tare_graph *optimized = graph_optimized(g);
        check_outputs(graphs[i].name, optimized, g, seed, 1e-5);
        graph_to_int8(optimized, seed);
        if (graph_has_layer(optimized, "conv", "INT8") != graphs[i].has_int8)
            fail_msg("%s: INT8 or not, that is not as expected", graphs[i].name);
        check_outputs(graphs[i].name, optimized, g, seed, 0.05);
        tare_graph_destroy(optimized);
        tare_graph_destroy(g);
    }
}

/* What is rounded to 16 bits on the way is rounded, by kernels: the outputs are what it
 * lost. */
static void test_rounding_casts(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 5, 7));
    net_int(net_node(g, TARE_OP_CAST, "half", "x", "h"), "to", 10);
    net_int(net_node(g, TARE_OP_CAST, "back", "h", "a"), "to", 1);
    net_node(g, TARE_OP_SUB, "lost", "x a", "y");
    net_int(net_node(g, TARE_OP_CAST, "brain", "x", "b"), "to", 16);
    net_int(net_node(g, TARE_OP_CAST, "wide", "b", "c"), "to", 1);
    net_node(g, TARE_OP_SUB, "lost too", "x c", "z");
    net_output(g, "y");
    net_output(g, "z");
    net_infer(g);
    struct tare_graph *optimized = graph_optimized(g);
    assert_int_equal(optimized->n_nodes, 4);
    assert_false(graph_has_layer(optimized, "program", "FP32"));
    check_outputs("casts", g, g, 1, 1e-6);
    check_outputs("casts", optimized, g, 1, 1e-6);
    tare_graph_destroy(optimized);
    tare_graph_destroy(g);
}

static int32_t largest(const struct tare_graph *g)
{
    int32_t most = 0;
    for (size_t i = 0; i < g->n_tensors; i++)
        if (g->tensors[i].n_bytes > g->tensors[most].n_bytes) most = (int32_t)i;
    return most;
}

/* What cannot run is refused by name. */
static void test_refused(void **state)
{
    (void)state;
    struct built built;
    struct tare_error err = {0};
    uint64_t seed = 1;
    struct tare_graph *g = net_create(13);
    stem(g, &seed);
    net_output(g, "c");
    net_infer(g);
    g->tensors[largest(g)].dtype = TARE_S32; /* the weights */
    /* No kernel takes it, so that it becomes a program, which a run refuses. */
    assert_int_equal(built_make(g, 0, &built, &err), TARE_OK);
    float *output = NULL;
    assert_int_not_equal(built_run(&built, 1, NULL, &output, &err), TARE_OK);
    assert_non_null(strstr(err.text, "stem"));
    free(output);
    built_release(&built);
    tare_graph_destroy(g);
}

static void test_nothing_to_run(void **state)
{
    (void)state;
    struct built built;
    struct tare_error err = {0};
    struct tare_graph *g = net_create(13);
    image(g);
    (void)net_const(g, "none", TARE_F32, NET_DIMS(0));
    net_output(g, "none");
    net_infer(g);
    assert_int_equal(built_make(g, 0, &built, &err), TARE_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "there is nothing to run"));
    tare_graph_destroy(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_graphs),
        cmocka_unit_test(test_rounding_casts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nothing_to_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
