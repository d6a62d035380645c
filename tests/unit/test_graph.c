/* The graph's storage: names, nodes, attributes, edits, order, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <time.h>

#include "net.h"

#define EXPECT_FAIL(call, code, message)                                               \
    do {                                                                               \
        struct tare_error err_ = {0};                                                  \
        assert_int_equal((call), (code));                                              \
        assert_string_equal(err_.text, (message));                                     \
    } while (0)

static void expect_print(const struct tare_graph *graph, const char *want)
{
    struct tare_text text = {0};
    tare_graph_print(graph, &text);
    assert_string_equal(text.data, want);
    tare_text_free(&text);
}

/* x -> Relu r1 -> a -> Relu r2 -> y */
static struct tare_graph *two_relus(void)
{
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(1, 2));
    net_node(graph, TARE_OP_RELU, "r1", "x", "a");
    net_node(graph, TARE_OP_RELU, "r2", "a", "y");
    net_output(graph, "y");
    return graph;
}

static void test_tensor_names(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    int32_t id;
    EXPECT_FAIL(tare_graph_add_tensor(graph, "a", &id, &err_), TARE_E_FORMAT,
                "two tensors are named 'a'; names must be unique");
    EXPECT_FAIL(tare_graph_add_tensor(graph, "", &id, &err_), TARE_E_FORMAT,
                "a tensor without a name");
    const int32_t a = tare_graph_find_tensor(graph, "a");
    assert_int_equal(tare_graph_find_tensor(graph, "b"), TARE_NO_TENSOR);
    EXPECT_FAIL(tare_graph_rename_tensor(graph, a, "y", &err_), TARE_E_FORMAT,
                "two tensors are named 'y'; names must be unique");
    assert_int_equal(tare_graph_rename_tensor(graph, a, "b", NULL), TARE_OK);
    assert_int_equal(tare_graph_find_tensor(graph, "b"), a);
    assert_int_equal(tare_graph_find_tensor(graph, "a"), TARE_NO_TENSOR);
    assert_int_equal(tare_graph_add_tensor(graph, "a", &id, NULL), TARE_OK);
    assert_int_equal(tare_graph_find_tensor(graph, "a"), id);
    tare_graph_destroy(graph);
}

static void test_node_names(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    struct tare_node *node = net_node(graph, TARE_OP_RELU, "", "y", "z1");
    assert_string_equal(node->name, "Relu_1");
    node = net_node(graph, TARE_OP_RELU, "r1_2", "y", "z2");
    node = net_node(graph, TARE_OP_RELU, "r1", "y", "z3");
    assert_string_equal(node->name, "r1_3");
    assert_int_equal(tare_graph_find_node(graph, "r1"), 0);
    assert_int_equal(tare_graph_find_node(graph, "r1_3"), 4);
    assert_int_equal(tare_graph_find_node(graph, "r3"), -1);
    tare_graph_destroy(graph);
}

static void test_bad_nodes(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    const int32_t x = net_tensor(graph, "x"), y = net_tensor(graph, "y");
    const int32_t z = net_tensor(graph, "z");
    *(float *)net_const(graph, "c", TARE_F32, NET_DIMS(1)) = 1.0F;
    const int32_t c = net_tensor(graph, "c");
    EXPECT_FAIL(
        tare_graph_add_node(graph, TARE_OP_RELU, "r", &x, 1, &y, 1, NULL, &err_),
        TARE_E_FORMAT, "node 'r': output 'y' is made by a node already");
    EXPECT_FAIL(
        tare_graph_add_node(graph, TARE_OP_RELU, "r", &x, 1, &c, 1, NULL, &err_),
        TARE_E_FORMAT, "node 'r': output 'c' is a constant");
    EXPECT_FAIL(tare_graph_add_node(graph, TARE_OP_SPLIT, "s", &x, 1, (int32_t[]){z, z},
                                    2, NULL, &err_),
                TARE_E_FORMAT, "node 's': output 'z' is made by a node already");
    EXPECT_FAIL(tare_graph_add_node(graph, TARE_OP_RELU, "", &(int32_t){99}, 1, &z, 1,
                                    NULL, &err_),
                TARE_E_ARG, "node 'Relu': input 0 is tensor 99 of 5");
    EXPECT_FAIL(tare_graph_add_node(graph, TARE_OP_RELU, "r", &x, 1, &(int32_t){-1}, 1,
                                    NULL, &err_),
                TARE_E_ARG, "node 'r': output 0 is tensor -1 of 5");
    /* None of them has left a trace. */
    assert_int_equal(graph->n_nodes, 2);
    assert_int_equal(graph->tensors[z].producer, -1);
    assert_int_equal(graph->tensors[y].producer, 1);
    tare_graph_destroy(graph);
}

