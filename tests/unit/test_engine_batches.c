/* A batch of three gives the same bytes as its samples one by one, for every kind of
 * layer, in FP32 and in INT8. */
#include "tests/kernels/check.h"
#include "tests/unit/engine_graphs.h"

enum { BATCH = 3, CHANNELS = 8 };

/* From "h", [n, 8, 7, 6] as a convolution made it, to "t", any shape with n in front.
 */
typedef void layer_fn(struct tare_graph *g, uint64_t *seed);

static void convolution(struct tare_graph *g, int in, int out, int groups, int stride,
                        uint64_t *seed)
{
    struct tare_node *node =
        net_conv(g, "layer", "h", "t", in / groups, out, 3, true, seed);
    net_int(node, "group", groups);
    net_ints(node, "strides", 2, stride, stride);
}

static void dense(struct tare_graph *g, uint64_t *seed)
{
    convolution(g, CHANNELS, 11, 1, 2, seed);
}

static void grouped(struct tare_graph *g, uint64_t *seed)
{
    convolution(g, CHANNELS, 12, 2, 1, seed);
}

static void depthwise(struct tare_graph *g, uint64_t *seed)
{
    convolution(g, CHANNELS, CHANNELS, CHANNELS, 1, seed);
}

static void transposed(struct tare_graph *g, int kernel, int stride, uint64_t *seed)
{
    net_weights(g, "up.w", NET_DIMS(CHANNELS, 5, kernel, kernel), -1, 1, seed);
    net_ints(net_node(g, TARE_OP_CONV_TRANSPOSE, "layer", "h up.w", "t"), "strides", 2,
             stride, stride);
}

static void transposed_apart(struct tare_graph *g, uint64_t *seed)
{
    transposed(g, 2, 2, seed);
}

static void transposed_overlapping(struct tare_graph *g, uint64_t *seed)
{
    transposed(g, 3, 2, seed);
}

static void residual(struct tare_graph *g, uint64_t *seed)
{
    net_conv(g, "layer", "h", "a", CHANNELS, CHANNELS, 3, true, seed);
    net_node(g, TARE_OP_ADD, "add", "a h", "t");
}

static void pooled(struct tare_graph *g, enum tare_op op, bool counts_pads)
{
    struct tare_node *node = net_node(g, op, "layer", "h", "t");
    net_ints(node, "kernel_shape", 2, 3, 2);
    net_ints(node, "strides", 2, 2, 1);
    net_ints(node, "pads", 4, 1, 0, 1, 1);
    if (counts_pads) net_int(node, "count_include_pad", 1);
}

static void max_pool(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    pooled(g, TARE_OP_MAX_POOL, false);
}

static void average_pool(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    pooled(g, TARE_OP_AVERAGE_POOL, false);
}

static void average_pool_with_pads(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    pooled(g, TARE_OP_AVERAGE_POOL, true);
}

static void global_average_pool(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "layer", "h", "t");
}

static void global_max_pool(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_GLOBAL_MAX_POOL, "layer", "h", "t");
}

static void sigmoid(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_SIGMOID, "layer", "h", "t");
}

static void hard_swish(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_HARD_SWISH, "layer", "h", "t");
}

static void sum(struct tare_graph *g, uint64_t *seed)
{
    (void)seed; /* of two that are no convolutions', so that it stays a layer */
    net_node(g, TARE_OP_SIGMOID, "left", "h", "a");
    net_node(g, TARE_OP_TANH, "right", "h", "b");
    net_node(g, TARE_OP_ADD, "layer", "a b", "t");
}

static void product_with_gate(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "h", "m");
    net_node(g, TARE_OP_SIGMOID, "gate", "m", "s");
    net_node(g, TARE_OP_MUL, "layer", "h s", "t");
}

static void quotient(struct tare_graph *g, uint64_t *seed)
{
    net_weights(g, "w", NET_DIMS(CHANNELS, 1, 1), 1, 2, seed);
    net_node(g, TARE_OP_DIV, "layer", "h w", "t");
}

static void batch_normalization(struct tare_graph *g, uint64_t *seed)
{
    net_weights(g, "scale", NET_DIMS(CHANNELS), -1, 1, seed);
    net_weights(g, "shift", NET_DIMS(CHANNELS), -1, 1, seed);
    net_weights(g, "mean", NET_DIMS(CHANNELS), -1, 1, seed);
    net_weights(g, "variance", NET_DIMS(CHANNELS), 1, 2, seed);
    net_node(g, TARE_OP_SIGMOID, "between", "h", "s"); /* nothing to fold it into */
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "layer", "s scale shift mean variance",
             "t");
}

static void concat(struct tare_graph *g, uint64_t *seed)
{
    net_conv(g, "layer", "h", "a", CHANNELS, 5, 1, true, seed);
    net_int(net_node(g, TARE_OP_CONCAT, "join", "a h a", "t"), "axis", 1);
}

static void concat_rows(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_int(net_node(g, TARE_OP_CONCAT, "join", "h h", "t"), "axis", 2);
}

