#include "passes.h"

/* x [2,4,5], values in [-1, 1) times 8, so that both bounds are met. */
static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(11);
    net_input(g, "in", NET_DIMS(2, 4, 5));
    net_output(g, "y");
    net_scalar(g, "eight", 8);
    net_node(g, TARE_OP_MUL, "scale", "in eight", "x");
    net_scalar(g, "0", 0);
    net_scalar(g, "1", 1);
    net_scalar(g, "3", 3);
    net_scalar(g, "6", 6);
    net_scalar(g, "1/6", 1.0F / 6.0F);
    return g;
}

static void check(struct tare_graph *g, enum tare_op op, size_t n_nodes,
                  const char *last)
{
    g = pass_run("hard_swish", net_infer(g), true);
    assert_int_equal(g->n_nodes, n_nodes);
    const struct tare_node *node = net_maker(g, "y");
    assert_int_equal(node->op, op);
    assert_string_equal(node->name, last);
    assert_int_equal(node->n_inputs, 1);
    tare_graph_destroy(g);
}

static void add_ramp(struct tare_graph *g, const char *y)
{
    net_node(g, TARE_OP_ADD, "add", "x 3", "a");
    net_node(g, TARE_OP_CLIP, "clip", "a 0 6", y);
}

static void test_hard_swish(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* x * clip(x + 3) / 6, as PyTorch writes it */
    add_ramp(g, "b");
    net_node(g, TARE_OP_MUL, "mul", "x b", "c");
    net_node(g, TARE_OP_DIV, "div", "c 6", "y");
    check(g, TARE_OP_HARD_SWISH, 2, "div");

    g = begin(); /* x * (clip(x + 3) / 6) */
    add_ramp(g, "b");
    net_node(g, TARE_OP_DIV, "div", "b 6", "c");
    net_node(g, TARE_OP_MUL, "mul", "c x", "y");
    check(g, TARE_OP_HARD_SWISH, 2, "mul");

    g = begin(); /* (1/6 * x) * clip(x + 3) */
    add_ramp(g, "b");
    net_node(g, TARE_OP_MUL, "sixth", "1/6 x", "c");
    net_node(g, TARE_OP_MUL, "mul", "b c", "y");
    check(g, TARE_OP_HARD_SWISH, 2, "mul");

    g = begin(); /* x * HardSigmoid(x) */
    struct tare_node *node = net_node(g, TARE_OP_HARD_SIGMOID, "hard", "x", "b");
    net_float(node, "alpha", 1.0F / 6.0F);
    net_node(g, TARE_OP_MUL, "mul", "x b", "y");
    check(g, TARE_OP_HARD_SWISH, 2, "mul");

    g = begin(); /* x * min(max(x + 3, 0), 6) * 1/6, the bounds in two nodes */
    net_node(g, TARE_OP_ADD, "add", "3 x", "a");
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_node(g, TARE_OP_CLIP, "clip", "b - 6", "c");
    net_node(g, TARE_OP_MUL, "mul", "c x", "d");
    net_node(g, TARE_OP_MUL, "sixth", "d 1/6", "y");
    check(g, TARE_OP_HARD_SWISH, 2, "sixth");
}

static void test_hard_sigmoid(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    add_ramp(g, "b");
    net_node(g, TARE_OP_DIV, "div", "b 6", "y");
    check(g, TARE_OP_HARD_SIGMOID, 1, "div"); /* "scale" is part of the slope */

    g = begin();
    net_node(g, TARE_OP_MUL, "sixth", "x 1/6", "a");
    net_node(g, TARE_OP_SUB, "sub", "a 3", "b");
    net_node(g, TARE_OP_CLIP, "clip", "b 0 1", "y");
    check(g, TARE_OP_HARD_SIGMOID, 1, "clip");
}

static void test_names_are_kept(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    add_ramp(g, "b");
    net_node(g, TARE_OP_MUL, "mul", "x b", "c");
    net_node(g, TARE_OP_DIV, "div", "c 6", "y");
    g = pass_run("hard_swish", net_infer(g), true);
    const char *absorbed = net_maker(g, "y")->absorbed;
    assert_non_null(strstr(absorbed, "add"));
    assert_non_null(strstr(absorbed, "clip"));
    assert_non_null(strstr(absorbed, "mul"));
    tare_graph_destroy(g);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* another slope */
    net_node(g, TARE_OP_ADD, "add", "x 1", "a");
    net_node(g, TARE_OP_CLIP, "clip", "a 0 6", "b");
    net_node(g, TARE_OP_MUL, "mul", "x b", "c");
    net_node(g, TARE_OP_DIV, "div", "c 6", "y");
    pass_keeps("hard_swish", net_infer(g));

    g = begin(); /* no division */
    add_ramp(g, "b");
    net_node(g, TARE_OP_MUL, "mul", "x b", "y");
    pass_keeps("hard_swish", net_infer(g));

    g = begin(); /* the clipped value is wanted elsewhere */
    add_ramp(g, "b");
    net_output(g, "b");
    net_node(g, TARE_OP_MUL, "mul", "x b", "c");
    net_node(g, TARE_OP_DIV, "div", "c 6", "y");
    pass_keeps("hard_swish", net_infer(g));

    g = begin(); /* the ramp of one tensor times another */
    add_ramp(g, "b");
    net_node(g, TARE_OP_MUL, "mul", "in b", "c");
    net_node(g, TARE_OP_DIV, "div", "c 6", "y");
    net_output(g, "x");
    pass_keeps("hard_swish", net_infer(g));

    g = begin(); /* a negative slope */
    net_scalar(g, "-1", -1);
    net_node(g, TARE_OP_MUL, "neg", "x -1", "a");
    net_node(g, TARE_OP_CLIP, "clip", "a 0 1", "y");
    pass_keeps("hard_swish", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard_swish),
        cmocka_unit_test(test_hard_sigmoid),
        cmocka_unit_test(test_names_are_kept),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
