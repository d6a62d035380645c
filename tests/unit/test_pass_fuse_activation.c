#include "passes.h"

#include "optimizer/pass.h"

static uint64_t seed = 61;

/* x -> Conv -> a */
static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 5, 5));
    net_output(g, "y");
    net_conv(g, "c", "x", "a", 3, 3, 3, true, &seed);
    return g;
}

static void add_clip(struct tare_graph *g, const char *name, const char *x,
                     const char *y, float low, float high)
{
    char inputs[96], bound[2][32];
    (void)snprintf(bound[0], sizeof bound[0], "%s.min", name);
    (void)snprintf(bound[1], sizeof bound[1], "%s.max", name);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", x, bound[0], bound[1]);
    net_scalar(g, bound[0], low);
    net_scalar(g, bound[1], high);
    net_node(g, TARE_OP_CLIP, name, inputs, y);
}

static void check_fused(struct tare_graph *g, const char *absorbed, float slope,
                        float lower, float upper)
{
    g = pass_run("fuse_activation", net_infer(g), true);
    const struct tare_node *node = net_maker(g, "y");
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(node->name, "c");
    assert_string_equal(node->absorbed, absorbed);
    assert_true(node->fused.negative_slope == slope);
    assert_true(node->fused.lower == lower);
    assert_true(node->fused.upper == upper);
    tare_graph_destroy(g);
}

static void test_conv(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_RELU, "act", "a", "y");
    check_fused(g, "act", 1, 0, INFINITY);

    g = begin();
    add_clip(g, "act", "a", "y", -0.5F, 0.25F);
    check_fused(g, "act", 1, -0.5F, 0.25F);

    g = begin();
    net_node(g, TARE_OP_LEAKY_RELU, "act", "a", "y");
    check_fused(g, "act", 0.01F, -INFINITY, INFINITY);

    g = begin();
    net_float(net_node(g, TARE_OP_LEAKY_RELU, "act", "a", "y"), "alpha", -2);
    check_fused(g, "act", -2, -INFINITY, INFINITY);
}

static void test_gemm_and_add(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "c", "x w", "a");
    net_node(g, TARE_OP_RELU, "act", "a", "y");
    check_fused(g, "act", 1, 0, INFINITY);

    g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_input(g, "z", NET_DIMS(2, 1));
    net_output(g, "y");
    net_node(g, TARE_OP_ADD, "c", "x z", "a");
    net_node(g, TARE_OP_LEAKY_RELU, "act", "a", "y");
    check_fused(g, "act", 0.01F, -INFINITY, INFINITY);
}

static void test_chains(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* narrower and narrower */
    net_node(g, TARE_OP_RELU, "act1", "a", "b");
    add_clip(g, "act2", "b", "d", -1, 0.5F);
    add_clip(g, "act3", "d", "y", 0.1F, 6);
    check_fused(g, "act1 + act2 + act3", 1, 0.1F, 0.5F);

    g = begin(); /* ranges that do not meet leave one value */
    add_clip(g, "act1", "a", "b", 1, 2);
    add_clip(g, "act2", "b", "y", -1, 0);
    check_fused(g, "act1 + act2", 1, 0, 0);

    g = begin(); /* a slope, then bounds: as struct tare_fused has it */
    net_node(g, TARE_OP_LEAKY_RELU, "act1", "a", "b");
    add_clip(g, "act2", "b", "y", -0.005F, 0.5F);
    check_fused(g, "act1 + act2", 0.01F, -0.005F, 0.5F);
}

