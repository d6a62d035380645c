/* ConvTranspose through the engine: random geometries beside its definition, every
 * input times every tap added where it goes, in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "precision/precision.h"
#include "tests/unit/engine_graphs.h"

enum { ROUNDS = 200 };

struct geometry {
    int64_t n, in_c, out_c, groups, in[2], kernel[2], stride[2], dilation[2], begin[2],
        end[2], out[2];
};

static int64_t pick(uint64_t *seed, int64_t low, int64_t high)
{
    return low + (int64_t)(net_random(seed) % (uint64_t)(high - low + 1));
}

/* One round in three as decoders upsample: each output of one input. */
static struct geometry random_geometry(uint64_t *seed)
{
    struct geometry g = {.n = pick(seed, 1, 2), .groups = pick(seed, 1, 2)};
    const bool disjoint = net_random(seed) % 3 == 0;
    if (disjoint) g.groups = 1;
    g.in_c = g.groups * pick(seed, 1, 5);
    g.out_c = g.groups * pick(seed, 1, 9);
    if (!disjoint && net_random(seed) % 4 == 0) g.in_c = g.out_c = g.groups;
    for (int i = 0; i < 2; i++) {
        g.in[i] = pick(seed, 1, 6);
        g.kernel[i] = pick(seed, 1, 4);
        g.stride[i] = disjoint ? g.kernel[i] : pick(seed, 1, 3);
        g.dilation[i] = disjoint ? 1 : pick(seed, 1, 2);
        const int64_t reach = g.dilation[i] * (g.kernel[i] - 1);
        const int64_t whole = (g.in[i] - 1) * g.stride[i] + reach + 1;
        if (!disjoint) {
            g.begin[i] = pick(seed, 0, reach < whole - 1 ? reach : whole - 1);
            g.end[i] = pick(seed, 0, whole - 1 - g.begin[i]);
        }
        g.out[i] = whole - g.begin[i] - g.end[i];
    }
    return g;
}

static struct tare_graph *make(const struct geometry *g, bool has_bias, bool is_bounded,
                               uint64_t *seed)
{
    struct tare_graph *graph = net_create(13);
    net_input(graph, "x", NET_DIMS(g->n, g->in_c, g->in[0], g->in[1]));
    net_weights(graph, "w",
                NET_DIMS(g->in_c, g->out_c / g->groups, g->kernel[0], g->kernel[1]), -1,
                1, seed);
    if (has_bias) net_weights(graph, "b", NET_DIMS(g->out_c), -1, 1, seed);
    struct tare_node *node =
        net_node(graph, TARE_OP_CONV_TRANSPOSE, "up", has_bias ? "x w b" : "x w", "y");
    net_int(node, "group", g->groups);
    net_ints(node, "strides", 2, g->stride[0], g->stride[1]);
    net_ints(node, "dilations", 2, g->dilation[0], g->dilation[1]);
    net_ints(node, "pads", 4, g->begin[0], g->begin[1], g->end[0], g->end[1]);
    if (is_bounded) { /* as a fused Relu6 leaves it */
        node->fused.lower = 0.0F;
        node->fused.upper = 6.0F;
    }
    net_output(graph, "y");
    return net_infer(graph);
}

/* Values that INT8 holds without loss: x in 64ths, weights in quarters; in INT8 then.
 */
static void to_exact_int8(struct tare_graph *graph, struct naive *run)
{
    const struct tare_precision_options options = {.allow_int8 = true};
    const struct tare_range range = {"x", 127.0 / 64};
    const struct tare_node *node = net_maker(graph, "y");
    struct tare_tensor *w = &graph->tensors[net_tensor(graph, "w")];
    const int32_t x = net_tensor(graph, "x");
    float *weights = w->data;
    for (size_t i = 0; i < w->n_bytes / sizeof *weights; i++)
        weights[i] = rintf(4 * weights[i]) / 4;
    NET_TRY(tare_precision_assign(graph, &range, 1, &options, NULL, &err_));
    assert_int_equal(node->precision, TARE_PRECISION_INT8);
    naive_free(run);
    *run = naive_run(graph, 1);
    for (int64_t i = 0; i < naive_count(naive_dims(run, x)); i++)
        run->values[x][i] = rint(127 * run->values[x][i]) / 64;
    free(run->values[node->outputs[0]]);
    naive_node(run, node);
}

static void check_rounds(bool int8)
{
    uint64_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        const struct geometry g = random_geometry(&seed);
        const bool has_bias = net_random(&seed) % 2, is_bounded = net_random(&seed) % 2;
        struct tare_graph *graph = make(&g, has_bias, is_bounded, &seed);
        struct naive run = naive_run(graph, (uint64_t)round + 1);
        if (int8) to_exact_int8(graph, &run);
        struct graph_values inputs = graph_inputs(&run);
        const double *want = run.values[graph->outputs[0]];
        struct graph_values got = graph_run(graph, 1 + round % 3, &inputs);
        const int64_t n = g.n * g.out_c * g.out[0] * g.out[1];
        for (int64_t i = 0; i < n; i++)
            if (!(fabs((double)got.data[0][i] - want[i]) <= 1e-5))
                fail_msg("round %d: output %lld is %g, want %g", round, (long long)i,
                         (double)got.data[0][i], want[i]);
        assert_false(graph_has_layer(graph, "program", "FP32"));
        if (int8)
            assert_true(graph_has_layer(graph, "conv", "INT8") ||
                        graph_has_layer(graph, "depthwise", "INT8"));
        graph_values_free(&got);
        graph_values_free(&inputs);
        naive_free(&run);
        tare_graph_destroy(graph);
    }
}

static void engine_does_what_it_means(void **state)
{
    (void)state;
    check_rounds(false);
}

static void int8_engine_does_what_it_means(void **state)
{
    (void)state;
    check_rounds(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_does_what_it_means),
        cmocka_unit_test(int8_engine_does_what_it_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
