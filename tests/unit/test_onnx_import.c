/* What an import makes of a model. */
#include "onnx_import.h"

static const struct tare_tensor *tensor_of(const struct tare_graph *graph,
                                           const char *name)
{
    const int32_t id = tare_graph_find_tensor(graph, name);
    assert_int_not_equal(id, TARE_NO_TENSOR);
    return &graph->tensors[id];
}

static void test_one_node(void **state)
{
    (void)state;
    struct tare_graph *graph = import(make_model(13, relu_graph()));
    assert_non_null(graph);
    assert_int_equal(graph->opset, 13);
    assert_int_equal(graph->n_inputs, 1);
    assert_int_equal(graph->n_outputs, 1);
    const struct tare_tensor *x = &graph->tensors[graph->inputs[0]];
    assert_string_equal(x->name, "x");
    assert_int_equal(x->dtype, TARE_F32);
    assert_true(x->has_dims);
    assert_int_equal(x->dims.rank, 2);
    assert_int_equal(x->dims.d[0], -1);
    assert_string_equal(x->symbols[0], "N");
    assert_int_equal(x->dims.d[1], 4);
    assert_null(x->symbols[1]);
    assert_int_equal(x->producer, -1);

    assert_int_equal(graph->n_nodes, 1);
    const struct tare_node *relu = &graph->nodes[0];
    assert_int_equal(relu->op, TARE_OP_RELU);
    assert_string_equal(relu->name, "r");
    assert_int_equal(relu->inputs[0], graph->inputs[0]);
    assert_int_equal(relu->outputs[0], graph->outputs[0]);
    assert_int_equal(graph->tensors[graph->outputs[0]].producer, 0);
    tare_graph_destroy(graph);
}

static void test_unknown_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        int32_t rank;
        int64_t first;
        const char *symbol;
    } cases[] = {
        {NULL, 0, 0, NULL}, {"", 0, 0, NULL},    {"-1", 1, -1, NULL},
        {"0", 1, 0, NULL},  {",4", 2, -1, NULL}, {"a b,?,4", 3, -1, "a b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes proto = {0};
        put_message(&proto, GRAPH_INPUT, make_value("x", TYPE_INT64, cases[i].shape));
        put_message(&proto, GRAPH_OUTPUT, make_value("x", TYPE_INT64, NULL));
        struct tare_graph *graph = import(make_model(13, proto));
        assert_non_null(graph);
        const struct tare_tensor *x = tensor_of(graph, "x");
        assert_int_equal(x->dtype, TARE_S64);
        assert_int_equal(x->has_dims, cases[i].shape != NULL);
        assert_int_equal(x->dims.rank, cases[i].rank);
        assert_int_equal(x->dims.d[0], cases[i].first);
        if (cases[i].symbol)
            assert_string_equal(x->symbols[0], cases[i].symbol);
        else
            assert_null(x->symbols[0]);
        tare_graph_destroy(graph);
    }
}

static void test_nodes_in_any_order(void **state)
{
    (void)state;
    struct bytes proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("Relu", "last", "b", "y"));
    put_message(&proto, GRAPH_NODE, make_node("Sigmoid", "second", "a", "b"));
    put_message(&proto, GRAPH_NODE, make_node("Tanh", "first", "x", "a"));
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    assert_string_equal(graph->nodes[0].name, "first");
    assert_string_equal(graph->nodes[1].name, "second");
    assert_string_equal(graph->nodes[2].name, "last");
    tare_graph_destroy(graph);

    proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("Add", "one", "x,b", "a"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "two", "a", "b"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "three", "b", "y"));
    graph = import(make_model(13, proto));
    assert_null(graph);
    assert_int_equal(error.code, TARE_E_FORMAT);
    assert_non_null(strstr(error.text, "node '"));
}

static void test_node_names(void **state)
{
    (void)state;
    struct bytes proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("Relu", NULL, "x", "a"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "same", "a", "b"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "same", "b", "c"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "Relu_0", "c", "d"));
    put_message(&proto, GRAPH_NODE, make_node("Relu", "", "d", "y"));
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    static const char *const names[] = {"Relu_1", "same", "same_2", "Relu_0", "Relu_4"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(graph->nodes[i].name, names[i]);
    assert_string_equal(warnings, "model: node names are not unique; 1 renamed ('same' "
                                  "is now 'same_2')\n");
    tare_graph_destroy(graph);
}