static void test_slope_behind_bounds_stays(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    add_clip(g, "act1", "a", "b", -1, 1);
    net_node(g, TARE_OP_LEAKY_RELU, "act2", "b", "y");
    g = pass_run("fuse_activation", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

static void test_behind_a_residual(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_ADD, "add", "a x", "b");
    net_node(g, TARE_OP_RELU, "act", "b", "y");
    g = pass_run("fuse_residual", net_infer(g), true);
    g = pass_run("fuse_activation", g, true);
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(g->nodes[0].absorbed, "add + act");
    assert_true(g->nodes[0].fused.has_residual);
    assert_true(g->nodes[0].fused.lower == 0.0F);
    tare_graph_destroy(g);
}

static void test_behind_matmul_and_arithmetic(void **state)
{
    (void)state;
    static const enum tare_op ops[] = {TARE_OP_MATMUL, TARE_OP_SUB, TARE_OP_MUL,
                                       TARE_OP_DIV};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct tare_graph *g = net_create(13);
        net_input(g, "x", NET_DIMS(2, 3, 3));
        net_output(g, "y");
        net_weights(g, "w", NET_DIMS(3, 3), 0.5F, 1, &seed);
        net_node(g, ops[i], "c", "x w", "a");
        net_node(g, TARE_OP_RELU, "act", "a", "y");
        g = pass_run("fuse_activation", net_infer(g), true);
        assert_int_equal(g->n_nodes, 1);
        assert_int_equal(g->nodes[0].op, ops[i]);
        assert_true(g->nodes[0].fused.lower == 0);
        tare_graph_destroy(g);
    }
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* read twice */
    net_node(g, TARE_OP_RELU, "act", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    pass_keeps("fuse_activation", net_infer(g));

    g = begin(); /* an output as it is */
    net_output(g, "a");
    net_node(g, TARE_OP_RELU, "act", "a", "y");
    pass_keeps("fuse_activation", net_infer(g));

    g = begin(); /* no slope and bounds */
    net_node(g, TARE_OP_SIGMOID, "act", "a", "y");
    pass_keeps("fuse_activation", net_infer(g));

    g = net_create(13); /* the product of two activations takes none */
    net_input(g, "x", NET_DIMS(2, 2, 3));
    net_input(g, "x2", NET_DIMS(3, 4));
    net_output(g, "y");
    net_node(g, TARE_OP_MATMUL, "c", "x x2", "a");
    net_node(g, TARE_OP_RELU, "act", "a", "y");
    pass_keeps("fuse_activation", net_infer(g));

    g = begin(); /* crossed bounds: ONNX says that all values become the upper */
    add_clip(g, "act", "a", "y", 1, -1);
    pass_keeps("fuse_activation", net_infer(g));
}

static bool cut_early(struct tare_graph *g)
{
    struct tare_error err = {TARE_OK, ""};
    bool changed = false;
    assert_int_equal(tare_pass_cut_early(net_infer(g), &changed, &err), TARE_OK);
    return changed;
}

/* Both tensors stay; what stood between them does nothing any more. */
static void check_cut(struct tare_graph *g, float upper)
{
    assert_true(cut_early(g));
    const struct tare_node *act = net_maker(g, "y"), *conv = net_maker(g, "a");
    assert_int_equal(act->op, TARE_OP_IDENTITY);
    assert_int_equal(act->n_inputs, 1);
    assert_string_equal(act->name, "act");
    assert_string_equal(conv->name, "c");
    assert_true(conv->fused.negative_slope == 1.0F && conv->fused.lower == 0.0F);
    assert_true(conv->fused.upper == upper);
    tare_graph_destroy(g);
}

static void test_cut_early(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_node(g, TARE_OP_RELU, "act", "a", "y");
    check_cut(g, INFINITY);

    g = begin();
    add_clip(g, "act", "a", "y", 0.0F, 6.0F);
    check_cut(g, 6.0F);

    g = begin(); /* not from zero */
    add_clip(g, "act", "a", "y", -0.5F, 6.0F);
    assert_false(cut_early(g));
    tare_graph_destroy(g);

    g = begin(); /* nothing is cut off */
    net_node(g, TARE_OP_LEAKY_RELU, "act", "a", "y");
    assert_false(cut_early(g));
    tare_graph_destroy(g);

    g = begin(); /* somebody reads what would be cut off */
    net_node(g, TARE_OP_RELU, "act", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "a b", "y");
    assert_false(cut_early(g));
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_gemm_and_add),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_slope_behind_bounds_stays),
        cmocka_unit_test(test_behind_a_residual),
        cmocka_unit_test(test_behind_matmul_and_arithmetic),
        cmocka_unit_test(test_what_must_stay),
        cmocka_unit_test(test_cut_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
