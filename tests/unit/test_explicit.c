/* Models that are quantized themselves: which nodes compute in INT8, in whose scales,
 * and that the engine gives what the model says, node by node. */
#include <math.h>

#include "assign.h"
#include "engine/isa.h"
#include "engine_run.h"
#include "optimizer/optimizer.h"
#include "quantized.h"

static uint64_t seed = 2026;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 9, 8));
    net_pair(g, "x", "xr", 0.0087F, TARE_U8, 113);
    return g;
}

static struct tare_graph *optimized(struct tare_graph *g)
{
    net_output(g, "y");
    NET_TRY(tare_optimize(net_infer(g), NULL, &err_));
    return g;
}

static void check_quant(const struct tare_graph *g, const char *tensor, float scale,
                        int zero_point)
{
    const int32_t id = tare_graph_find_tensor(g, tensor);
    assert_true(id >= 0);
    const struct tare_quant *quant = &g->tensors[id].quant;
    if (!quant->held || quant->scale != scale || quant->zero_point != zero_point ||
        quant->lowest != 0)
        fail_msg("tensor %s: held %d, %g, %d, %d", tensor, quant->held,
                 (double)quant->scale, quant->zero_point, quant->lowest);
}

/* Conv with quantized input and weights; its output is made as bytes when
 * QuantizeLinear alone reads it. */
static void test_weighted(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_quantized_conv(g, "c1", "xr", "a", 3, 4, 3, 0, &seed);
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_pair(g, "b", "br", 0.021F, TARE_S8, -100);
    net_quantized_conv(g, "c2", "br", "y", 4, 5, 1, -1, &seed);
    assign_plain(optimized(g), "", NULL);
    check_precision(g, "c1", TARE_PRECISION_INT8);
    check_precision(g, "c2", TARE_PRECISION_INT8);
    check_quant(g, "xr", 0.0087F, 113);
    check_quant(g, "b", 0.021F, 28);
    check_quant(g, "br", 0.021F, 28);
    check_float(g, "y");
    check_float(g, "x");
    tare_graph_destroy(g);
}

static const char *reason(struct tare_graph *g, const char *node)
{
    static char text[256];
    const struct tare_precision_options options = {.allow_int8 = true};
    struct assigned result = assign(optimized(g), "", &options);
    assert_int_equal(result.status, TARE_OK);
    assert_int_equal(result.log.length, 0);
    check_precision(g, node, TARE_PRECISION_FP32);
    (void)snprintf(text, sizeof text, "%s", reason_of(&result, node));
    assigned_free(&result);
    tare_graph_destroy(g);
    return text;
}

static void test_reasons(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* float weights */
    net_conv(g, "c", "xr", "y", 3, 4, 3, false, &seed);
    assert_string_equal(reason(g, "c"), "the model does not quantize its weights 'c.w' "
                                        "to int8 around 0 in output channel 0");

    g = begin(); /* float input */
    net_node(g, TARE_OP_TANH, "t", "xr", "a");
    net_quantized_conv(g, "c", "a", "y", 3, 4, 3, 0, &seed);
    assert_string_equal(reason(g, "c"), "the model does not quantize tensor 'a'");

    g = begin(); /* weights of 255 levels on one side of the zero point */
    net_quantized_conv(g, "c", "xr", "y", 3, 4, 3, -1, &seed);
    uint8_t *w = g->tensors[net_tensor(g, "c.w8")].data;
    g->tensors[net_tensor(g, "c.w8")].dtype = TARE_U8;
    w[0] = 255;
    w[1] = 254;
    assert_string_equal(reason(g, "c"), "the model does not quantize its weights 'c.w' "
                                        "to int8 around 0 in output channel 0");

    g = begin(); /* both ends, where there are no weights */
    net_ints(net_node(g, TARE_OP_AVERAGE_POOL, "p", "xr", "y"), "kernel_shape", 2, 2,
             2);
    assert_string_equal(reason(g, "p"),
                        "nothing that computes in INT8 reads its output");

    g = begin(); /* others read the output in float */
    net_ints(net_node(g, TARE_OP_AVERAGE_POOL, "p", "xr", "a"), "kernel_shape", 2, 2,
             2);
    net_pair(g, "a", "ar", 0.01F, TARE_U8, 9);
    net_quantized_conv(g, "c", "ar", "y", 3, 4, 3, 0, &seed);
    net_output(g, "a");
    assert_string_equal(reason(g, "p"), "the model does not quantize tensor 'a'");

    g = begin(); /* not the scale of the whole tensor */
    net_weights(g, "s", NET_DIMS(3), 0.01F, 0.02F, &seed);
    net_node(g, TARE_OP_TANH, "t", "xr", "a");
    net_int(net_node(g, TARE_OP_QUANTIZE_LINEAR, "q", "a s", "q"), "axis", 1);
    net_int(net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "q s", "b"), "axis", 1);
    net_quantized_conv(g, "c", "b", "y", 3, 4, 3, 0, &seed);
    assert_string_equal(reason(g, "c"), "the model does not quantize tensor 'b'");
}

