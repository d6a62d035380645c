/* What cannot be negative, operator by operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "net.h"

/* x: any sign; p, q: not negative (by Sqrt); minus, plus: constants of that sign. */
static struct tare_graph *base(int opset)
{
    struct tare_graph *graph = net_create(opset);
    net_input(graph, "x", NET_DIMS(1, 2, 4, 4));
    net_node(graph, TARE_OP_SQRT, "sqrt1", "x", "p");
    net_node(graph, TARE_OP_SQRT, "sqrt2", "x", "q");
    for (size_t i = 0; i < graph->n_tensors; i++)
        graph->tensors[i].dims = graph->tensors[0].dims;
    net_scalar(graph, "minus", -1.0F);
    net_scalar(graph, "zero", 0.0F);
    net_scalar(graph, "plus", 1.0F);
    net_longs(graph, "pads", 8, 0, 0, 1, 1, 0, 0, 1, 1);
    const float scales[] = {1, 1, 2, 2};
    memcpy(net_const(graph, "scales", TARE_F32, NET_DIMS(4)), scales, sizeof scales);
    return graph;
}

static bool flag_of(const struct tare_graph *graph, const char *name)
{
    bool flags[32];
    tare_graph_nonnegative(graph, flags);
    return flags[tare_graph_find_tensor(graph, name)];
}

static bool flag_with(enum tare_op op, const char *inputs, const char *attr,
                      const char *value)
{
    struct tare_graph *graph = base(13);
    struct tare_node *node = net_node(graph, op, "n", inputs, "y");
    if (attr) net_string(node, attr, value);
    const bool flag = flag_of(graph, "y");
    tare_graph_destroy(graph);
    return flag;
}

static bool flag(enum tare_op op, const char *inputs)
{
    return flag_with(op, inputs, NULL, NULL);
}

static void test_sources(void **state)
{
    (void)state;
    struct tare_graph *graph = base(13);
    assert_false(flag_of(graph, "x"));
    assert_true(flag_of(graph, "p"));
    assert_false(flag_of(graph, "minus"));
    assert_true(flag_of(graph, "zero"));
    assert_true(flag_of(graph, "pads"));
    *(float *)graph->tensors[net_tensor(graph, "zero")].data = NAN;
    assert_false(flag_of(graph, "zero"));
    /* 200 becomes -56 on the way. */
    graph->tensors[net_tensor(graph, "x")].dtype = TARE_U8;
    assert_true(flag_of(graph, "x"));
    net_int(net_node(graph, TARE_OP_CAST, "cast1", "x", "s"), "to", 3);
    net_int(net_node(graph, TARE_OP_CAST, "cast2", "s", "f"), "to", 1);
    graph->tensors[net_tensor(graph, "s")].dtype = TARE_S8;
    assert_false(flag_of(graph, "f"));
    net_int(net_node(graph, TARE_OP_CAST, "cast3", "x", "g"), "to", 1);
    assert_true(flag_of(graph, "g"));
    tare_graph_destroy(graph);
}

static void test_elementwise(void **state)
{
    (void)state;
    static const enum tare_op always[] = {
        TARE_OP_RELU, TARE_OP_SIGMOID, TARE_OP_HARD_SIGMOID, TARE_OP_SOFTMAX,
        TARE_OP_EXP,  TARE_OP_ABS,     TARE_OP_SQRT,         TARE_OP_SOFTPLUS,
    };
    static const enum tare_op never[] = {TARE_OP_LOG, TARE_OP_NEG,
                                         TARE_OP_BATCH_NORMALIZATION};
    static const enum tare_op keeping[] = {
        TARE_OP_TANH,        TARE_OP_LEAKY_RELU,
        TARE_OP_HARD_SWISH,  TARE_OP_MAX_POOL,
        TARE_OP_RESHAPE,     TARE_OP_AVERAGE_POOL,
        TARE_OP_REDUCE_MEAN, TARE_OP_GLOBAL_AVERAGE_POOL,
        TARE_OP_SLICE,       TARE_OP_DROPOUT,
    };
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        assert_true(flag(always[i], "x"));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_false(flag(never[i], "p"));
    for (size_t i = 0; i < sizeof keeping / sizeof keeping[0]; i++) {
        assert_true(flag(keeping[i], "p"));
        assert_false(flag(keeping[i], "x"));
    }
    assert_false(flag(TARE_OP_CONV, "p p"));
}

