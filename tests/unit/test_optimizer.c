#include <time.h>

#include "passes.h"

static uint64_t seed = 71;

/* A residual block as exporters write it: Conv, BatchNormalization, Relu, Conv,
 * BatchNormalization, Add, Relu, and a head. 10 nodes. */
static struct tare_graph *residual_network(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 6, 6));
    net_output(g, "y");
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"bn1", "bn2"};
        static const char *const part[] = {"ga", "be", "mu", "va"};
        char name[16];
        for (int k = 0; k < 4; k++) {
            (void)snprintf(name, sizeof name, "%s.%s", names[i], part[k]);
            net_weights(g, name, NET_DIMS(4), 0.5F, 2, &seed);
        }
    }
    net_conv(g, "conv1", "x", "a", 4, 4, 3, false, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "norm1", "a bn1.ga bn1.be bn1.mu bn1.va",
             "b");
    net_node(g, TARE_OP_RELU, "relu1", "b", "c");
    net_conv(g, "conv2", "c", "d", 4, 4, 3, false, &seed);
    net_node(g, TARE_OP_BATCH_NORMALIZATION, "norm2", "d bn2.ga bn2.be bn2.mu bn2.va",
             "e");
    net_node(g, TARE_OP_ADD, "add", "x e", "f");
    net_node(g, TARE_OP_RELU, "relu2", "f", "h");
    net_node(g, TARE_OP_GLOBAL_AVERAGE_POOL, "pool", "h", "i");
    net_node(g, TARE_OP_FLATTEN, "flatten", "i", "j");
    net_weights(g, "w", NET_DIMS(4, 3), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "fc", "j w", "y");
    return net_infer(g);
}

static void test_residual_network(void **state)
{
    (void)state;
    struct tare_graph *before = residual_network();
    struct tare_graph *g = net_copy(before);
    struct tare_text dump = {0};
    const struct tare_optimize_options options = {.dump = &dump};
    NET_TRY(tare_optimize(g, &options, &err_));
    pass_check_same(before, g);
    assert_int_equal(g->n_nodes, 5);
    assert_string_equal(g->nodes[0].name, "conv1");
    assert_string_equal(g->nodes[0].absorbed, "norm1 + relu1");
    assert_string_equal(g->nodes[1].name, "conv2");
    assert_string_equal(g->nodes[1].absorbed, "norm2 + add + relu2");
    assert_int_equal(g->nodes[4].op, TARE_OP_GEMM);
    assert_ptr_equal(net_maker(g, "c"), &g->nodes[0]);
    assert_ptr_equal(net_maker(g, "h"), &g->nodes[1]);
    assert_int_equal(tare_graph_find_node(g, "conv2"), 1);
    assert_string_equal(dump.data, "Original: 10 layers\n"
                                   "After inline_if: 10 layers\n"
                                   "After qlinear: 10 layers\n"
                                   "After constant_fold: 10 layers\n"
                                   "After identity: 10 layers\n"
                                   "After dead: 10 layers\n"
                                   "After common: 10 layers\n"
                                   "After transpose: 10 layers\n"
                                   "After reshape: 10 layers\n"
                                   "After spatial_1d: 10 layers\n"
                                   "After hard_swish: 10 layers\n"
                                   "After swish: 10 layers\n"
                                   "After gelu: 10 layers\n"
                                   "After layer_norm: 10 layers\n"
                                   "After matmul_to_gemm: 10 layers\n"
                                   "After attention_scale: 10 layers\n"
                                   "After fold_affine: 8 layers\n"
                                   "After fold_front: 8 layers\n"
                                   "After fold_pad: 8 layers\n"
                                   "After quantize_earlier: 8 layers\n"
                                   "After quantize_once: 8 layers\n"
                                   "After fuse_residual: 7 layers\n"
                                   "After fuse_activation: 5 layers\n"
                                   "Final: 5 layers\n");
    tare_text_free(&dump);
    tare_graph_destroy(g);
    tare_graph_destroy(before);
}