/* Ranges do not count; one line says so. Without INT8 one says that, too. */
static void test_messages(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_quantized_conv(g, "c", "xr", "y", 3, 4, 3, 0, &seed);
    assign_plain(optimized(g), "x=3 xr=3 y=9",
                 "W: the model is explicitly quantized (1 tensors): the ranges of the "
                 "calibration cache are not used\n");
    check_quant(g, "xr", 0.0087F, 113);
    check_float(g, "y");

    const struct tare_precision_options options = {0};
    struct assigned result = assign(g, "", &options);
    assert_string_equal(result.log.data,
                        "W: the model is explicitly quantized (1 tensors), but INT8 is "
                        "not allowed (--int8): their values are rounded, and computed "
                        "on in FP32\n");
    check_precision(g, "c", TARE_PRECISION_FP32);
    check_quant(g, "xr", 0.0087F, 113);
    assigned_free(&result);
    bool needed[64];
    NET_TRY(tare_precision_needs(
        g, &(struct tare_precision_options){.allow_int8 = true}, needed, &err_));
    for (size_t t = 0; t < g->n_tensors; t++)
        assert_false(needed[t]);
    tare_graph_destroy(g);
}

/* A layer can be kept in FP32; what the model quantizes stays so. */
static void test_requests(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_quantized_conv(g, "c1", "xr", "a", 3, 4, 3, 0, &seed);
    net_pair(g, "a", "ar", 0.021F, TARE_S8, 3);
    net_quantized_conv(g, "c2", "ar", "y", 4, 5, 1, -1, &seed);
    const struct tare_precision_options options = {
        .allow_int8 = true,
        .constraints = TARE_CONSTRAINTS_PREFER,
        .layer_precisions = "c1:fp32",
        .layer_output_types = "xr.dq:fp32",
    };
    struct assigned result = assign(optimized(g), "", &options);
    assert_int_equal(result.status, TARE_OK);
    assert_string_equal(result.log.data,
                        "W: precision constraint not met: layer 'xr.dq' "
                        "(DequantizeLinear): its output 'xr' cannot be FP32: the model "
                        "quantizes it\n");
    check_precision(g, "c1", TARE_PRECISION_FP32);
    check_precision(g, "c2", TARE_PRECISION_INT8);
    check_float(g, "a");
    check_quant(g, "ar", 0.021F, 131);
    assigned_free(&result);
    tare_graph_destroy(g);
}

