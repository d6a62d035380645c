/* Local functions: what a call becomes. */
#include <unistd.h>

#include "base/mem.h"
#include "onnx/export.h"
#include "onnx_import.h"

static struct bytes make_function(const char *name, const char *inputs,
                                  const char *outputs, const char *attributes)
{
    struct bytes function = {0};
    put_text(&function, FUNCTION_NAME, name);
    put_text(&function, FUNCTION_DOMAIN, "my");
    put_names(&function, FUNCTION_INPUT, inputs);
    put_names(&function, FUNCTION_OUTPUT, outputs);
    put_names(&function, FUNCTION_ATTRIBUTE, attributes);
    return function;
}

static void put_function_opset(struct bytes *function, const char *domain,
                               int64_t version)
{
    struct bytes import = {0};
    put_text(&import, OPSET_DOMAIN, domain);
    put_int(&import, OPSET_VERSION, version);
    put_message(function, FUNCTION_OPSET_IMPORT, import);
}

static struct bytes call(const char *op, const char *name, const char *inputs,
                         const char *outputs)
{
    struct bytes node = make_node(op, name, inputs, outputs);
    put_text(&node, NODE_DOMAIN, "my");
    return node;
}

static void put_node(struct bytes *to, struct bytes node)
{
    put_message(to, FUNCTION_NODE, node);
}

static void put_call(struct bytes *graph, const char *op, const char *name,
                     const char *inputs, const char *outputs)
{
    put_message(graph, GRAPH_NODE, call(op, name, inputs, outputs));
}

/* An attribute whose value is the function's attribute `ref`. */
static void put_ref(struct bytes *node, const char *name, int type, const char *ref)
{
    struct bytes attr = make_attr(name, type);
    put_text(&attr, ATTRIBUTE_REF_NAME, ref);
    put_message(node, NODE_ATTRIBUTE, attr);
}

static struct bytes with_functions(struct bytes graph, size_t n,
                                   struct bytes *functions)
{
    struct bytes model = make_model(13, graph);
    for (size_t i = 0; i < n; i++)
        put_message(&model, MODEL_FUNCTIONS, functions[i]);
    return model;
}

static void expect_print(struct bytes model, const char *want)
{
    struct tare_text text = {0};
    struct tare_graph *graph = import(model);
    if (!graph) fail_msg("%s", error.text);
    tare_graph_print(graph, &text);
    assert_string_equal(text.data, want);
    tare_text_free(&text);
    tare_graph_destroy(graph);
}

/* twice(a) = relu(a) + a */
static struct bytes twice(void)
{
    struct bytes function = make_function("twice", "a", "sum", "");
    put_node(&function, make_node("Relu", "r", "a", "t"));
    put_node(&function, make_node("Add", NULL, "t,a", "sum"));
    return function;
}

static void test_names(void **state)
{
    (void)state;
    struct bytes graph = frame();
    put_call(&graph, "twice", "one", "x", "m");
    put_call(&graph, "twice", "", "m", "y");
    struct bytes functions[] = {twice()};
    expect_print(with_functions(graph, 1, functions),
                 "graph '' opset 13\n"
                 "in: x:float32[?x4]\n"
                 "one/r: Relu(x:float32[?x4]) -> one/t:float32[?]\n"
                 "Add_1: Add(one/t:float32[?], x:float32[?x4]) -> m:float32[?]\n"
                 "twice/r: Relu(m:float32[?]) -> twice/t:float32[?]\n"
                 "Add_3: Add(twice/t:float32[?], m:float32[?]) -> y:float32[?]\n"
                 "out: y:float32[?]\n");
}

