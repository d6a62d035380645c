/* FP16 and BF16: who gets them, what is stored in them, and every reason against. */
#include <math.h>

#include "assign.h"
#include "base/cpu.h"

#define FP32 TARE_PRECISION_FP32
#define INT8 TARE_PRECISION_INT8
#define FP16 TARE_PRECISION_FP16
#define BF16 TARE_PRECISION_BF16

static uint64_t seed = 77;

static void check_stored(const struct tare_graph *g, const char *tensor,
                         enum tare_precision want)
{
    const enum tare_precision got =
        g->tensors[tare_graph_find_tensor(g, tensor)].stored;
    if (got != want)
        fail_msg("tensor %s is stored as %s, want %s", tensor, tare_precision_name(got),
                 tare_precision_name(want));
}

static struct tare_precision_options asking(const char *precisions, const char *types)
{
    return (struct tare_precision_options){.allow_int8 = true,
                                           .allow_fp16 = true,
                                           .allow_bf16 = true,
                                           .constraints = TARE_CONSTRAINTS_OBEY,
                                           .layer_precisions = precisions,
                                           .layer_output_types = types};
}

static void test_requests(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options =
        asking("c1:fp16,pool:fp16,c2:bf16,soft:bf16", NULL);
    struct assigned result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP16);
    check_precision(g, "pool", FP16);
    check_precision(g, "c2", BF16);
    check_precision(g, "soft", BF16);
    check_stored(g, "a", FP16);
    check_stored(g, "b", FP16);
    check_stored(g, "d", BF16);
    check_stored(g, "x", FP32);
    assert_string_equal(reason_of(&result, "c1"), "FP16 was requested");
    const struct tare_precision_row *row = tare_precision_report_row(result.report, 0);
    assert_true(row->requested);
    assert_int_equal(row->request, FP16);
    assert_int_equal(row->got, FP16);
    assert_int_equal(result.log.length, 0);
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* Where kernels compute in BF16, dense products and what reads them do. */
static void test_by_speed(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    net_node(g, TARE_OP_RELU, "first", "x", "r");
    net_output(g, "r");
    struct tare_precision_options options = {.allow_fp16 = true,
                                             .allow_bf16 = true,
                                             .isa = TARE_CPU_AVX512BF16,
                                             .constraints = TARE_CONSTRAINTS_PREFER,
                                             .layer_precisions = "c2:fp32,first:fp32"};
    struct assigned result = assign(net_infer(g), "", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "first", FP32);
    check_precision(g, "c1", BF16);
    check_precision(g, "pool", BF16);
    check_precision(g, "c2", FP32);
    check_precision(g, "soft", FP32);
    assert_string_equal(result.log.data,
                        "W: FP16 is allowed, but no kernel is faster in it here: "
                        "layers use it on request alone (--layer-precisions)\n");
    assigned_free(&result);

    options.layer_precisions = "c2:bf16";
    options.allow_int8 = true;
    result = assign(g, "x=1 a=2 b=3 d=4", &options);
    check_precision(g, "first", FP32);
    check_precision(g, "c1", INT8);
    check_precision(g, "c2", BF16);
    check_precision(g, "soft", BF16);
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* Without a request, a layer stays as it was. */
static void test_allowed_alone(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = {.allow_fp16 = true,
                                                   .allow_bf16 = true};
    struct assigned result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP32);
    check_stored(g, "a", FP32);
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_beside_int8(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options = asking("c2:fp16,soft:fp16", NULL);
    struct assigned result = assign(g, "x=1 a=2 b=3 d=4", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", INT8);
    check_precision(g, "pool", FP32); /* nothing in INT8 reads it */
    check_precision(g, "c2", FP16);
    check_held(g, "x", 1, 127);
    check_float(g, "a");
    check_stored(g, "a", FP32);
    check_stored(g, "d", FP16);
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void test_output_types(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    const struct tare_precision_options options =
        asking("c1:fp16,c2:bf16", "c1:fp32,pool:bf16,c2:bf16");
    struct assigned result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "c1", FP16);
    check_stored(g, "a", FP32);
    check_precision(g, "pool", FP32);
    check_stored(g, "b", BF16);
    check_stored(g, "d", BF16);
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* Everything that is wrong is said at once. */
static void test_obey_lists_all(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    struct tare_precision_options options =
        asking("c1:fp16,c2:bf16", "c1:bf16,c2:fp16");
    options.allow_bf16 = false;
    struct assigned result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(
        result.log.data,
        "E: precision constraint not met: layer 'c1' (Conv): its output 'a' cannot be "
        "BF16: BF16 is not allowed\n"
        "E: precision constraint not met: layer 'c2' (Conv): BF16 was requested, but "
        "BF16 is not allowed\n");
    assigned_free(&result);

    options.allow_bf16 = true;
    result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(
        result.err.text,
        "2 precision constraints not met: layer 'c1' (Conv): its output 'a' cannot be "
        "BF16: the layer computes in FP16; layer 'c2' (Conv): its output 'd' cannot be "
        "FP16: the layer computes in BF16");
    assigned_free(&result);
    tare_graph_destroy(g);
}

static void check_overflow(struct tare_graph *g, const char *ranges, const char *node,
                           const char *reason)
{
    struct tare_precision_options options = asking("*:fp16", NULL);
    options.constraints = TARE_CONSTRAINTS_PREFER;
    struct assigned result = assign(g, ranges, &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, node, reason ? FP32 : FP16);
    assert_string_equal(reason_of(&result, node),
                        reason ? reason : "FP16 was requested");
    if (reason) { /* BF16 reaches as far as float32 */
        assigned_free(&result);
        options.layer_precisions = "*:bf16";
        result = assign(g, ranges, &options);
        check_precision(g, node, BF16);
    }
    assigned_free(&result);
}

static void test_overflow(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    check_overflow(g, "x=1 a=65504 b=3 d=4", "c1", NULL);
    check_overflow(g, "x=1 a=81234 b=3 d=4", "c1",
                   "FP16 overflow: 'a' reaches 81234, FP16 holds 65504");
    check_overflow(g, "x=1 a=81234 b=3 d=4", "pool",
                   "FP16 overflow: 'a' reaches 81234, FP16 holds 65504");
    check_overflow(g, "x=1 a=81234 b=3 d=4", "c2", NULL);
    float *weights = g->tensors[net_tensor(g, "c2.w")].data;
    weights[5] = -65505.0F;
    check_overflow(g, "", "c2",
                   "FP16 overflow: 'c2.w' reaches 65505, FP16 holds 65504");
    weights[5] = NAN;
    check_overflow(g, "", "c2", "FP16 overflow: 'c2.w' reaches inf, FP16 holds 65504");
    weights[5] = 65504.0F;
    check_overflow(g, "", "c2", NULL);
    tare_graph_destroy(g);

    g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_longs(g, "pads", 4, 1, 0, 0, 0);
    float *value = net_const(g, "value", TARE_F32, NET_DIMS(1));
    g->tensors[net_tensor(g, "value")].dims.rank = 0;
    net_node(g, TARE_OP_PAD, "pad", "x pads value", "y");
    net_output(g, "y");
    value[0] = 1e5F;
    check_overflow(net_infer(g), "", "pad",
                   "FP16 overflow: 'value' reaches 100000, FP16 holds 65504");
    value[0] = 3.0F;
    check_overflow(g, "", "pad", NULL);
    tare_graph_destroy(g);

    const struct tare_precision_options options = asking(NULL, "c1:fp16");
    g = assign_network(&seed);
    struct assigned result = assign(g, "a=1e6", &options);
    assert_int_equal(result.status, TARE_E_ARG);
    assert_string_equal(result.err.text,
                        "1 precision constraint not met: layer 'c1' (Conv): its output "
                        "'a' cannot be FP16: FP16 overflow: it reaches 1e+06, FP16 "
                        "holds 65504");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* What has no kernel stays FP32; integers are left alone. */
static void test_no_kernel(void **state)
{
    (void)state;
    struct tare_graph *g = assign_network(&seed);
    net_node(g, TARE_OP_SELU, "selu", "y", "z");
    net_node(g, TARE_OP_SHAPE, "shape", "z", "s");
    net_node(g, TARE_OP_IDENTITY, "id", "s", "s2");
    net_output(g, "z");
    net_output(g, "s2");
    net_infer(g);
    struct tare_precision_options options = asking("*:fp16,id:fp16", NULL);
    options.allow_bf16 = false;
    options.constraints = TARE_CONSTRAINTS_PREFER;
    struct assigned result = assign(g, "", &options);
    assert_int_equal(result.status, TARE_OK);
    check_precision(g, "soft", FP16);
    check_precision(g, "selu", FP32);
    check_precision(g, "shape", FP32);
    check_precision(g, "id", FP32);
    assert_string_equal(
        result.log.data,
        "W: precision constraint not met: layer 'selu' (Selu): FP16 was requested, but "
        "Selu has no kernel of 16-bit floats\n"
        "W: precision constraint not met: layer 'id' (Identity): FP16 was requested, "
        "but it reads constants alone\n");
    assigned_free(&result);
    tare_graph_destroy(g);

    g = net_create(13); /* weights that a run makes */
    net_input(g, "x", NET_DIMS(1, 4, 8, 8));
    net_input(g, "w", NET_DIMS(4, 4, 1, 1));
    net_node(g, TARE_OP_CONV, "c", "x w", "y");
    net_output(g, "y");
    result = assign(net_infer(g), "", &options);
    check_precision(g, "c", FP32);
    assert_string_equal(reason_of(&result, "c"),
                        "no kernel computes this Conv, with its inputs and attributes");
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* What reads a shape that only a run knows is part of a program. */
static void test_late(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(4, 5));
    net_node(g, TARE_OP_NON_ZERO, "where", "x", "i");
    net_int(net_node(g, TARE_OP_CAST, "cast", "i", "f"), "to", 1);
    net_node(g, TARE_OP_RELU, "relu", "f", "y");
    net_output(g, "y");
    net_infer(g);
    struct tare_precision_options options = asking("relu:fp16", NULL);
    options.constraints = TARE_CONSTRAINTS_PREFER;
    struct assigned result = assign(g, "", &options);
    check_precision(g, "relu", FP32);
    assert_string_equal(reason_of(&result, "relu"),
                        "it hangs on shapes that only a run knows");
    assigned_free(&result);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),     cmocka_unit_test(test_allowed_alone),
        cmocka_unit_test(test_by_speed),     cmocka_unit_test(test_beside_int8),
        cmocka_unit_test(test_output_types), cmocka_unit_test(test_obey_lists_all),
        cmocka_unit_test(test_overflow),     cmocka_unit_test(test_no_kernel),
        cmocka_unit_test(test_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
