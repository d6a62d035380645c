#include "passes.h"

/* x -> Relu -> a, then the node under test from a to b, then Sigmoid -> y. */
static struct tare_graph *begin(int opset, struct tare_dims dims)
{
    struct tare_graph *g = net_create(opset);
    net_input(g, "x", dims);
    net_output(g, "y");
    net_node(g, TARE_OP_RELU, "relu", "x", "a");
    return g;
}

static struct tare_graph *end(struct tare_graph *g)
{
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "b", "y");
    return net_infer(g);
}

static void check_removed(struct tare_graph *g)
{
    g = pass_run("identity", end(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->tensors[net_maker(g, "y")->inputs[0]].name, "a");
    tare_graph_destroy(g);
}

static void test_plain_ones(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(1, 2, 3, 3));
    net_node(g, TARE_OP_IDENTITY, "id", "a", "b");
    check_removed(g);
    g = begin(13, NET_DIMS(1, 2, 3, 3));
    net_node(g, TARE_OP_DROPOUT, "drop", "a", "b mask");
    check_removed(g);
    g = begin(13, NET_DIMS(1, 2, 3, 3));
    net_node(g, TARE_OP_CONCAT, "cat", "a", "b");
    net_int(net_maker(g, "b"), "axis", 1);
    check_removed(g);
    g = begin(13, NET_DIMS(1, 18));
    net_node(g, TARE_OP_FLATTEN, "flat", "a", "b");
    check_removed(g);
    g = begin(13, NET_DIMS(1, 18));
    net_node(g, TARE_OP_CAST, "cast", "a", "b");
    net_int(net_maker(g, "b"), "to", 1);
    check_removed(g);
}

/* A Cast to 16 bits rounds, but for what the same Cast has made. */
static void test_rounding_casts(void **state)
{
    (void)state;
    static const int types[] = {10, 16};
    for (size_t i = 0; i < 2; i++) {
        struct tare_graph *g = begin(13, NET_DIMS(1, 18));
        net_int(net_node(g, TARE_OP_CAST, "cast", "a", "b"), "to", types[i]);
        pass_keeps("identity", end(g));

        g = begin(13, NET_DIMS(1, 18));
        net_int(net_node(g, TARE_OP_CAST, "first", "a", "c"), "to", types[i]);
        net_int(net_node(g, TARE_OP_CAST, "again", "c", "d"), "to", types[i]);
        net_int(net_node(g, TARE_OP_CAST, "other", "d", "e"), "to", types[1 - i]);
        net_int(net_node(g, TARE_OP_CAST, "back", "e", "b"), "to", 1);
        g = pass_run("identity", end(g), true);
        assert_int_equal(g->n_nodes, 4); /* relu, first, other, sigmoid */
        assert_int_equal(tare_graph_find_node(g, "again"), -1);
        assert_int_equal(tare_graph_find_node(g, "back"), -1);
        tare_graph_destroy(g);
    }
}

static void test_reshape(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(2, 6));
    net_longs(g, "shape", 2, 2, -1);
    net_node(g, TARE_OP_RESHAPE, "reshape", "a shape", "b");
    check_removed(g);
    g = begin(13, NET_DIMS(2, 6));
    net_longs(g, "shape", 2, 3, 4);
    net_node(g, TARE_OP_RESHAPE, "reshape", "a shape", "b");
    pass_keeps("identity", end(g));
}

static void test_transpose(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(2, 3, 4));
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "t", "a", "b"), "perm", 3, 0, 1, 2);
    check_removed(g);
    g = begin(13, NET_DIMS(1, 1, 4)); /* axes of length 1 may change places */
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "t", "a", "b"), "perm", 3, 1, 0, 2);
    check_removed(g);
    g = begin(13, NET_DIMS(3, 3)); /* a square turns, whatever its shape says */
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "t", "a", "b"), "perm", 2, 1, 0);
    pass_keeps("identity", end(g));
}

static void add_slice(struct tare_graph *g, int start, int stop, int step)
{
    net_longs(g, "starts", 1, start);
    net_longs(g, "ends", 1, stop);
    net_longs(g, "axes", 1, 1);
    net_longs(g, "steps", 1, step);
    net_node(g, TARE_OP_SLICE, "slice", "a starts ends axes steps", "b");
}

static void test_slice(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(2, 5));
    add_slice(g, 0, 99, 1);
    check_removed(g);
    g = begin(13, NET_DIMS(2, 5));
    add_slice(g, 1, 5, 1);
    pass_keeps("identity", end(g));
    g = begin(13, NET_DIMS(2, 5)); /* the whole axis, backwards */
    add_slice(g, 4, -99, -1);
    pass_keeps("identity", end(g));
}

