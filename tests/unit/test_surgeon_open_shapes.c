/* Surgery: targets of Reshape that are computed from open axes. What is left gives the
 * same shapes for all lengths. */
#include "surgery.h"

#include "base/dims.h"

/* A Reshape of "d" to what `target` says: numbers, and lengths "d.1", "d.1*2", "x.0/2",
 * each by Shape, Gather, Unsqueeze, and all by Concat, as exporters write it. */
static void put_reshape(struct bytes *graph, const char *target)
{
    static const int64_t first = 0;
    char word[16], list[256] = "", name[4][32], text[96];
    int used, n = 0;
    put_int64s(graph, "first", 1, &first);
    for (; sscanf(target, "%15s%n", word, &used) == 1; target += used, n++) {
        char tensor = 0, op = 0;
        int64_t axis = 0, value = 0;
        const int parts = sscanf(word, "%c.%ld%c%ld", &tensor, &axis, &op, &value);
        for (int i = 0; i < 4; i++)
            (void)snprintf(name[i], sizeof name[i], "%c%d", "sgmu"[i], n);
        (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
                       n ? "," : "", name[3]);
        if (parts < 2) {
            value = strtol(word, NULL, 10);
            put_int64s(graph, name[3], 1, &value);
            continue;
        }
        (void)snprintf(text, sizeof text, "%c", tensor);
        put_node(graph, "Shape", name[0], text, name[0]);
        struct bytes index = make_tensor(name[2], TYPE_INT64, 0, NULL);
        put_bytes(&index, TENSOR_RAW_DATA, &axis, sizeof axis);
        put_message(graph, GRAPH_INITIALIZER, index);
        (void)snprintf(text, sizeof text, "%s,%s", name[0], name[2]);
        put_node(graph, "Gather", name[1], text, name[1]);
        (void)snprintf(text, sizeof text, "%s,first", name[1]);
        if (parts == 4) {
            char factor[32], made[32];
            (void)snprintf(factor, sizeof factor, "f%d", n);
            (void)snprintf(made, sizeof made, "p%d", n);
            put_int64s(graph, factor, 1, &value);
            (void)snprintf(text, sizeof text, "%s,first", name[1]);
            put_node(graph, "Unsqueeze", made, text, made);
            (void)snprintf(text, sizeof text, "%s,%s", made, factor);
            put_node(graph, op == '*' ? "Mul" : "Div", name[3], text, name[3]);
        } else {
            put_node(graph, "Unsqueeze", name[3], text, name[3]);
        }
    }
    struct bytes concat = make_node("Concat", "target", list, "t");
    put_attr_int(&concat, "axis", 0);
    put_message(graph, GRAPH_NODE, concat);
    put_node(graph, "Reshape", "reshape", "d,t", "y");
}

/* Output dims with lengths for the open axes, which differ from symbol to symbol. */
static struct tare_dims dims_for(const struct tare_graph *graph, int round)
{
    struct tare_graph *copy;
    assert_int_equal(tare_graph_clone(graph, &copy, NULL), TARE_OK);
    struct tare_tensor *x = &copy->tensors[copy->inputs[0]];
    for (int i = 0; i < x->dims.rank; i++)
        if (x->dims.d[i] < 0) x->dims.d[i] = 1 + (x->symbols[i][0] * 3 + round) % 7;
    if (tare_graph_infer(copy, &error) != TARE_OK) fail_msg("%s", error.text);
    const struct tare_dims dims = copy->tensors[copy->outputs[0]].dims;
    tare_graph_destroy(copy);
    return dims;
}

static void same_shapes(const struct tare_graph *before)
{
    for (int round = 0; round < 7; round++) {
        const struct tare_dims want = dims_for(before, round);
        const struct tare_dims got = dims_for(surgery.model->graph, round);
        assert_true(tare_dims_equal(&want, &got));
    }
}

/* The Reshape's target, "0 -1"; "open" when it is computed. */
static void print_target(char *text, size_t n)
{
    const struct tare_graph *graph = surgery.model->graph;
    const struct tare_node *node =
        &graph->nodes[tare_graph_find_node(graph, "reshape")];
    const struct tare_tensor *target = &graph->tensors[node->inputs[1]];
    (void)snprintf(text, n, target->data ? "" : "open");
    for (int64_t i = 0; target->data && i < target->dims.d[0]; i++)
        (void)snprintf(text + strlen(text), n - strlen(text), "%s%ld", i ? " " : "",
                       (long)((const int64_t *)target->data)[i]);
}

