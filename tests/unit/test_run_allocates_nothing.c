/* A run allocates nothing: the linker hands every call of the C allocator in this
 * program and in the library to the counters below. Nor does setting an address, or a
 * run that is tapped or timed; every kind of layer but programs is met. */
#include <stdlib.h>

#include "engine/engine.h"
#include "tests/unit/count_allocations.h"
#include "tests/unit/engine_graphs.h"
#include "tests/unit/engine_net.h"
#include "tests/unit/engine_ops.h"
#include "tests/unit/plugin_probe.h"

static uint64_t seed = 5;
static bool met[TARE_LAYER_KIND_COUNT], met_region;

static const float *look(void *ctx, const struct tare_tapped *tensor)
{
    (void)tensor;
    ++*(size_t *)ctx;
    return NULL;
}

/* Addresses, runs, a tapped run and a timed one, between making a context and its end.
 */
static int count_runs(struct tare_context *context, void *const *buffers, size_t n)
{
    size_t n_seen = 0;
    NET_TRY(tare_context_set_tap(context, look, &n_seen, true, &err_));
    const int before = n_allocations;
    for (int run = 0; run < 3; run++) {
        for (size_t i = 0; i < n; i++)
            NET_TRY(tare_context_set_address(context, i, buffers[i], &err_));
        tare_context_set_profiling(context, run == 1);
        NET_TRY(tare_context_run(context, &err_));
        if (run == 1) NET_TRY(tare_context_set_tap(context, NULL, NULL, false, &err_));
    }
    const int made = n_allocations - before;
    assert_true(n_seen > 0);
    return made;
}

static void check_engine(const struct tare_engine *engine, const char *what)
{
    struct tare_engine_info info;
    void *buffers[GRAPH_MAX_BINDINGS];
    tare_engine_info(engine, &info);
    for (size_t i = 0; i < info.n_bindings; i++) {
        struct tare_binding b;
        tare_engine_binding(engine, i, &b);
        buffers[i] = calloc(1, b.n_bytes);
    }
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        struct tare_context *context;
        NET_TRY(tare_context_create(engine, n_threads, &context, &err_));
        const int n = count_runs(context, buffers, info.n_bindings);
        tare_context_destroy(context);
        if (n != 0) fail_msg("%s, %d threads: %d allocations", what, n_threads, n);
    }
    for (size_t i = 0; i < info.n_bindings; i++)
        free(buffers[i]);
}

static void check_with(const struct tare_graph *g, const struct tare_plugins *plugins,
                       const char *what)
{
    for (size_t n_streams = 1; n_streams <= 4; n_streams += 3) {
        struct built built;
        const struct tare_engine_options options = {.isa = tare_cpu_flags(),
                                                    .in_place = true,
                                                    .n_streams = n_streams,
                                                    .plugins = plugins};
        NET_TRY(built_make_with(g, &options, &built, &err_));
        for (size_t i = 0; i < built.engine->n_layers; i++) {
            met[built.engine->records[i].kind] = true;
            met_region = met_region || built.engine->records[i].region > 0;
        }
        check_engine(built.engine, what);
        built_release(&built);
    }
}

static void check(const struct tare_graph *g, const char *what)
{
    check_with(g, NULL, what);
}

static void assign_halves(struct tare_graph *g, const char *spec)
{
    const struct tare_precision_options options = {.allow_fp16 = true,
                                                   .allow_bf16 = true,
                                                   .constraints = TARE_CONSTRAINTS_OBEY,
                                                   .layer_precisions = spec};
    NET_TRY(tare_precision_assign(g, NULL, 0, &options, NULL, &err_));
}

/* In every precision. @param graph  inferred; taken */
static void check_precisions(struct tare_graph *graph, const char *what)
{
    struct tare_graph *int8 = engine_net_assign(net_copy(graph), true);
    check(int8, what);
    tare_graph_destroy(int8);
    check(graph, what);
    for (int i = 0; i < 2; i++) {
        struct tare_graph *half = net_copy(graph);
        assign_halves(half, i ? "*:bf16" : "*:fp16");
        check(half, what);
        tare_graph_destroy(half);
    }
    tare_graph_destroy(graph);
}

/* Layers in FP32 among those in INT8. */
static void check_mixture(void)
{
    const struct tare_precision_options options = {
        .allow_int8 = true,
        .constraints = TARE_CONSTRAINTS_OBEY,
        .layer_precisions = "stem:int8,depthwise:fp32,pointwise:int8,grouped:int8"};
    struct tare_graph *g = engine_net(false);
    struct tare_range *ranges = tare_alloc_array(g->n_tensors, sizeof *ranges);
    for (size_t i = 0; i < g->n_tensors; i++)
        ranges[i] = (struct tare_range){g->tensors[i].name, 3.0};
    NET_TRY(tare_precision_assign(g, ranges, g->n_tensors, &options, NULL, &err_));
    tare_free(ranges);
    check(g, "mixture");
    tare_graph_destroy(g);
}

