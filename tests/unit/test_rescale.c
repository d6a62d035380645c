/* Rescaling the channels of a tensor: FP32 makes the same of the network for every kind
 * of layer that makes or reads the tensor; where that cannot be, nothing changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "optimizer/optimizer.h"
#include "remake/rescale.h"
#include "tests/kernels/check.h"
#include "tests/unit/engine_run.h"
#include "tests/unit/net.h"

enum { SIDE = 7, CHANNELS = 6, TOKENS = 5 };

static uint64_t seed;

/* From x on, what makes t, and what reads it to make y. Linear pictures are
 * [1, CHANNELS, SIDE, SIDE], linear rows [TOKENS, CHANNELS]. */
struct network {
    const char *name;
    int32_t rank; /* of x: a picture, rows, or rows in a batch */
    void (*add_maker)(struct tare_graph *g);
    void (*add_readers)(struct tare_graph *g);
};

/* Rows into something of rank 2 that has INT8 weights behind it. */
static void matrix(struct tare_graph *g, enum tare_op op, const char *x, const char *y)
{
    char inputs[96], weights[32], term[32];
    (void)snprintf(weights, sizeof weights, "%s_w", y);
    (void)snprintf(term, sizeof term, "%s_c", y);
    (void)snprintf(inputs, sizeof inputs, "%s %s%s%s", x, weights,
                   op == TARE_OP_GEMM ? " " : "", op == TARE_OP_GEMM ? term : "");
    net_weights(g, weights, NET_DIMS(CHANNELS, CHANNELS), -1, 1, &seed);
    if (op == TARE_OP_GEMM) net_weights(g, term, NET_DIMS(1, CHANNELS), -1, 1, &seed);
    struct tare_node *node = net_node(g, op, y, inputs, y);
    if (op == TARE_OP_GEMM) {
        net_int(node, "transB", 1);
        net_float(node, "alpha", 0.5F);
        net_float(node, "beta", 2.0F);
    }
}

static void made_by_conv(struct tare_graph *g)
{
    net_conv(g, "maker", "x", "made", CHANNELS, CHANNELS, 3, true, &seed);
    net_node(g, TARE_OP_RELU, "act", "made", "t");
}
static void made_by_leaky_conv(struct tare_graph *g)
{
    net_conv(g, "maker", "x", "made", CHANNELS, CHANNELS, 1, false, &seed);
    net_float(net_node(g, TARE_OP_LEAKY_RELU, "act", "made", "t"), "alpha", 0.2F);
}
static void made_by_normalization(struct tare_graph *g)
{
    net_node(g, TARE_OP_ABS, "abs", "x", "made");
    net_weights(g, "bn_scale", NET_DIMS(CHANNELS), -1, 1, &seed);
    net_weights(g, "bn_b", NET_DIMS(CHANNELS), -1, 1, &seed);
    net_weights(g, "bn_mean", NET_DIMS(CHANNELS), -1, 1, &seed);
    net_weights(g, "bn_var", NET_DIMS(CHANNELS), 1, 2, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "bn", "made bn_scale bn_b bn_mean bn_var",
             "t");
}
static void made_by_gemm(struct tare_graph *g)
{
    matrix(g, TARE_OP_GEMM, "x", "t");
}
static void made_by_matmul(struct tare_graph *g)
{
    matrix(g, TARE_OP_MATMUL, "x", "t");
}
/* The end of a LayerNorm, and more: ((sqrt|x| * gamma - 1) + beta), then ReLU. */
static void made_by_affine(struct tare_graph *g)
{
    net_node(g, TARE_OP_ABS, "abs", "x", "positive");
    net_node(g, TARE_OP_SQRT, "sqrt", "positive", "root");
    net_weights(g, "gamma", NET_DIMS(CHANNELS), -2, 2, &seed);
    net_weights(g, "beta", NET_DIMS(1, CHANNELS), -1, 1, &seed);
    net_scalar(g, "one", 1.0F);
    net_node(g, TARE_OP_MUL, "mul", "gamma root", "scaled");
    net_node(g, TARE_OP_SUB, "sub", "scaled one", "less");
    net_node(g, TARE_OP_ADD, "add", "less beta", "moved");
    net_node(g, TARE_OP_RELU, "act", "moved", "t");
}
static void made_by_division(struct tare_graph *g)
{
    net_node(g, TARE_OP_TANH, "tanh", "x", "made");
    net_weights(g, "gamma", NET_DIMS(CHANNELS), 1, 2, &seed);
    net_node(g, TARE_OP_DIV, "div", "made gamma", "t");
}

