/* Requests for layers and outputs: kept, warned about or refused, with every text. */
#include "assign.h"

#define INT8 TARE_PRECISION_INT8
#define FP32 TARE_PRECISION_FP32

static uint64_t seed = 101;

struct want {
    const char *precisions, *types, *ranges;
    const char *nodes;         /* precision of c1, pool, c2: "888", "3" for FP32 */
    const char *held;          /* names of held tensors among x a b d, in order */
    const char *prefer, *obey; /* the log; obey's also tells whether it fails: "E: " */
    const char *error;         /* obey's text, NULL: it succeeds */
};

static void check_choice(const struct tare_graph *g, const struct want *want)
{
    static const char *const nodes[] = {"c1", "pool", "c2"};
    static const char *const tensors[] = {"x", "a", "b", "d"};
    struct tare_text held = {0};
    for (size_t i = 0; i < 3; i++)
        check_precision(g, nodes[i], want->nodes[i] == '8' ? INT8 : FP32);
    for (size_t i = 0; i < 4; i++)
        if (g->tensors[tare_graph_find_tensor(g, tensors[i])].quant.held)
            tare_text_add(&held, "%s", tensors[i]);
    assert_string_equal(held.data ? held.data : "", want->held);
    tare_text_free(&held);
}

static void check_mode(const struct want *want, enum tare_constraints mode)
{
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = mode,
                                                   .layer_precisions = want->precisions,
                                                   .layer_output_types = want->types};
    struct assigned result = assign(g, want->ranges, &options);
    const bool obey = mode == TARE_CONSTRAINTS_OBEY;
    assert_string_equal(result.log.data ? result.log.data : "",
                        obey ? want->obey : want->prefer);
    if (obey && want->error) {
        assert_int_equal(result.status, TARE_E_ARG);
        assert_string_equal(result.err.text, want->error);
        assert_null(result.report);
        check_precision(g, "c1", FP32); /* untouched */
    } else {
        assert_int_equal(result.status, TARE_OK);
        check_choice(g, want);
    }
    assigned_free(&result);
    tare_graph_destroy(g);
}

#define ALL "x=1 a=2 b=9 d=3"
#define NOT_MET(text)                                                                  \
    "W: precision constraint not met: " text "\n",                                     \
        "E: precision constraint not met: " text "\n",                                 \
        "1 precision constraint not met: " text

