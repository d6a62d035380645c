#include <math.h>

#include "assign.h"

#define INT8 TARE_PRECISION_INT8
#define FP32 TARE_PRECISION_FP32

static uint64_t seed = 81;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    return g;
}

static void relu(struct tare_graph *g, const char *tensor)
{
    net_maker(g, tensor)->fused.lower = 0;
}

/* Convs hold their inputs; the last writes floats. Relu's result is not negative. */
static void test_chain(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 3, true, &seed);
    relu(g, "a");
    net_conv(g, "c2", "a", "b", 4, 4, 3, true, &seed);
    net_conv(g, "c3", "b", "y", 4, 4, 1, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=6 b=3.5 y=9", NULL);
    check_precision(g, "c1", INT8);
    check_precision(g, "c2", INT8);
    check_precision(g, "c3", INT8);
    check_held(g, "x", 2, 127);
    check_held(g, "a", 6, 255);
    check_held(g, "b", 3.5, 127);
    check_float(g, "y");
    tare_graph_destroy(g);
}

static void test_int8_not_allowed(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "y", 4, 4, 3, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2", NULL);
    const struct tare_precision_options options = {.allow_int8 = false};
    struct assigned result = assign(g, "x=2", &options); /* overwrites what was there */
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP32);
    check_float(g, "x");
    assert_string_equal(reason_of(&result, "c1"), "INT8 is not allowed");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* A residual block with a shortcut: the residual is held too. */
static void test_residual_block(void **state)
{
    (void)state;
    for (int with_range = 0; with_range < 2; with_range++) {
        struct tare_graph *g = begin();
        net_conv(g, "c1", "x", "a", 4, 4, 3, true, &seed);
        relu(g, "a");
        net_conv(g, "shortcut", "x", "s", 4, 4, 1, true, &seed);
        struct tare_node *conv = net_conv(g, "c2", "a", "b", 4, 4, 3, false, &seed);
        const int32_t inputs[] = {conv->inputs[0], conv->inputs[1], net_tensor(g, "s")};
        conv = net_maker(g, "b");
        NET_TRY(tare_node_set_inputs(conv, inputs, 3, &err_));
        conv->fused.has_residual = true;
        conv->fused.lower = 0;
        net_conv(g, "c3", "b", "y", 4, 4, 1, true, &seed);
        net_output(g, "y");
        assign_plain(
            net_infer(g), with_range ? "x=2 a=6 s=5 b=7" : "x=2 a=6 b=7",
            with_range
                ? NULL
                : "W: layer 'c2' (Conv) runs in FP32: tensor 's' has no range\n");
        check_precision(g, "c1", INT8);
        check_precision(g, "shortcut", INT8);
        check_precision(g, "c2", with_range ? INT8 : FP32);
        check_precision(g, "c3", INT8);
        if (with_range) {
            check_held(g, "s", 5, 127);
            check_held(g, "a", 6, 255);
        } else {
            check_float(g, "s");
            check_float(g, "a"); /* nobody else wants it */
        }
        check_held(g, "b", 7, 255);
        tare_graph_destroy(g);
    }
}

static void test_depthwise(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_int(net_conv(g, "dw", "x", "a", 1, 4, 3, true, &seed), "group", 4);
    net_conv(g, "pw", "a", "y", 4, 8, 1, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=6", NULL);
    check_precision(g, "dw", INT8);
    check_held(g, "a", 6, 127);
    tare_graph_destroy(g);
}

/* Values that are only moved keep the scale, whatever the cache says of them. */
static void test_same_scale(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "x", "a");
    net_ints(pool, "kernel_shape", 2, 2, 2);
    net_longs(g, "pads", 8, 0, 0, 1, 1, 0, 0, 1, 1);
    net_node(g, TARE_OP_PAD, "pad", "a pads", "b");
    net_int(net_node(g, TARE_OP_SPLIT, "split", "b", "c d"), "axis", 1);
    net_conv(g, "c1", "c", "y", 2, 4, 3, true, &seed);
    net_node(g, TARE_OP_SIGMOID, "other", "d", "z");
    net_node(g, TARE_OP_FLATTEN, "flatten", "y", "w");
    net_output(g, "w");
    net_output(g, "z");
    const struct tare_precision_options options = {.allow_int8 = true};
    struct assigned result = assign(net_infer(g), "x=2 a=1 b=1 c=1 d=1 y=1", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "pool", INT8);
    check_precision(g, "pad", INT8);
    check_precision(g, "split", INT8);
    const char *const shared[] = {"x", "a", "b", "c", "d"};
    for (size_t i = 0; i < 5; i++)
        check_held(g, shared[i], 2, 127);
    check_precision(g, "other", FP32); /* nobody asks for it as INT8 */
    check_precision(g, "flatten", FP32);
    check_float(g, "y");
    assert_string_equal(reason_of(&result, "flatten"),
                        "nothing that computes in INT8 reads its output");
    assert_string_equal(reason_of(&result, "pool"), "");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* When its input has no range, the result is held on its own and the node is float. */
static void test_same_scale_without_input_range(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "x", "a"), "kernel_shape", 2, 2, 2);
    net_conv(g, "c1", "a", "y", 4, 4, 3, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "a=1.5",
                 "W: layer 'pool' (MaxPool) runs in FP32: tensor 'x' has no range\n");
    check_precision(g, "pool", FP32);
    check_precision(g, "c1", INT8);
    check_float(g, "x");
    check_held(g, "a", 1.5, 127);
    tare_graph_destroy(g);
}