static void slice(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "starts", 2, 1, -1);
    net_longs(g, "ends", 2, 7, -100);
    net_longs(g, "axes", 2, 1, 3);
    net_longs(g, "steps", 2, 2, -2);
    net_node(g, TARE_OP_SLICE, "layer", "h starts ends axes steps", "t");
}

static void split(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "lengths", 2, 3, 5);
    net_int(net_node(g, TARE_OP_SPLIT, "layer", "h lengths", "first t"), "axis", 1);
    net_output(g, "first");
}

static void pad(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "pads", 8, 0, 1, 2, 0, 0, 0, 1, 3);
    net_node(g, TARE_OP_PAD, "layer", "h pads", "p");
    net_node(g, TARE_OP_SIGMOID, "between", "p", "t"); /* no convolution takes it in */
}

static void pad_by_edge(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "pads", 8, 0, 0, 2, 1, 0, 0, 1, 3);
    net_string(net_node(g, TARE_OP_PAD, "layer", "h pads", "t"), "mode", "edge");
}

static void pad_by_value(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "pads", 8, 0, 1, 2, 0, 0, 0, 1, 3);
    net_scalar(g, "value", -0.7F);
    net_node(g, TARE_OP_PAD, "layer", "h pads value", "t");
}

static void gather(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "indices", 5, 3, 0, -1, 0, 2);
    net_int(net_node(g, TARE_OP_GATHER, "layer", "h indices", "t"), "axis", 1);
}

static void expand(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "mean", "h", "m");
    net_longs(g, "shape", 4, 1, CHANNELS, 3, 4);
    net_node(g, TARE_OP_EXPAND, "layer", "m shape", "t");
}

static void depth_to_space(struct tare_graph *g, uint64_t *seed)
{
    net_conv(g, "wide", "h", "a", CHANNELS, 12, 1, true, seed);
    net_int(net_node(g, TARE_OP_DEPTH_TO_SPACE, "layer", "a", "t"), "blocksize", 2);
}

static void depth_to_space_crd(struct tare_graph *g, uint64_t *seed)
{
    depth_to_space(g, seed);
    net_string(net_maker(g, "t"), "mode", "CRD");
}

static void space_to_depth(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_longs(g, "pads", 8, 0, 0, 0, 0, 0, 0, 1, 0); /* of 7 rows, 8 */
    net_string(net_node(g, TARE_OP_PAD, "pad", "h pads", "p"), "mode", "edge");
    net_int(net_node(g, TARE_OP_SPACE_TO_DEPTH, "layer", "p", "t"), "blocksize", 2);
}

static void mean(struct tare_graph *g, bool keeps_axes)
{
    struct tare_node *node = net_node(g, TARE_OP_REDUCE_MEAN, "layer", "h", "t");
    net_ints(node, "axes", 2, 2, 3);
    net_int(node, "keepdims", keeps_axes);
}

static void mean_of_images(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    mean(g, true);
}

static void mean_in_rows(struct tare_graph *g, uint64_t *seed)
{
    mean(g, false);
    net_weights(g, "w", NET_DIMS(CHANNELS, 9), -1, 1, seed);
    net_node(g, TARE_OP_GEMM, "head2", "t w", "z");
    net_output(g, "z");
}

static void transpose(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "layer", "h", "t"), "perm", 4, 0, 3, 1, 2);
}

static void resize(struct tare_graph *g, const char *mode)
{
    float *scales = net_const(g, "scales", TARE_F32, NET_DIMS(4));
    scales[0] = scales[1] = 1;
    scales[2] = 2;
    scales[3] = 1.5F;
    net_string(net_node(g, TARE_OP_RESIZE, "layer", "h - scales", "t"), "mode", mode);
}

static void resize_nearest(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    resize(g, "nearest");
}

static void resize_linear(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    resize(g, "linear");
}

static void softmax(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_int(net_node(g, TARE_OP_SOFTMAX, "layer", "h", "t"), "axis", 1);
}

static void reduce_mean(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "layer", "h", "t"), "axes", 2, 1, 3);
}

static void gemm(struct tare_graph *g, uint64_t *seed)
{
    net_node(g, TARE_OP_FLATTEN, "flat", "h", "f");
    net_weights(g, "w", NET_DIMS(INT64_C(42) * CHANNELS, 9), -1, 1, seed);
    net_weights(g, "b", NET_DIMS(9), -1, 1, seed);
    net_node(g, TARE_OP_GEMM, "layer", "f w b", "t");
}

static void product_of_activations(struct tare_graph *g, uint64_t *seed)
{
    (void)seed;
    net_ints(net_node(g, TARE_OP_TRANSPOSE, "turn", "h", "u"), "perm", 4, 0, 1, 3, 2);
    net_node(g, TARE_OP_MATMUL, "layer", "h u", "t");
}

