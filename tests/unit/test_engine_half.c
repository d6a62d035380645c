/* Engines in FP16 and BF16: every operator that has such layers gives what float32
 * makes of the rounded inputs, rounded; networks stay within the format's error. */
#include "engine_graphs.h"

#include <math.h>

#include "base/half.h"
#include "engine_net.h"
#include "engine_ops.h"

static uint64_t seed = 31;

/* One of the two formats. */
static const struct format {
    enum tare_precision precision;
    const char *spec;
    double epsilon; /* half the distance of 1 to the next */
} formats[] = {{TARE_PRECISION_FP16, "*:fp16", 0x1p-11},
               {TARE_PRECISION_BF16, "*:bf16", 0x1p-8}};

static float rounded(const struct format *f, float v)
{
    return f->precision == TARE_PRECISION_FP16
               ? tare_half_to_float(tare_half_from_float(v))
               : tare_bfloat16_to_float(tare_bfloat16_from_float(v));
}

/* All of a graph in the format; what is not granted fails. */
static void assign(struct tare_graph *g, const struct format *f)
{
    const struct tare_precision_options options = {.allow_fp16 = true,
                                                   .allow_bf16 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = f->spec};
    struct tare_error err = {0};
    if (tare_precision_assign(g, NULL, 0, &options, NULL, &err) != TARE_OK)
        fail_msg("%s", err.text);
}

static struct graph_values random_inputs(const struct tare_graph *g,
                                         const struct format *f)
{
    struct graph_values inputs = {.n = g->n_inputs};
    for (size_t i = 0; i < g->n_inputs; i++) {
        const int64_t n = tare_dims_count(&g->tensors[g->inputs[i]].dims);
        inputs.data[i] = malloc((size_t)n * sizeof(float));
        for (int64_t k = 0; k < n; k++)
            inputs.data[i][k] = rounded(f, fabsf(net_uniform(&seed)) + 0.25F);
    }
    return inputs;
}

/* Weights that are in the format already, so that rounding them changes nothing. */
static void round_constants(struct tare_graph *g, const struct format *f)
{
    for (size_t t = 0; t < g->n_tensors; t++) {
        const struct tare_tensor *tensor = &g->tensors[t];
        float *data = tensor->data;
        for (size_t i = 0; data && tensor->dtype == TARE_F32 && i < tensor->n_bytes / 4;
             i++)
            data[i] = rounded(f, data[i]);
    }
}

/* Sums of products round otherwise than float32's own kernels in the order of terms. */
static bool is_product(enum tare_op op)
{
    return op == TARE_OP_CONV || op == TARE_OP_GEMM || op == TARE_OP_MATMUL ||
           op == TARE_OP_CONV_TRANSPOSE;
}

static void compare(const struct one_op *op, const struct format *f, const float *got,
                    const float *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float near = rounded(f, want[i]);
        const bool ok = is_product(op->op)
                            ? fabs((double)got[i] - (double)want[i]) <=
                                  2.0 * f->epsilon * (1.0 + fabs((double)want[i]))
                            : got[i] == near || (isnan(got[i]) && isnan(near));
        if (!ok)
            fail_msg("%s '%s' %s %s: element %lld is %a, want %a", tare_op_name(op->op),
                     op->inputs, op->attrs, tare_precision_name(f->precision),
                     (long long)i, (double)got[i], (double)near);
    }
}

static void check_op(const struct one_op *op, const struct format *f)
{
    struct tare_graph *g = one_create(op, op->op == TARE_OP_SPLIT ? 2 : 1);
    NET_TRY(tare_graph_infer(g, &err_));
    round_constants(g, f);
    struct graph_values inputs = random_inputs(g, f);
    struct graph_values want = graph_run(g, 1, &inputs);
    assign(g, f);
    struct graph_values got = graph_run(g, 2, &inputs);
    for (size_t i = 0; i < got.n; i++)
        compare(op, f, got.data[i], want.data[i],
                tare_dims_count(&g->tensors[g->outputs[i]].dims));
    graph_values_free(&want);
    graph_values_free(&got);
    graph_values_free(&inputs);
    tare_graph_destroy(g);
}

static void test_operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof engine_ops / sizeof engine_ops[0]; i++)
        for (size_t f = 0; f < 2; f++)
            check_op(&engine_ops[i], &formats[f]);
}

static double distance(const float *a, const float *b, size_t n)
{
    double error = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(error / size);
}

/* The whole network: near float32, and the same bytes for other numbers of threads. */
static void test_network(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct tare_graph *g = engine_net(false);
        struct graph_values inputs = random_inputs(g, &formats[f]);
        struct graph_values want = graph_run(g, 1, &inputs);
        assign(g, &formats[f]);
        assert_true(
            graph_has_layer(g, "conv", tare_precision_name(formats[f].precision)));
        struct graph_values got = graph_run(g, 1, &inputs);
        struct graph_values again = graph_run(g, 3, &inputs);
        assert_memory_equal(got.data[0], again.data[0], 10 * sizeof(float));
        const double error = distance(got.data[0], want.data[0], 10);
        if (!(error > 0.0 && error < 8.0 * formats[f].epsilon))
            fail_msg("%s is %g from float32", formats[f].spec, error);
        graph_values_free(&again);
        graph_values_free(&want);
        graph_values_free(&got);
        graph_values_free(&inputs);
        tare_graph_destroy(g);
    }
}

/* Three precisions beside each other, with conversions between any two. */
static void test_mixture(void **state)
{
    (void)state;
    struct tare_graph *g = engine_net(false);
    struct graph_values inputs = random_inputs(g, &formats[0]);
    struct graph_values want = graph_run(g, 1, &inputs);
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t i = 0; i < g->n_tensors; i++)
        ranges[i] = (struct tare_range){g->tensors[i].name, 4.0};
    const struct tare_precision_options options = {
        .allow_int8 = true,
        .allow_fp16 = true,
        .allow_bf16 = true,
        .constraints = TARE_CONSTRAINTS_OBEY,
        .layer_precisions = "stem:int8,depthwise:fp16,pointwise:int8,grouped:bf16,"
                            "join:fp16,max:bf16,reduce:int8,last:fp16,fc:bf16,"
                            "softmax:fp16",
        .layer_output_types = "reduce:fp16,last:fp32"};
    struct tare_error err = {0};
    if (tare_precision_assign(g, ranges, g->n_tensors, &options, NULL, &err) != TARE_OK)
        fail_msg("%s", err.text);
    tare_free(ranges);
    struct graph_values got = graph_run(g, 2, &inputs);
    const double error = distance(got.data[0], want.data[0], 10);
    if (!(error > 0.0 && error < 0.1)) fail_msg("the mixture is %g off", error);
    graph_values_free(&want);
    graph_values_free(&got);
    graph_values_free(&inputs);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_mixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
