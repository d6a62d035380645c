/* What an import refuses, and what it says. */
#include "onnx_import.h"

#define HINT " (a plugin may compute it: --plugin=FILE.so)"

static void test_versions(void **state)
{
    (void)state;
    expect_failure(make_model(0, relu_graph()), TARE_E_UNSUPPORTED,
                   "opset 0 is not supported, want 1 to 22 (onnx.version_converter may "
                   "help)");
    expect_failure(
        make_model(23, relu_graph()), TARE_E_UNSUPPORTED,
        "opset 23 is not supported, want 1 to 22 (onnx.version_converter may "
        "help)");
    for (int64_t opset = 1; opset <= 22; opset++) {
        struct tare_graph *graph = import(make_model(opset, relu_graph()));
        assert_non_null(graph);
        assert_int_equal(graph->opset, opset < 7 ? 7 : opset);
        tare_graph_destroy(graph);
    }
    struct bytes model = make_model(13, relu_graph());
    put_opset(&model, "ai.onnx", 13);
    put_opset(&model, "com.foo", 1);
    tare_graph_destroy(import(model));
    assert_int_equal(error.code, TARE_OK);
    model = make_model(13, relu_graph());
    put_opset(&model, "ai.onnx", 12);
    expect_failure(model, TARE_E_FORMAT,
                   "imports the default operator set as version 13 and 12");

    model = (struct bytes){0};
    put_int(&model, MODEL_IR_VERSION, 2);
    put_message(&model, MODEL_GRAPH, relu_graph());
    expect_failure(model, TARE_E_UNSUPPORTED,
                   "IR version 2 is not supported, want 3 to 13");
    model = (struct bytes){0};
    put_int(&model, MODEL_IR_VERSION, 3);
    put_message(&model, MODEL_GRAPH, relu_graph());
    expect_failure(model, TARE_E_FORMAT, "does not import the default operator set");
    struct bytes graph = frame();
    struct bytes node = make_node("Bar", "b", "x", "y");
    put_text(&node, NODE_DOMAIN, "com.foo");
    put_message(&graph, GRAPH_NODE, node);
    model = (struct bytes){0};
    put_int(&model, MODEL_IR_VERSION, 3);
    put_opset(&model, "com.foo", 2);
    put_message(&model, MODEL_GRAPH, graph);
    expect_failure(
        model, TARE_E_UNSUPPORTED,
        "op 'com.foo::Bar' (node 'b', opset 2) is not supported by tare" HINT);
    model = (struct bytes){0};
    put_int(&model, MODEL_IR_VERSION, 3);
    expect_failure(model, TARE_E_FORMAT, "not an ONNX model (no graph)");
    expect_failure((struct bytes){0}, TARE_E_FORMAT,
                   "not an ONNX model (no ir_version)");
}

static void test_unsupported_operators(void **state)
{
    (void)state;
    struct bytes proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("Relu", "r", "x", "a"));
    put_message(&proto, GRAPH_NODE, make_node("Foo", "n1", "a", "y"));
    expect_graph_failure(
        proto, TARE_E_UNSUPPORTED,
        "op 'Foo' (node 'n1', opset 13) is not supported by tare" HINT);

    proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("Foo", NULL, "x", "a"));
    put_message(&proto, GRAPH_NODE, make_node("Bar", NULL, "a", "b"));
    put_message(&proto, GRAPH_NODE, make_node("Foo", NULL, "b", "y"));
    expect_graph_failure(
        proto, TARE_E_UNSUPPORTED,
        "op 'Foo' (node 'Foo_0', opset 13) is not supported by tare" HINT "; all "
        "of them: 'Foo', 'Bar'");

    proto = frame();
    struct bytes node = make_node("Relu", "r", "x", "y");
    put_text(&node, NODE_DOMAIN, "com.foo");
    put_message(&proto, GRAPH_NODE, node);
    struct bytes model = make_model(13, proto);
    put_opset(&model, "com.foo", 5);
    expect_failure(
        model, TARE_E_UNSUPPORTED,
        "op 'com.foo::Relu' (node 'r', opset 5) is not supported by tare" HINT);

    proto = frame();
    char op[] = "Unknown_A_LongEnough";
    for (int letter = 'A'; letter <= 'Z'; letter++) {
        op[8] = (char)letter;
        put_message(&proto, GRAPH_NODE,
                    make_node(op, NULL, "x", letter == 'A' ? "y" : NULL));
    }
    assert_null(import(make_model(13, proto)));
    assert_non_null(strstr(error.text, "'Unknown_B_LongEnough'"));
    assert_string_equal(error.text + strlen(error.text) - 5, ", ...");

    proto = frame();
    put_message(&proto, GRAPH_NODE, make_node("HardSwish", "h", "x", "y"));
    assert_null(import(make_model(13, proto)));
    assert_int_equal(error.code, TARE_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "node 'h' (HardSwish)"));
    assert_non_null(strstr(error.text, "14"));
}