/* Add, average and tables have scales of their own, and pass the wish on. */
static void test_own_scale(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 3, true, &seed);
    net_node(g, TARE_OP_SIGMOID, "s1", "a", "b");
    net_node(g, TARE_OP_ADD, "add", "a b", "c");
    net_node(g, TARE_OP_RELU, "r", "c", "d");
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "gap", "d", "e");
    net_node(g, TARE_OP_FLATTEN, "flat", "e", "f");
    net_weights(g, "w", NET_DIMS(4, 10), -1, 1, &seed);
    net_node(g, TARE_OP_GEMM, "fc", "f w", "h");
    net_node(g, TARE_OP_SOFTMAX, "soft", "h", "y");
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=3 b=1 c=4 d=4.5 e=0.75", NULL);
    static const char *const int8[] = {"c1", "s1", "add", "r", "gap", "flat", "fc"};
    for (size_t i = 0; i < sizeof int8 / sizeof int8[0]; i++)
        check_precision(g, int8[i], INT8);
    check_precision(g, "soft", FP32);
    check_held(g, "a", 3, 127);
    check_held(g, "b", 1, 255);
    check_held(g, "c", 4, 127);
    check_held(g, "d", 4.5, 255);
    check_held(g, "e", 0.75, 255);
    check_held(g, "f", 0.75, 255);
    check_float(g, "h");
    tare_graph_destroy(g);
}

/* x -> c1 -> a, x -> c2 -> b, Concat(a, b) -> c -> c3 -> y */
static struct tare_graph *concat_network(void)
{
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_conv(g, "c2", "x", "b", 4, 4, 3, true, &seed);
    net_int(net_node(g, TARE_OP_CONCAT, "cat", "a b", "c"), "axis", 1);
    net_conv(g, "c3", "c", "y", 8, 4, 1, true, &seed);
    net_output(g, "y");
    return g;
}

static void test_concat_shares(void **state)
{
    (void)state;
    struct tare_graph *g = concat_network();
    relu(g, "a");
    relu(g, "b");
    assign_plain(net_infer(g), "x=2 a=3 b=5 c=4", NULL);
    check_precision(g, "cat", INT8);
    check_held(g, "a", 4, 255);
    check_held(g, "b", 4, 255);
    check_held(g, "c", 4, 255);
    tare_graph_destroy(g);

    g = concat_network(); /* one signed part makes the whole signed */
    relu(g, "a");
    assign_plain(net_infer(g), "x=2 a=3 b=5 c=4", NULL);
    check_held(g, "a", 4, 127);
    check_held(g, "b", 4, 127);
    check_held(g, "c", 4, 127);
    tare_graph_destroy(g);
}

/* An input that something else reads in INT8 keeps its scale; a float reader does not
 * matter. */
static void test_concat_with_other_readers(void **state)
{
    (void)state;
    struct tare_graph *g = concat_network();
    relu(g, "a");
    net_conv(g, "c4", "a", "z", 4, 4, 1, true, &seed);
    net_output(g, "z");
    net_node(g, TARE_OP_SOFTMAX, "soft", "b", "v");
    net_output(g, "v");
    assign_plain(net_infer(g), "x=2 a=3 b=5 c=4", NULL);
    check_precision(g, "cat", INT8);
    check_held(g, "a", 3, 255);
    check_held(g, "b", 4, 127);
    check_held(g, "c", 4, 127);
    tare_graph_destroy(g);

    g = concat_network(); /* through a node that keeps the scale */
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "p"), "kernel_shape", 2, 2, 2);
    net_conv(g, "c4", "p", "z", 4, 4, 1, true, &seed);
    net_output(g, "z");
    assign_plain(net_infer(g), "x=2 a=3 b=5 c=4", NULL);
    check_held(g, "a", 3, 127);
    check_held(g, "p", 3, 127);
    check_held(g, "b", 4, 127);
    tare_graph_destroy(g);
}