/* A value of the model has the name that the call's inner value would get. */
static void test_taken_names(void **state)
{
    (void)state;
    struct bytes graph = frame();
    put_message(&graph, GRAPH_NODE, make_node("Relu", "r", "x", "one/t"));
    put_call(&graph, "twice", "one", "one/t", "m");
    put_call(&graph, "twice", "one", "m", "y");
    struct bytes functions[] = {twice()};
    struct tare_graph *made = import(with_functions(graph, 1, functions));
    if (!made) fail_msg("%s", error.text);
    assert_string_equal(warnings, "");
    assert_int_equal(made->n_nodes, 5);
    assert_true(tare_graph_find_tensor(made, "one_1/t") >= 0);
    assert_true(tare_graph_find_node(made, "one_1/r") >= 0);
    assert_true(tare_graph_find_tensor(made, "one_2/t") >= 0);
    tare_graph_destroy(made);
}

static void test_nested(void **state)
{
    (void)state;
    struct bytes outer = make_function("outer", "p", "q", "");
    put_node(&outer, call("twice", "a", "p", "v"));
    put_node(&outer, call("twice", "b", "v", "q"));
    struct bytes graph = frame();
    put_call(&graph, "outer", "top", "x", "y");
    struct bytes functions[] = {outer, twice()};
    struct tare_graph *made = import(with_functions(graph, 2, functions));
    if (!made) fail_msg("%s", error.text);
    assert_int_equal(made->n_nodes, 4);
    assert_true(tare_graph_find_node(made, "top/a/r") >= 0);
    assert_true(tare_graph_find_node(made, "top/b/r") >= 0);
    assert_true(tare_graph_find_tensor(made, "top/a/t") >= 0);
    assert_true(tare_graph_find_tensor(made, "top/v") >= 0);
    tare_graph_destroy(made);
}

/* leaky(a; alpha, other = 0.25) = leakyrelu(a, alpha) -> leakyrelu(., other) */
static struct bytes leaky(void)
{
    struct bytes function = make_function("leaky", "a", "b", "alpha");
    struct bytes by_default = make_attr("other", ATTR_FLOAT);
    put_float(&by_default, ATTRIBUTE_F, 0.25F);
    put_message(&function, FUNCTION_ATTRIBUTE_PROTO, by_default);
    struct bytes first = make_node("LeakyRelu", "first", "a", "t");
    put_ref(&first, "alpha", ATTR_FLOAT, "alpha");
    put_node(&function, first);
    struct bytes second = make_node("LeakyRelu", "second", "t", "b");
    put_ref(&second, "alpha", ATTR_FLOAT, "other");
    put_node(&function, second);
    return function;
}

static float alpha_of(const struct tare_graph *graph, const char *node)
{
    const int32_t id = tare_graph_find_node(graph, node);
    assert_true(id >= 0);
    return tare_node_float(&graph->nodes[id], "alpha", -1.0F);
}

static void put_attr_float(struct bytes *node, const char *name, float value)
{
    struct bytes attr = make_attr(name, ATTR_FLOAT);
    put_float(&attr, ATTRIBUTE_F, value);
    put_message(node, NODE_ATTRIBUTE, attr);
}

/* The call's value, the function's, or none. */
static void test_attributes(void **state)
{
    (void)state;
    struct bytes graph = frame();
    struct bytes given = call("leaky", "given", "x", "m");
    put_attr_float(&given, "alpha", 0.5F);
    put_attr_float(&given, "other", 0.75F);
    put_message(&graph, GRAPH_NODE, given);
    put_call(&graph, "leaky", "bare", "m", "y");
    struct bytes functions[] = {leaky()};
    struct tare_graph *made = import(with_functions(graph, 1, functions));
    if (!made) fail_msg("%s", error.text);
    assert_true(alpha_of(made, "given/first") == 0.5F);
    assert_true(alpha_of(made, "given/second") == 0.75F);
    assert_true(alpha_of(made, "bare/first") == -1.0F);
    assert_true(alpha_of(made, "bare/second") == 0.25F);
    tare_graph_destroy(made);
}

