/* If, Loop and Scan: what their graphs see, how often they run, what is made of it. */
#include "bodies.h"
#include "graph/blob.h"
#include "graph/ops/ops.h"

/* y = cond ? a + b : relu(a); both branches capture. */
static struct tare_graph *choice(void)
{
    struct tare_graph *then = net_create(16), *otherwise = net_create(16);
    body_capture(then, "a");
    body_capture(then, "b");
    net_node(then, TARE_OP_ADD, "sum", "a b", "made");
    net_output(then, "made");
    body_capture(otherwise, "a");
    net_node(otherwise, TARE_OP_RELU, "relu", "a", "made");
    net_output(otherwise, "made");

    struct tare_graph *graph = net_create(16);
    body_input(graph, "cond", TARE_BOOL);
    body_input(graph, "a", TARE_F32);
    body_input(graph, "b", TARE_F32);
    struct tare_node *node = net_node(graph, TARE_OP_IF, "if", "cond a b a", "y");
    body_attr(node, "then_branch", then);
    body_attr(node, "else_branch", otherwise);
    net_output(graph, "y");
    return graph;
}

static void test_if(void **state)
{
    (void)state;
    struct tare_graph *graph = choice();
    const struct tare_const yes[] = {BODY_BOOL(true), BODY_FLOATS(-1, 2),
                                     BODY_FLOATS(10, 20)};
    const struct tare_const no[] = {BODY_BOOL(false), BODY_FLOATS(-1, 2),
                                    BODY_FLOATS(10, 20)};
    body_expect(graph, yes, "2=9,22");
    body_expect(graph, no, "2=0,2");
    body_starve(graph, yes, NULL);

    float place[2];
    const struct tare_const given[] = {{.data = place, .n_bytes = sizeof place}};
    body_starve(graph, yes, given);
    assert_true(place[0] == 9.0F && place[1] == 22.0F);

    const struct tare_const bad[] = {BODY_BOOL(true), BODY_FLOATS(-1, 2),
                                     BODY_FLOATS(1, 2, 3)};
    body_expect(graph, bad,
                "node 'if' (If): node 'sum' (Add): 2 does not broadcast with 3");
    tare_graph_destroy(graph);
}

/* Loop(M, cond, v, limit and step captured):
 *     v' = v < limit ? v + step : v, where the sum is a branch in the body, so that
 *     step is captured twice; again while v' < limit; every v' is stacked. */
static struct tare_graph *climb(void)
{
    struct tare_graph *then = net_create(16), *otherwise = net_create(16);
    body_capture(then, "v");
    body_capture(then, "step");
    net_node(then, TARE_OP_ADD, "sum", "v step", "made");
    net_output(then, "made");
    body_capture(otherwise, "v");
    net_node(otherwise, TARE_OP_IDENTITY, "same", "v", "made");
    net_output(otherwise, "made");

    struct tare_graph *body = net_create(16);
    body_input(body, "i", TARE_S64);
    body_input(body, "c", TARE_BOOL);
    body_input(body, "v", TARE_F32);
    body_capture(body, "limit");
    body_capture(body, "step");
    net_node(body, TARE_OP_LESS, "less", "v limit", "below");
    struct tare_node *node = net_node(body, TARE_OP_IF, "if", "below v step v", "next");
    body_attr(node, "then_branch", then);
    body_attr(node, "else_branch", otherwise);
    net_node(body, TARE_OP_LESS, "go", "next limit", "again");
    net_node(body, TARE_OP_IDENTITY, "keep", "next", "kept");
    net_output(body, "again");
    net_output(body, "next");
    body_output(body, "kept", NET_DIMS(-1));

    struct tare_graph *graph = net_create(16);
    body_input(graph, "M", TARE_S64);
    body_input(graph, "cond", TARE_BOOL);
    body_input(graph, "start", TARE_F32);
    body_input(graph, "limit", TARE_F32);
    body_input(graph, "step", TARE_F32);
    node = net_node(graph, TARE_OP_LOOP, "loop", "M cond start limit step", "end all");
    body_attr(node, "body", body);
    net_output(graph, "end");
    net_output(graph, "all");
    return graph;
}

