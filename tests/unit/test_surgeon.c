/* Surgery: sanitize, extract, rename, axes. */
#include "surgery.h"

/* Constants are folded whatever the batch, Identity goes, and what nobody needs. */
static struct bytes untidy(const char *shape)
{
    static const float ones[] = {1, 1, 1, 1};
    struct bytes graph = ends(shape);
    put_floats(&graph, "one", 4, ones);
    put_node(&graph, "Add", "two", "one,one", "t");
    put_node(&graph, "Identity", "same", "x", "i");
    put_node(&graph, "Shape", "shape", "x", "n");
    put_node(&graph, "Add", "sum", "i,t", "z");
    put_node(&graph, "Reshape", "reshape", "z,n", "y");
    put_node(&graph, "Relu", "unused", "z", "u");
    return make_model(13, graph);
}

static void test_sanitize_open(void **state)
{
    (void)state;
    begin(untidy("N,4"));
    end(tare_surgeon_sanitize(&surgery, TARE_SANITIZE_ALL, &error),
        "folded node two (Add)\n"
        "changed node reshape (Reshape)\n"
        "removed node same (Identity)\n"
        "removed node shape (Shape)\n"
        "removed node unused (Relu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "sum: Add(x:float32[?x4], t*:float32[4]) -> z:float32[?]\n"
        "reshape: Reshape(z:float32[?], n_2*:int64[2]) -> y:float32[?]\n"
        "out: y:float32[?]\n");
}

static void test_sanitize_fixed(void **state)
{
    (void)state;
    begin(untidy("3,4"));
    end(tare_surgeon_sanitize(&surgery, TARE_SANITIZE_ALL, &error),
        "folded node two (Add)\n"
        "folded node shape (Shape)\n"
        "removed node same (Identity)\n"
        "removed node reshape (Reshape)\n"
        "removed node unused (Relu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[3x4]\n"
        "sum: Add(x:float32[3x4], t*:float32[4]) -> y:float32[3x4]\n"
        "out: y:float32[3x4]\n");
}

static void test_sanitize_steps(void **state)
{
    (void)state;
    begin(untidy("N,4"));
    end(tare_surgeon_sanitize(&surgery, TARE_SANITIZE_DEAD, &error),
        "removed node unused (Relu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "two: Add(one*:float32[4], one*:float32[4]) -> t:float32[4]\n"
        "same: Identity(x:float32[?x4]) -> i:float32[?]\n"
        "shape: Shape(x:float32[?x4]) -> n:float32[?]\n"
        "sum: Add(i:float32[?], t:float32[4]) -> z:float32[?]\n"
        "reshape: Reshape(z:float32[?], n:float32[?]) -> y:float32[?]\n"
        "out: y:float32[?]\n");
}

/* Quantized weights are for who builds an engine; what reads them stays too. */
static void test_sanitize_quantized(void **state)
{
    (void)state;
    static const int8_t four[] = {1, 2, 3, 4};
    static const float scale = 0.5F;
    static const int64_t dims[] = {4};
    struct bytes graph = ends("3,4");
    struct bytes q = make_tensor("q", TYPE_INT8, 1, dims);
    struct bytes s = make_tensor("s", TYPE_FLOAT, 0, NULL);
    put_bytes(&q, TENSOR_RAW_DATA, four, sizeof four);
    put_bytes(&s, TENSOR_RAW_DATA, &scale, sizeof scale);
    put_message(&graph, GRAPH_INITIALIZER, q);
    put_message(&graph, GRAPH_INITIALIZER, s);
    put_node(&graph, "DequantizeLinear", "dq", "q,s", "w");
    put_node(&graph, "Neg", "neg", "w", "v");
    put_node(&graph, "Mul", "mul", "x,v", "y");
    begin(make_model(13, graph));
    end(tare_surgeon_sanitize(&surgery, TARE_SANITIZE_ALL, &error), "",
        "graph 'g' opset 13\n"
        "in: x:float32[3x4]\n"
        "dq: DequantizeLinear(q*:int8[4], s*:float32[scalar]) -> w:float32[4]\n"
        "neg: Neg(w:float32[4]) -> v:float32[4]\n"
        "mul: Mul(x:float32[3x4], v:float32[4]) -> y:float32[3x4]\n"
        "out: y:float32[3x4]\n");
}

