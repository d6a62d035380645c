/* Models of opsets 1 to 6 are rewritten to opset 7. */
#include "base/text.h"
#include "onnx_import.h"

static struct bytes attr_node(const char *op, const char *inputs, const char *name,
                              int64_t value)
{
    struct bytes node = make_node(op, "n", inputs, "y");
    if (name) put_attr_int(&node, name, value);
    return node;
}

/* Inputs "x" and "b" of the shapes, and one node. */
static struct bytes two_inputs(const char *x, const char *b, struct bytes node)
{
    struct bytes graph = {0};
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, x));
    put_message(&graph, GRAPH_INPUT, make_value("b", TYPE_FLOAT, b));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    put_message(&graph, GRAPH_NODE, node);
    return graph;
}

/* The graph that comes of a model, as text. */
static void expect_nodes(struct bytes model, const char *want)
{
    struct tare_text text = {0};
    struct tare_graph *graph = import(model);
    if (!graph) fail_msg("%s", error.text);
    assert_int_equal(graph->opset, 7);
    for (size_t i = 0; i < graph->n_nodes; i++)
        assert_int_equal(tare_node_check(graph, &graph->nodes[i], &error), TARE_OK);
    tare_graph_print(graph, &text);
    const char *nodes = strchr(strchr(text.data, '\n') + 1, '\n') + 1;
    assert_string_equal(nodes, want);
    tare_text_free(&text);
    tare_graph_destroy(graph);
}

static struct bytes broadcast(const char *op, int64_t axis)
{
    struct bytes node = attr_node(op, "x,b", "broadcast", 1);
    if (axis >= 0) put_attr_int(&node, "axis", axis);
    return node;
}

#define OUT "out: y:float32[?]\n"

static void test_broadcast(void **state)
{
    (void)state;
    expect_nodes(
        make_model(6, two_inputs("N,3,4,5", "3", broadcast("Add", 1))),
        "n:input_1: Unsqueeze(b:float32[3]) -> n:input_1:float32[?] {axes=[1,2]}\n"
        "n: Add(x:float32[?x3x4x5], n:input_1:float32[?]) -> y:float32[?]\n" OUT);
    expect_nodes(
        make_model(1, two_inputs("N,3,4,5", "3,4", broadcast("Pow", 1))),
        "n:input_1: Unsqueeze(b:float32[3x4]) -> n:input_1:float32[?] {axes=[2]}\n"
        "n: Pow(x:float32[?x3x4x5], n:input_1:float32[?]) -> y:float32[?]\n" OUT);
    expect_nodes(make_model(6, two_inputs("N,3,4,5", "4,5", broadcast("Mul", 2))),
                 "n: Mul(x:float32[?x3x4x5], b:float32[4x5]) -> y:float32[?]\n" OUT);
    expect_nodes(make_model(6, two_inputs("N,3,4,5", "5", broadcast("Less", -1))),
                 "n: Less(x:float32[?x3x4x5], b:float32[5]) -> y:float32[?]\n" OUT);
    /* Without broadcast the axis says nothing. */
    expect_nodes(
        make_model(6, two_inputs("2,3", "2,3", attr_node("Sub", "x,b", "axis", 1))),
        "n: Sub(x:float32[2x3], b:float32[2x3]) -> y:float32[?]\n" OUT);
    expect_failure(make_model(6, two_inputs("3,4", "3,4", broadcast("Div", 1))),
                   TARE_E_FORMAT,
                   "node 'n' (Div): it broadcasts from axis 1 on, the inputs have rank "
                   "2 and 2");
    expect_failure(make_model(6, two_inputs(NULL, "3", broadcast("Add", 1))),
                   TARE_E_UNSUPPORTED,
                   "node 'n' (Add): it broadcasts from axis 1 on, and the model does "
                   "not say of what rank 'x' is (onnx.shape_inference may help)");
}

static void put_zeros(struct bytes *graph, const char *name, int rank,
                      const int64_t *dims, size_t n)
{
    static const float zeros[8] = {0.0F};
    struct bytes tensor = make_tensor(name, TYPE_FLOAT, rank, dims);
    put_bytes(&tensor, TENSOR_RAW_DATA, zeros, n * sizeof zeros[0]);
    put_message(graph, GRAPH_INITIALIZER, tensor);
}

/* Ranks follow from weights, and through common operators. */
static void test_ranks(void **state)
{
    (void)state;
    static const int64_t w_dims[] = {3, 2, 1, 1}, b_dims[] = {3}, one[] = {1};
    struct bytes graph = {0};
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, NULL));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    put_zeros(&graph, "w", 4, w_dims, 6);
    put_zeros(&graph, "b", 1, b_dims, 3);
    put_zeros(&graph, "one", 1, one, 1);
    put_message(&graph, GRAPH_NODE, make_node("Conv", "c", "x,w", "h"));
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "h", "i"));
    put_message(&graph, GRAPH_NODE, make_node("PRelu", "p", "i,b", "j"));
    put_message(&graph, GRAPH_NODE, make_node("PRelu", "q", "j,one", "y"));
    expect_nodes(
        make_model(6, graph),
        "c: Conv(x:float32[?], w*:float32[3x2x1x1]) -> h:float32[?]\n"
        "r: Relu(h:float32[?]) -> i:float32[?]\n"
        "p:input_1: Unsqueeze(b*:float32[3]) -> p:input_1:float32[?] {axes=[1,2]}\n"
        "p: PRelu(i:float32[?], p:input_1:float32[?]) -> j:float32[?]\n"
        "q: PRelu(j:float32[?], one*:float32[1]) -> y:float32[?]\n" OUT);
}

static void test_attributes(void **state)
{
    (void)state;
    static const int64_t shape[] = {0, -1};
    struct bytes node = attr_node("Reshape", "x", NULL, 0);
    put_attr_ints(&node, "shape", 2, shape);
    put_attr_ints(&node, "consumed_inputs", 2, shape);
    expect_nodes(
        make_model(4, two_inputs("2,3,4", "1", node)),
        "n: Reshape(x:float32[2x3x4], n:input_1*:int64[2]) -> y:float32[?]\n" OUT);
    expect_nodes(
        make_model(3, two_inputs("2,3", "2,3", attr_node("Concat", "x,b", NULL, 0))),
        "n: Concat(x:float32[2x3], b:float32[2x3]) -> y:float32[?] {axis=1}\n" OUT);
    expect_nodes(
        make_model(6, two_inputs("2,3", "1", attr_node("Dropout", "x", "is_test", 1))),
        "n: Dropout(x:float32[2x3]) -> y:float32[?]\n" OUT);
    expect_failure(
        make_model(6, two_inputs("2,3", "1", attr_node("Dropout", "x", NULL, 0))),
        TARE_E_UNSUPPORTED,
        "node 'n' (Dropout): is_test is 0, that is training; export the model for "
        "inference");
    expect_failure(
        make_model(4, two_inputs("2,3", "1", attr_node("Reshape", "x", NULL, 0))),
        TARE_E_FORMAT, "node 'n' (Reshape): attribute 'shape' is missing");
    expect_failure(
        make_model(5, two_inputs("2,3", "1", attr_node("Cast", "x", "to", 1))),
        TARE_E_UNSUPPORTED, "node 'n' (Cast): opset 5, tare reads it from opset 6");
    node = attr_node("Relu", "x", NULL, 0);
    put_attr_ints(&node, "consumed_inputs", 2, shape);
    expect_failure(make_model(6, two_inputs("2,3", "1", node)), TARE_E_UNSUPPORTED,
                   "node 'n' (Relu): attribute 'consumed_inputs' is not known in opset "
                   "6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