static void test_constants(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    int32_t id;
    struct tare_const content = {.dtype = TARE_F32, .dims = NET_DIMS(2, 3)};
    assert_int_equal(tare_const_alloc(&content, NULL), TARE_OK);
    assert_int_equal(content.n_bytes, 24);
    content.n_bytes = 20;
    EXPECT_FAIL(tare_graph_add_const(graph, "w", &content, &id, &err_), TARE_E_FORMAT,
                "constant 'w': 20 bytes of data, shape 2x3 wants 24");
    assert_null(content.data);
    content = (struct tare_const){.dtype = TARE_S64, .dims = NET_DIMS(0)};
    assert_int_equal(tare_graph_add_const(graph, "empty", &content, &id, NULL),
                     TARE_OK);
    assert_true(tare_tensor_is_const(&graph->tensors[id]));
    tare_tensor_clear_data(&graph->tensors[id]);
    assert_false(tare_tensor_is_const(&graph->tensors[id]));
    content.dims = NET_DIMS(1, INT64_C(1) << 62, 8);
    EXPECT_FAIL(tare_graph_add_const(graph, "huge", &content, &id, &err_),
                TARE_E_FORMAT, "constant 'huge': impossible shape (rank 3)");
    tare_graph_destroy(graph);
}

static void test_attributes(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    struct tare_node *node = &graph->nodes[0];
    net_int(node, "axis", 3);
    net_float(node, "alpha", 0.5F);
    net_string(node, "mode", "edge");
    net_ints(node, "pads", 2, 7, 8);
    assert_int_equal(tare_node_int(node, "axis", 1), 3);
    assert_int_equal(tare_node_int(node, "other", 1), 1);
    assert_int_equal(tare_node_int(node, "alpha", 1), 1);
    assert_float_equal(tare_node_float(node, "alpha", 1.0F), 0.5F, 0.0F);
    assert_string_equal(tare_node_string(node, "mode", "x"), "edge");
    assert_string_equal(tare_node_string(node, "none", "x"), "x");
    int64_t pair[2];
    assert_int_equal(tare_node_ints(node, "pads", 2, 1, pair, NULL), TARE_OK);
    assert_int_equal(pair[1], 8);
    assert_int_equal(tare_node_ints(node, "strides", 2, 1, pair, NULL), TARE_OK);
    assert_int_equal(pair[1], 1);
    EXPECT_FAIL(tare_node_ints(node, "pads", 4, 1, pair, &err_), TARE_E_FORMAT,
                "node 'r1' (Relu): attribute 'pads' has 2 values, want 4");
    net_int(node, "axis", 5);
    assert_int_equal(tare_node_int(node, "axis", 1), 5);
    assert_int_equal(node->n_attrs, 4);

    char name[32];
    for (int i = 4; i < 64; i++) {
        (void)snprintf(name, sizeof name, "a%d", i);
        net_int(node, name, i);
    }
    EXPECT_FAIL(tare_node_add_attr(node, "one",
                                   (struct tare_attr){.type = TARE_ATTR_INT}, &err_),
                TARE_E_UNSUPPORTED, "node 'r1' (Relu): more than 64 attributes");
    tare_graph_destroy(graph);
}