/* A residual that is not quantized would keep the product out of INT8. */
static void test_residual(void **state)
{
    (void)state;
    for (int quantized = 0; quantized < 2; quantized++) {
        struct tare_graph *g = begin();
        net_node(g, TARE_OP_TANH, "t", "x", "s");
        if (quantized) net_pair(g, "s", "sr", 0.011F, TARE_S8, 4);
        net_quantized_conv(g, "c", "xr", "a", 3, 3, 3, 0, &seed);
        net_node(g, TARE_OP_ADD, "add", quantized ? "a sr" : "a s", "y");
        assign_plain(optimized(g), "", NULL);
        check_precision(g, "c", TARE_PRECISION_INT8);
        if (quantized)
            assert_true(net_maker(g, "y")->fused.has_residual);
        else
            check_precision(g, "add", TARE_PRECISION_FP32);
        tare_graph_destroy(g);
    }
}

/* x resampled by 2, and a Conv. @param behind  a pair in front of the Conv: 0 none,
 * else of the scale before, times this. */
static struct tare_graph *resampled(const char *mode, float behind)
{
    struct tare_graph *g = begin();
    float *scales = net_const(g, "scales", TARE_F32, NET_DIMS(4));
    scales[0] = scales[1] = 1;
    scales[2] = scales[3] = 2;
    net_string(net_node(g, TARE_OP_RESIZE, "resize", "xr - scales", "a"), "mode", mode);
    if (behind != 0) net_pair(g, "a", "ar", 0.0087F * behind, TARE_U8, 113);
    net_quantized_conv(g, "c", behind != 0 ? "ar" : "a", "y", 3, 4, 3, 0, &seed);
    assign_plain(optimized(g), "", NULL);
    return g;
}

/* Nearest values are codes already; linear ones are rounded only where the model does.
 */
static void test_resampling(void **state)
{
    (void)state;
    struct tare_graph *g = resampled("nearest", 0);
    check_precision(g, "resize", TARE_PRECISION_INT8);
    check_precision(g, "c", TARE_PRECISION_INT8);
    tare_graph_destroy(g);
    for (int i = 0; i < 3; i++) {
        g = resampled("linear", 0.5F * (float)i);
        check_precision(g, "resize", i > 0 ? TARE_PRECISION_INT8 : TARE_PRECISION_FP32);
        check_precision(g, "c", i > 0 ? TARE_PRECISION_INT8 : TARE_PRECISION_FP32);
        tare_graph_destroy(g);
    }
}

/* Weights [in, out / groups, ...] with a scale an axis: of outputs it is one a channel,
 * of inputs not. */
static void test_transposed_weights(void **state)
{
    (void)state;
    for (int axis = 0; axis < 2; axis++) {
        struct tare_graph *g = net_create(13);
        net_input(g, "x", NET_DIMS(1, 6, 5, 5));
        net_pair(g, "x", "xr", 0.0087F, TARE_U8, 113);
        int8_t *q = net_const(g, "q", TARE_S8, NET_DIMS(6, 2, 3, 3));
        for (int i = 0; i < 6 * 2 * 9; i++)
            q[i] = (int8_t)(127.0F * net_uniform(&seed));
        net_weights(g, "ws", NET_DIMS(axis ? 2 : 6), 0.004F, 0.012F, &seed);
        net_int(net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "q ws", "w"), "axis",
                axis);
        net_int(net_node(g, TARE_OP_CONV_TRANSPOSE, "c", "xr w", "y"), "group", 2);
        assign_plain(optimized(g), "", NULL);
        check_precision(g, "c", axis ? TARE_PRECISION_INT8 : TARE_PRECISION_FP32);
        tare_graph_destroy(g);
    }
}

/* Every kind of node that works on bytes, with zero points of all kinds, two scales at
 * a Concat, one that is not the output's, requantization, float readers beside. */
