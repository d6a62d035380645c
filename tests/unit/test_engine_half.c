/* Engines in FP16 and BF16: every operator that has such layers gives what float32
 * makes of the rounded inputs, rounded; networks stay within the format's error. */
#include "engine_graphs.h"

#include <math.h>

#include "base/half.h"
#include "engine_net.h"
#include "one_op.h"

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

static const struct one_op ops[] = {
    {13, TARE_OP_RELU, "1x3x5x7", "", NULL},
    {13, TARE_OP_LEAKY_RELU, "2x3", "alpha=0.3", NULL},
    {13, TARE_OP_CLIP, "1x17x5x7 =0.3 =0.9", "", NULL},
    {13, TARE_OP_SIGMOID, "1x33", "", NULL},
    {13, TARE_OP_HARD_SIGMOID, "5x3", "", NULL},
    {14, TARE_OP_HARD_SWISH, "5x3", "", NULL},
    {20, TARE_OP_GELU, "1x20x4x4", "", NULL},
    {13, TARE_OP_TANH, "5x3", "", NULL},
    {13, TARE_OP_EXP, "5x3", "", NULL},
    {13, TARE_OP_LOG, "5x3", "", NULL},
    {13, TARE_OP_SQRT, "5x3", "", NULL},
    {13, TARE_OP_ABS, "5x3", "", NULL},
    {13, TARE_OP_NEG, "5x3", "", NULL},
    {13, TARE_OP_FLOOR, "5x3", "", NULL},
    {13, TARE_OP_CEIL, "5x3", "", NULL},
    {13, TARE_OP_RECIPROCAL, "5x3", "", NULL},
    {13, TARE_OP_ERF, "5x3", "", NULL},
    {13, TARE_OP_SOFTPLUS, "5x3", "", NULL},
    {13, TARE_OP_ELU, "5x3", "", NULL},
    {13, TARE_OP_ADD, "2x3x4 3x1", "", NULL},
    {13, TARE_OP_SUB, "1x20x4x5 1x20x1x1", "", NULL},
    {13, TARE_OP_MUL, "1x20x4x5 1x1x4x5", "", NULL},
    {13, TARE_OP_MUL, "2x3 3=0.1,0.2,0.3", "", NULL},
    {13, TARE_OP_DIV, "7x9 7x9", "", NULL},
    {13, TARE_OP_POW, "7x9 7x9", "", NULL},
    {13, TARE_OP_MIN, "7x9 9", "", NULL},
    {13, TARE_OP_MAX, "7x9 9", "", NULL},
    {13, TARE_OP_BATCH_NORMALIZATION, "1x3x5x5 3=1,2,3 3=0.1,0.2,0.3 3=1,2,3 3=1,1,4",
     "", NULL},
    {13, TARE_OP_MAX_POOL, "1x5x9x9", "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]",
     NULL},
    {13, TARE_OP_AVERAGE_POOL, "2x5x9x9", "kernel_shape=[2,3]", NULL},
    {13, TARE_OP_GLOBAL_AVERAGE_POOL, "2x5x9x9", "", NULL},
    {13, TARE_OP_GLOBAL_MAX_POOL, "2x5x9x9", "", NULL},
    {13, TARE_OP_SOFTMAX, "4x33", "axis=1", NULL},
    {17, TARE_OP_LAYER_NORMALIZATION, "3x4 4=1,2,3,4 4=0.1,0.2,0.3,0.4", "", NULL},
    {13, TARE_OP_REDUCE_MEAN, "3x4x5", "axes=[1]", NULL},
    {13, TARE_OP_REDUCE_SUM, "3x4x5 1i=2", "", NULL},
    {13, TARE_OP_REDUCE_MAX, "3x4x5", "axes=[0]", NULL},
    {13, TARE_OP_REDUCE_MIN, "3x4x5", "axes=[1]", NULL},
    {13, TARE_OP_RESIZE, "1x3x4x4 - 4=1,1,2,2", "mode=linear", NULL},
    {13, TARE_OP_RESIZE, "1x3x4x4 - 4=1,1,2,2", "mode=nearest", NULL},
    {13, TARE_OP_RESHAPE, "2x6 2i=3,4", "", NULL},
    {13, TARE_OP_FLATTEN, "2x3x4x5", "", NULL},
    {13, TARE_OP_TRANSPOSE, "2x3x4x5", "perm=[3,1,0,2]", NULL},
    {13, TARE_OP_TRANSPOSE, "300x70", "perm=[1,0]", NULL},
    {13, TARE_OP_EXPAND, "3x1 2i=3,4", "", NULL},
    {13, TARE_OP_DEPTH_TO_SPACE, "1x8x3x3", "blocksize=2", NULL},
    {13, TARE_OP_SPACE_TO_DEPTH, "1x2x6x6", "blocksize=2", NULL},
    {13, TARE_OP_CONCAT, "1x3x2x2 1x4x2x2", "axis=1", NULL},
    {13, TARE_OP_CONCAT, "2x3 2x2=0.1,0.2,0.3,0.4", "axis=1", NULL},
    {13, TARE_OP_SPLIT, "4x6", "axis=1", NULL},
    {13, TARE_OP_SLICE, "5x6 2i=1,0 2i=4,6 2i=0,1 2i=1,2", "", NULL},
    {13, TARE_OP_GATHER, "5x6 3i=4,0,2", "", NULL},
    {13, TARE_OP_PAD, "2x3 4i=1,0,0,2 =0.7", "", NULL},
    {13, TARE_OP_CONV, "1x3x6x7 2x3x1x1=1,2,3,4,5,6 2=0.1,0.2", "", NULL},
    {13, TARE_OP_CONV, "1x4x6x7 4x1x1x1=1,2,3,4", "group=4", NULL},
    {13, TARE_OP_CONV_TRANSPOSE, "1x2x3x3 2x1x2x2=1,2,3,4,5,6,7,8", "strides=[2,2]",
     NULL},
    {13, TARE_OP_GEMM, "5x3 3x2=1,2,3,4,5,6 2=0.1,0.2", "", NULL},
    {13, TARE_OP_MATMUL, "2x5x3 3x2=1,2,3,4,5,6", "", NULL},
    {13, TARE_OP_MATMUL, "2x5x3 2x3x4", "", NULL},
};

static void test_operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        for (size_t f = 0; f < 2; f++)
            check_op(&ops[i], &formats[f]);
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