static void test_attributes(void **state)
{
    (void)state;
    static const int64_t kernel[] = {3, 5};
    static const int64_t w_dims[] = {2, 1, 3, 5};
    const float weights[30] = {1.5F};
    struct bytes proto = {0};
    put_message(&proto, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "1,2,8,8"));
    put_message(&proto, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    struct bytes w = make_tensor("w", TYPE_FLOAT, 4, w_dims);
    put_bytes(&w, TENSOR_RAW_DATA, weights, sizeof weights);
    put_message(&proto, GRAPH_INITIALIZER, w);
    struct bytes conv = make_node("Conv", "conv", "x,w,", "c");
    put_attr_int(&conv, "group", 2);
    put_attr_ints(&conv, "kernel_shape", 2, kernel);
    struct bytes pad = make_attr("auto_pad", ATTR_STRING);
    put_text(&pad, ATTRIBUTE_S, "SAME_UPPER");
    put_message(&conv, NODE_ATTRIBUTE, pad);
    put_message(&proto, GRAPH_NODE, conv);
    struct bytes leaky = make_node("LeakyRelu", "leaky", "c", "y");
    struct bytes alpha = make_attr("alpha", ATTR_FLOAT);
    put_float(&alpha, ATTRIBUTE_F, 0.25F);
    put_message(&leaky, NODE_ATTRIBUTE, alpha);
    put_message(&proto, GRAPH_NODE, leaky);

    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    const struct tare_node *node = &graph->nodes[0];
    assert_int_equal(node->n_inputs, 2); /* the empty bias at the end is dropped */
    assert_int_equal(tare_node_int(node, "group", 1), 2);
    assert_string_equal(tare_node_string(node, "auto_pad", ""), "SAME_UPPER");
    int64_t read[2];
    assert_int_equal(tare_node_ints(node, "kernel_shape", 2, 0, read, NULL), TARE_OK);
    assert_memory_equal(read, kernel, sizeof kernel);
    assert_true(tare_node_float(&graph->nodes[1], "alpha", 0.0F) == 0.25F);
    const struct tare_tensor *tensor = tensor_of(graph, "w");
    assert_int_equal(tensor->n_bytes, sizeof weights);
    assert_memory_equal(tensor->data, weights, sizeof weights);
    assert_int_equal((uintptr_t)tensor->data % 64, 0);
    tare_graph_destroy(graph);
}

static void test_optional_input_in_the_middle(void **state)
{
    (void)state;
    struct bytes proto = frame();
    struct bytes max = make_tensor("max", TYPE_FLOAT, 0, NULL);
    put_float(&max, TENSOR_FLOAT_DATA, 6.0F);
    put_message(&proto, GRAPH_INITIALIZER, max);
    put_message(&proto, GRAPH_NODE, make_node("Clip", "clip", "x,,max", "y"));
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    const struct tare_node *node = &graph->nodes[0];
    assert_int_equal(node->n_inputs, 3);
    assert_int_equal(node->inputs[1], TARE_NO_TENSOR);
    assert_int_equal(node->inputs[2], tare_graph_find_tensor(graph, "max"));
    tare_graph_destroy(graph);
}

/** A graph y = Identity(c) with a Constant node that has the given attribute. */
static struct bytes constant_graph(struct bytes attr)
{
    struct bytes proto = frame();
    struct bytes node = make_node("Constant", "k", NULL, "c");
    put_message(&node, NODE_ATTRIBUTE, attr);
    put_message(&proto, GRAPH_NODE, make_node("Identity", "id", "c", "y"));
    put_message(&proto, GRAPH_NODE, node);
    return proto;
}

static void expect_constant(struct bytes attr, enum tare_dtype dtype, int rank,
                            const void *data, size_t n_bytes)
{
    struct tare_graph *graph = import(make_model(13, constant_graph(attr)));
    assert_non_null(graph);
    assert_int_equal(graph->n_nodes, 1);
    const struct tare_tensor *c = tensor_of(graph, "c");
    assert_true(tare_tensor_is_const(c));
    assert_int_equal(c->producer, -1);
    assert_int_equal(c->dtype, dtype);
    assert_int_equal(c->dims.rank, rank);
    assert_int_equal(c->n_bytes, n_bytes);
    assert_memory_equal(c->data, data, n_bytes);
    tare_graph_destroy(graph);
}