static struct tare_graph *everything(void)
{
    struct tare_graph *g = begin();
    net_quantized_conv(g, "c1", "xr", "a", 3, 8, 3, 0, &seed);
    net_node(g, TARE_OP_RELU, "relu", "a", "b");
    net_pair(g, "b", "br", 0.0191F, TARE_U8, 0);
    struct tare_node *c2 = net_quantized_conv(g, "c2", "br", "c", 1, 8, 3, -1, &seed);
    net_int(c2, "group", 8);
    net_pair(g, "c", "cr", 0.031F, TARE_S8, 17);
    net_node(g, TARE_OP_ADD, "add", "br cr", "d");
    net_pair(g, "d", "dr", 0.043F, TARE_U8, 101);
    net_node(g, TARE_OP_SIGMOID, "sigmoid", "dr", "e");
    net_pair(g, "e", "er", 0.0041F, TARE_U8, 3);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "dr er", "f"), "axis", 1);
    net_pair(g, "f", "fr", 0.037F, TARE_S8, -1);
    struct tare_node *pool = net_node(g, TARE_OP_MAX_POOL, "pool", "fr", "h");
    net_ints(pool, "kernel_shape", 2, 2, 2);
    net_ints(pool, "strides", 2, 2, 2);
    net_pair(g, "h", "hr", 0.05F, TARE_U8, 128); /* pooled bytes in other steps */
    net_quantized_conv(g, "c3", "hr", "i", 16, 8, 3, 0, &seed);
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "still float", "i", "j");
    net_pair(g, "j", "jr", 0.2F, TARE_S8, 5);
    net_ints(net_node(g, TARE_OP_AVERAGE_POOL, "mean", "hr", "k"), "kernel_shape", 2, 2,
             2);
    net_pair(g, "k", "kr", 0.047F, TARE_S8, -7);
    net_int(net_node(g, TARE_OP_FLATTEN, "flat", "kr", "l"), "axis", 1);
    net_node(g, TARE_OP_FLATTEN, "flat2", "jr", "m");
    net_int(net_node(g, TARE_OP_CONCAT, "last", "l m", "y"), "axis", 1);
    net_output(g, "y");
    return net_infer(g);
}

static void run(const struct tare_graph *g, const char *isa, int n_threads,
                const float *x, float *y, size_t n)
{
    struct built built;
    struct tare_error err = {0};
    uint32_t flags;
    float *outputs[1];
    assert_true(tare_isa_find(isa, &flags));
    if (built_make(g, flags & tare_cpu_flags(), &built, &err) != TARE_OK)
        fail_msg("%s", err.text);
    if (built_run(&built, n_threads, &x, outputs, &err) != TARE_OK)
        fail_msg("%s", err.text);
    memcpy(y, outputs[0], n * sizeof *y);
    free(outputs[0]);
    built_release(&built);
}

/* @return how many programs the engine has */
static int run_bytes(const struct tare_graph *g, const uint8_t *x, uint8_t *y, size_t n)
{
    struct built built;
    struct tare_engine_info info;
    float *outputs[1];
    int n_programs = 0;
    const float *input = (const void *)x;
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    NET_TRY(built_run(&built, 1, &input, outputs, &err_));
    memcpy(y, outputs[0], n);
    free(outputs[0]);
    tare_engine_info(built.engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(built.engine, i, &layer);
        n_programs += strcmp(layer.type, "program") == 0;
    }
    built_release(&built);
    return n_programs;
}

enum { N_X = 3 * 9 * 8, N_Y = 16 * 3 * 3 + 8 };

static void check_int8_count(const struct tare_graph *g, size_t want)
{
    size_t n_int8 = 0;
    for (size_t n = 0; n < g->n_nodes; n++)
        n_int8 += g->nodes[n].precision == TARE_PRECISION_INT8;
    assert_int_equal(n_int8, want);
}

/* The nodes as written run as programs, one by one. The engine may differ where a value
 * lies within float32's error of a tie, and there by a step. */