static void test_uses(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    net_node(graph, TARE_OP_MUL, "square", "a a", "s");
    net_output(graph, "a");
    const int32_t a = net_tensor(graph, "a"), x = net_tensor(graph, "x");
    size_t uses[4];
    assert_int_equal(tare_graph_n_uses(graph, a), 4);
    tare_graph_count_uses(graph, uses);
    assert_int_equal(uses[a], 4);
    assert_int_equal(uses[x], 1);
    assert_true(tare_graph_is_output(graph, a));
    assert_false(tare_graph_is_output(graph, x));

    tare_graph_replace_uses(graph, a, x);
    assert_int_equal(tare_graph_n_uses(graph, a), 0);
    assert_int_equal(tare_graph_n_uses(graph, x), 5);
    assert_true(tare_graph_is_output(graph, x));
    tare_graph_remove_node(graph, 2);
    assert_int_equal(tare_graph_n_uses(graph, x), 3);
    assert_int_equal(graph->tensors[net_tensor(graph, "s")].producer, -1);
    tare_graph_destroy(graph);
}

/* r1 takes over r2's output, as a fusion does; r2 and "a" are gone after compaction. */
static void test_fuse_and_compact(void **state)
{
    (void)state;
    struct tare_graph *graph = two_relus();
    const int32_t y = net_tensor(graph, "y");
    assert_int_equal(tare_node_absorb(&graph->nodes[0], &graph->nodes[1], NULL),
                     TARE_OK);
    tare_graph_remove_node(graph, 1);
    tare_graph_set_output(graph, 0, 0, y);
    graph->nodes[0].fused.upper = 6.0F;
    graph->nodes[0].precision = TARE_PRECISION_INT8;
    assert_int_equal(tare_graph_compact(graph, NULL), TARE_OK);
    expect_print(graph,
                 "graph '' opset 13\n"
                 "in: x:float32[1x2]\n"
                 "r1: Relu(x:float32[1x2]) -> y:float32[?] + clamp(-inf, 6) with r2 "
                 "as INT8\n"
                 "out: y:float32[?]\n");
    assert_int_equal(graph->n_tensors, 2);
    assert_int_equal(tare_graph_find_tensor(graph, "a"), TARE_NO_TENSOR);
    assert_int_equal(tare_graph_find_tensor(graph, "y"), 1);
    assert_int_equal(tare_graph_find_node(graph, "r2"), -1);
    assert_int_equal(graph->tensors[1].producer, 0);

    struct tare_node *last = net_node(graph, TARE_OP_RELU, "r3", "y", "z");
    assert_int_equal(tare_node_absorb(last, &graph->nodes[0], NULL), TARE_OK);
    assert_int_equal(tare_node_absorb(last, &graph->nodes[0], NULL), TARE_OK);
    assert_string_equal(last->absorbed, "r1 + r2 + r1 + r2");
    tare_graph_destroy(graph);
}

static void test_sort(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(1));
    net_node(graph, TARE_OP_ADD, "n3", "b a", "y");
    net_node(graph, TARE_OP_RELU, "n1", "x", "a");
    net_node(graph, TARE_OP_RELU, "n2", "a", "b");
    net_node(graph, TARE_OP_RELU, "n4", "x", "z");
    net_output(graph, "y");
    assert_int_equal(tare_graph_sort(graph, NULL), TARE_OK);
    const char *const want[] = {"n1", "n2", "n3", "n4"};
    for (int32_t i = 0; i < 4; i++) {
        assert_string_equal(graph->nodes[i].name, want[i]);
        assert_int_equal(graph->tensors[graph->nodes[i].outputs[0]].producer, i);
        assert_int_equal(tare_graph_find_node(graph, want[i]), i);
    }
    tare_graph_destroy(graph);
}