/* @param graph  makes "d" of "x" */
static void check(struct bytes graph, const char *target, const char *want)
{
    char got[64];
    struct tare_graph *before;
    put_reshape(&graph, target);
    begin(make_model(13, graph));
    assert_int_equal(tare_graph_clone(surgery.model->graph, &before, NULL), TARE_OK);
    const enum tare_status st =
        tare_surgeon_sanitize(&surgery, TARE_SANITIZE_ALL, &error);
    if (st != TARE_OK) fail_msg("%s", error.text);
    print_target(got, sizeof got);
    if (strcmp(got, want) != 0)
        fail_msg("target %s: is %s, want %s", target, got, want);
    same_shapes(before);
    tare_graph_destroy(before);
    tare_model_destroy(surgery.model);
    tare_text_free(&changes);
}

static struct bytes relu(const char *shape)
{
    struct bytes graph = ends(shape);
    put_node(&graph, "Relu", "relu", "x", "d");
    return graph;
}

static void test_one_axis(void **state)
{
    (void)state;
    check(relu("N,3,4,5"), "d.0 -1", "0 -1");
    check(relu("N,3,4,5"), "x.0 60", "0 60");
    check(relu("N,3,4,5"), "x.0 d.1 20", "0 3 20");
    check(relu("N,4,6"), "x.0*2 2 6", "-1 2 6");
    check(relu("N,4,6"), "x.0*4 x.2", "-1 6");
    check(relu("N,4,6"), "4 x.0 6", "4 -1 6");
    check(relu("N,8"), "x.1/2 -1", "4 -1");
    check(relu("N,8"), "8 -1", "8 -1");
    check(relu("3,4,H"), "12 x.2", "12 -1");
    check(relu("3,4,H"), "4 3 x.2", "4 3 0");
}

static void test_several_axes(void **state)
{
    (void)state;
    check(relu("N,L,6"), "x.0 x.1 2 3", "0 0 2 3");
    check(relu("N,L,6"), "x.0 x.1*2 3", "0 -1 3");
    check(relu("N,N,2"), "x.1 x.0 2", "0 0 2");
    check(relu("N,3,H,W"), "x.0 3 x.2 x.3", "0 3 0 0");
    /* Which of them is which only their lengths tell. */
    check(relu("N,L,6"), "x.1 x.0 6", "open");
    check(relu("N,L,6"), "x.0*2 x.1*3 1", "open");
    check(relu("N,L,6"), "x.0*2 -1", "open");
}

static void test_through_operators(void **state)
{
    (void)state;
    static const int64_t turn[] = {1, 0, 2};
    static const float weights[6 * 6];
    struct bytes graph = ends("N,L,6");
    struct bytes node = make_node("Transpose", "turn", "x", "a");
    put_attr_ints(&node, "perm", 3, turn);
    put_message(&graph, GRAPH_NODE, node);
    struct bytes w = make_tensor("w", TYPE_FLOAT, 2, (const int64_t[]){6, 6});
    put_bytes(&w, TENSOR_RAW_DATA, weights, sizeof weights);
    put_message(&graph, GRAPH_INITIALIZER, w);
    put_node(&graph, "MatMul", "product", "a,w", "b");
    put_node(&graph, "Softmax", "softmax", "b", "c");
    put_node(&graph, "Add", "sum", "a,c", "d");
    check(graph, "x.1 x.0 2 3", "0 0 2 3");
}

/* A convolution keeps the batch, makes channels, and of a fixed width a fixed one. */
static void test_behind_convolution(void **state)
{
    (void)state;
    static const int64_t two[] = {2, 2}, dims[] = {4, 3, 3, 3};
    static const float weights[4 * 3 * 3 * 3];
    struct bytes graph = ends("N,3,H,16");
    struct bytes w = make_tensor("w", TYPE_FLOAT, 4, dims);
    put_bytes(&w, TENSOR_RAW_DATA, weights, sizeof weights);
    put_message(&graph, GRAPH_INITIALIZER, w);
    struct bytes node = make_node("Conv", "conv", "x,w", "d");
    put_attr_ints(&node, "strides", 2, two);
    put_attr_ints(&node, "pads", 4, (const int64_t[]){1, 1, 2, 1});
    put_message(&graph, GRAPH_NODE, node);
    check(graph, "d.0 d.1 d.2 d.3", "0 4 0 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_axis),
        cmocka_unit_test(test_several_axes),
        cmocka_unit_test(test_through_operators),
        cmocka_unit_test(test_behind_convolution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