static void test_loop(void **state)
{
    (void)state;
    struct tare_graph *graph = climb();
    struct tare_const in[] = {BODY_LONG(100), BODY_BOOL(true), BODY_FLOATS(1),
                              BODY_FLOATS(10), BODY_FLOATS(4)};
    body_expect(graph, in, "1=13 3x1=5,9,13"); /* the condition ends it */
    body_starve(graph, in, NULL);
    in[0] = BODY_LONG(2);
    body_expect(graph, in, "1=9 2x1=5,9"); /* the number ends it */
    in[2] = BODY_FLOATS(20);
    body_expect(graph, in, "1=20 1x1=20"); /* the other branch */
    in[1] = BODY_BOOL(false);
    body_expect(graph, in, "1=20 0x0");
    in[1] = BODY_BOOL(true);
    in[0] = BODY_LONG(-3);
    body_expect(graph, in, "1=20 0x0");
    body_starve(graph, in, NULL);
    tare_graph_destroy(graph);
}

/* A Loop over nothing has the declared shape, with open axes of length 0; also after a
 * run that has seen others, and out of an engine file. */
static void zero_iterations(const char *inputs)
{
    struct tare_graph *body = net_create(16);
    body_input(body, "i", TARE_S64);
    body_input(body, "c", TARE_BOOL);
    body_capture(body, "x");
    net_node(body, TARE_OP_IDENTITY, "go", "c", "again");
    net_node(body, TARE_OP_RELU, "relu", "x", "made");
    net_output(body, "again");
    body_output(body, "made", NET_DIMS(3, -1));
    struct tare_graph *graph = net_create(16);
    body_input(graph, "M", TARE_S64);
    body_input(graph, "x", TARE_F32);
    struct tare_node *node = net_node(graph, TARE_OP_LOOP, "loop", inputs, "all");
    body_attr(node, "body", body);
    net_output(graph, "all");

    struct tare_blob blob = {0};
    struct tare_graph *read;
    NET_TRY(tare_blob_write_graph(&blob, graph, &err_));
    NET_TRY(tare_blob_read_graph(blob.data, blob.n_bytes, NULL, &read, &err_));
    struct tare_const in[] = {BODY_LONG(0), BODY_FLOATS(1, 2, 3)};
    in[1].dims = NET_DIMS(3, 1);
    for (int i = 0; i < 2; i++) {
        in[0] = BODY_LONG(0);
        body_expect(graph, in, "0x3x0");
        body_expect(read, in, "0x3x0");
        in[0] = BODY_LONG(2);
        body_expect(graph, in, "2x3x1=1,2,3,1,2,3");
        body_expect(read, in, "2x3x1=1,2,3,1,2,3");
    }
    tare_free(blob.data);
    tare_graph_destroy(read);
    tare_graph_destroy(graph);
}

static void test_zero_iterations(void **state)
{
    (void)state;
    zero_iterations("M - x");
    zero_iterations("M x"); /* as files have it: what is left out at the end goes */
}

/* Without a number and a condition, the body's own ends the loop; a value that changes
 * its shape may be carried, but not stacked. */
static struct tare_graph *doubling(bool stacks)
{
    struct tare_graph *body = net_create(16);
    body_input(body, "i", TARE_S64);
    body_input(body, "c", TARE_BOOL);
    body_input(body, "v", TARE_F32);
    net_longs(body, "two", 1, 2);
    net_node(body, TARE_OP_LESS, "less", "i two", "again");
    net_int(net_node(body, TARE_OP_CONCAT, "concat", "v v", "next"), "axis", 0);
    net_output(body, "again");
    net_output(body, "next");
    if (stacks) net_output(body, "next");
    struct tare_graph *graph = net_create(16);
    body_input(graph, "start", TARE_F32);
    struct tare_node *node =
        net_node(graph, TARE_OP_LOOP, "loop", "- - start", stacks ? "end all" : "end");
    body_attr(node, "body", body);
    net_output(graph, "end");
    return graph;
}

static void test_growing(void **state)
{
    (void)state;
    const struct tare_const in[] = {BODY_FLOATS(7)};
    struct tare_graph *graph = doubling(false);
    body_expect(graph, in, "8=7,7,7,7,7,7,7,7");
    body_starve(graph, in, NULL);
    tare_graph_destroy(graph);
    graph = doubling(true);
    body_expect(graph, in,
                "node 'loop' (Loop): an output is 2 in one run of the body, 4 in "
                "another");
    tare_graph_destroy(graph);
}