static void test_sort_messages(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(1));
    net_node(graph, TARE_OP_ADD, "n1", "x b", "a");
    net_node(graph, TARE_OP_RELU, "n2", "a", "b");
    EXPECT_FAIL(
        tare_graph_sort(graph, &err_), TARE_E_FORMAT,
        "node 'n2' (Relu): input 'a' depends on the node's own output: a cycle");
    tare_graph_remove_node(graph, 1);
    EXPECT_FAIL(tare_graph_sort(graph, &err_), TARE_E_FORMAT,
                "node 'n1' (Add): nothing makes its input 'b'");
    tare_graph_remove_node(graph, 0);
    net_output(graph, "b");
    EXPECT_FAIL(tare_graph_sort(graph, &err_), TARE_E_FORMAT,
                "nothing makes output 'b' of the graph");
    net_node(graph, TARE_OP_RELU, "n3", "x", "b");
    assert_int_equal(tare_graph_sort(graph, NULL), TARE_OK);
    assert_int_equal(tare_graph_set_inputs(
                         graph,
                         (int32_t[]){net_tensor(graph, "x"), net_tensor(graph, "b")}, 2,
                         NULL),
                     TARE_OK);
    EXPECT_FAIL(tare_graph_sort(graph, &err_), TARE_E_FORMAT,
                "input 'b' of the graph is also made by node 'n3'");
    tare_graph_destroy(graph);
}

static void test_clone(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct tare_graph *graph = net_create(11);
    net_input(graph, "x", NET_DIMS(1, 3, 8, 8));
    graph->tensors[0].symbols[0] = tare_strdup("batch");
    struct tare_node *node = net_conv(graph, "conv", "x", "a", 3, 4, 3, true, &seed);
    net_string(node, "auto_pad", "NOTSET");
    net_node(graph, TARE_OP_CLIP, "clip", "a - -", "y");
    net_output(graph, "y");
    tare_tensor_clear_data(&graph->tensors[2]);
    NET_TRY(tare_node_absorb(&graph->nodes[0], &graph->nodes[1], &err_));

    struct tare_text before = {0};
    tare_graph_print(graph, &before);
    struct tare_graph *copy;
    assert_int_equal(tare_graph_clone(graph, &copy, NULL), TARE_OK);
    tare_graph_destroy(graph);
    expect_print(copy, before.data);
    tare_text_free(&before);
    assert_string_equal(copy->tensors[0].symbols[0], "batch");
    assert_int_equal(tare_graph_find_tensor(copy, "y"), copy->outputs[0]);
    assert_int_equal(tare_graph_find_node(copy, "clip"), 1);
    tare_graph_destroy(copy);
}

/* A large constant is there once, until the last graph that has it is gone. */
static void test_shared_constants(void **state)
{
    (void)state;
    uint64_t seed = 9;
    struct tare_graph *graph = net_create(11);
    net_weights(graph, "large", NET_DIMS(64, 64), -1, 1, &seed);
    net_weights(graph, "small", NET_DIMS(4), -1, 1, &seed);
    float values[64 * 64];
    const float *data = graph->tensors[0].data;
    memcpy(values, data, sizeof values);
    struct tare_graph *copy = net_copy(graph), *last = net_copy(copy);
    assert_ptr_equal(copy->tensors[0].data, data);
    assert_ptr_equal(last->tensors[0].data, data);
    assert_ptr_not_equal(copy->tensors[1].data, graph->tensors[1].data);
    tare_graph_destroy(graph);
    tare_tensor_clear_data(&copy->tensors[0]);
    assert_null(copy->tensors[0].data);
    tare_graph_destroy(copy);
    assert_memory_equal(last->tensors[0].data, values, sizeof values);
    tare_graph_destroy(last);
}