static void test_pad(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(1, 2, 3, 3));
    net_longs(g, "pads", 8, 0, 0, 0, 0, 0, 0, 0, 0);
    net_node(g, TARE_OP_PAD, "pad", "a pads", "b");
    check_removed(g);
    g = begin(13, NET_DIMS(1, 2, 3, 3));
    net_longs(g, "pads", 8, 0, 0, 0, 1, 0, 0, 0, 0);
    net_node(g, TARE_OP_PAD, "pad", "a pads", "b");
    pass_keeps("identity", end(g));
    g = begin(13, NET_DIMS(1, 2, 3, 3)); /* as long as before, but moved */
    net_longs(g, "pads", 8, 0, 0, 0, -1, 0, 0, 0, 1);
    net_node(g, TARE_OP_PAD, "pad", "a pads", "b");
    pass_keeps("identity", end(g));
}

static void test_clip(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(4));
    net_node(g, TARE_OP_CLIP, "clip", "a", "b");
    check_removed(g);
    g = begin(10, NET_DIMS(4));
    net_float(net_node(g, TARE_OP_CLIP, "clip", "a", "b"), "min", -3.402823466e+38F);
    check_removed(g);
    g = begin(13, NET_DIMS(4));
    net_scalar(g, "max", 0.5F);
    net_node(g, TARE_OP_CLIP, "clip", "a - max", "b");
    pass_keeps("identity", end(g));
}

static void test_pool(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(1, 2, 4, 4));
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "b"), "kernel_shape", 2, 1, 1);
    check_removed(g);
    for (int kernel = 2; kernel <= 3; kernel++) { /* the same shape, but not the same */
        g = begin(13, NET_DIMS(1, 2, 4, 4));
        struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "a", "b");
        net_ints(pool, "kernel_shape", 2, kernel, kernel);
        net_ints(pool, "pads", 4, kernel - 2, kernel - 2, 1, 1);
        pass_keeps("identity", end(g));
    }
}

/* What has its first input's shape has nothing else in it. */
static void test_empty_parts(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(2, 3));
    (void)net_const(g, "nothing", TARE_F32, NET_DIMS(2, 0));
    net_int(net_node(g, TARE_OP_CONCAT, "cat", "a nothing", "b"), "axis", 1);
    check_removed(g);
    g = begin(13, NET_DIMS(2, 3));
    net_int(net_node(g, TARE_OP_SPLIT, "split", "a", "b"), "axis", 1);
    check_removed(g);
}

/* Names of outputs survive: the node before makes the output then. */
static void test_output_keeps_its_name(void **state)
{
    (void)state;
    struct tare_graph *g = begin(13, NET_DIMS(4));
    net_node(g, TARE_OP_IDENTITY, "id1", "a", "b");
    net_node(g, TARE_OP_IDENTITY, "id2", "b", "y");
    net_node(g, TARE_OP_SIGMOID, "other", "a", "z");
    net_output(g, "z");
    g = pass_run("identity", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(net_maker(g, "y")->name, "relu");
    assert_string_equal(g->tensors[net_maker(g, "z")->inputs[0]].name, "y");
    tare_graph_destroy(g);
}

static void test_output_that_cannot_move(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13); /* the input itself */
    net_input(g, "x", NET_DIMS(4));
    net_output(g, "y");
    net_node(g, TARE_OP_IDENTITY, "id", "x", "y");
    pass_keeps("identity", net_infer(g));

    g = begin(13, NET_DIMS(4)); /* two names for one value */
    net_node(g, TARE_OP_IDENTITY, "id", "a", "y");
    net_output(g, "a");
    pass_keeps("identity", net_infer(g));
}

static void test_input_that_is_read_through(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(4));
    net_output(g, "y");
    net_node(g, TARE_OP_IDENTITY, "id", "x", "a");
    net_node(g, TARE_OP_RELU, "relu", "a", "y");
    g = pass_run("identity", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(g->tensors[g->nodes[0].inputs[0]].name, "x");
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_ones),
        cmocka_unit_test(test_rounding_casts),
        cmocka_unit_test(test_reshape),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_empty_parts),
        cmocka_unit_test(test_output_keeps_its_name),
        cmocka_unit_test(test_output_that_cannot_move),
        cmocka_unit_test(test_input_that_is_read_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