/* The outer Pad can go only when the inner one is gone. */
static void test_second_round(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 3, 6, 6));
    net_output(g, "y");
    net_longs(g, "pads", 8, 0, 0, 1, 0, 0, 0, 0, 0);
    net_node(g, TARE_OP_PAD, "outer", "x pads", "a");
    net_node(g, TARE_OP_PAD, "inner", "a pads", "b");
    net_conv(g, "c", "b", "y", 3, 3, 5, true, &seed);
    struct tare_graph *before = net_copy(net_infer(g));
    NET_TRY(tare_optimize(g, NULL, &err_));
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(g->nodes[0].absorbed, "inner + outer");
    pass_check_same(before, g);
    tare_graph_destroy(before);
    tare_graph_destroy(g);
}

static void test_disabled_passes(void **state)
{
    (void)state;
    struct tare_graph *g = residual_network();
    assert_int_equal(setenv("TARE_DISABLE_PASS", "fuse_residual,fuse_activation", 1),
                     0);
    NET_TRY(tare_optimize(g, NULL, &err_));
    assert_int_equal(g->n_nodes, 8);
    struct tare_error err = {0};
    assert_int_equal(setenv("TARE_DISABLE_PASS", "dead,fold_pads", 1), 0);
    assert_int_equal(tare_optimize(g, NULL, &err), TARE_E_ARG);
    assert_int_equal(setenv("TARE_DISABLE_PASS", "dead,concat_slices", 1), 0);
    NET_TRY(tare_optimize(g, NULL, &err_));
    assert_true(tare_optimize_skips(TARE_PASS_CONCAT_SLICES));
    assert_int_equal(unsetenv("TARE_DISABLE_PASS"), 0);
    assert_false(tare_optimize_skips(TARE_PASS_CONCAT_SLICES));
    assert_non_null(strstr(err.text, "no pass 'fold_pads' (nearest: 'fold_pad')"));
    tare_graph_destroy(g);
}

/* Behind nodes whose shapes depend on data no dims are known, and what is left in the
 * struct means nothing. */
static void test_unknown_shapes(void **state)
{
    (void)state;
    for (int from = 0; from < 10; from++) {
        struct tare_graph *g = residual_network();
        for (size_t n = (size_t)from; n < g->n_nodes; n++) {
            struct tare_tensor *tensor = &g->tensors[g->nodes[n].outputs[0]];
            tensor->has_dims = false;
            tensor->dims = (struct tare_dims){.rank = -1, .d = {-7}};
        }
        NET_TRY(tare_optimize(g, NULL, &err_));
        pass_check_order(g);
        assert_true(from > 0 || g->n_nodes == 10);
        tare_graph_destroy(g);
    }
}

static uint32_t draw(uint32_t n)
{
    return (uint32_t)(net_random(&seed) >> 33) % n;
}

/* One random node or two; every tensor is [1,4,6,6] but those inside. */
static void add_random(struct tare_graph *g, int i, const char *x, const char *x2,
                       const char *y)
{
    static const struct tare_dims channel_dims[] = {
        {.rank = 0}, {.rank = 3, .d = {4, 1, 1}}, {.rank = 4, .d = {1, 4, 1, 1}}};
    static const enum tare_op arithmetic[] = {TARE_OP_ADD, TARE_OP_SUB, TARE_OP_MUL,
                                              TARE_OP_DIV};
    char name[16], k[16], inputs[64], inner[16];
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(k, sizeof k, "k%d", i);
    (void)snprintf(inner, sizeof inner, "p%d", i);
    switch (draw(12)) {
    case 0:
    case 1:
    case 2: net_conv(g, name, x, y, 4, 4, draw(2) ? 3 : 1, draw(2), &seed); break;
    case 3:
        net_int(net_conv(g, name, x, y, 1, 4, 3, draw(2), &seed), "group", 4);
        break;
    case 4:
    case 5:
        net_weights(g, k, channel_dims[draw(3)], 0.5F, 2, &seed);
        (void)snprintf(inputs, sizeof inputs, "%s %s", x, k);
        net_node(g, arithmetic[draw(4)], name, inputs, y);
        break;
    case 6: net_node(g, TARE_OP_RELU, name, x, y); break;
    case 7:
        net_node(g, draw(2) ? TARE_OP_LEAKY_RELU : TARE_OP_SIGMOID, name, x, y);
        break;
    case 8:
    case 9:
        (void)snprintf(inputs, sizeof inputs, "%s %s", x, x2);
        net_node(g, TARE_OP_ADD, name, inputs, y);
        break;
    case 10:
        net_node(g, draw(2) ? TARE_OP_IDENTITY : TARE_OP_DROPOUT, name, x, y);
        break;
    default:
        net_longs(g, k, 8, 0, 0, 1, 1, 0, 0, 1, 1);
        (void)snprintf(inputs, sizeof inputs, "%s %s", x, k);
        net_node(g, TARE_OP_PAD, "", inputs, inner);
        net_ints(net_conv(g, name, inner, y, 4, 4, 3, true, &seed), "pads", 4, 0, 0, 0,
                 0);
        break;
    }
}

