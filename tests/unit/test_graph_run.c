/* Graphs as programs: where outputs go, what is left of a run. */
#include "bodies.h"

/* y = relu(x), z = y + w; outputs as `names` says. */
static struct tare_graph *chain(const char *names)
{
    struct tare_graph *graph = net_create(13);
    char name[16];
    int used;
    body_input(graph, "x", TARE_F32);
    net_scalar(graph, "w", 100.0F);
    net_scalar(graph, "c", 7.0F);
    net_node(graph, TARE_OP_RELU, "relu", "x", "y");
    net_node(graph, TARE_OP_ADD, "add", "y w", "z");
    for (; sscanf(names, "%15s%n", name, &used) == 1; names += used)
        net_output(graph, name);
    return graph;
}

static char *print(const struct tare_graph *graph)
{
    struct tare_text text = {0};
    tare_graph_print(graph, &text);
    return text.data;
}

static float first_of(const char *name)
{
    switch (*name) {
    case 'x': return -2.0F;
    case 'y': return 0.0F;
    case 'z': return 100.0F; /* y[0] + w */
    default: return 7.0F;    /* the scalar c */
    }
}

/* One choice of outputs that have a place already: a bit each. */
static void check_places(struct tare_graph *graph, unsigned mask)
{
    const struct tare_const in[] = {BODY_FLOATS(-2, 0, 3)};
    float places[3][3];
    struct tare_const outputs[3] = {0}, given[3] = {0};
    for (size_t k = 0; k < graph->n_outputs; k++) {
        const bool is_scalar = *graph->tensors[graph->outputs[k]].name == 'c';
        if (!(mask >> k & 1)) continue;
        given[k].data = places[k];
        given[k].n_bytes = is_scalar ? sizeof(float) : sizeof places[k];
        outputs[k] = given[k];
    }
    NET_TRY(tare_graph_run(graph, in, outputs, &err_));
    for (size_t k = 0; k < graph->n_outputs; k++) {
        const char *name = graph->tensors[graph->outputs[k]].name;
        assert_true((outputs[k].data == places[k]) == (given[k].data != NULL));
        assert_true(*(const float *)outputs[k].data == first_of(name));
        assert_int_equal(tare_dims_count(&outputs[k].dims), *name == 'c' ? 1 : 3);
        for (size_t j = 0; j < k; j++)
            assert_ptr_not_equal(outputs[j].data, outputs[k].data);
    }
    for (size_t k = 0; k < graph->n_outputs; k++)
        if (!given[k].data) tare_free(outputs[k].data);
    body_starve(graph, in, given);
}

/* Outputs of nodes, several times, read by others; inputs; constants. */
static void test_outputs(void **state)
{
    (void)state;
    static const char *const cases[] = {"z",     "y z", "z z",   "y y y", "x",
                                        "x z x", "c z", "z c y", "c c"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_graph *graph = chain(cases[i]);
        char *before = print(graph);
        for (unsigned mask = 0; mask < 1u << graph->n_outputs; mask++)
            check_places(graph, mask);
        char *after = print(graph);
        assert_string_equal(after, before);
        tare_free(before);
        tare_free(after);
        tare_graph_destroy(graph);
    }
}

/* A place must be as large as what comes there. */
static void test_wrong_place(void **state)
{
    (void)state;
    const struct tare_const in[] = {BODY_FLOATS(-2, 0, 3)};
    float place[8] = {0};
    static const char *const cases[] = {"z", "x", "c", "z z"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_graph *graph = chain(cases[i]);
        struct tare_const outputs[2] = {0};
        struct tare_error err = {0};
        outputs[graph->n_outputs - 1].data = place;
        outputs[graph->n_outputs - 1].n_bytes = sizeof place;
        assert_true(tare_graph_run(graph, in, outputs, &err) != TARE_OK);
        assert_non_null(strstr(err.text, "32 bytes"));
        assert_ptr_equal(outputs[graph->n_outputs - 1].data, place);
        if (graph->n_outputs > 1) assert_null(outputs[0].data);
        tare_graph_destroy(graph);
    }
}

/* A failure behind nodes that have run leaves the graph as it was, fit to run again. */
static void test_failure(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    body_input(graph, "x", TARE_F32);
    body_input(graph, "v", TARE_F32);
    net_node(graph, TARE_OP_RELU, "relu", "x", "y");
    net_node(graph, TARE_OP_ADD, "add", "y v", "z");
    net_node(graph, TARE_OP_SIGMOID, "last", "z", "s");
    net_output(graph, "y");
    net_output(graph, "s");
    char *before = print(graph);
    const struct tare_const bad[] = {BODY_FLOATS(1, 2), BODY_FLOATS(1, 2, 3)};
    const struct tare_const none[] = {BODY_FLOATS(1, 2), {.dims = NET_DIMS(2)}};
    const struct tare_const good[] = {BODY_FLOATS(1, 2), BODY_FLOATS(-1, -2)};
    body_expect(graph, bad, "node 'add' (Add): 2 does not broadcast with 3");
    body_expect(graph, none, "input 'v' has no value");
    body_expect(graph, good, "2=1,2 2=0.5,0.5");
    char *after = print(graph);
    assert_string_equal(after, before);
    tare_free(before);
    tare_free(after);
    tare_graph_destroy(graph);
}

/* Types and shapes are those of the values, each time. */
static void test_shapes(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    body_input(graph, "x", TARE_F32);
    net_node(graph, TARE_OP_NON_ZERO, "nonzero", "x", "at");
    net_node(graph, TARE_OP_SHAPE, "shape", "at", "n");
    net_output(graph, "at");
    net_output(graph, "n");
    const struct tare_const some[] = {BODY_FLOATS(0, 2, 0, 1)};
    const struct tare_const none[] = {BODY_FLOATS(0)};
    const struct tare_const other[] = {BODY_LONG(5)};
    body_expect(graph, some, "1x2=1,3 2=1,2");
    body_expect(graph, none, "1x0 2=1,0");
    body_expect(graph, some, "1x2=1,3 2=1,2");
    body_expect(graph, other, "0x1 2=0,1");
    body_starve(graph, some, NULL);
    tare_graph_destroy(graph);
}

/* What inference has computed is computed again. */
static void test_inferred(void **state)
{
    (void)state;
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(2));
    net_node(graph, TARE_OP_SHAPE, "shape", "x", "n");
    net_node(graph, TARE_OP_IDENTITY, "same", "n", "m");
    net_output(graph, "m");
    net_infer(graph);
    assert_true(tare_tensor_is_const(&graph->tensors[net_tensor(graph, "m")]));
    const struct tare_const in[] = {BODY_FLOATS(1, 2, 3)};
    body_expect(graph, in, "1=3");
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs),  cmocka_unit_test(test_wrong_place),
        cmocka_unit_test(test_failure),  cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_inferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