static void test_requests(void **state)
{
    (void)state;
    static const struct want cases[] = {
        /* FP32 is always possible; what is held follows. */
        {"c1:fp32", NULL, ALL, "388", "ab", "", "", NULL},
        {"c2:fp32", NULL, ALL, "833", "x", "", "", NULL},
        {"*:fp32,c1:int8", NULL, ALL, "833", "x", "", "", NULL},
        {"pool:fp32", NULL, ALL, "838", "xb", "", "", NULL},
        {"pool:fp32", NULL, "x=1 a=2", "833", "x",
         "W: layer 'c2' (Conv) runs in FP32: tensor 'b' has no range\n",
         "W: layer 'c2' (Conv) runs in FP32: tensor 'b' has no range\n", NULL},
        /* INT8 is requested where nobody asks for it. */
        {"c2:fp32,pool:int8", NULL, ALL, "883", "xab", "", "", NULL},
        /* INT8 is not possible. */
        {"c1:int8", NULL, "a=2", "388", "ab",
         NOT_MET("layer 'c1' (Conv): INT8 was requested, but tensor 'x' has no range")},
        {"soft:int8", NULL, ALL, "888", "xab",
         NOT_MET("layer 'soft' (Softmax): INT8 was requested, but Softmax has no INT8 "
                 "kernel")},
        {"c1:int8,soft:int8", NULL, "a=2", "388", "ab",
         "W: precision constraint not met: layer 'c1' (Conv): INT8 was requested, but "
         "tensor 'x' has no range\n"
         "W: precision constraint not met: layer 'soft' (Softmax): INT8 was requested, "
         "but "
         "Softmax has no INT8 kernel\n",
         "E: precision constraint not met: layer 'c1' (Conv): INT8 was requested, but "
         "tensor 'x' has no range\n"
         "E: precision constraint not met: layer 'soft' (Softmax): INT8 was requested, "
         "but "
         "Softmax has no INT8 kernel\n",
         "2 precision constraints not met: layer 'c1' (Conv): INT8 was requested, but "
         "tensor 'x' has no range; layer 'soft' (Softmax): INT8 was requested, but "
         "Softmax "
         "has no INT8 kernel"},
        /* Not allowed. */
        {"c1:fp16", NULL, ALL, "388", "ab",
         NOT_MET("layer 'c1' (Conv): FP16 was requested, but FP16 is not allowed")},
        {"c1:bf16", NULL, ALL, "388", "ab",
         NOT_MET("layer 'c1' (Conv): BF16 was requested, but BF16 is not allowed")},
        /* Names. */
        {"c3:int8", NULL, ALL, "888", "xab",
         "W: layer precisions: no layer matches 'c3', did you mean 'c1'?\n",
         "E: precision constraint not met: layer precisions: no layer matches 'c3', "
         "did "
         "you mean 'c1'?\n",
         "1 precision constraint not met: layer precisions: no layer matches 'c3', did "
         "you "
         "mean 'c1'?"},
        {NULL, NULL, ALL, "888", "xab",
         "W: precision constraints are set, but there are no layer precisions or "
         "output "
         "types\n",
         "W: precision constraints are set, but there are no layer precisions or "
         "output "
         "types\n",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_mode(&cases[i], TARE_CONSTRAINTS_PREFER);
        check_mode(&cases[i], TARE_CONSTRAINTS_OBEY);
    }
}

static void test_output_types(void **state)
{
    (void)state;
    static const struct want cases[] = {
        /* A float output takes INT8 from those that read it. */
        {NULL, "c1:fp32", ALL, "838", "xb", "", "", NULL},
        {NULL, "pool:fp32", ALL, "833", "x", "", "", NULL},
        /* Held although nobody asks for it: the Conv writes it so. */
        {NULL, "c2:int8", ALL, "888", "xabd", "", "", NULL},
        {"c2:fp32", "pool:int8", ALL, "883", "xab", "", "", NULL},
        {"soft:int8", "c2:fp32", ALL, "888", "xab", /* that request is void anyway */
         NOT_MET("layer 'soft' (Softmax): INT8 was requested, but Softmax has no INT8 "
                 "kernel")},
        /* Contradictions. */
        {"pool:int8", "c1:fp32", ALL, "888", "xab",
         NOT_MET(
             "layer 'c1' (Conv): its output 'a' cannot be FP32: layer 'pool' reads it "
             "in INT8")},
        {"pool:int8", "pool:fp32", ALL, "833", "x",
         NOT_MET(
             "layer 'pool' (MaxPool): INT8 was requested, but tensor 'b' is float, as "
             "its layer output type says")},
        {NULL, "c2:int8", "x=1 a=2", "888", "xab",
         NOT_MET("layer 'c2' (Conv): its output 'd' cannot be INT8: it has no range")},
        {NULL, "c2:int8", "x=1 a=2 d=1e12", "888", "xab",
         NOT_MET(
             "layer 'c2' (Conv): its output 'd' cannot be INT8: it is no float tensor "
             "within 1e+09")},
        {NULL, "soft:int8", "x=1 a=2 y=1", "888", "xab",
         NOT_MET(
             "layer 'soft' (Softmax): its output 'y' cannot be INT8: outputs of the "
             "network are float")},
        {NULL, "c1:fp16", ALL, "888", "xab",
         NOT_MET(
             "layer 'c1' (Conv): its output 'a' cannot be FP16: FP16 is not allowed")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_mode(&cases[i], TARE_CONSTRAINTS_PREFER);
        check_mode(&cases[i], TARE_CONSTRAINTS_OBEY);
    }
}

static void test_output_types_of_several_outputs(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    net_int(net_node(g, TARE_OP_SPLIT, "split", "x", "a b"), "axis", 1);
    net_conv(g, "c1", "a", "y", 2, 4, 3, true, &seed);
    net_conv(g, "c2", "b", "z", 2, 4, 3, true, &seed);
    net_output(g, "y");
    net_output(g, "z");
    net_infer(g);
    struct tare_precision_options options = {.allow_int8 = true,
                                             .constraints = TARE_CONSTRAINTS_OBEY,
                                             .layer_output_types = "split:fp32+int8"};
    struct assigned result = assign(g, "x=1 a=1 b=3", &options);
    assert_int_equal(result.status, TARE_OK);
    check_float(g, "a");
    check_held(g, "b", 3, 127); /* the Split is float, so it has its own scale */
    check_precision(g, "c1", FP32);
    check_precision(g, "c2", INT8);
    check_precision(g, "split", FP32);
    const struct tare_precision_row *row = tare_precision_report_row(result.report, 0);
    assert_string_equal(row->output_request, "FP32+INT8");
    assert_string_equal(row->output, "FP32+INT8");
    assert_string_equal(row->output_reason, "");
    row = tare_precision_report_row(result.report, 1);
    assert_null(row->output_request);
    assert_string_equal(row->output, "FP32");
    assigned_free(&result);

    options.constraints = TARE_CONSTRAINTS_PREFER;
    result = assign(g, "x=1", &options);
    row = tare_precision_report_row(result.report, 0);
    assert_string_equal(row->output, "FP32+FP32");
    assert_string_equal(row->output_reason, "it has no range");
    assigned_free(&result);

    options.constraints = TARE_CONSTRAINTS_OBEY;
    result = assign(g, "x=1", &options); /* now b cannot be held: of x it has nothing */
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(
        result.err.text,
        "1 precision constraint not met: layer 'split' (Split): its output "
        "'b' cannot be INT8: it has no range");
    assigned_free(&result);

    options.layer_output_types = "split:fp32+int8+fp32";
    result = assign(g, "x=1", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(result.err.text,
                        "layer output types: entry 'split' has 3 types, "
                        "layer 'split' has 2 outputs");
    assigned_free(&result);

    options.layer_output_types = NULL;
    options.layer_precisions = "split:fp32+int8";
    result = assign(g, "x=1", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(result.err.text,
                        "layer precisions: layer 'split' has 2 precisions, want 1");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* A request that cannot be met does not stand in the way of an output type. */
static void test_void_request_of_a_reader(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    net_conv(g, "c1", "x", "a", 4, 4, 3, true, &seed);
    net_node(g, TARE_OP_SOFTMAX, "soft", "a", "y");
    net_conv(g, "c2", "a", "z", 4, 4, 3, true, &seed);
    net_output(g, "y");
    net_output(g, "z");
    net_infer(g);
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints =
                                                       TARE_CONSTRAINTS_PREFER,
                                                   .layer_precisions = "soft:int8",
                                                   .layer_output_types = "c1:fp32"};
    struct assigned result = assign(g, ALL, &options);
    assert_int_equal(result.status, TARE_OK);
    check_float(g, "a");
    check_precision(g, "c2", FP32);
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_output_type_of_integers(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    net_node(g, TARE_OP_SHAPE, "shape", "y", "s");
    net_node(g, TARE_OP_IDENTITY, "id", "s", "s2");
    net_output(g, "s2");
    net_infer(g);
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_output_types =
                                                       "shape:int8,*:fp32"};
    struct assigned result = assign(g, ALL " s=1", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(
        result.err.text,
        "1 precision constraint not met: layer 'shape' (Shape): its output "
        "'s' cannot be INT8: it is no float tensor within 1e+09");
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_none_ignores(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .allow_fp16 = true,
                                                   .layer_precisions =
                                                       "c1:fp32,c4:fp32",
                                                   .layer_output_types = "c2:fp16"};
    struct assigned result = assign(g, ALL, &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", INT8);
    assert_string_equal(
        result.log.data,
        "W: FP16 is allowed, but no kernel is faster in it here: layers use it on "
        "request alone (--layer-precisions)\n"
        "W: layer precisions and output types are ignored unless precision "
        "constraints are prefer or obey\n"
        "W: layer precisions: no layer matches 'c4', did you mean 'c1'?\n");
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_int8_requested_but_not_allowed(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = {.constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = "c1:int8"};
    struct assigned result = assign(g, ALL, &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(result.err.text,
                        "1 precision constraint not met: layer 'c1' (Conv): INT8 was "
                        "requested, but INT8 is not allowed");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* A request names a layer that fusion took: it holds for the whole. */
static void test_fused_layer(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    struct tare_node relu = {.name = (char[]){"relu1"}};
    NET_TRY(tare_node_absorb(net_maker(g, "a"), &relu, &err_));
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = "relu1:fp32"};
    struct assigned result = assign(g, ALL, &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP32);
    assert_string_equal(reason_of(&result, "c1"), "FP32 was requested");
    const struct tare_precision_row *row = tare_precision_report_row(result.report, 0);
    assert_true(row->requested);
    assert_int_equal(row->request, FP32);
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* Without a request, OBEY falls back like the others. */
static void test_obey_without_request_falls_back(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = {.allow_int8 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = "c2:int8"};
    struct assigned result = assign(g, "b=2", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP32);
    check_precision(g, "c2", INT8);
    assert_string_equal(
        result.log.data,
        "W: layer 'c1' (Conv) runs in FP32: tensor 'x' has no range\n"
        "W: layer 'pool' (MaxPool) runs in FP32: tensor 'a' has no range\n");
    assigned_free(&result);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_output_types),
        cmocka_unit_test(test_output_types_of_several_outputs),
        cmocka_unit_test(test_void_request_of_a_reader),
        cmocka_unit_test(test_output_type_of_integers),
        cmocka_unit_test(test_none_ignores),
        cmocka_unit_test(test_int8_requested_but_not_allowed),
        cmocka_unit_test(test_fused_layer),
        cmocka_unit_test(test_obey_without_request_falls_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