static struct tare_graph *random_network(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "t0", NET_DIMS(1, 4, 6, 6));
    const int n = 3 + (int)draw(12);
    for (int i = 1; i <= n; i++) {
        char x[16], x2[16], y[16];
        /* Mostly the tensor before, so that chains come up. */
        (void)snprintf(x, sizeof x, "t%d", draw(3) ? i - 1 : (int)draw((uint32_t)i));
        (void)snprintf(x2, sizeof x2, "t%d", (int)draw((uint32_t)i));
        (void)snprintf(y, sizeof y, "t%d", i);
        add_random(g, i, x, x2, y);
        if (i == n || draw(10) == 0) net_output(g, y);
        if (g->n_outputs == 7) break;
    }
    return net_infer(g);
}

static void test_random_networks(void **state)
{
    (void)state;
    size_t before_nodes = 0, after_nodes = 0;
    for (int i = 0; i < 400; i++) {
        struct tare_graph *before = random_network();
        struct tare_graph *g = net_copy(before);
        NET_TRY(tare_optimize(g, NULL, &err_));
        pass_check_order(g);
        pass_check_shapes(g);
        pass_check_same(before, g);
        before_nodes += before->n_nodes;
        after_nodes += g->n_nodes;

        size_t n;
        const struct tare_pass *passes = tare_passes(&n);
        for (size_t p = 0; p < n; p++) { /* nothing is left to do */
            bool changed = false;
            NET_TRY(passes[p].run(g, &changed, &err_));
            assert_false(changed);
        }
        tare_graph_destroy(g);
        tare_graph_destroy(before);
    }
    assert_true(after_nodes * 3 < before_nodes * 2); /* there was something to do */
}

static void test_no_memory(void **state)
{
    (void)state;
    struct tare_graph *before = residual_network();
    int64_t n = 0;
    for (bool done = false; !done; n++) {
        struct tare_graph *g = net_copy(before);
        struct tare_error err = {0};
        tare_alloc_fail_after(n);
        const enum tare_status status = tare_optimize(g, NULL, &err);
        tare_alloc_fail_after(-1);
        done = status == TARE_OK;
        if (!done) {
            assert_int_equal(status, TARE_E_NOMEM);
            assert_int_equal(err.code, TARE_E_NOMEM);
        }
        tare_graph_destroy(g);
    }
    assert_true(n > 20);
    tare_graph_destroy(before);
}

int main(int argc, char **argv)
{
    seed = (uint64_t)time(NULL) * 2 + 1;
    if (argc > 1 && strncmp(argv[1], "--seed=", 7) == 0)
        seed = strtoull(argv[1] + 7, NULL, 10);
    (void)printf("--seed=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_residual_network), cmocka_unit_test(test_second_round),
        cmocka_unit_test(test_disabled_passes),  cmocka_unit_test(test_unknown_shapes),
        cmocka_unit_test(test_random_networks),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