/* Inputs that are left out, outputs that are not wanted, and those that are inputs. */
static void test_edges(void **state)
{
    (void)state;
    struct bytes clip = make_function("clip", "a,low,high", "c,a,more", "");
    put_node(&clip, make_node("Clip", "clip", "a,low,high", "c"));
    put_node(&clip, make_node("Relu", "more", "c", "more"));
    struct bytes graph = {0};
    put_message(&graph, GRAPH_INPUT, make_value("x", TYPE_FLOAT, "4"));
    put_message(&graph, GRAPH_INPUT, make_value("top", TYPE_FLOAT, ""));
    put_message(&graph, GRAPH_OUTPUT, make_value("y", TYPE_FLOAT, NULL));
    put_message(&graph, GRAPH_OUTPUT, make_value("z", TYPE_FLOAT, NULL));
    put_call(&graph, "clip", "f", "x,,top", "y,z");
    struct bytes functions[] = {clip};
    expect_print(with_functions(graph, 1, functions),
                 "graph '' opset 13\n"
                 "in: x:float32[4], top:float32[scalar]\n"
                 "f/clip: Clip(x:float32[4], -, top:float32[scalar]) -> y:float32[?]\n"
                 "f/more: Relu(y:float32[?]) -> f/more:float32[?]\n"
                 "Identity_2: Identity(x:float32[4]) -> z:float32[?]\n"
                 "out: y:float32[?], z:float32[?]\n");
}

/* A branch of an If that calls `op` with an attribute, on a value from outside. */
static struct bytes branch(const char *op, const char *input)
{
    struct bytes graph = {0};
    struct bytes node = call(op, "inner", input, "made");
    put_message(&graph, GRAPH_NODE, node);
    put_message(&graph, GRAPH_OUTPUT, make_value("made", TYPE_FLOAT, NULL));
    return graph;
}

static void put_branch(struct bytes *node, const char *name, struct bytes graph)
{
    struct bytes attr = make_attr(name, ATTR_GRAPH);
    put_message(&attr, ATTRIBUTE_G, graph);
    put_message(node, NODE_ATTRIBUTE, attr);
}

/* choose(cond, a) = if cond then twice(a) else leaky(a): calls inside of bodies, in a
 * function, on values that the bodies capture. */
static void test_bodies(void **state)
{
    (void)state;
    struct bytes choose = make_function("choose", "cond,a", "b", "");
    put_node(&choose, make_node("Relu", "r", "a", "t"));
    struct bytes node = make_node("If", "if", "cond", "b");
    put_branch(&node, "then_branch", branch("twice", "t"));
    put_branch(&node, "else_branch", branch("leaky", "t"));
    put_node(&choose, node);
    struct bytes graph = frame();
    put_message(&graph, GRAPH_INPUT, make_value("c", TYPE_BOOL, ""));
    put_call(&graph, "choose", "f", "c,x", "y");
    struct bytes functions[] = {twice(), leaky(), choose};
    struct tare_graph *made = import(with_functions(graph, 3, functions));
    if (!made) fail_msg("%s", error.text);
    const int32_t id = tare_graph_find_node(made, "f/if");
    assert_true(id >= 0);
    const struct tare_node *chosen = &made->nodes[id];
    assert_int_equal(chosen->n_inputs, 3); /* the condition, "f/t" for each branch */
    assert_string_equal(made->tensors[chosen->inputs[1]].name, "f/t");
    const struct tare_graph *then = tare_node_attr(chosen, "then_branch")->g;
    const struct tare_graph *otherwise = tare_node_attr(chosen, "else_branch")->g;
    assert_true(tare_graph_find_node(then, "f/inner/r") >= 0);
    assert_true(alpha_of(otherwise, "f/inner_1/second") == 0.25F);
    assert_string_equal(then->tensors[then->outputs[0]].name, "f/made");
    tare_graph_destroy(made);
}

static void expect_refusal(size_t n, struct bytes *functions, const char *op,
                           enum tare_status code, const char *text)
{
    struct bytes graph = frame();
    put_call(&graph, op, "f", "x", "y");
    expect_failure(with_functions(graph, n, functions), code, text);
}