static const struct {
    const char *name;
    layer_fn *make;
    const char *int8_type; /* of the layer; NULL: there is none in INT8 */
    int channels;          /* of "t", for a convolution behind it; 0: none */
} layers[] = {
    {"dense", dense, "conv", 11},
    {"grouped", grouped, "conv", 12},
    {"depthwise", depthwise, "depthwise", CHANNELS},
    {"transposed", transposed_apart, "conv", 5},
    {"transposed, overlapping", transposed_overlapping, "copy", 5},
    {"residual", residual, "conv", CHANNELS},
    {"max pool", max_pool, "pool", CHANNELS},
    {"average pool", average_pool, "pool", CHANNELS},
    {"average pool with pads", average_pool_with_pads, "pool", CHANNELS},
    {"global average pool", global_average_pool, "pool", CHANNELS},
    {"global max pool", global_max_pool, "pool", CHANNELS},
    {"sigmoid", sigmoid, "table", CHANNELS},
    {"hard swish", hard_swish, "table", CHANNELS},
    {"sum", sum, "binary", CHANNELS},
    {"product with gate", product_with_gate, "binary", CHANNELS},
    {"quotient", quotient, NULL, CHANNELS},
    {"batch normalization", batch_normalization, NULL, 0},
    {"concat", concat, "copy", 2 * 5 + CHANNELS},
    {"concat of rows", concat_rows, "copy", CHANNELS},
    {"slice", slice, "copy", 3},
    {"split", split, "copy", 5},
    {"pad", pad, "copy", CHANNELS + 1},
    {"pad by edge", pad_by_edge, "copy", CHANNELS},
    {"pad by a value", pad_by_value, "copy", CHANNELS + 1},
    {"gather", gather, "copy", 5},
    {"expand", expand, "copy", CHANNELS},
    {"depth to space", depth_to_space, "copy", 3},
    {"depth to space, crd", depth_to_space_crd, "copy", 3},
    {"space to depth", space_to_depth, "copy", 4 * CHANNELS},
    {"mean of images", mean_of_images, "pool", CHANNELS},
    {"mean in rows", mean_in_rows, "pool", 0},
    {"transpose", transpose, "copy", 6},
    {"nearest resize", resize_nearest, "resize", CHANNELS},
    {"linear resize", resize_linear, "resize", CHANNELS},
    {"softmax", softmax, NULL, CHANNELS},
    {"reduced mean", reduce_mean, NULL, 0},
    {"gemm", gemm, "conv", 0},
    {"product of activations", product_of_activations, "matmul", 0},
};

static struct tare_graph *make_graph(size_t layer, int64_t batch, uint64_t seed)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(batch, 3, 7, 6));
    net_conv(g, "head", "x", "h", 3, CHANNELS, 3, true, &seed);
    layers[layer].make(g, &seed);
    if (layers[layer].channels)
        net_conv(g, "tail", "t", "y", layers[layer].channels, 4, 1, true, &seed);
    net_output(g, layers[layer].channels ? "y" : "t");
    net_infer(g);
    struct tare_graph *optimized = graph_optimized(g);
    tare_graph_destroy(g);
    return optimized;
}

/* The same ranges for both, as one cache would give them. */
static void to_int8(struct tare_graph *g)
{
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t i = 0; i < g->n_tensors; i++)
        ranges[i] =
            (struct tare_range){g->tensors[i].name, 2.5 + 0.25 * (double)(i % 3)};
    const struct tare_precision_options options = {.allow_int8 = true};
    NET_TRY(tare_precision_assign(g, ranges, g->n_tensors, &options, NULL, &err_));
    tare_free(ranges);
}

static void check_batch(const struct tare_graph *one, const struct tare_graph *three,
                        const char *name, const char *precision)
{
    enum { SAMPLE = 3 * 7 * 6 };
    struct graph_values all = {.n = 1};
    all.data[0] = malloc(sizeof(float) * BATCH * SAMPLE);
    for (int i = 0; i < BATCH * SAMPLE; i++)
        all.data[0][i] = (float)(int32_t)check_u32() / 2147483648.0F;
    struct graph_values want = graph_run(three, 2, &all);
    for (int s = 0; s < BATCH; s++) {
        struct graph_values sample = {.data = {all.data[0] + (size_t)s * SAMPLE},
                                      .n = 1};
        struct graph_values got = graph_run(one, 1, &sample);
        assert_int_equal(got.n, want.n);
        for (size_t i = 0; i < got.n; i++) {
            const size_t n = (size_t)naive_count(&one->tensors[one->outputs[i]].dims);
            if (memcmp(got.data[i], want.data[i] + (size_t)s * n, n * sizeof(float)) !=
                0)
                fail_msg("%s in %s: sample %d of output %zu differs", name, precision,
                         s, i);
        }
        graph_values_free(&got);
    }
    graph_values_free(&want);
    graph_values_free(&all);
}

static void test_batches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const uint64_t seed = check_u32() | 1U;
        struct tare_graph *one = make_graph(i, 1, seed);
        struct tare_graph *three = make_graph(i, BATCH, seed);
        check_batch(one, three, layers[i].name, "FP32");
        to_int8(one);
        to_int8(three);
        if (layers[i].int8_type && !graph_has_layer(three, layers[i].int8_type, "INT8"))
            fail_msg("%s: no %s in INT8", layers[i].name, layers[i].int8_type);
        check_batch(one, three, layers[i].name, "INT8");
        tare_graph_destroy(one);
        tare_graph_destroy(three);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
