/* Every allocation fails once: no crash, no leak (under ASan), TARE_E_NOMEM each time,
 * and the graph can still be used and released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"

#define STEP(call)                                                                     \
    do {                                                                               \
        const enum tare_status step_ = (call);                                         \
        if (step_ != TARE_OK) return step_;                                            \
    } while (0)

static enum tare_status add_constant(struct tare_graph *graph, const char *name,
                                     enum tare_dtype dtype, struct tare_dims dims,
                                     int32_t *id)
{
    struct tare_const content = {.dtype = dtype, .dims = dims};
    STEP(tare_const_alloc(&content, NULL));
    memset(content.data, 0, content.n_bytes);
    return tare_graph_add_const(graph, name, &content, id, NULL);
}

static enum tare_status add_one(struct tare_graph *graph, enum tare_op op,
                                const char *output, const int32_t *inputs, size_t n,
                                int32_t *made)
{
    int32_t node;
    STEP(tare_graph_add_tensor(graph, output, made, NULL));
    return tare_graph_add_node(graph, op, "", inputs, n, made, 1, &node, NULL);
}

static enum tare_status add_ints(struct tare_node *node, const char *name)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = 4};
    attr.ints = tare_alloc_array(4, sizeof *attr.ints);
    if (!attr.ints) return TARE_E_NOMEM;
    return tare_node_add_attr(node, name, attr, NULL);
}

/* Conv and its bias; Shape, Gather, Add, Split on the side; Reshape. */
static enum tare_status build(struct tare_graph *graph)
{
    const struct tare_dims image = {.rank = 4, .d = {1, 1, 4, 4}};
    const struct tare_dims kernel = {.rank = 4, .d = {1, 1, 1, 1}};
    const struct tare_dims one = {.rank = 1, .d = {1}};
    int32_t x, w, index, conv, shape, dim, sum, part, y;
    STEP(tare_graph_add_tensor(graph, "x", &x, NULL));
    graph->tensors[x].has_dims = true;
    graph->tensors[x].dims = image;
    STEP(tare_graph_set_inputs(graph, &x, 1, NULL));
    STEP(add_constant(graph, "w", TARE_F32, kernel, &w));
    STEP(add_constant(graph, "index", TARE_S64, one, &index));
    STEP(add_one(graph, TARE_OP_CONV, "conv", (int32_t[]){x, w}, 2, &conv));
    STEP(add_ints(&graph->nodes[0], "pads"));
    STEP(add_ints(&graph->nodes[0], "pads"));
    STEP(add_one(graph, TARE_OP_SHAPE, "shape", &conv, 1, &shape));
    STEP(add_one(graph, TARE_OP_GATHER, "dim", (int32_t[]){shape, index}, 2, &dim));
    STEP(add_one(graph, TARE_OP_ADD, "sum", (int32_t[]){dim, index}, 2, &sum));
    STEP(add_one(graph, TARE_OP_SPLIT, "part", &sum, 1, &part));
    STEP(add_one(graph, TARE_OP_EXPAND, "y", (int32_t[]){conv, part}, 2, &y));
    STEP(tare_graph_set_outputs(graph, &y, 1, NULL));
    STEP(tare_graph_rename_tensor(graph, y, "z", NULL));
    return TARE_OK;
}

static enum tare_status use(struct tare_graph *graph)
{
    struct tare_graph *copy = NULL;
    STEP(tare_graph_sort(graph, NULL));
    STEP(tare_graph_infer(graph, NULL));
    STEP(tare_node_absorb(&graph->nodes[0], &graph->nodes[1], NULL));
    STEP(tare_graph_clone(graph, &copy, NULL));
    enum tare_status st = TARE_OK;
    for (int32_t i = 0; i < (int32_t)copy->n_nodes && st == TARE_OK; i++) {
        bool evaluated;
        st = tare_graph_eval_node(copy, i, &evaluated, NULL);
        if (st == TARE_OK && evaluated) tare_graph_remove_node(copy, i);
    }
    if (st == TARE_OK) st = tare_graph_compact(copy, NULL);
    if (st == TARE_OK) assert_int_equal(copy->n_nodes, 2);
    tare_graph_destroy(copy);
    return st;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    int64_t n = 0;
    enum tare_status st;
    do {
        struct tare_graph *graph;
        tare_alloc_fail_after(n);
        st = tare_graph_create(&graph, NULL);
        if (st == TARE_OK) st = build(graph);
        if (st == TARE_OK) st = use(graph);
        tare_alloc_fail_after(-1);
        assert_true(st == TARE_OK || st == TARE_E_NOMEM);
        tare_graph_destroy(graph);
        n++;
    } while (st != TARE_OK);
    print_message("%lld allocations failed in turn\n", (long long)n - 1);
    assert_true(n > 100);
}

/* A failure half-way leaves a graph on which the same call succeeds. */
static void test_retry(void **state)
{
    (void)state;
    struct tare_graph *graph;
    assert_int_equal(tare_graph_create(&graph, NULL), TARE_OK);
    assert_int_equal(build(graph), TARE_OK);
    enum tare_status st;
    int64_t n = 0;
    do {
        tare_alloc_fail_after(n++);
        st = use(graph);
    } while (st == TARE_E_NOMEM);
    tare_alloc_fail_after(-1);
    assert_int_equal(st, TARE_OK);
    assert_true(n > 50);
    tare_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
