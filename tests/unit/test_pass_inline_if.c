#include "bodies.h"
#include "passes.h"

/* Branches over a, of three outputs: sums, a constant, the first again; a thrice. */
static void put_branches(struct tare_node *node)
{
    struct tare_graph *then = net_create(16), *otherwise = net_create(16);
    body_capture(then, "a");
    net_scalar(then, "k", 0.5F);
    net_scalar(then, "w", 2.0F);
    net_node(then, TARE_OP_RELU, "first", "a", "t");
    net_node(then, TARE_OP_ADD, "second", "t k", "u");
    net_node(then, TARE_OP_ADD, "third", "u w", "made");
    net_output(then, "made");
    net_output(then, "k");
    net_output(then, "made");
    body_capture(otherwise, "a");
    net_output(otherwise, "a");
    net_output(otherwise, "a");
    net_output(otherwise, "a");
    body_attr(node, "then_branch", then);
    body_attr(node, "else_branch", otherwise);
}

/* Such an If between other nodes; `t` and the name "first" are outside too. */
static struct tare_graph *choice(bool is_const, bool value)
{
    struct tare_graph *graph = net_create(16);
    net_input(graph, "x", NET_DIMS(2, 3));
    if (is_const) {
        *(bool *)net_const(graph, "cond", TARE_BOOL, NET_DIMS(1)) = value;
    } else {
        net_input(graph, "cond", NET_DIMS(1));
        graph->tensors[net_tensor(graph, "cond")].dtype = TARE_BOOL;
    }
    net_node(graph, TARE_OP_TANH, "first", "x", "a");
    net_node(graph, TARE_OP_EXP, "exp", "a", "t");
    struct tare_node *node = net_node(graph, TARE_OP_IF, "if", "cond a a", "y m y2");
    put_branches(node);
    net_node(graph, TARE_OP_SIGMOID, "sigmoid", "y", "s");
    net_output(graph, "s");
    net_output(graph, "m");
    net_output(graph, "y2");
    net_output(graph, "t");
    return net_infer(graph);
}

static char *values_of(struct tare_graph *graph)
{
    struct tare_const x = BODY_FLOATS(-3, -2, -1, 0, 1, 2), outputs[8] = {0};
    struct tare_text text = {0};
    x.dims = NET_DIMS(2, 3);
    NET_TRY(tare_graph_run(graph, &x, outputs, &err_));
    for (size_t i = 0; i < graph->n_outputs; i++) {
        body_describe(&outputs[i], &text);
        tare_free(outputs[i].data);
    }
    return text.data;
}

/* Run the pass; outputs, order and shapes must be right afterwards. */
static struct tare_graph *run(struct tare_graph *graph, size_t n_left)
{
    size_t n_ifs = 0;
    bool changed = false;
    char *before = values_of(graph);
    NET_TRY(pass_find("inline_if")(graph, &changed, &err_));
    assert_true(changed);
    NET_TRY(tare_graph_compact(graph, &err_));
    pass_check_order(graph);
    for (size_t i = 0; i < graph->n_nodes; i++)
        n_ifs += graph->nodes[i].op == TARE_OP_IF;
    assert_int_equal(n_ifs, n_left);
    if (n_left == 0)
        pass_check_shapes(graph); /* what comes out of an If, a run tells */
    char *after = values_of(graph);
    assert_string_equal(after, before);
    tare_free(before);
    tare_free(after);
    return graph;
}

static void test_branches(void **state)
{
    (void)state;
    struct tare_graph *graph = run(choice(true, true), 0);
    assert_int_equal(graph->n_nodes, 8); /* three of the branch, two Identity */
    assert_string_equal(net_maker(graph, "y")->absorbed, "if");
    assert_int_equal(net_maker(graph, "y")->op, TARE_OP_ADD);
    assert_int_equal(net_maker(graph, "u")->op, TARE_OP_ADD);
    assert_int_equal(net_maker(graph, "t")->op, TARE_OP_EXP);
    assert_int_equal(net_maker(graph, "t_2")->op, TARE_OP_RELU);
    assert_string_not_equal(net_maker(graph, "t_2")->name, "first");
    tare_graph_destroy(graph);

    graph = run(choice(true, false), 0);
    assert_int_equal(graph->n_nodes, 6);
    assert_int_equal(net_maker(graph, "y")->op, TARE_OP_IDENTITY);
    tare_graph_destroy(graph);
}

/* An If in the branch is next, also when its condition is a constant of the branch. */
static void test_nested(void **state)
{
    (void)state;
    struct tare_graph *outer = net_create(16), *otherwise = net_create(16);
    body_capture(outer, "a");
    *(bool *)net_const(outer, "c", TARE_BOOL, (struct tare_dims){0}) = true;
    put_branches(net_node(outer, TARE_OP_IF, "deep", "c a a", "p q r"));
    net_output(outer, "p");
    body_capture(otherwise, "a");
    net_output(otherwise, "a");
    struct tare_graph *graph = net_create(16);
    net_input(graph, "a", NET_DIMS(2, 3));
    *(bool *)net_const(graph, "cond", TARE_BOOL, NET_DIMS(1)) = true;
    struct tare_node *node = net_node(graph, TARE_OP_IF, "if", "cond a a", "y");
    body_attr(node, "then_branch", outer);
    body_attr(node, "else_branch", otherwise);
    net_output(graph, "y");
    graph = run(run(net_infer(graph), 1), 0);
    assert_int_equal(net_maker(graph, "y")->op, TARE_OP_ADD);
    assert_string_equal(net_maker(graph, "y")->absorbed, "deep + if");
    tare_graph_destroy(graph);
}

static void test_keeps(void **state)
{
    (void)state;
    struct tare_graph *graph = choice(false, false);
    bool changed = false;
    NET_TRY(pass_find("inline_if")(graph, &changed, &err_));
    assert_false(changed);
    assert_int_equal(graph->n_nodes, 4);
    tare_graph_destroy(graph);
}

/* The whole optimizer leaves nothing of it. */
static void test_optimized(void **state)
{
    (void)state;
    struct tare_graph *graph = choice(true, true);
    char *before = values_of(graph);
    NET_TRY(tare_optimize(graph, NULL, &err_));
    char *after = values_of(graph);
    assert_string_equal(after, before);
    for (size_t i = 0; i < graph->n_nodes; i++)
        assert_int_not_equal(graph->nodes[i].op, TARE_OP_IF);
    tare_free(before);
    tare_free(after);
    tare_graph_destroy(graph);
}

static void test_no_memory(void **state)
{
    (void)state;
    enum tare_status st = TARE_E_NOMEM;
    for (int64_t i = 0; st != TARE_OK; i++) {
        struct tare_graph *graph = choice(true, true);
        bool changed = false;
        tare_alloc_fail_after(i);
        st = pass_find("inline_if")(graph, &changed, NULL);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        tare_graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branches),  cmocka_unit_test(test_nested),
        cmocka_unit_test(test_keeps),     cmocka_unit_test(test_optimized),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