static void test_networks(void **state)
{
    (void)state;
    check_mixture();
    struct tare_graph *int8 = engine_net(true);
    check(int8, "network in INT8");
    tare_graph_destroy(int8);
    struct tare_graph *g = engine_net(false);
    for (int i = 0; i < 3; i++) {
        static const char *const specs[] = {NULL, "*:fp16", "*:bf16"};
        struct tare_graph *copy = net_copy(g);
        if (specs[i]) assign_halves(copy, specs[i]);
        check(copy, specs[i] ? specs[i] : "network in FP32");
        tare_graph_destroy(copy);
    }
    tare_graph_destroy(g);
}

/* Attention: two products, softmax and layer norm. */
static void test_attention(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(17);
    net_input(g, "x", NET_DIMS(2, 33, 48));
    net_weights(g, "scale", NET_DIMS(48), 0.5F, 1.5F, &seed);
    net_weights(g, "shift", NET_DIMS(48), -0.5F, 0.5F, &seed);
    net_node(g, TARE_OP_LAYER_NORMALIZATION, "norm", "x scale shift", "n");
    graph_attention(g, "n", 48, &seed);
    net_output(g, "y");
    check_precisions(net_infer(g), "attention");
}

/* Two convolutions, one of them by Winograd, their product and a resize. */
static void test_winograd(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 32, 13, 15));
    (void)net_conv(g, "conv", "x", "a", 32, 48, 3, true, &seed);
    (void)net_conv(g, "gate", "x", "b", 32, 48, 1, true, &seed);
    net_node(g, TARE_OP_MUL, "product", "a b", "c");
    const struct tare_dims scales = NET_DIMS(4);
    float *factors = net_const(g, "scales", TARE_F32, scales);
    for (int i = 0; i < 4; i++)
        factors[i] = i < 2 ? 1.0F : 2.0F;
    net_string(net_node(g, TARE_OP_RESIZE, "resize", "c - scales", "r"), "mode",
               "linear");
    (void)net_conv(g, "last", "r", "y", 48, 16, 1, true, &seed);
    net_output(g, "y");
    check_precisions(net_infer(g), "winograd");
    assert_true(met[TARE_LAYER_F32_WINOGRAD]);
}

static void test_lstm(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(14);
    net_input(g, "x", NET_DIMS(6, 3, 20));
    net_weights(g, "w", NET_DIMS(1, 4 * 24, 20), -0.3F, 0.3F, &seed);
    net_weights(g, "r", NET_DIMS(1, 4 * 24, 24), -0.3F, 0.3F, &seed);
    net_node(g, TARE_OP_LSTM, "lstm", "x w r", "y");
    net_output(g, "y");
    net_infer(g);
    check(g, "LSTM");
    tare_graph_destroy(g);
}

static void test_operators(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof engine_ops / sizeof engine_ops[0]; i++) {
        const struct one_op *op = &engine_ops[i];
        for (int half = 0; half <= 2; half++) {
            struct tare_graph *g = one_create(op, op->op == TARE_OP_SPLIT ? 2 : 1);
            NET_TRY(tare_graph_infer(g, &err_));
            if (half) assign_halves(g, half == 1 ? "*:fp16" : "*:bf16");
            check(g, tare_op_name(op->op));
            tare_graph_destroy(g);
        }
    }
}

/* What tare does for a plugin that allocates nothing itself. */
static void test_plugin(void **state)
{
    (void)state;
    struct tare_plugins *plugins = with_probe();
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3, 5, 4));
    (void)net_conv(g, "conv", "x", "a", 3, 8, 3, true, &seed);
    probe_node(g, "probe", "a", "y", 0.75F, NULL);
    net_output(g, "y");
    check_with(net_infer(g), plugins, "plugin");
    tare_graph_destroy(g);
    tare_plugins_destroy(plugins);
}

/* The counters count, and no kind was left out but the one that does allocate. */
static void test_coverage(void **state)
{
    (void)state;
    const int before = n_allocations;
    tare_free(tare_alloc(100));
    tare_free(tare_alloc((size_t)8 << 20));
    assert_int_equal(n_allocations, before + 2);
    for (uint32_t kind = 0; kind < TARE_LAYER_KIND_COUNT; kind++)
        if (met[kind] == (kind == TARE_LAYER_PROGRAM))
            fail_msg("kind %u '%s': %s", kind, tare_layer_kind_info(kind)->name,
                     met[kind] ? "met" : "not met");
    assert_true(met_region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),  cmocka_unit_test(test_attention),
        cmocka_unit_test(test_winograd),  cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_operators), cmocka_unit_test(test_plugin),
        cmocka_unit_test(test_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