/* The other's scale goes back through a chain, and through pools. */
static void test_concat_of_concat(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_conv(g, "c2", "x", "b", 4, 4, 1, true, &seed);
    net_conv(g, "c3", "x", "c", 4, 4, 1, true, &seed);
    net_int(net_node(g, TARE_OP_CONCAT, "cat1", "a b", "d"), "axis", 1);
    struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "d", "e");
    net_ints(pool, "kernel_shape", 2, 3, 3);
    net_ints(pool, "pads", 4, 1, 1, 1, 1);
    net_int(net_node(g, TARE_OP_CONCAT, "cat2", "c e", "f"), "axis", 1);
    net_conv(g, "c4", "f", "y", 12, 4, 1, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=1 b=3 c=5 d=3 f=8", NULL);
    static const char *const shared[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < 6; i++)
        check_held(g, shared[i], 8, 127);
    tare_graph_destroy(g);
}

static void test_concat_of_one_tensor_twice(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_int(net_node(g, TARE_OP_CONCAT, "cat", "a a", "c"), "axis", 1);
    net_conv(g, "c3", "c", "y", 8, 4, 1, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=3 c=4", NULL);
    check_held(g, "a", 4, 127);
    check_held(g, "c", 4, 127);
    tare_graph_destroy(g);
}

static void test_two_concats_share_an_input(void **state)
{
    (void)state;
    struct tare_graph *g = concat_network();
    net_int(net_node(g, TARE_OP_CONCAT, "cat2", "a x", "d"), "axis", 1);
    net_conv(g, "c4", "d", "z", 8, 4, 1, true, &seed);
    net_output(g, "z");
    assign_plain(net_infer(g), "x=2 a=3 b=5 c=4 d=6", NULL);
    check_held(g, "a", 3, 127); /* both requantize it */
    check_held(g, "b", 4, 127);
    check_held(g, "x", 2, 127); /* the Convs read it */
    check_held(g, "d", 6, 127);
    tare_graph_destroy(g);
}

/* An output of the network is float, unless INT8 layers read it as well. */
static void test_graph_outputs(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_conv(g, "c2", "a", "b", 4, 4, 1, true, &seed);
    net_node(g, TARE_OP_RELU, "r", "b", "y");
    net_output(g, "a");
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 a=3 b=5 y=4", NULL);
    check_held(g, "a", 3, 127);
    check_float(g, "b");
    check_float(g, "y");
    check_precision(g, "r", FP32);
    tare_graph_destroy(g);
}

/* FP32 layers leave INT8 islands on both sides. */
static void test_fallback(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_conv(g, "c2", "a", "b", 4, 4, 1, true, &seed);
    net_conv(g, "c3", "b", "y", 4, 4, 1, true, &seed);
    net_output(g, "y");
    assign_plain(net_infer(g), "x=2 b=5",
                 "W: layer 'c2' (Conv) runs in FP32: tensor 'a' has no range\n");
    check_precision(g, "c1", INT8);
    check_precision(g, "c2", FP32);
    check_precision(g, "c3", INT8);
    check_float(g, "a");
    check_held(g, "b", 5, 127);
    tare_graph_destroy(g);
}

static void test_many_missing_ranges(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_output(g, "t12");
    for (int i = 0; i < 12; i++) {
        char name[16], x[16], y[16];
        (void)snprintf(name, sizeof name, "c%d", i);
        (void)snprintf(x, sizeof x, i ? "t%d" : "x", i);
        (void)snprintf(y, sizeof y, "t%d", i + 1);
        net_conv(g, name, x, y, 4, 4, 1, false, &seed);
    }
    const struct tare_precision_options options = {.allow_int8 = true};
    struct assigned result = assign(net_infer(g), "", &options);
    assert_int_equal(result.status, TARE_OK);
    assert_non_null(strstr(result.log.data, "'c9' (Conv) runs in FP32"));
    assert_null(strstr(result.log.data, "'c10'"));
    assert_non_null(
        strstr(result.log.data, "W: 2 more layers run in FP32 for want of a range\n"));
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_odd_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *ranges;
        double amax; /* 0: not held */
    } cases[] = {
        {"x=0", 1},         {"x=-1", 1},    {"x=1e-300", 1},     {"x=1e-13", 1},
        {"x=1e-12", 1e-12}, {"x=1e9", 1e9}, {"x=1.001e9", 0},    {"x=inf", 0},
        {"x=nan", 0},       {"x=5 x=7", 7}, {"nobody=3 x=5", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tare_graph *g = begin();
        net_conv(g, "c1", "x", "y", 4, 4, 1, true, &seed);
        net_output(g, "y");
        const struct tare_precision_options options = {.allow_int8 = true};
        struct assigned result = assign(net_infer(g), cases[i].ranges, &options);
        assert_int_equal(result.status, TARE_OK);
        check_held(g, "x", cases[i].amax, cases[i].amax > 0 ? 127 : 0);
        check_precision(g, "c1", cases[i].amax > 0 ? INT8 : FP32);
        if (i == 6)
            assert_string_equal(
                reason_of(&result, "c1"),
                "tensor 'x' has the range 1.001e+09, INT8 wants at most "
                "1e+09");
        const float scale = g->tensors[net_tensor(g, "x")].quant.scale;
        if (cases[i].amax > 0) assert_true(isnormal(scale));
        assigned_free(&result);
        tare_graph_destroy(g);
    }
}

static void test_needs(void **state)
{
    (void)state;
    struct tare_graph *g = concat_network();
    net_ints(net_node(g, TARE_OP_MAX_POOL, "pool", "a", "p"), "kernel_shape", 2, 2, 2);
    net_conv(g, "c4", "p", "z", 4, 4, 1, true, &seed);
    net_node(g, TARE_OP_SOFTMAX, "soft", "z", "v");
    net_output(g, "v");
    net_infer(g);
    const struct tare_precision_options options = {.allow_int8 = true};
    bool needed[64];
    assert_true(g->n_tensors <= 64);
    NET_TRY(tare_precision_needs(g, &options, needed, &err_));
    struct tare_text names = {0};
    for (size_t t = 0; t < g->n_tensors; t++)
        if (needed[t]) tare_text_add(&names, "%s ", g->tensors[t].name);
    assert_string_equal(names.data, "x a b c ");
    tare_text_free(&names);

    struct tare_precision_options bad = {.layer_precisions = "conv"};
    assert_int_equal(tare_precision_needs(g, &bad, needed, NULL), TARE_E_ARG);
    tare_graph_destroy(g);
}

static void test_report(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_conv(g, "c1", "x", "a", 4, 4, 1, true, &seed);
    net_node(g, TARE_OP_SOFTMAX, "soft", "a", "y");
    net_output(g, "y");
    const struct tare_precision_options options = {.allow_int8 = true};
    struct assigned result = assign(net_infer(g), "x=1", &options);
    assert_int_equal(tare_precision_report_size(result.report), 2);
    const struct tare_precision_row *row = tare_precision_report_row(result.report, 0);
    assert_string_equal(row->name, "c1");
    assert_string_equal(row->op, "Conv");
    assert_false(row->requested);
    assert_int_equal(row->got, INT8);
    assert_string_equal(row->reason, "");
    row = tare_precision_report_row(result.report, 1);
    assert_string_equal(row->name, "soft");
    assert_int_equal(row->got, FP32);
    assert_string_equal(row->reason, "Softmax has no INT8 kernel");
    assigned_free(&result);
    NET_TRY(tare_precision_assign(g, NULL, 0, &options, NULL, &err_));
    tare_precision_report_destroy(NULL);
    tare_graph_destroy(g);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *g = net_infer(concat_network());
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints =
                                                       TARE_CONSTRAINTS_PREFER,
                                                   .layer_precisions = "c1:fp32,d:int8",
                                                   .layer_output_types = "c2:int8"};
    size_t n_failed = 0;
    for (int64_t n = 0; n < 300; n++) {
        const struct tare_range range = {"x", 1};
        struct tare_precision_report *report;
        tare_alloc_fail_after(n);
        const enum tare_status status =
            tare_precision_assign(g, &range, 1, &options, &report, NULL);
        tare_alloc_fail_after(-1);
        if (status != TARE_OK) {
            assert_int_equal(status, TARE_E_NOMEM);
            assert_null(report);
            n_failed++;
        }
        tare_precision_report_destroy(report);
    }
    assert_true(n_failed > 20 && n_failed < 200);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_int8_not_allowed),
        cmocka_unit_test(test_residual_block),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_same_scale),
        cmocka_unit_test(test_same_scale_without_input_range),
        cmocka_unit_test(test_own_scale),
        cmocka_unit_test(test_concat_shares),
        cmocka_unit_test(test_concat_with_other_readers),
        cmocka_unit_test(test_concat_of_concat),
        cmocka_unit_test(test_concat_of_one_tensor_twice),
        cmocka_unit_test(test_two_concats_share_an_input),
        cmocka_unit_test(test_graph_outputs),
        cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_many_missing_ranges),
        cmocka_unit_test(test_odd_ranges),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