static void test_functions_and_training(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bytes function = {0};
        put_text(&function, FUNCTION_NAME, i ? "Relu" : "Unused");
        put_text(&function, FUNCTION_DOMAIN, "");
        struct bytes model = make_model(13, relu_graph());
        put_message(&model, MODEL_FUNCTIONS, function);
        struct tare_graph *graph = import(model);
        assert_true((graph == NULL) == (i == 1));
        tare_graph_destroy(graph);
    }
    assert_string_equal(
        error.text,
        "node 'r' (Relu): 1 inputs and 1 outputs, the function has 0 and 0");
    struct bytes model = make_model(13, relu_graph());
    put_message(&model, MODEL_TRAINING_INFO, (struct bytes){0});
    expect_failure(model, TARE_E_UNSUPPORTED,
                   "training information is not supported; export the model for "
                   "inference");
}

static void test_bad_attributes(void **state)
{
    (void)state;
    struct bytes graph = frame();
    struct bytes node = make_node("Relu", "r", "x", "y");
    put_message(&node, NODE_ATTRIBUTE, make_attr("body", ATTR_GRAPH));
    put_message(&graph, GRAPH_NODE, node);
    expect_graph_failure(graph, TARE_E_FORMAT,
                         "node 'r' (Relu): attribute 'body': the graph is missing");
    graph = frame();
    node = make_node("Flatten", "f", "x", "y");
    put_attr_int(&node, "axis", 1);
    put_attr_int(&node, "axis", 2);
    put_message(&graph, GRAPH_NODE, node);
    expect_graph_failure(graph, TARE_E_FORMAT,
                         "node 'f' (Flatten): attribute 'axis' is given twice");
    graph = frame();
    node = make_node("Flatten", "f", "x", "y");
    put_attr_int(&node, "colour", 1);
    put_message(&graph, GRAPH_NODE, node);
    assert_null(import(make_model(13, graph)));
    assert_int_equal(error.code, TARE_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "node 'f' (Flatten): attribute 'colour'"));
    graph = frame();
    node = make_node("Flatten", "f", "x", "y");
    put_message(&node, NODE_ATTRIBUTE, make_attr("axis", 0));
    put_message(&graph, GRAPH_NODE, node);
    expect_graph_failure(
        graph, TARE_E_UNSUPPORTED,
        "node 'f' (Flatten): attribute 'axis': its type 0 (undefined) is "
        "not supported");
}

static void test_bad_text_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } bad[] = {{"SAME\0UPPER", 10}, {"SAME\nUPPER", 10}, {"\xff", 1}, {"VALID\0", 6}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bytes graph = frame();
        struct bytes node = make_node("MaxPool", "p", "x", "y");
        struct bytes attr = make_attr("auto_pad", ATTR_STRING);
        put_bytes(&attr, ATTRIBUTE_S, bad[i].text, bad[i].n);
        put_message(&node, NODE_ATTRIBUTE, attr);
        put_message(&graph, GRAPH_NODE, node);
        expect_graph_failure(
            graph, TARE_E_FORMAT,
            "node 'p' (MaxPool): attribute 'auto_pad': the text is unprintable");
    }
    struct bytes graph = frame();
    struct bytes node = make_node("Flatten", "f", "x", "y");
    struct bytes attr = make_attr("axis", ATTR_INT);
    put_text(&attr, ATTRIBUTE_REF_NAME, "axis");
    put_message(&node, NODE_ATTRIBUTE, attr);
    put_message(&graph, GRAPH_NODE, node);
    expect_graph_failure(graph, TARE_E_FORMAT,
                         "node 'f' (Flatten): attribute 'axis': it refers to a "
                         "function's attribute, outside of a function");
}

static void test_bad_edges(void **state)
{
    (void)state;
    struct bytes graph = frame();
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "nowhere", "y"));
    expect_graph_failure(
        graph, TARE_E_FORMAT,
        "node 'r' (Relu): input 'nowhere' is made by no node, input or "
        "initializer");
    graph = relu_graph();
    put_message(&graph, GRAPH_NODE, make_node("Relu", "again", "x", "y"));
    expect_graph_failure(
        graph, TARE_E_FORMAT,
        "node 'again' (Relu): two tensors are named 'y'; names must be "
        "unique");
    graph = relu_graph();
    put_message(&graph, GRAPH_OUTPUT, make_value("z", TYPE_FLOAT, NULL));
    expect_graph_failure(graph, TARE_E_FORMAT, "graph output 'z' is made by no node");
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, NULL));
    expect_graph_failure(graph, TARE_E_FORMAT, "graph input 'x' is given twice");
    expect_graph_failure((struct bytes){0}, TARE_E_FORMAT, "the graph has no outputs");
    graph = frame();
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "x", NULL));
    assert_null(import(make_model(13, graph)));
    assert_int_equal(error.code, TARE_E_FORMAT);
    assert_non_null(strstr(error.text, "node 'r' (Relu)"));
}