static void test_constant_nodes(void **state)
{
    (void)state;
    static const float floats[] = {1.5F, -2.0F};
    static const int64_t ints[] = {-1, INT64_MAX, 7};
    static const int64_t two[] = {2};

    struct bytes attr = make_attr("value_float", ATTR_FLOAT);
    put_float(&attr, ATTRIBUTE_F, floats[0]);
    expect_constant(attr, TARE_F32, 0, floats, 4);
    attr = make_attr("value_int", ATTR_INT);
    put_int(&attr, ATTRIBUTE_I, ints[0]);
    expect_constant(attr, TARE_S64, 0, ints, 8);
    attr = make_attr("value_floats", ATTR_FLOATS);
    put_bytes(&attr, ATTRIBUTE_FLOATS, floats, sizeof floats);
    expect_constant(attr, TARE_F32, 1, floats, sizeof floats);
    attr = make_attr("value_ints", ATTR_INTS);
    for (size_t i = 0; i < 3; i++)
        put_int(&attr, ATTRIBUTE_INTS, ints[i]);
    expect_constant(attr, TARE_S64, 1, ints, sizeof ints);
    attr = make_attr("value", ATTR_TENSOR);
    struct bytes tensor = make_tensor("", TYPE_FLOAT, 1, two);
    put_bytes(&tensor, TENSOR_RAW_DATA, floats, sizeof floats);
    put_message(&attr, ATTRIBUTE_T, tensor);
    expect_constant(attr, TARE_F32, 1, floats, sizeof floats);

    expect_graph_failure(
        constant_graph(make_attr("value_string", ATTR_STRING)), TARE_E_UNSUPPORTED,
        "node 'k' (Constant): attribute 'value_string' of type 3 is not "
        "supported");
    expect_graph_failure(constant_graph(make_attr("value", ATTR_TENSOR)), TARE_E_FORMAT,
                         "node 'k' (Constant): the tensor is missing");
}

static void test_initializer_among_inputs(void **state)
{
    (void)state;
    struct bytes proto = relu_graph();
    static const int64_t dims[] = {1};
    struct bytes w = make_tensor("w", TYPE_FLOAT, 1, dims);
    put_float(&w, TENSOR_FLOAT_DATA, 3.0F);
    put_message(&proto, GRAPH_INITIALIZER, w);
    put_message(&proto, GRAPH_INPUT, make_value("w", TYPE_FLOAT, "1"));
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    assert_int_equal(graph->n_inputs, 1);
    assert_true(tare_tensor_is_const(tensor_of(graph, "w")));
    tare_graph_destroy(graph);
}

static void test_other_float_types_warn(void **state)
{
    (void)state;
    struct bytes proto = frame();
    put_message(&proto, GRAPH_INPUT, make_value("h", TYPE_FLOAT16, "4"));
    put_message(&proto, GRAPH_NODE, make_node("Add", "n", "x,h", "y"));
    for (int i = 0; i < 2; i++) {
        struct bytes w = make_tensor(i ? "w1" : "w0", TYPE_DOUBLE, 0, NULL);
        const double value = 0.1;
        put_bytes(&w, TENSOR_RAW_DATA, &value, sizeof value);
        put_message(&proto, GRAPH_INITIALIZER, w);
    }
    struct tare_graph *graph = import(make_model(13, proto));
    assert_non_null(graph);
    assert_int_equal(tensor_of(graph, "h")->dtype, TARE_F32);
    const float value = 0.1F;
    assert_int_equal(tensor_of(graph, "w1")->n_bytes, 4);
    assert_memory_equal(tensor_of(graph, "w1")->data, &value, 4);
    assert_string_equal(warnings,
                        "model: 2 double initializers are rounded to float32\n"
                        "model: input 'h' has type float16 and is taken as float32\n");
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_unknown_shapes),
        cmocka_unit_test(test_nodes_in_any_order),
        cmocka_unit_test(test_node_names),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_optional_input_in_the_middle),
        cmocka_unit_test(test_constant_nodes),
        cmocka_unit_test(test_initializer_among_inputs),
        cmocka_unit_test(test_other_float_types_warn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