static void test_refused(void **state)
{
    (void)state;
    struct bytes a = make_function("a", "x", "y", ""),
                 b = make_function("b", "x", "y", "");
    put_node(&a, call("b", "to_b", "x", "y"));
    put_node(&b, call("a", "to_a", "x", "y"));
    struct bytes loop[] = {a, b};
    expect_refusal(2, loop, "a", TARE_E_FORMAT,
                   "node 'f' (a): local function 'a' calls itself");
    struct bytes same[] = {twice(), twice()};
    expect_refusal(2, same, "twice", TARE_E_UNSUPPORTED,
                   "local function 'twice' is given twice; tare knows no overloads");
    struct bytes none[] = {make_function("none", "", "y", "")};
    expect_refusal(1, none, "none", TARE_E_FORMAT,
                   "node 'f' (none): 1 inputs and 1 outputs, the function has 0 and 1");
    struct bytes lost[] = {make_function("lost", "x", "y", "")};
    put_node(&lost[0], make_node("Add", "add", "x,w", "y"));
    expect_refusal(1, lost, "lost", TARE_E_FORMAT,
                   "node 'f/add' (Add): input 'f/w' is made by no node, input or "
                   "initializer");
}

/* f0 calls f1 twice, that f2 twice, ... */
static void test_explosion(void **state)
{
    (void)state;
    struct bytes functions[40];
    for (int i = 0; i < 40; i++) {
        char name[16], next[16];
        (void)snprintf(name, sizeof name, "f%d", i);
        (void)snprintf(next, sizeof next, "f%d", i + 1);
        functions[i] = make_function(name, "x", "y", "");
        put_node(&functions[i], call(next, "l", "x", "t"));
        put_node(&functions[i], call(next, "r", "t", "y"));
    }
    struct bytes graph = frame();
    put_call(&graph, "f0", "f", "x", "y");
    struct tare_graph *made = import(with_functions(graph, 40, functions));
    assert_null(made);
    assert_int_equal(error.code, TARE_E_UNSUPPORTED);
    assert_non_null(strstr(error.text, "local functions add more than 262144 nodes"));
}

static void test_versions(void **state)
{
    (void)state;
    /* Relu is the same in 11 and 13, Softmax is not. */
    for (int i = 0; i < 2; i++) {
        struct bytes function = make_function("old", "x", "y", "");
        put_node(&function, make_node(i ? "Softmax" : "Relu", "n", "x", "y"));
        put_function_opset(&function, "", 11);
        struct bytes graph = frame();
        put_call(&graph, "old", "f", "x", "y");
        tare_graph_destroy(import(with_functions(graph, 1, &function)));
        assert_int_equal(error.code, i ? TARE_E_UNSUPPORTED : TARE_OK);
    }
    assert_string_equal(error.text,
                        "node 'f' (old): function 'old' is of opset 11, the model of "
                        "13, and 'Softmax' is not the same in both");
    struct bytes future[] = {make_function("future", "x", "y", "")};
    put_node(&future[0], make_node("Relu", "n", "x", "y"));
    put_function_opset(&future[0], "ai.onnx", 99);
    expect_refusal(1, future, "future", TARE_E_UNSUPPORTED,
                   "node 'f' (future): function 'future' is of opset 99, want 7 to 22");
}

/* A call of `old`, of another opset, twice, and one of `twice`. */
static struct bytes old_model(void)
{
    struct bytes old = make_function("old", "x", "y", "");
    put_node(&old, make_node("Softmax", "n", "x", "y"));
    put_function_opset(&old, "", 11);
    struct bytes graph = frame();
    put_call(&graph, "old", "first", "x", "a");
    put_call(&graph, "twice", "two", "a", "b");
    put_call(&graph, "old", "last", "b", "y");
    struct bytes functions[] = {old, twice()};
    struct bytes model = with_functions(graph, 2, functions);
    struct bytes import = {0};
    put_text(&import, OPSET_DOMAIN, "my");
    put_int(&import, OPSET_VERSION, 1);
    put_message(&model, MODEL_OPSET_IMPORT, import);
    return model;
}