static void test_as_written(void **state)
{
    (void)state;
    double signal = 0, noise = 0;
    size_t n_off = 0;
    enum { ROUNDS = 20 };
    for (int round = 0; round < ROUNDS; round++) {
        float x[N_X], want[N_Y], got[N_Y], again[N_Y];
        for (int i = 0; i < N_X; i++)
            x[i] = 1.2F * net_uniform(&seed);
        struct tare_graph *g = everything();
        run(g, "native", 1, x, want, N_Y);
        NET_TRY(tare_optimize(g, NULL, &err_));
        assign_plain(g, "", NULL);
        check_int8_count(g, 8); /* but for what makes the float output */
        run(g, "ref", 1, x, got, N_Y);
        for (int threads = 1; threads <= 2; threads++) {
            run(g, "native", threads, x, again, N_Y);
            assert_memory_equal(again, got, sizeof got);
        }
        for (int i = 0; i < N_Y; i++) {
            const double off = (double)want[i] - (double)got[i];
            n_off += fabs(off) > 1e-5;
            noise += off * off;
            signal += (double)want[i] * (double)want[i];
        }
        tare_graph_destroy(g);
    }
    print_message("%zu of %d values differ, SQNR %.1f dB\n", n_off, ROUNDS * N_Y,
                  10 * log10(signal / noise));
    assert_true(n_off * 100 < ROUNDS * N_Y);
    assert_true(10 * log10(signal / noise) > 40);
}

/* Levels in and out: uint8 as they are, int8 through the nodes themselves. */
static void test_levels_at_the_ends(void **state)
{
    (void)state;
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const enum tare_dtype dtype = is_signed ? TARE_S8 : TARE_U8;
        struct tare_graph *g = net_create(13);
        net_input(g, "x", NET_DIMS(1, 3, 9, 8));
        g->tensors[net_tensor(g, "x")].dtype = dtype;
        net_quantization(g, "a", 0.02F, dtype, 9);
        net_quantization(g, "b", 0.11F, dtype, 11);
        net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "x a.scale a.zero", "xr");
        net_quantized_conv(g, "c", "xr", "c", 3, 4, 3, 0, &seed);
        net_node(g, TARE_OP_QUANTIZE_LINEAR, "q", "c b.scale b.zero", "y");
        net_output(g, "y");
        net_infer(g);
        uint8_t x[N_X];
        uint8_t want[4 * 9 * 8], got[4 * 9 * 8];
        for (int i = 0; i < N_X; i++)
            x[i] = (uint8_t)(net_random(&seed) >> 30);
        (void)run_bytes(g, x, want, sizeof want);
        NET_TRY(tare_optimize(g, NULL, &err_));
        assign_plain(g, "", NULL);
        check_precision(g, "c", TARE_PRECISION_INT8);
        assert_int_equal(run_bytes(g, x, got, sizeof got), is_signed ? 2 : 0);
        assert_memory_equal(got, want, sizeof got);
        tare_graph_destroy(g);
    }
}

/* Without INT8: values rounded as the model says, no program, the same results. */
static void test_rounded_in_fp32(void **state)
{
    (void)state;
    float x[N_X], want[N_Y], got[N_Y];
    for (int i = 0; i < N_X; i++)
        x[i] = 1.2F * net_uniform(&seed);
    struct tare_graph *g = everything();
    run(g, "native", 1, x, want, N_Y);
    NET_TRY(tare_optimize(g, NULL, &err_));
    const struct tare_precision_options options = {0};
    struct assigned result = assign(g, "", &options);
    assigned_free(&result);
    run(g, "native", 1, x, got, N_Y);
    size_t n_off = 0;
    for (int i = 0; i < N_Y; i++)
        n_off += fabsf(want[i] - got[i]) > 1e-5F;
    assert_true(n_off * 20 < N_Y);
    struct built built;
    struct tare_engine_info info;
    NET_TRY(built_make(g, tare_cpu_flags(), &built, &err_));
    tare_engine_info(built.engine, &info);
    for (size_t i = 0; i < info.n_layers; i++) {
        struct tare_layer_info layer;
        tare_engine_layer(built.engine, i, &layer);
        assert_string_not_equal(layer.type, "program");
    }
    built_release(&built);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighted),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_transposed_weights),
        cmocka_unit_test(test_as_written),
        cmocka_unit_test(test_rounded_in_fp32),
        cmocka_unit_test(test_levels_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
