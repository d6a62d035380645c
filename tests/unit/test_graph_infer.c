/* Inference over whole graphs: computed shapes, rebinding, folding, fused nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "net.h"

static void expect_dims(const struct tare_graph *graph, const char *name,
                        const char *want)
{
    char text[TARE_DIMS_TEXT];
    const int32_t id = tare_graph_find_tensor(graph, name);
    assert_true(graph->tensors[id].has_dims);
    assert_string_equal(tare_dims_print(&graph->tensors[id].dims, text), want);
}

static void expect_failure(struct tare_graph *graph, enum tare_status code,
                           const char *message)
{
    struct tare_error err = {0};
    assert_int_equal(tare_graph_infer(graph, &err), code);
    assert_string_equal(err.text, message);
}

/* What PyTorch writes for x.view(x.size(0), -1): Shape, Gather, Unsqueeze, Concat. */
static struct tare_graph *view_chain(void)
{
    struct tare_graph *graph = net_create(11);
    net_input(graph, "x", NET_DIMS(2, 3, 4));
    *(int64_t *)net_const(graph, "zero", TARE_S64, (struct tare_dims){0}) = 0;
    net_longs(graph, "rest", 1, -1);
    net_node(graph, TARE_OP_SHAPE, "shape", "x", "dims");
    net_node(graph, TARE_OP_GATHER, "gather", "dims zero", "n");
    net_ints(net_node(graph, TARE_OP_UNSQUEEZE, "unsqueeze", "n", "n1"), "axes", 1, 0);
    net_int(net_node(graph, TARE_OP_CONCAT, "concat", "n1 rest", "want"), "axis", 0);
    net_node(graph, TARE_OP_RESHAPE, "reshape", "x want", "y");
    net_output(graph, "y");
    return graph;
}

static void test_computed_shape(void **state)
{
    (void)state;
    struct tare_graph *graph = net_infer(view_chain());
    expect_dims(graph, "y", "2x12");
    /* Another batch: what the first inference computed must not stick. */
    graph->tensors[net_tensor(graph, "x")].dims = NET_DIMS(5, 3, 4);
    net_infer(graph);
    expect_dims(graph, "y", "5x12");
    tare_graph_destroy(graph);
}

/* A result that the second inference does not compute must not be the first one's. */
static void test_rebound_to_large(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(2, 3));
    net_node(graph, TARE_OP_SHAPE, "shape", "x", "dims");
    net_node(graph, TARE_OP_CONSTANT_OF_SHAPE, "zeros", "dims", "y");
    net_infer(graph);
    const int32_t y = net_tensor(graph, "y");
    assert_non_null(graph->tensors[y].data);
    graph->tensors[net_tensor(graph, "x")].dims = NET_DIMS(2000, 300);
    net_infer(graph);
    expect_dims(graph, "y", "2000x300");
    assert_null(graph->tensors[y].data);
    tare_graph_destroy(graph);
}

/* Cast, Mul and Floor on the way to the sizes of a Resize, as old exporters write. */
static void test_computed_sizes(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(11);
    net_input(graph, "x", NET_DIMS(1, 2, 5, 7));
    const float scales[] = {1.0F, 1.0F, 1.5F, 2.0F};
    memcpy(net_const(graph, "scales", TARE_F32, NET_DIMS(4)), scales, sizeof scales);
    net_node(graph, TARE_OP_SHAPE, "shape", "x", "dims");
    net_int(net_node(graph, TARE_OP_CAST, "cast1", "dims", "float_dims"), "to", 1);
    net_node(graph, TARE_OP_MUL, "mul", "float_dims scales", "scaled");
    net_node(graph, TARE_OP_FLOOR, "floor", "scaled", "floored");
    net_int(net_node(graph, TARE_OP_CAST, "cast2", "floored", "sizes"), "to", 7);
    net_node(graph, TARE_OP_RESIZE, "resize", "x - - sizes", "y");
    net_output(graph, "y");
    net_infer(graph);
    expect_dims(graph, "y", "1x2x7x14");
    tare_graph_destroy(graph);
}

static void test_unknown_shapes(void **state)
{
    (void)state;
    struct tare_graph *graph = view_chain();
    struct tare_tensor *x = &graph->tensors[net_tensor(graph, "x")];
    x->dims.d[0] = -1;
    expect_failure(graph, TARE_E_ARG,
                   "input 'x' has shape ?x3x4; every axis must be given");
    x->has_dims = false;
    expect_failure(graph, TARE_E_ARG,
                   "input 'x' has shape (unknown); every axis must be given");
    x->has_dims = true;
    x->dims = NET_DIMS(INT64_C(1) << 40, INT64_C(1) << 40, 1);
    expect_failure(
        graph, TARE_E_UNSUPPORTED,
        "input 'x' has shape 1099511627776x1099511627776x1; that is too large");
    tare_graph_destroy(graph);

    graph = net_create(13);
    net_input(graph, "x", NET_DIMS(1));
    net_node(graph, TARE_OP_ADD, "add", "x -", "y");
    expect_failure(graph, TARE_E_FORMAT, "node 'add' (Add): input 1 is missing");
    tare_graph_destroy(graph);
}