static void test_extract(void **state)
{
    (void)state;
    const char *const a[] = {"a"}, *const b[] = {"b"};
    begin(chain("N,4"));
    end(tare_surgeon_extract(&surgery, a, 1, b, 1, &error),
        "changed input a (is an input)\n"
        "changed output b (is an output)\n"
        "removed node r1 (Relu)\n"
        "removed node r2 (Relu)\n",
        "graph 'g' opset 13\n"
        "in: a:float32[?x4]\n"
        "s: Sigmoid(a:float32[?x4]) -> b:float32[?x4]\n"
        "out: b:float32[?x4]\n");

    const char *const shaped[] = {"a:2xM"};
    begin(chain("N,4"));
    const enum tare_status st =
        tare_surgeon_extract(&surgery, shaped, 1, NULL, 0, &error);
    assert_int_equal(st, TARE_OK);
    const struct tare_graph *graph = surgery.model->graph;
    const struct tare_tensor *y = &graph->tensors[graph->outputs[0]];
    assert_string_equal(graph->tensors[graph->inputs[0]].symbols[1], "M");
    assert_string_equal(y->symbols[1], "M"); /* the output follows the input */
    end(st,
        "changed input a (is an input)\n"
        "changed output y (is an output)\n"
        "removed node r1 (Relu)\n",
        "graph 'g' opset 13\n"
        "in: a:float32[2x?]\n"
        "s: Sigmoid(a:float32[2x?]) -> b:float32[2x?]\n"
        "r2: Relu(b:float32[2x?]) -> y:float32[2x?]\n"
        "out: y:float32[2x?]\n");
}