static void made_by_layer_norm(struct tare_graph *g)
{
    net_weights(g, "gamma", NET_DIMS(CHANNELS), 1, 2, &seed);
    net_weights(g, "beta", NET_DIMS(CHANNELS), -1, 1, &seed);
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "x gamma beta", "t");
}
static void made_by_rms_norm(struct tare_graph *g)
{
    net_weights(g, "gamma", NET_DIMS(CHANNELS), 1, 2, &seed);
    net_node(g, TARE_OP_RMS_NORMALIZATION, "norm", "x gamma", "t");
}
static void made_by_plane_norm(struct tare_graph *g)
{
    net_weights(g, "gamma", NET_DIMS(CHANNELS), 1, 2, &seed);
    net_int(net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "x gamma", "t"), "axis",
            -2);
}

static void read_depthwise(struct tare_graph *g)
{
    net_int(net_conv(g, "y", "t", "y", 1, CHANNELS, 3, true, &seed), "group", CHANNELS);
    net_output(g, "y");
}
static void read_by_groups_and_all(struct tare_graph *g)
{
    net_int(net_conv(g, "y", "t", "y", CHANNELS / 2, 4, 3, true, &seed), "group", 2);
    net_conv(g, "z", "t", "z", CHANNELS, 2, 1, false, &seed);
    net_output(g, "y");
    net_output(g, "z");
}
static void read_by_matrices(struct tare_graph *g)
{
    matrix(g, TARE_OP_GEMM, "t", "y");
    matrix(g, TARE_OP_MATMUL, "t", "z");
    net_output(g, "y");
    net_output(g, "z");
}

static void read_by_products(struct tare_graph *g)
{
    matrix(g, TARE_OP_MATMUL, "t", "y");
    matrix(g, TARE_OP_MATMUL, "t", "z");
    net_output(g, "y");
    net_output(g, "z");
}

static struct tare_graph *make(const struct network *n)
{
    struct tare_graph *g = net_create(17);
    seed = 7;
    net_input(g, "x",
              n->rank == 2   ? NET_DIMS(TOKENS, CHANNELS)
              : n->rank == 3 ? NET_DIMS(2, TOKENS, CHANNELS)
                             : NET_DIMS(1, CHANNELS, SIDE, SIDE));
    n->add_maker(g);
    n->add_readers(g);
    net_infer(g);
    NET_TRY(tare_optimize(g, NULL, &err_));
    return g;
}

/* As the precision pass would: t held in `scale`, what reads it in INT8. */
static int32_t annotate(struct tare_graph *g, float scale, int32_t zero_point)
{
    const int32_t t = tare_graph_find_tensor(g, "t");
    assert_true(t >= 0);
    g->tensors[t].quant =
        (struct tare_quant){true, scale, zero_point, zero_point ? 1 : 0};
    for (size_t n = 0; n < g->n_nodes; n++)
        for (size_t i = 0; i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == t) g->nodes[n].precision = TARE_PRECISION_INT8;
    return t;
}

/* An FP32 engine of an annotated graph. */
static void build_fp32(struct tare_graph *g, struct built *built)
{
    for (size_t n = 0; n < g->n_nodes; n++)
        g->nodes[n].precision = TARE_PRECISION_FP32;
    for (size_t t = 0; t < g->n_tensors; t++)
        g->tensors[t].quant = (struct tare_quant){0};
    NET_TRY(built_make(g, tare_cpu_flags(), built, &err_));
}