static void test_several_inputs(void **state)
{
    (void)state;
    assert_true(flag(TARE_OP_ADD, "p q"));
    assert_false(flag(TARE_OP_ADD, "p x"));
    assert_false(flag(TARE_OP_SUB, "p q"));
    assert_true(flag(TARE_OP_MUL, "p plus"));
    assert_false(flag(TARE_OP_MUL, "p minus"));
    assert_true(flag(TARE_OP_MUL, "x x"));
    assert_true(flag(TARE_OP_DIV, "p q"));
    assert_false(flag(TARE_OP_DIV, "p x"));
    assert_true(flag(TARE_OP_MAX, "x zero"));
    assert_false(flag(TARE_OP_MAX, "x minus"));
    assert_true(flag(TARE_OP_MIN, "p q"));
    assert_false(flag(TARE_OP_MIN, "p x"));
    assert_true(flag(TARE_OP_CONCAT, "p q plus"));
    assert_false(flag(TARE_OP_CONCAT, "p q x"));
    assert_true(flag(TARE_OP_CLIP, "x zero plus"));
    assert_true(flag(TARE_OP_CLIP, "p minus plus"));
    assert_false(flag(TARE_OP_CLIP, "x minus plus"));
    assert_false(flag(TARE_OP_CLIP, "p zero minus"));
    assert_false(flag(TARE_OP_CLIP, "x p"));
}

static void test_pad_and_resize(void **state)
{
    (void)state;
    assert_true(flag(TARE_OP_PAD, "p pads"));
    assert_true(flag(TARE_OP_PAD, "p pads plus"));
    assert_false(flag(TARE_OP_PAD, "p pads minus"));
    assert_false(flag(TARE_OP_PAD, "x pads plus"));
    assert_true(flag_with(TARE_OP_PAD, "p pads minus", "mode", "edge"));
    assert_true(flag_with(TARE_OP_RESIZE, "p - scales", "mode", "linear"));
    assert_true(flag(TARE_OP_RESIZE, "p - scales"));
    assert_false(flag_with(TARE_OP_RESIZE, "p - scales", "mode", "cubic"));
    assert_false(flag(TARE_OP_RESIZE, "x - scales"));
}

static void test_moves_and_samples(void **state)
{
    (void)state;
    assert_true(flag(TARE_OP_TILE, "p pads"));
    assert_false(flag(TARE_OP_TILE, "x pads"));
    assert_true(flag(TARE_OP_SCATTER_ELEMENTS, "p pads q"));
    assert_false(flag(TARE_OP_SCATTER_ELEMENTS, "p pads x"));
    assert_false(flag(TARE_OP_SCATTER_ND, "x pads p"));
    assert_true(flag(TARE_OP_GRID_SAMPLE, "p x"));
    assert_false(flag_with(TARE_OP_GRID_SAMPLE, "p x", "mode", "bicubic"));
    struct tare_graph *graph = base(13);
    struct tare_node *resize = net_node(graph, TARE_OP_RESIZE, "n", "p - scales", "y");
    net_float(resize, "extrapolation_value", -1.0F);
    assert_false(flag_of(graph, "y"));
    tare_graph_destroy(graph);
}

static bool flag_fused(const char *inputs, bool residual, float slope, float lower,
                       float upper)
{
    struct tare_graph *graph = base(13);
    net_node(graph, TARE_OP_ADD, "n", inputs, "y")->fused =
        (struct tare_fused){residual, slope, lower, upper};
    const bool flag = flag_of(graph, "y");
    tare_graph_destroy(graph);
    return flag;
}

static void test_fused(void **state)
{
    (void)state;
    assert_false(flag_fused("p x", false, 1, -INFINITY, INFINITY));
    assert_true(flag_fused("p x", false, 1, 0, INFINITY));
    assert_true(flag_fused("p x", false, 1, 0, 6));
    assert_true(flag_fused("p x", false, 0, -INFINITY, INFINITY));
    assert_false(flag_fused("p x", false, 0.1F, -INFINITY, INFINITY));
    assert_true(flag_fused("p q", false, 0.1F, -1, 6));
    assert_false(flag_fused("p q", false, 1, -6, -1));
    assert_true(flag_fused("p q p", true, 1, -INFINITY, INFINITY));
    assert_false(flag_fused("p q x", true, 1, -INFINITY, INFINITY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),           cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_several_inputs),    cmocka_unit_test(test_pad_and_resize),
        cmocka_unit_test(test_moves_and_samples), cmocka_unit_test(test_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