static void test_extract_errors(void **state)
{
    (void)state;
    static const struct {
        const char *input, *output, *text;
    } cases[] = {
        {"aa", "b", "the model has no tensor 'aa'; did you mean 'a'?"},
        {"a:4", "bb", "the model has no tensor 'bb'; did you mean 'b'?"},
        {"b", "a",
         "the outputs depend on input 'x' of the model too: name it among the inputs, "
         "or cut closer to the outputs"},
        {"a:0x4", "b", "shape '0x4': '0' is no axis: want a length above 0 or a name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(chain("N,4"));
        end_failed(tare_surgeon_extract(&surgery, &cases[i].input, 1, &cases[i].output,
                                        1, &error),
                   TARE_E_ARG, cases[i].text);
    }
    const char *const both[] = {"a", "b"}, *const y[] = {"y"};
    begin(chain("N,4"));
    end_failed(tare_surgeon_extract(&surgery, both, 2, y, 1, &error), TARE_E_ARG,
               "no output depends on 'a'");
}

static void test_rename(void **state)
{
    (void)state;
    begin(chain("N,4"));
    assert_int_equal(tare_surgeon_rename_tensor(&surgery, "a:in:0", &error), TARE_OK);
    assert_int_equal(tare_surgeon_rename_tensor(&surgery, "in:0:a2", &error), TARE_OK);
    end(tare_surgeon_rename_node(&surgery, "s:gate", &error),
        "renamed tensor a (in:0)\n"
        "renamed tensor in:0 (a2)\n"
        "renamed node s (gate)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "r1: Relu(x:float32[?x4]) -> a2:float32[?]\n"
        "gate: Sigmoid(a2:float32[?]) -> b:float32[?]\n"
        "r2: Relu(b:float32[?]) -> y:float32[?]\n"
        "out: y:float32[?]\n");
    begin(chain("N,4"));
    end_failed(tare_surgeon_rename_tensor(&surgery, "a:b", &error), TARE_E_FORMAT,
               "two tensors are named 'b'; names must be unique");
    begin(chain("N,4"));
    end_failed(tare_surgeon_rename_node(&surgery, "r3:b", &error), TARE_E_ARG,
               "the model has no node 'r3'; did you mean 'r1'?");
    begin(chain("N,4"));
    end_failed(tare_surgeon_rename_tensor(&surgery, "a:", &error), TARE_E_ARG,
               "'a:' is not of the form old:new");
}

/* The batch is written into the shape of one Reshape; the other one's 1 is no batch. */
static struct bytes fixed_batch(void)
{
    static const int64_t flat[] = {1, 12}, row[] = {1, 4};
    static const float four[] = {1, 2, 3, 4};
    struct bytes graph = ends("1,3,4");
    put_int64s(&graph, "flat", 2, flat);
    put_int64s(&graph, "row", 2, row);
    put_floats(&graph, "four", 4, four);
    put_node(&graph, "Reshape", "weights", "four,row", "w");
    put_node(&graph, "Mul", "mul", "x,w", "m");
    put_node(&graph, "Reshape", "flatten", "m,flat", "y");
    return make_model(13, graph);
}

static void test_set_batch(void **state)
{
    (void)state;
    begin(fixed_batch());
    const enum tare_status st = tare_surgeon_set_axis(&surgery, NULL, 0, "N", &error);
    assert_int_equal(st, TARE_OK);
    const struct tare_graph *graph = surgery.model->graph;
    const struct tare_tensor *y = &graph->tensors[graph->outputs[0]];
    assert_string_equal(y->symbols[0], "N");
    const struct tare_tensor *shape =
        &graph->tensors[tare_graph_find_tensor(graph, "flat_batch")];
    assert_int_equal(((const int64_t *)shape->data)[0], 0);
    assert_int_equal(((const int64_t *)shape->data)[1], 12);
    end(st,
        "changed input x (axis 0 is N)\n"
        "changed node flatten (keeps its input's batch)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x3x4]\n"
        "weights: Reshape(four*:float32[4], row*:int64[2]) -> w:float32[1x4]\n"
        "mul: Mul(x:float32[?x3x4], w:float32[1x4]) -> m:float32[?x3x4]\n"
        "flatten: Reshape(m:float32[?x3x4], flat_batch*:int64[2]) -> y:float32[?x12]\n"
        "out: y:float32[?x12]\n");
    begin(fixed_batch());
    end(tare_surgeon_set_axis(&surgery, NULL, 0, "8", &error),
        "changed input x (axis 0 is 8)\n"
        "changed node flatten (keeps its input's batch)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[8x3x4]\n"
        "weights: Reshape(four*:float32[4], row*:int64[2]) -> w:float32[1x4]\n"
        "mul: Mul(x:float32[8x3x4], w:float32[1x4]) -> m:float32[8x3x4]\n"
        "flatten: Reshape(m:float32[8x3x4], flat_batch*:int64[2]) -> y:float32[8x12]\n"
        "out: y:float32[8x12]\n");
}

static void test_set_axis_errors(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        int axis;
        const char *value, *text;
    } cases[] = {
        {"x", 3, "5", "input 'x' has 3 axes, there is no axis 3"},
        {"x", 1, "0", "'0' is no axis: want a length above 0 or a name"},
        {"m", 0, "5", "'m' is no input of the model"},
        {"xx", 0, "5", "the model has no tensor 'xx'; did you mean 'x'?"},
        {"x", 2, "5",
         "the network contradicts the new shape: node 'mul' (Mul): 1x3x5 does not "
         "broadcast with 1x4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(fixed_batch());
        end_failed(tare_surgeon_set_axis(&surgery, cases[i].input, cases[i].axis,
                                         cases[i].value, &error),
                   TARE_E_ARG, cases[i].text);
    }
}

/* x -> Transpose -> Relu -> Transpose -> Softmax -> y */
static struct bytes wrapped(void)
{
    struct bytes graph = ends("2,4");
    put_node(&graph, "Transpose", "first", "x", "a");
    put_node(&graph, "Relu", "relu", "a", "b");
    put_node(&graph, "Transpose", "last", "b", "c");
    put_node(&graph, "Softmax", "soft", "c", "y");
    return make_model(13, graph);
}

static void test_remove_ends(void **state)
{
    (void)state;
    static const char *const transpose[] = {"Transpose"};
    static const char *const both[] = {"Transpose", "Softmax"};
    static const char *const soft[] = {"soft"};
    begin(wrapped());
    end(tare_surgeon_remove_ends(&surgery, NULL, 0, transpose, 1, &error),
        "removed node first (Transpose)\n", /* the last one is not at the end */
        "graph 'g' opset 13\n"
        "in: a:float32[4x2]\n"
        "relu: Relu(a:float32[4x2]) -> b:float32[4x2]\n"
        "last: Transpose(b:float32[4x2]) -> c:float32[2x4]\n"
        "soft: Softmax(c:float32[2x4]) -> y:float32[2x4]\n"
        "out: y:float32[2x4]\n");
    begin(wrapped());
    end(tare_surgeon_remove_ends(&surgery, NULL, 0, both, 2, &error),
        "removed node first (Transpose)\n"
        "removed node soft (Softmax)\n"
        "removed node last (Transpose)\n",
        "graph 'g' opset 13\n"
        "in: a:float32[4x2]\n"
        "relu: Relu(a:float32[4x2]) -> b:float32[4x2]\n"
        "out: b:float32[4x2]\n");
    begin(wrapped());
    end(tare_surgeon_remove_ends(&surgery, soft, 1, NULL, 0, &error),
        "removed node soft (Softmax)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[2x4]\n"
        "first: Transpose(x:float32[2x4]) -> a:float32[4x2]\n"
        "relu: Relu(a:float32[4x2]) -> b:float32[4x2]\n"
        "last: Transpose(b:float32[4x2]) -> c:float32[2x4]\n"
        "out: c:float32[2x4]\n");
}

static void test_remove_ends_errors(void **state)
{
    (void)state;
    static const char *const names[] = {"relu"}, *const no_names[] = {"gone"};
    begin(wrapped());
    end_failed(tare_surgeon_remove_ends(&surgery, names, 1, NULL, 0, &error),
               TARE_E_ARG,
               "node 'relu' cannot be removed: it does not lie between one input or "
               "output of the model and the rest of it");
    begin(wrapped());
    end_failed(tare_surgeon_remove_ends(&surgery, no_names, 1, NULL, 0, &error),
               TARE_E_ARG, "the model has no node 'gone'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sanitize_open),
        cmocka_unit_test(test_sanitize_fixed),
        cmocka_unit_test(test_sanitize_steps),
        cmocka_unit_test(test_sanitize_quantized),
        cmocka_unit_test(test_extract),
        cmocka_unit_test(test_extract_errors),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_set_batch),
        cmocka_unit_test(test_set_axis_errors),
        cmocka_unit_test(test_remove_ends),
        cmocka_unit_test(test_remove_ends_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