static void test_bad_inputs(void **state)
{
    (void)state;
    struct bytes graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, make_value("s", TYPE_STRING, NULL));
    expect_graph_failure(graph, TARE_E_UNSUPPORTED,
                         "graph input 's': element type 8 (string) is not supported");
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, make_value("s", 99, NULL));
    expect_graph_failure(graph, TARE_E_UNSUPPORTED,
                         "graph input 's': element type 99 (unknown) is not supported");
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, make_value("s", TYPE_FLOAT, "1,2,3,4,5,6,7,8,9"));
    expect_graph_failure(graph, TARE_E_UNSUPPORTED,
                         "graph input 's': 9 axes, want at most 8");
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, make_value("s", TYPE_FLOAT, "-2"));
    expect_graph_failure(graph, TARE_E_FORMAT,
                         "graph input 's': an axis has length -2");
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT,
                make_value("s", TYPE_FLOAT, "N,4294967296,4294967296"));
    expect_graph_failure(graph, TARE_E_FORMAT,
                         "graph input 's': the product of the axes is too large");
    struct bytes value = {0}, type = {0};
    put_message(&type, TYPE_SEQUENCE, (struct bytes){0});
    put_text(&value, VALUE_NAME, "s");
    put_message(&value, VALUE_TYPE, type);
    graph = relu_graph();
    put_message(&graph, GRAPH_INPUT, value);
    expect_graph_failure(graph, TARE_E_UNSUPPORTED,
                         "graph input 's': only dense tensors are supported");
    graph = relu_graph();
    for (int i = 0; i < 2; i++) {
        struct bytes w = make_tensor("w", TYPE_FLOAT, 0, NULL);
        put_float(&w, TENSOR_FLOAT_DATA, 1.0F);
        put_message(&graph, GRAPH_INITIALIZER, w);
    }
    expect_graph_failure(graph, TARE_E_FORMAT, "initializer 'w' is given twice");
    graph = relu_graph();
    put_message(&graph, GRAPH_SPARSE_INITIALIZER, (struct bytes){0});
    expect_graph_failure(graph, TARE_E_UNSUPPORTED,
                         "sparse initializers are not supported");
}

static void test_names_must_be_printable(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nb",     "\x7f",         "\xc2\x85",
                                      "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",     "a\xe2\x82",    "\t"};
    static const char *const good[] = {"a b", "caf\xc3\xa9", "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80", "/conv1/Conv:0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bytes graph = frame();
        put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "x", bad[i]));
        expect_graph_failure(graph, TARE_E_FORMAT,
                             "node 'r' (Relu): the name of output 0 is unprintable");
        graph = relu_graph();
        put_message(&graph, GRAPH_INPUT, make_value(bad[i], TYPE_FLOAT, NULL));
        expect_graph_failure(graph, TARE_E_FORMAT,
                             "a graph input's name is empty or unprintable");
        graph = relu_graph();
        put_message(&graph, GRAPH_INPUT, make_value("s", TYPE_FLOAT, bad[i]));
        expect_graph_failure(graph, TARE_E_FORMAT,
                             "graph input 's': an axis has an unprintable name");
        graph = frame();
        put_message(&graph, GRAPH_NODE, make_node("Relu", bad[i], "x", "y"));
        expect_graph_failure(graph, TARE_E_FORMAT, "the name of node 0 is unprintable");
        graph = frame();
        put_message(&graph, GRAPH_NODE, make_node("Relu", "r", bad[i], "y"));
        expect_graph_failure(
            graph, TARE_E_FORMAT,
            "node 'r' (Relu): input '(unprintable)' is made by no node, "
            "input or initializer");
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct bytes proto = frame();
        put_message(&proto, GRAPH_NODE, make_node("Relu", good[i], "x", good[i]));
        put_message(&proto, GRAPH_NODE, make_node("Relu", "r", good[i], "y"));
        struct tare_graph *graph = import(make_model(13, proto));
        assert_non_null(graph);
        assert_string_equal(graph->nodes[0].name, good[i]);
        tare_graph_destroy(graph);
    }
}

static void test_file_is_named(void **state)
{
    static const char path[] = TARE_SOURCE_DIR "/README.md";
    static const char want[] = TARE_SOURCE_DIR "/README.md: not an ONNX model (byte ";
    (void)state;
    struct tare_graph *graph;
    assert_int_equal(tare_onnx_import("/nonexistent.onnx", NULL, &graph, &error),
                     TARE_E_IO);
    assert_null(graph);
    assert_memory_equal(error.text, "/nonexistent.onnx: ", 19);
    assert_int_equal(tare_onnx_import(path, NULL, &graph, &error), TARE_E_FORMAT);
    assert_memory_equal(error.text, want, sizeof want - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_unsupported_operators),
        cmocka_unit_test(test_functions_and_training),
        cmocka_unit_test(test_bad_attributes),
        cmocka_unit_test(test_bad_text_attributes),
        cmocka_unit_test(test_bad_edges),
        cmocka_unit_test(test_bad_inputs),
        cmocka_unit_test(test_names_must_be_printable),
        cmocka_unit_test(test_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
