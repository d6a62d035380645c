/* Beyond the naive run: the nodes themselves, exact in integers, are what the rewritten
 * ones are compared with. */
#include <math.h>

#include "engine_run.h"
#include "passes.h"
#include "quantized.h"

enum { IN = 3, OUT = 5, SIZE = 6 };

static uint64_t seed = 77;

static void random_bytes(struct tare_graph *g, const char *name, enum tare_dtype dtype,
                         struct tare_dims dims)
{
    uint8_t *data = net_const(g, name, dtype, dims);
    for (int64_t i = 0; i < tare_dims_count(&dims); i++)
        data[i] = (uint8_t)(net_random(&seed) >> 30);
}

static void random_bias(struct tare_graph *g, const char *name)
{
    int32_t *bias = net_const(g, name, TARE_S32, NET_DIMS(OUT));
    for (int i = 0; i < OUT; i++)
        bias[i] = (int32_t)(2000.0F * net_uniform(&seed));
}

/* x -> QuantizeLinear -> QLinearConv -> DequantizeLinear -> y */
static struct tare_graph *conv_net(bool per_channel, enum tare_dtype weights)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, IN, SIZE, SIZE));
    net_quantization(g, "a", 0.01F, TARE_U8, 99);
    net_quantization(g, "b", 0.07F, TARE_U8, 131);
    net_node(g, TARE_OP_QUANTIZE_LINEAR, "q", "x a.scale a.zero", "qx");
    random_bytes(g, "w", weights, NET_DIMS(OUT, IN, 3, 3));
    if (per_channel) {
        net_weights(g, "w.scale", NET_DIMS(OUT), 0.01F, 0.02F, &seed);
        random_bytes(g, "w.zero", weights, NET_DIMS(OUT));
        if (weights == TARE_S8) /* as almost all have it */
            memset(g->tensors[net_tensor(g, "w.zero")].data, 0, OUT);
    } else {
        net_quantization(g, "w", 0.015F, weights, 7);
    }
    random_bias(g, "bias");
    net_ints(net_node(g, TARE_OP_QLINEAR_CONV, "conv",
                      "qx a.scale a.zero w w.scale w.zero b.scale b.zero bias", "qy"),
             "pads", 4, 1, 0, 1, 2);
    net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "qy b.scale b.zero", "y");
    net_output(g, "y");
    return net_infer(g);
}

static struct tare_graph *matmul_net(bool constant)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(4, SIZE));
    net_quantization(g, "a", 0.01F, TARE_S8, -9);
    net_quantization(g, "b", 0.02F, TARE_S8, 3);
    net_node(g, TARE_OP_QUANTIZE_LINEAR, "q", "x a.scale a.zero", "qx");
    if (constant) {
        random_bytes(g, "w", TARE_S8, NET_DIMS(SIZE, OUT));
        net_weights(g, "w.scale", NET_DIMS(OUT), 0.01F, 0.02F, &seed);
        random_bytes(g, "w.zero", TARE_S8, NET_DIMS(OUT));
    } else {
        net_input(g, "z", NET_DIMS(SIZE, OUT));
        net_quantization(g, "w", 0.015F, TARE_S8, 5);
        net_node(g, TARE_OP_QUANTIZE_LINEAR, "qz", "z w.scale w.zero", "w");
    }
    net_node(g, TARE_OP_QLINEAR_MATMUL, "matmul",
             "qx a.scale a.zero w w.scale w.zero b.scale b.zero", "qy");
    net_node(g, TARE_OP_DEQUANTIZE_LINEAR, "dq", "qy b.scale b.zero", "y");
    net_output(g, "y");
    return net_infer(g);
}

static float *run(const struct tare_graph *g, int64_t *n)
{
    struct built built;
    struct tare_error err = {0};
    float *inputs[2], *outputs[1];
    uint64_t state = 5;
    if (built_make(g, tare_cpu_flags(), &built, &err) != TARE_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < g->n_inputs; i++) {
        const int64_t count = tare_dims_count(&g->tensors[g->inputs[i]].dims);
        inputs[i] = malloc((size_t)count * sizeof(float));
        for (int64_t k = 0; k < count; k++)
            inputs[i][k] = net_uniform(&state);
    }
    if (built_run(&built, 1, (const float *const *)inputs, outputs, &err) != TARE_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < g->n_inputs; i++)
        free(inputs[i]);
    built_release(&built);
    *n = tare_dims_count(&g->tensors[g->outputs[0]].dims);
    return outputs[0];
}

/* The same levels, but where a product lies within float32's error of a tie. */
static void check_same(const struct tare_graph *before, const struct tare_graph *after,
                       float scale)
{
    int64_t n;
    float *want = run(before, &n), *got = run(after, &n);
    int64_t n_off = 0;
    for (int64_t i = 0; i < n; i++) {
        const float off = fabsf(want[i] - got[i]);
        assert_true(off <= 1.001F * scale);
        n_off += off > 0.001F * scale;
    }
    assert_true(n_off * 50 <= n);
    free(want);
    free(got);
}

static void check_rewritten(struct tare_graph *g, enum tare_op op, const char *name,
                            float scale)
{
    struct tare_graph *after = net_copy(g);
    bool changed = false;
    NET_TRY(pass_find("qlinear")(after, &changed, &err_));
    NET_TRY(tare_graph_compact(after, &err_));
    assert_true(changed);
    pass_check_order(after);
    pass_check_shapes(after);
    const int32_t id = tare_graph_find_node(after, name);
    assert_true(id >= 0);
    assert_int_equal(after->nodes[id].op, op);
    check_same(g, after, scale);
    tare_graph_destroy(g);
    tare_graph_destroy(after);
}

static void test_conv(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        check_rewritten(conv_net(i & 1, i & 2 ? TARE_U8 : TARE_S8), TARE_OP_CONV,
                        "conv", 0.07F);
}

static void test_matmul(void **state)
{
    (void)state;
    check_rewritten(matmul_net(true), TARE_OP_MATMUL, "matmul", 0.02F);
    check_rewritten(matmul_net(false), TARE_OP_MATMUL, "matmul", 0.02F);
}

static void check_kept(struct tare_graph *g)
{
    bool changed = false;
    NET_TRY(pass_find("qlinear")(net_infer(g), &changed, &err_));
    assert_false(changed);
    tare_graph_destroy(g);
}

/* A scale that only a run knows. */
static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = conv_net(false, TARE_S8);
    net_input(g, "scale", (struct tare_dims){0});
    net_maker(g, "qy")->inputs[6] = net_tensor(g, "scale");
    check_kept(g);

    g = conv_net(false, TARE_S8);
    net_input(g, "scale", (struct tare_dims){0});
    net_maker(g, "qy")->inputs[4] = net_tensor(g, "scale");
    check_kept(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
