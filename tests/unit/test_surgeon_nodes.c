/* Surgery: nodes put in and replaced, operators that tare does not know; capability. */
#include "surgery.h"
#include "tare/capability.h"

static const char *const tensor_a[] = {"a"};
static const char *const tensor_x[] = {"x"};
static const char *const tensor_y[] = {"y"};

static struct tare_new_node node_of(const char *op, const char *const *input,
                                    const char *const *output)
{
    return (struct tare_new_node){
        .op = op, .inputs = input, .n_inputs = 1, .outputs = output, .n_outputs = 1};
}

static void test_insert_behind(void **state)
{
    (void)state;
    static const char *const attrs[] = {
        "alpha=1"}; /* a float, though it looks an int */
    struct tare_new_node node = node_of("LeakyRelu", tensor_a, tensor_a);
    node.name = "leak";
    node.attrs = attrs;
    node.n_attrs = 1;
    begin(chain("N,4"));
    end(tare_surgeon_insert(&surgery, &node, &error),
        "inserted node leak (LeakyRelu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "r1: Relu(x:float32[?x4]) -> a:float32[?x4]\n"
        "leak: LeakyRelu(a:float32[?x4]) -> a_LeakyRelu:float32[?x4] {alpha=1}\n"
        "s: Sigmoid(a_LeakyRelu:float32[?x4]) -> b:float32[?x4]\n"
        "r2: Relu(b:float32[?x4]) -> y:float32[?x4]\n"
        "out: y:float32[?x4]\n");
}

/* An output of the model keeps its name; an input of it can be passed on. */
static void test_insert_at_the_ends(void **state)
{
    (void)state;
    const struct tare_new_node last = node_of("Tanh", tensor_y, tensor_y);
    const struct tare_new_node first = node_of("Exp", tensor_x, tensor_x);
    begin(chain("N,4"));
    assert_int_equal(tare_surgeon_insert(&surgery, &last, &error), TARE_OK);
    end(tare_surgeon_insert(&surgery, &first, &error),
        "inserted node Tanh (Tanh)\n"
        "inserted node Exp (Exp)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "Exp: Exp(x:float32[?x4]) -> x_Exp:float32[?x4]\n"
        "r1: Relu(x_Exp:float32[?x4]) -> a:float32[?x4]\n"
        "s: Sigmoid(a:float32[?x4]) -> b:float32[?x4]\n"
        "r2: Relu(b:float32[?x4]) -> y_before_Tanh:float32[?x4]\n"
        "Tanh: Tanh(y_before_Tanh:float32[?x4]) -> y:float32[?x4]\n"
        "out: y:float32[?x4]\n");
}