/* All outputs, back to back. */
static size_t run(struct tare_graph *g, float *out)
{
    struct built built;
    struct tare_engine_info info;
    float x[CHANNELS * SIDE * SIDE], *outputs[2];
    const float *input = x;
    size_t n = 0;
    uint64_t of_input = 99;
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        x[i] = 3.0F * net_uniform(&of_input);
    build_fp32(g, &built);
    NET_TRY(built_run(&built, 1, &input, outputs, &err_));
    tare_engine_info(built.engine, &info);
    for (size_t i = 1; i < info.n_bindings; i++) {
        struct tare_binding binding;
        tare_engine_binding(built.engine, i, &binding);
        memcpy(out + n, outputs[i - 1], binding.n_bytes);
        n += binding.n_bytes / sizeof *out;
        free(outputs[i - 1]);
    }
    built_release(&built);
    return n;
}

static const float factors[CHANNELS] = {0.031F, 7.0F, 1.0F, 0.5F, 90.0F, 0.77F};

static void check_network(const struct network *network)
{
    enum { MOST = 2 * CHANNELS * SIDE * SIDE };
    static float want[MOST], got[MOST];
    const char *obstacle;
    struct tare_graph *g = make(network);
    const int32_t t = annotate(g, 0.1F, 128);
    const size_t n_before = g->n_tensors;
    NET_TRY(tare_rescale(g, t, factors, true, &obstacle, &err_));
    if (obstacle) fail_msg("%s: %s", network->name, obstacle);
    assert_int_equal(g->n_tensors, n_before); /* it only looked */
    NET_TRY(tare_rescale(g, t, factors, false, &obstacle, &err_));
    assert_null(obstacle);
    assert_true(g->n_tensors > n_before);
    const size_t n = run(g, got);
    tare_graph_destroy(g);
    g = make(network);
    assert_int_equal(run(g, want), n);
    tare_graph_destroy(g);
    double signal = 0.0, noise = 0.0;
    for (size_t i = 0; i < n; i++) {
        signal += (double)want[i] * (double)want[i];
        noise += pow((double)got[i] - (double)want[i], 2.0);
    }
    if (!(noise <= 1e-12 * signal) || signal == 0.0)
        fail_msg("%s: %g of %g", network->name, sqrt(noise), sqrt(signal));
}

static void fp32_stays_what_it_is(void **state)
{
    static const struct network networks[] = {
        {"conv, depthwise", 4, made_by_conv, read_depthwise},
        {"conv, two readers", 4, made_by_conv, read_by_groups_and_all},
        {"leaky conv, two readers", 4, made_by_leaky_conv, read_by_groups_and_all},
        {"normalization", 4, made_by_normalization, read_depthwise},
        {"gemm", 2, made_by_gemm, read_by_matrices},
        {"matmul", 2, made_by_matmul, read_by_matrices},
        {"affine", 2, made_by_affine, read_by_matrices},
        {"division", 2, made_by_division, read_by_matrices},
        {"layer norm", 2, made_by_layer_norm, read_by_matrices},
        {"RMS norm", 2, made_by_rms_norm, read_by_matrices},
        {"batched layer norm", 3, made_by_layer_norm, read_by_products},
        {"norm over two axes", 3, made_by_plane_norm, read_by_products},
        {"batched affine", 3, made_by_affine, read_by_products},
        {"batched matmul", 3, made_by_matmul, read_by_products},
    };
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++)
        check_network(&networks[i]);
}

/* ---- bounds */

static void made_by_bounded_conv(struct tare_graph *g)
{
    net_conv(g, "maker", "x", "made", CHANNELS, CHANNELS, 1, true, &seed);
    net_scalar(g, "low", 0.0F);
    net_scalar(g, "high", 6.0F);
    net_node(g, TARE_OP_CLIP, "act", "made low high", "t");
}