/* A small result is computed by the inference, a larger one by eval_node alone, one
 * that blows its input up by nobody. */
static void test_eval_node(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    float *values = net_const(graph, "c", TARE_F32, NET_DIMS(2, 10000));
    for (int i = 0; i < 20000; i++)
        values[i] = (float)-i;
    net_input(graph, "x", NET_DIMS(1));
    net_longs(graph, "pair", 2, 1, 2);
    net_longs(graph, "wide", 3, 1000, 2, 10000);
    net_node(graph, TARE_OP_NEG, "small", "pair", "minus");
    net_node(graph, TARE_OP_TRANSPOSE, "large", "c", "t");
    net_node(graph, TARE_OP_EXPAND, "huge", "c wide", "e");
    net_node(graph, TARE_OP_RELU, "running", "x", "y");
    net_infer(graph);
    const struct tare_tensor *t = &graph->tensors[net_tensor(graph, "t")];
    assert_non_null(graph->tensors[net_tensor(graph, "minus")].data);
    assert_null(t->data);

    bool evaluated[4];
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(tare_graph_eval_node(graph, i, &evaluated[i], NULL), TARE_OK);
    assert_true(evaluated[0]);
    assert_true(evaluated[1]);
    assert_false(evaluated[2]);
    assert_false(evaluated[3]);
    expect_dims(graph, "e", "1000x2x10000");
    assert_int_equal(t->n_bytes, 80000);
    assert_float_equal(((const float *)t->data)[1], -10000.0F, 0.0F);
    assert_float_equal(((const float *)t->data)[2], -1.0F, 0.0F);

    /* Without its node the result is a constant like any other. */
    tare_graph_remove_node(graph, 1);
    net_infer(graph);
    assert_non_null(graph->tensors[net_tensor(graph, "t")].data);
    tare_graph_destroy(graph);
}

static void test_fused(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(1, 4, 8, 8));
    net_input(graph, "r", NET_DIMS(1, 4, 8, 8));
    struct tare_node *node = net_conv(graph, "conv", "x", "y", 4, 4, 3, false, &seed);
    const int32_t inputs[] = {node->inputs[0], node->inputs[1], TARE_NO_TENSOR,
                              net_tensor(graph, "r")};
    assert_int_equal(tare_node_set_inputs(node, inputs, 4, NULL), TARE_OK);
    node->fused.has_residual = true;
    assert_int_equal(tare_node_input(node, 1), inputs[1]);
    assert_int_equal(tare_node_input(node, 2), TARE_NO_TENSOR);
    assert_int_equal(tare_node_input(node, 3), TARE_NO_TENSOR);
    assert_int_equal(tare_node_check(graph, node, NULL), TARE_OK);
    net_infer(graph);
    expect_dims(graph, "y", "1x4x8x8");
    graph->tensors[inputs[3]].dims = NET_DIMS(1, 4, 1, 1);
    expect_failure(graph, TARE_E_ARG,
                   "node 'conv' (Conv): the fused residual is 1x4x1x1, the output is "
                   "1x4x8x8");
    tare_graph_destroy(graph);
}

/* A fused node is not what its operator's evaluator computes. */
static void test_fused_is_not_evaluated(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_scalar(graph, "c", -1.0F);
    net_node(graph, TARE_OP_NEG, "neg", "c", "y")->fused.upper = 0.5F;
    net_infer(graph);
    bool evaluated;
    assert_int_equal(tare_graph_eval_node(graph, 0, &evaluated, NULL), TARE_OK);
    assert_false(evaluated);
    assert_null(graph->tensors[net_tensor(graph, "y")].data);
    tare_graph_destroy(graph);
}

/* Many results of 64 KiB each: inference stops computing before it eats the memory. */
static void test_budget(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_longs(graph, "shape", 2, 4, 4096);
    char name[32];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "y%d", i);
        net_node(graph, TARE_OP_CONSTANT_OF_SHAPE, "", "shape", name);
    }
    net_infer(graph);
    size_t n_bytes = 0;
    for (size_t i = 0; i < graph->n_tensors; i++)
        n_bytes += graph->tensors[i].n_bytes;
    assert_int_equal(n_bytes, 2 * sizeof(int64_t) + ((size_t)16 << 20));
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_computed_shape),
        cmocka_unit_test(test_rebound_to_large),
        cmocka_unit_test(test_computed_sizes),
        cmocka_unit_test(test_unknown_shapes),
        cmocka_unit_test(test_eval_node),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_fused_is_not_evaluated),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