/* A custom operator in the place of all that lies between two tensors. */
static void test_insert_instead(void **state)
{
    (void)state;
    static const char *const attrs[] = {"k=3",          "scale=0.5", "axes=[1,-2]",
                                        "steps=[1,.5]", "mode=fast", "id=\"7\""};
    struct tare_new_node node = node_of("Whole", tensor_x, tensor_y);
    node.domain = "my.ops";
    node.version = 4;
    node.attrs = attrs;
    node.n_attrs = 6;
    begin(chain("N,4"));
    end(tare_surgeon_insert(&surgery, &node, &error),
        "inserted node Whole (Whole)\n"
        "removed node r1 (Relu)\n"
        "removed node s (Sigmoid)\n"
        "removed node r2 (Relu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "Whole: Whole(x:float32[?x4]) -> y:float32[?x4] {k=3 scale=0.5 axes=[1,-2] "
        "steps=[1,0.5] mode='fast' id='7'}\n"
        "out: y:float32[?x4]\n");
}

static void test_insert_errors(void **state)
{
    (void)state;
    static const char *const tensor_bb[] = {"bb"};
    static const char *const no_attr[] = {"alpha"}, *const unknown[] = {"beta=1"};
    struct tare_new_node taken = node_of("Relu", tensor_a, tensor_a);
    struct tare_new_node nameless = node_of("Relu", tensor_a, tensor_a);
    struct tare_new_node foreign = node_of("Relu", tensor_a, tensor_a);
    struct tare_new_node none = node_of("Relu", tensor_a, NULL);
    taken.name = "r2";
    nameless.attrs = no_attr;
    foreign.attrs = unknown;
    nameless.n_attrs = foreign.n_attrs = 1;
    none.n_outputs = 0;
    const struct {
        struct tare_new_node node;
        enum tare_status status;
        const char *text;
    } cases[] = {
        {taken, TARE_E_ARG, "the model has a node 'r2' already"},
        {none, TARE_E_ARG, "the new node makes nothing"},
        {nameless, TARE_E_ARG, "attribute 'alpha' is not of the form name=value"},
        {foreign, TARE_E_UNSUPPORTED,
         "node 'Relu' (Relu): attribute 'beta' is not known in opset 13"},
        {node_of("Relu", tensor_bb, tensor_a), TARE_E_ARG,
         "the model has no tensor 'bb'; did you mean 'b'?"},
        {node_of("Relu", tensor_a, tensor_x), TARE_E_ARG,
         "'x' is an input of the model; a node cannot make it"},
        {node_of("Relu", tensor_y, tensor_a), TARE_E_FORMAT,
         "node 'r2' (Relu): input 'b' depends on the node's own output: a cycle"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(chain("N,4"));
        end_failed(tare_surgeon_insert(&surgery, &cases[i].node, &error),
                   cases[i].status, cases[i].text);
    }
}

/* Two chains of Add and Relu; between the third pair another node reads. */
static struct bytes pairs(void)
{
    struct bytes graph = ends("N,4");
    put_node(&graph, "Add", "a1", "x,x", "s1");
    put_node(&graph, "Relu", "r1", "s1", "t1");
    put_node(&graph, "Add", "a2", "t1,x", "s2");
    put_node(&graph, "Relu", "r2", "s2", "t2");
    put_node(&graph, "Add", "a3", "t2,x", "s3");
    put_node(&graph, "LeakyRelu", "r3", "s3", "t3");
    put_node(&graph, "Add", "a4", "t3,s3", "y");
    return make_model(13, graph);
}

static void test_replace(void **state)
{
    (void)state;
    static const char *const attrs[] = {"fast=1"};
    const struct tare_new_node node = {
        .op = "AddRelu", .domain = "my.ops", .attrs = attrs, .n_attrs = 1};
    begin(pairs());
    end(tare_surgeon_replace(&surgery, "Add,Relu", &node, &error),
        "removed node a1 (Add)\n"
        "removed node r1 (Relu)\n"
        "inserted node AddRelu (AddRelu)\n"
        "removed node a2 (Add)\n"
        "removed node r2 (Relu)\n"
        "inserted node AddRelu_1 (AddRelu)\n",
        "graph 'g' opset 13\n"
        "in: x:float32[?x4]\n"
        "AddRelu: AddRelu(x:float32[?x4], x:float32[?x4]) -> t1:float32[?x4] "
        "{fast=1}\n"
        "AddRelu_1: AddRelu(t1:float32[?x4], x:float32[?x4]) -> t2:float32[?x4] "
        "{fast=1}\n"
        "a3: Add(t2:float32[?x4], x:float32[?x4]) -> s3:float32[?x4]\n"
        "r3: LeakyRelu(s3:float32[?x4]) -> t3:float32[?x4]\n"
        "a4: Add(t3:float32[?x4], s3:float32[?x4]) -> y:float32[?x4]\n"
        "out: y:float32[?x4]\n");
    begin(pairs());
    end_failed(tare_surgeon_replace(&surgery, "Add,LeakyRelu", &node, &error),
               TARE_E_ARG,
               "the model has no chain of Add,LeakyRelu, each read by the next alone");
}

/* x -> r1 -> Odd (a domain of its own, attributes of all kinds) -> r2 -> y */
static struct bytes odd_model(int attr_type)
{
    struct bytes graph = ends("N,4");
    struct bytes odd = make_node("Odd", "odd", "a", "b");
    struct bytes strings = make_attr("words", ATTR_STRINGS);
    struct bytes last = make_attr("last", attr_type);
    put_text(&strings, 9, "one");
    put_text(&strings, 9, "two");
    put_attr_int(&odd, "k", 3);
    put_message(&odd, NODE_ATTRIBUTE, strings);
    if (attr_type == ATTR_GRAPH)
        put_message(&last, ATTRIBUTE_G, (struct bytes){0});
    else
        put_float(&last, ATTRIBUTE_F, 0.5F);
    put_message(&odd, NODE_ATTRIBUTE, last);
    put_text(&odd, NODE_DOMAIN, "my.ops");
    put_node(&graph, "Relu", "r1", "x", "a");
    put_message(&graph, GRAPH_NODE, odd);
    put_node(&graph, "Relu", "r2", "b", "y");
    struct bytes model = make_model(13, graph);
    put_opset(&model, "my.ops", 5);
    return model;
}

static void test_opaque(void **state)
{
    (void)state;
    struct tare_model *again = NULL;
    char path[32];
    begin(odd_model(ATTR_FLOAT));
    write_model((struct bytes){0}, path);
    if (tare_model_save(surgery.model, path, false, &error) != TARE_OK ||
        tare_surgeon_load(path, &again, &error) != TARE_OK)
        fail_msg("%s", error.text);
    const struct tare_node *odd = &again->graph->nodes[1];
    assert_string_equal(odd->opaque->op_type, "Odd");
    assert_string_equal(odd->opaque->domain, "my.ops");
    assert_int_equal(odd->opaque->version, 5);
    assert_int_equal(tare_node_int(odd, "k", 0), 3);
    assert_true(tare_node_float(odd, "last", 0.0F) == 0.5F);
    const struct tare_opaque *before = surgery.model->graph->nodes[1].opaque;
    assert_int_equal(odd->opaque->n_rest, before->n_rest);
    if (before->n_rest)
        assert_memory_equal(odd->opaque->rest, before->rest, before->n_rest);
    tare_model_destroy(again);
    assert_int_equal(unlink(path), 0);

    end_failed(tare_model_bind(surgery.model, NULL, 1, NULL, &error),
               TARE_E_UNSUPPORTED, "g: node 'odd' (Odd): tare has no such operator");
}

/* What a subgraph reads is not seen: such a node is not written. */
static void test_subgraph(void **state)
{
    (void)state;
    char path[32];
    write_model((struct bytes){0}, path);
    assert_int_equal(unlink(path), 0);
    begin(odd_model(ATTR_GRAPH));
    char want[256];
    (void)snprintf(
        want, sizeof want,
        "%s: node 'odd' (Odd): it has subgraphs; such a node that tare does not know "
        "cannot be written",
        path);
    end_failed(tare_model_save(surgery.model, path, false, &error), TARE_E_UNSUPPORTED,
               want);
    assert_true(access(path, F_OK) != 0);
}

static struct tare_capability *capability_of(struct bytes model)
{
    struct tare_capability *capability;
    char path[32];
    write_model(model, path);
    if (tare_capability_create(path, NULL, &capability, &error) != TARE_OK)
        fail_msg("%s", error.text);
    assert_int_equal(unlink(path), 0);
    return capability;
}

static void expect_part(const struct tare_capability *capability, size_t i,
                        const char *node, const char *input, const char *output)
{
    struct tare_partition part;
    tare_capability_partition(capability, i, &part);
    assert_int_equal(part.n_nodes, 1);
    assert_int_equal(part.n_inputs, 1);
    assert_int_equal(part.n_outputs, 1);
    assert_string_equal(part.nodes[0], node);
    assert_string_equal(part.inputs[0], input);
    assert_string_equal(part.outputs[0], output);
}

static void test_capability(void **state)
{
    (void)state;
    struct tare_unsupported odd;
    struct tare_capability *capability = capability_of(odd_model(ATTR_GRAPH));
    assert_int_equal(tare_capability_n_nodes(capability), 3);
    assert_int_equal(tare_capability_n_unsupported(capability), 1);
    tare_capability_unsupported(capability, 0, &odd);
    assert_string_equal(odd.node, "odd");
    assert_string_equal(odd.op, "Odd");
    assert_string_equal(odd.domain, "my.ops");
    assert_int_equal(odd.version, 5);
    assert_string_equal(odd.reason, "tare has no such operator");
    assert_int_equal(tare_capability_n_unchecked(capability), 1);
    assert_string_equal(tare_capability_unchecked(capability, 0), "r2");
    assert_int_equal(tare_capability_n_partitions(capability), 2);
    expect_part(capability, 0, "r1", "x", "a");
    expect_part(capability, 1, "r2", "b", "y");
    tare_capability_destroy(capability);
}

/* A way around the unsupported node does not make one part of what lies on both of its
 * sides; the larger part comes first. */
static void test_partitions(void **state)
{
    (void)state;
    struct bytes graph = ends("N,4");
    struct tare_partition part;
    put_node(&graph, "Relu", "before", "x", "a");
    put_node(&graph, "Odd", "odd", "a", "b");
    put_node(&graph, "Relu", "around", "a", "c");
    put_node(&graph, "Add", "after", "b,c", "d");
    put_node(&graph, "Relu", "last", "d", "e");
    put_node(&graph, "Relu", "end", "e", "y");
    struct tare_capability *capability = capability_of(make_model(13, graph));
    assert_int_equal(tare_capability_n_unsupported(capability), 1);
    assert_int_equal(tare_capability_n_partitions(capability), 2);
    tare_capability_partition(capability, 0, &part);
    assert_int_equal(part.n_nodes, 3);
    assert_string_equal(part.nodes[0], "after");
    assert_int_equal(part.n_inputs, 2);
    assert_string_equal(part.inputs[0], "b");
    assert_string_equal(part.inputs[1], "c");
    tare_capability_partition(capability, 1, &part);
    assert_int_equal(part.n_nodes, 2);
    assert_string_equal(part.nodes[1], "around");
    assert_int_equal(part.n_outputs, 2);
    tare_capability_destroy(capability);
}

/* An operator that tare does not know stays one behind another. */
static void test_unknown_behind_unknown(void **state)
{
    (void)state;
    struct bytes graph = ends("N,4");
    struct tare_unsupported second;
    put_node(&graph, "Odd", "odd", "x", "a");
    put_node(&graph, "Odder", "odder", "a", "b");
    put_node(&graph, "Relu", "last", "b", "y");
    struct tare_capability *capability = capability_of(make_model(13, graph));
    assert_int_equal(tare_capability_n_unsupported(capability), 2);
    tare_capability_unsupported(capability, 1, &second);
    assert_string_equal(second.node, "odder");
    assert_string_equal(second.reason, "tare has no such operator");
    assert_int_equal(tare_capability_n_unchecked(capability), 1);
    tare_capability_destroy(capability);
}

/* An attribute, a shape and a type can be what is wrong; each is said of its node. */
static void test_reasons(void **state)
{
    (void)state;
    static const float four[] = {1, 2, 3, 4};
    struct bytes graph = ends("2,3");
    struct bytes odd = make_node("Relu", "attr", "x", "a");
    struct tare_unsupported found;
    put_attr_int(&odd, "beta", 1);
    put_floats(&graph, "four", 4, four);
    put_message(&graph, GRAPH_NODE, odd);
    put_node(&graph, "Add", "shape", "x,four", "b");
    put_node(&graph, "Relu", "fine", "x", "y");
    struct tare_capability *capability = capability_of(make_model(13, graph));
    assert_int_equal(tare_capability_n_unsupported(capability), 2);
    tare_capability_unsupported(capability, 0, &found);
    assert_string_equal(found.node, "attr");
    assert_string_equal(found.reason, "attribute 'beta' is not known in opset 13");
    tare_capability_unsupported(capability, 1, &found);
    assert_string_equal(found.node, "shape");
    assert_string_equal(found.reason, "2x3 does not broadcast with 4");
    tare_capability_destroy(capability);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_behind),
        cmocka_unit_test(test_insert_at_the_ends),
        cmocka_unit_test(test_insert_instead),
        cmocka_unit_test(test_insert_errors),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_subgraph),
        cmocka_unit_test(test_capability),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_unknown_behind_unknown),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
