#include "passes.h"
#include "quantized.h"

static uint64_t seed = 12;

/* x -> Relu -> a, for a move to z. */
static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 6, 6));
    net_node(g, TARE_OP_TANH, "maker", "x", "a");
    return g;
}

/* The pair is in front of the move, which now makes y. */
static void check_moved(struct tare_graph *g, const char *move)
{
    net_pair(g, "z", "y", 0.013F, TARE_U8, 77);
    net_output(g, "y");
    const size_t n_nodes = g->n_nodes;
    g = pass_run("quantize_earlier", net_infer(g), true);
    assert_int_equal(g->n_nodes, n_nodes);
    const struct tare_node *last = net_maker(g, "y");
    assert_string_equal(last->name, move);
    const struct tare_node *dequantize =
        &g->nodes[g->tensors[last->inputs[0]].producer];
    assert_int_equal(dequantize->op, TARE_OP_DEQUANTIZE_LINEAR);
    const struct tare_node *quantize =
        &g->nodes[g->tensors[dequantize->inputs[0]].producer];
    assert_int_equal(quantize->op, TARE_OP_QUANTIZE_LINEAR);
    assert_int_equal(quantize->inputs[0], tare_graph_find_tensor(g, "a"));
    tare_graph_destroy(g);
}

static void test_in_front_of_moves(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    struct tare_node *node = net_node(g, TARE_OP_MAX_POOL, "m", "a", "z");
    net_ints(node, "kernel_shape", 2, 3, 3);
    net_ints(node, "pads", 4, 1, 1, 1, 1);
    net_ints(node, "strides", 2, 2, 2);
    check_moved(g, "m");

    g = begin();
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "m", "a", "z"), "perm", 4, 0, 2, 3, 1);
    check_moved(g, "m");

    g = begin();
    net_node(g, TARE_OP_FLATTEN, "m", "a", "z");
    check_moved(g, "m");

    g = begin();
    net_longs(g, "pads", 8, 0, 1, 0, 2, 0, 0, 1, 0);
    net_node(g, TARE_OP_PAD, "m", "a pads", "z");
    check_moved(g, "m");

    g = begin();
    net_longs(g, "starts", 1, 1);
    net_longs(g, "ends", 1, 5);
    net_longs(g, "axes", 1, 2);
    net_longs(g, "steps", 1, 2);
    net_node(g, TARE_OP_SLICE, "m", "a starts ends axes steps", "z");
    check_moved(g, "m");
}

/* What an output of the network was is still made, by name. */
static void test_in_front_of_concat(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_SIGMOID, "other", "x", "b");
    net_int(net_node(g, TARE_OP_CONCAT, "join", "a b", "z"), "axis", 1);
    net_pair(g, "z", "y", 0.013F, TARE_S8, -20);
    net_output(g, "y");
    net_output(g, "b"); /* stays as it is: unrounded */
    g = pass_run("quantize_earlier", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2 + 1 + 4);
    assert_int_equal(net_maker(g, "y")->op, TARE_OP_CONCAT);
    pass_keeps("quantize_earlier", g);
}

static void check_kept(struct tare_graph *g)
{
    net_output(g, "y");
    pass_keeps("quantize_earlier", net_infer(g));
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* averages are new values */
    net_ints(net_node(g, TARE_OP_AVERAGE_POOL, "m", "a", "z"), "kernel_shape", 2, 2, 2);
    net_pair(g, "z", "y", 0.1F, TARE_U8, 3);
    check_kept(g);

    g = begin(); /* z is read in float too */
    net_node(g, TARE_OP_FLATTEN, "m", "a", "z");
    net_pair(g, "z", "y", 0.1F, TARE_U8, 3);
    net_output(g, "z");
    check_kept(g);

    g = begin(); /* and so is a */
    net_node(g, TARE_OP_FLATTEN, "m", "a", "z");
    net_pair(g, "z", "y", 0.1F, TARE_U8, 3);
    net_output(g, "a");
    check_kept(g);

    g = begin(); /* a is rounded already, to other steps */
    net_pair(g, "a", "b", 0.3F, TARE_U8, 3);
    net_node(g, TARE_OP_FLATTEN, "m", "b", "z");
    net_pair(g, "z", "y", 0.1F, TARE_U8, 3);
    check_kept(g);

    g = begin(); /* DequantizeLinear undoes something else */
    net_node(g, TARE_OP_FLATTEN, "m", "a", "z");
    net_quantization(g, "q", 0.1F, TARE_U8, 3);
    net_scalar(g, "half", 0.05F);
    net_node(g, TARE_OP_QUANTIZE_LINEAR, "q", "z q.scale q.zero", "levels");
    net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "levels half q.zero", "y");
    check_kept(g);

    g = begin(); /* constants are no activations */
    net_weights(g, "k", NET_DIMS(1, 1, 6, 6), -1, 1, &seed);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "a k", "z"), "axis", 1);
    net_pair(g, "z", "y", 0.1F, TARE_U8, 3);
    check_kept(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_front_of_moves),
        cmocka_unit_test(test_in_front_of_concat),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