static const char *obstacle_of(const struct network *network, float scale,
                               int32_t zero_point, const float *by)
{
    const char *obstacle;
    struct tare_graph *g = make(network);
    const int32_t t = annotate(g, scale, zero_point);
    NET_TRY(tare_rescale(g, t, by, false, &obstacle, &err_));
    if (!obstacle) {
        const struct tare_fused *fused = &g->nodes[g->tensors[t].producer].fused;
        assert_true(fused->lower == 0.0F && isinf(fused->upper));
    }
    tare_graph_destroy(g);
    return obstacle;
}

/* ReLU6 is dropped where no channel's bound is within the range of the codes. */
static void bounds_go_where_codes_end(void **state)
{
    static const struct network network = {"", 4, made_by_bounded_conv, read_depthwise};
    const float shrunk[CHANNELS] = {1.0F, 0.1F, 0.5F, 0.9F, 1.0F, 0.01F};
    const float grown[CHANNELS] = {1.0F, 0.1F, 1.1F, 0.9F, 1.0F, 0.01F};
    (void)state;
    assert_null(obstacle_of(&network, 6.0F / 255.0F, 0, shrunk));
    assert_null(obstacle_of(&network, 4.0F / 255.0F, 0, shrunk));
    assert_null(obstacle_of(&network, 5.0F / 255.0F, 0, grown));
    assert_non_null(obstacle_of(&network, 6.0F / 255.0F, 0, grown));
    assert_non_null(obstacle_of(&network, 7.0F / 255.0F, 0, shrunk));
}

/* ---- what cannot be rescaled */

static void refuse(struct tare_graph *g, const char *says)
{
    const char *obstacle;
    const int32_t t = annotate(g, 0.1F, 128);
    const size_t n = g->n_tensors;
    NET_TRY(tare_rescale(g, t, factors, false, &obstacle, &err_));
    assert_non_null(obstacle);
    if (!strstr(obstacle, says)) fail_msg("'%s', want '%s'", obstacle, says);
    assert_int_equal(g->n_tensors, n);
    tare_graph_destroy(g);
}

static void other_readers_are_an_obstacle(void **state)
{
    static const struct network network = {"", 4, made_by_conv, read_depthwise};
    (void)state;
    struct tare_graph *g = make(&network); /* a reader in FP32 */
    annotate(g, 0.1F, 128);
    net_maker(g, "y")->precision = TARE_PRECISION_FP32;
    assert_int_equal(tare_rescale_axis(g, tare_graph_find_tensor(g, "t")), -1);
    tare_graph_destroy(g);
    g = make(&network); /* the user */
    net_output(g, "t");
    refuse(g, "something else");
    g = make(&network); /* another operator */
    net_node(g, TARE_OP_ABS, "other", "t", "u");
    net_output(g, "u");
    net_infer(g);
    refuse(g, "something else");
}

static void other_makers_are_an_obstacle(void **state)
{
    static const struct network network = {"", 2, made_by_affine, read_by_matrices};
    static const struct network plain = {"", 4, made_by_conv, read_depthwise};
    (void)state;
    struct tare_graph *g = make(&network); /* read elsewhere, on the way */
    net_output(g, "less");
    refuse(g, "read elsewhere");
    g = make(&network); /* quantized on the way */
    g->tensors[tare_graph_find_tensor(g, "less")].quant.held = true;
    refuse(g, "is quantized");
    g = make(&network);
    net_maker(g, "scaled")->op = TARE_OP_MAX;
    refuse(g, "cannot take factors");
    static const struct network norm = {"", 2, made_by_layer_norm, read_by_matrices};
    g = make(&norm); /* a scale for all channels together */
    g->tensors[tare_graph_find_tensor(g, "gamma")].dims.rank = 0;
    refuse(g, "no constants");
    g = make(&plain); /* a bound within the range */
    net_maker(g, "t")->fused.lower = -1.0F;
    refuse(g, "bounds");
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_stays_what_it_is),
        cmocka_unit_test(bounds_go_where_codes_end),
        cmocka_unit_test(other_readers_are_an_obstacle),
        cmocka_unit_test(other_makers_are_an_obstacle),
    };
    return cmocka_run_group_tests_name("rescale", tests, NULL, NULL);
}
