/* What moves values, in INT8: values that are codes come out as in FP32, and means and
 * samples within half a step of it. */
#include "precision/precision.h"
#include "tests/unit/assign.h"
#include "tests/unit/engine_graphs.h"

enum { N_ELEMS = 2 * 8 * 6 * 4, STEPS = 64 };

static uint64_t seed = 61;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 8, 6, 4));
    net_output(g, "y");
    return g;
}

/* Run the node "n" in FP32 and on request in INT8, where x and y have steps of 1/64.
 * @param most_off  in steps */
static void check(struct tare_graph *g, double most_off)
{
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = "n:int8"};
    const struct tare_range ranges[] = {{"x", 127.0 / STEPS}, {"y", 127.0 / STEPS}};
    float x[N_ELEMS];
    for (int i = 0; i < N_ELEMS; i++)
        x[i] = rintf(127 * net_uniform(&seed)) / STEPS;
    struct graph_values inputs = {.data = {x}, .n = 1};
    struct graph_values want = graph_run(net_infer(g), 1, &inputs);
    NET_TRY(tare_precision_assign(g, ranges, 2, &options, NULL, &err_));
    check_precision(g, "n", TARE_PRECISION_INT8);
    struct graph_values got = graph_run(g, 2, &inputs);
    const int64_t n = naive_count(&g->tensors[g->outputs[0]].dims);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got.data[0][i] - (double)want.data[0][i]) <=
              most_off / STEPS))
            fail_msg("%s: %lld is %g, want %g", tare_op_name(net_maker(g, "y")->op),
                     (long long)i, (double)got.data[0][i], (double)want.data[0][i]);
    graph_values_free(&want);
    graph_values_free(&got);
    tare_graph_destroy(g);
}

static void test_pads(void **state)
{
    (void)state;
    static const char *const modes[] = {"constant", "edge", "reflect"};
    for (size_t i = 0; i < 3; i++) {
        struct tare_graph *g = begin();
        net_longs(g, "pads", 8, 0, 0, 2, 1, 0, 0, 1, 3);
        net_string(net_node(g, TARE_OP_PAD, "n", "x pads", "y"), "mode", modes[i]);
        check(g, 0);
    }
    static const float values[] = {-0.75F, 1.984375F, -3.0F};
    for (size_t i = 0; i < 3; i++) {
        struct tare_graph *g = begin();
        net_longs(g, "pads", 8, 0, 1, 0, 1, 0, 0, 1, 0);
        net_scalar(g, "value", values[i]);
        net_node(g, TARE_OP_PAD, "n", "x pads value", "y");
        check(g, i == 2 ? 65 : 0); /* -3 is less than the least code, -127 / 64 */
    }
}

static void test_moves(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_longs(g, "indices", 5, 3, 0, -1, 0, 2);
    net_int(net_node(g, TARE_OP_GATHER, "n", "x indices", "y"), "axis", 1);
    check(g, 0);
    g = begin();
    net_longs(g, "shape", 5, 3, 2, 8, 6, 4);
    net_node(g, TARE_OP_EXPAND, "n", "x shape", "y");
    check(g, 0);
    g = begin();
    net_int(net_node(g, TARE_OP_DEPTH_TO_SPACE, "n", "x", "y"), "blocksize", 2);
    check(g, 0);
    g = begin();
    net_int(net_node(g, TARE_OP_DEPTH_TO_SPACE, "n", "x", "y"), "blocksize", 2);
    net_string(net_maker(g, "y"), "mode", "CRD");
    check(g, 0);
    g = begin();
    net_int(net_node(g, TARE_OP_SPACE_TO_DEPTH, "n", "x", "y"), "blocksize", 2);
    check(g, 0);
    g = begin();
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "n", "x", "y"), "perm", 4, 0, 3, 1, 2);
    check(g, 0);
}

static void test_index_outside(void **state)
{
    (void)state;
    struct tare_error err = {0};
    struct built built;
    struct tare_graph *g = begin();
    net_longs(g, "indices", 3, 0, 8, 1);
    net_int(net_node(g, TARE_OP_GATHER, "n", "x indices", "y"), "axis", 1);
    assert_int_equal(built_make(net_infer(g), tare_cpu_flags(), &built, &err),
                     TARE_E_FORMAT);
    assert_non_null(strstr(err.text, "index 8 lies outside axis 1 of length 8"));
    tare_graph_destroy(g);
}

static void test_samples(void **state)
{
    (void)state;
    static const char *const modes[] = {"nearest", "linear"};
    for (size_t i = 0; i < 2; i++) {
        struct tare_graph *g = begin();
        float *scales = net_const(g, "scales", TARE_F32, NET_DIMS(4));
        scales[0] = scales[1] = 1;
        scales[2] = 2;
        scales[3] = 1.5F;
        net_string(net_node(g, TARE_OP_RESIZE, "n", "x - scales", "y"), "mode",
                   modes[i]);
        check(g, i == 0 ? 0 : 0.501);
    }
}

static void test_means(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct tare_graph *g = begin();
        struct tare_node *node = net_node(g, TARE_OP_REDUCE_MEAN, "n", "x", "y");
        net_ints(node, "axes", 2, -1, 2);
        net_int(node, "keepdims", keeps);
        check(g, 0.501);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pads),          cmocka_unit_test(test_moves),
        cmocka_unit_test(test_index_outside), cmocka_unit_test(test_samples),
        cmocka_unit_test(test_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