/* Running sums of the columns of x [2,3], from a start, in either direction. */
static struct tare_graph *sums(int in_direction, int out_direction, int out_axis)
{
    struct tare_graph *body = net_create(16);
    body_input(body, "sum", TARE_F32);
    body_input(body, "column", TARE_F32);
    body_capture(body, "factor");
    net_node(body, TARE_OP_MUL, "mul", "column factor", "scaled");
    net_node(body, TARE_OP_ADD, "add", "sum scaled", "next");
    net_node(body, TARE_OP_IDENTITY, "keep", "next", "kept");
    net_output(body, "next");
    net_output(body, "kept");
    struct tare_graph *graph = net_create(16);
    body_input(graph, "start", TARE_F32);
    body_input(graph, "x", TARE_F32);
    body_input(graph, "factor", TARE_F32);
    struct tare_node *node =
        net_node(graph, TARE_OP_SCAN, "scan", "start x factor", "end all");
    net_int(node, "num_scan_inputs", 1);
    net_ints(node, "scan_input_axes", 1, -1);
    net_ints(node, "scan_input_directions", 1, in_direction);
    net_ints(node, "scan_output_axes", 1, out_axis);
    net_ints(node, "scan_output_directions", 1, out_direction);
    body_attr(node, "body", body);
    net_output(graph, "end");
    net_output(graph, "all");
    return graph;
}

static void test_scan(void **state)
{
    (void)state;
    static const struct {
        int in_direction, out_direction, out_axis;
        const char *want;
    } cases[] = {
        {0, 0, 0, "2=6,60 3x2=1,10,3,30,6,60"},  {1, 0, 0, "2=6,60 3x2=3,30,5,50,6,60"},
        {0, 1, 0, "2=6,60 3x2=6,60,3,30,1,10"},  {1, 1, 1, "2=6,60 2x3=6,5,3,60,50,30"},
        {0, 0, -1, "2=6,60 2x3=1,3,6,10,30,60"},
    };
    struct tare_const in[] = {BODY_FLOATS(0, 0), BODY_FLOATS(1, 2, 3, 10, 20, 30),
                              BODY_FLOATS(1)};
    in[1].dims = NET_DIMS(2, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_graph *graph =
            sums(cases[i].in_direction, cases[i].out_direction, cases[i].out_axis);
        body_expect(graph, in, cases[i].want);
        if (i == 0) body_starve(graph, in, NULL);
        tare_graph_destroy(graph);
    }
    struct tare_graph *graph = sums(0, 0, 0);
    in[1] = BODY_FLOATS(1, 2, 3);
    in[1].dims = NET_DIMS(3, 1);
    body_expect(graph, in,
                "node 'scan' (Scan): node 'add' (Add): 2 does not broadcast with 3");
    tare_graph_destroy(graph);
    graph = sums(0, 0, 5);
    in[1] = BODY_FLOATS(1, 2, 3, 10, 20, 30);
    in[1].dims = NET_DIMS(2, 3);
    body_expect(graph, in,
                "node 'scan' (Scan): the runs of a body cannot be joined along axis 5");
    tare_graph_destroy(graph);
}

/* Graphs that do not fit their nodes are refused before anything runs. */
static void test_misfits(void **state)
{
    (void)state;
    const struct tare_const in[] = {BODY_BOOL(true), BODY_FLOATS(1), BODY_FLOATS(2)};
    struct tare_graph *graph = choice();
    struct tare_node *node = &graph->nodes[0];
    tare_node_attr(node, "then_branch")->g->n_captures = 1;
    body_expect(graph, in,
                "node 'if' (If): then_branch has 1 inputs and 1 outputs, want 0 and 1");
    tare_node_attr(node, "then_branch")->g->n_captures = 5;
    body_expect(graph, in,
                "node 'if' (If): graph 'then_branch' captures 5 of 4 inputs");
    tare_node_attr(node, "then_branch")->g->n_captures = 2;
    body_expect(graph, in, "1=3");
    tare_graph_destroy(graph);

    graph = climb();
    const struct tare_const few[] = {BODY_LONG(1), BODY_BOOL(true), BODY_FLOATS(1),
                                     BODY_FLOATS(10), BODY_FLOATS(4)};
    tare_node_attr(&graph->nodes[0], "body")->g->n_captures = 0;
    body_expect(
        graph, few,
        "node 'loop' (Loop): 3 values are carried into a body of 5 inputs and 3 "
        "outputs, of which 2 are wanted");
    tare_node_attr(&graph->nodes[0], "body")->g->n_captures = 2;
    const struct tare_const two[] = {BODY_LONG(1), BODY_BOOL(true), BODY_FLOATS(1, 2),
                                     BODY_FLOATS(10, 20), BODY_FLOATS(4)};
    body_expect(graph, two,
                "node 'loop' (Loop): node 'if' (If): cond is not one value");
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_if),      cmocka_unit_test(test_loop),
        cmocka_unit_test(test_growing), cmocka_unit_test(test_zero_iterations),
        cmocka_unit_test(test_scan),    cmocka_unit_test(test_misfits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