static void test_print(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(11);
    net_input(graph, "x", NET_DIMS(1, 3, -1, 8));
    net_scalar(graph, "c", 1.0F);
    struct tare_node *node = net_node(graph, TARE_OP_CLIP, "clip", "x - c", "y");
    net_ints(node, "a", 9, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    net_float(node, "b", 0.25F);
    net_string(node, "c", "text");
    node->fused = (struct tare_fused){true, 0.1F, 0.0F, INFINITY};
    net_output(graph, "y");
    expect_print(graph,
                 "graph '' opset 11\n"
                 "in: x:float32[1x3x?x8]\n"
                 "clip: Clip(x:float32[1x3x?x8], -, c*:float32[scalar]) -> "
                 "y:float32[?] {a=[1,2,3,4,5,6,7,8,...] b=0.25 c='text'} + residual "
                 "slope(0.1) clamp(0, inf)\n"
                 "out: y:float32[?]\n");
    tare_graph_destroy(graph);
}

static void test_fused(void **state)
{
    (void)state;
    struct tare_fused fused = tare_fused_none();
    assert_true(tare_fused_is_none(&fused));
    fused.upper = 6.0F;
    assert_false(tare_fused_is_none(&fused));
    fused = tare_fused_none();
    fused.negative_slope = 0.0F;
    assert_false(tare_fused_is_none(&fused));
    fused = tare_fused_none();
    fused.has_residual = true;
    assert_false(tare_fused_is_none(&fused));
    assert_string_equal(tare_precision_name(TARE_PRECISION_BF16), "BF16");
}

static void test_op_table(void **state)
{
    (void)state;
    for (int op = 0; op < TARE_OP_COUNT; op++) {
        const struct tare_op_info *info = tare_op_info((enum tare_op)op);
        assert_int_equal(tare_op_find(info->name), *info->name ? op : TARE_OP_COUNT);
        /* No model of the opsets that are read has these: they are for passes alone. */
        const bool is_later = op == TARE_OP_SWISH || op == TARE_OP_RMS_NORMALIZATION;
        assert_true(info->since >= TARE_OPSET_FIRST &&
                    (info->since <= TARE_OPSET_MAX) != is_later);
        assert_true(info->min_inputs <= info->max_inputs && info->n_outputs >= 1);
        assert_non_null(info->infer);
    }
    assert_int_equal(tare_op_find("NoSuchOp"), TARE_OP_COUNT);
}

/* A chain of 100,000 nodes of equal names, added last node first: linear in time, and
 * deeper than a recursion could go. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 100000 };
    const clock_t begin = clock();
    struct tare_graph *graph = net_create(13);
    char name[32];
    int32_t id;
    for (int i = 0; i <= N; i++) {
        (void)snprintf(name, sizeof name, "t%d", i);
        NET_TRY(tare_graph_add_tensor(graph, name, &id, &err_));
    }
    for (int32_t i = N; i > 0; i--) {
        const int32_t from = i - 1;
        NET_TRY(tare_graph_add_node(graph, TARE_OP_RELU, "same", &from, 1, &i, 1, NULL,
                                    &err_));
    }
    net_input(graph, "t0", NET_DIMS(2));
    net_output(graph, "t100000");
    NET_TRY(tare_graph_sort(graph, &err_));
    for (int32_t i = 0; i < N; i++)
        assert_int_equal(graph->nodes[i].inputs[0], i);
    net_infer(graph);
    struct tare_graph *copy;
    NET_TRY(tare_graph_clone(graph, &copy, &err_));
    NET_TRY(tare_graph_compact(copy, &err_));
    assert_int_equal(copy->n_nodes, N);
    tare_graph_destroy(copy);
    tare_graph_destroy(graph);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 10.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor_names),
        cmocka_unit_test(test_node_names),
        cmocka_unit_test(test_bad_nodes),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_fuse_and_compact),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_messages),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_shared_constants),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_fused),
        cmocka_unit_test(test_op_table),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