static const char *reason_of(const struct tare_graph *graph, const char *node)
{
    const int32_t id = tare_graph_find_node(graph, node);
    assert_true(id >= 0);
    const struct tare_opaque *opaque = graph->nodes[id].opaque;
    return opaque ? opaque->reason : NULL;
}

/* Where a model is to be rewritten, calls that are refused stay, and their functions
 * are written again; others give way. */
static void test_kept(void **state)
{
    (void)state;
    static const char why[] = "function 'old' is of opset 11, the model of 13, and "
                              "'Softmax' is not the same in both";
    char path[] = "/tmp/tare-functions-XXXXXX";
    const int fd = mkstemp(path);
    struct bytes model = old_model();
    assert_int_equal(write(fd, model.data, model.n), (ssize_t)model.n);
    assert_int_equal(close(fd), 0);
    free(model.data);
    for (int round = 0; round < 2; round++) {
        struct tare_graph *graph, *copy;
        struct tare_error err = {0};
        if (tare_onnx_import_any(path, NULL, &graph, &err) != TARE_OK)
            fail_msg("%s", err.text);
        assert_string_equal(reason_of(graph, "first"), why);
        assert_string_equal(reason_of(graph, "last"), why);
        assert_null(reason_of(graph, "two/r"));
        assert_int_equal(graph->n_nodes, 4);
        assert_int_equal(tare_graph_clone(graph, &copy, NULL), TARE_OK);
        tare_graph_destroy(graph);
        if (tare_onnx_export(copy, path, false, &err) != TARE_OK)
            fail_msg("%s", err.text);
        tare_graph_destroy(copy);
        assert_int_equal(tare_onnx_import(path, NULL, &graph, &err),
                         TARE_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, why));
    }
    assert_int_equal(unlink(path), 0);
}

/* A name with two meanings is no reason to refuse what does not call it. */
static void test_overloads_kept(void **state)
{
    (void)state;
    char path[] = "/tmp/tare-functions-XXXXXX";
    const int fd = mkstemp(path);
    struct bytes relu = make_function("good", "x", "y", "");
    put_node(&relu, make_node("Relu", "n", "x", "y"));
    struct bytes graph = frame();
    put_call(&graph, "good", "g", "x", "a");
    put_call(&graph, "twice", "t", "a", "y");
    struct bytes functions[] = {twice(), relu, twice()};
    struct bytes model = with_functions(graph, 3, functions);
    assert_int_equal(write(fd, model.data, model.n), (ssize_t)model.n);
    assert_int_equal(close(fd), 0);
    free(model.data);
    struct tare_graph *made;
    struct tare_error err = {0};
    if (tare_onnx_import_any(path, NULL, &made, &err) != TARE_OK)
        fail_msg("%s", err.text);
    assert_string_equal(reason_of(made, "t"), "local function 'twice' is given twice; "
                                              "tare knows no overloads");
    assert_int_equal(tare_graph_find_node(made, "g"), -1);
    tare_graph_destroy(made);
    assert_int_equal(unlink(path), 0);
}

/* Any allocation may fail; nothing leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    for (int64_t i = 0;; i++) {
        struct bytes graph = frame();
        put_call(&graph, "leaky", "one", "x", "m");
        put_call(&graph, "twice", "two", "m", "y");
        struct bytes functions[] = {leaky(), twice()};
        struct bytes model = with_functions(graph, 2, functions);
        struct tare_graph *made;
        error = (struct tare_error){0};
        tare_alloc_fail_after(i);
        const enum tare_status st =
            tare_onnx_import_bytes(model.data, model.n, NULL, &made, &error);
        tare_alloc_fail_after(-1);
        free(model.data);
        tare_graph_destroy(made);
        if (st == TARE_OK) break;
        assert_int_equal(st, TARE_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_taken_names),
        cmocka_unit_test(test_nested),         cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_edges),          cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_explosion),
        cmocka_unit_test(test_versions),       cmocka_unit_test(test_kept),
        cmocka_unit_test(test_overloads_kept), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
