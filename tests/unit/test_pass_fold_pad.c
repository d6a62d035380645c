#include "passes.h"

static uint64_t seed = 41;

/* x [1,2,6,7] -> Pad -> a -> Conv -> y. */
static struct tare_graph *padded(int top, int left, int bottom, int right, int kernel)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 2, 6, 7));
    net_output(g, "y");
    net_longs(g, "pads", 8, 0, 0, top, left, 0, 0, bottom, right);
    net_node(g, TARE_OP_PAD, "pad", "x pads", "a");
    net_conv(g, "c", "a", "y", 2, 3, kernel, true, &seed);
    return g;
}

static void check_folded(struct tare_graph *g, int top, int left, int bottom, int right)
{
    g = pass_run("fold_pad", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    const struct tare_node *conv = &g->nodes[0];
    assert_string_equal(conv->name, "c");
    assert_string_equal(conv->absorbed, "pad");
    int64_t pads[4];
    NET_TRY(tare_node_ints(conv, "pads", 4, 0, pads, &err_));
    assert_int_equal(pads[0], top);
    assert_int_equal(pads[1], left);
    assert_int_equal(pads[2], bottom);
    assert_int_equal(pads[3], right);
    tare_graph_destroy(g);
}

static void check_kept(struct tare_graph *g)
{
    pass_keeps("fold_pad", net_infer(g));
}

static void test_adds_to_pads(void **state)
{
    (void)state;
    check_folded(padded(1, 0, 2, 1, 5), 3, 2, 4, 3); /* 2 each already */
    check_folded(padded(0, 0, 1, 1, 3), 1, 1, 2, 2);
}

static void test_strides_and_dilation(void **state)
{
    (void)state;
    struct tare_graph *g = padded(0, 0, 1, 1, 3); /* as Keras exports MobileNet */
    struct tare_node *conv = net_maker(g, "y");
    net_ints(conv, "pads", 4, 0, 0, 0, 0);
    net_ints(conv, "strides", 2, 2, 2);
    check_folded(g, 0, 0, 1, 1);

    g = padded(1, 1, 1, 1, 3);
    net_ints(net_maker(g, "y"), "dilations", 2, 2, 2);
    check_folded(g, 2, 2, 2, 2);
}

static void test_auto_pad(void **state)
{
    (void)state;
    struct tare_graph *g = padded(1, 1, 1, 1, 5);
    struct tare_node *conv = net_maker(g, "y");
    for (size_t i = 0; i < conv->n_attrs; i++)
        if (strcmp(conv->attrs[i].name, "pads") == 0) {
            tare_attr_free(&conv->attrs[i]);
            conv->attrs[i] = conv->attrs[--conv->n_attrs];
        }
    net_string(conv, "auto_pad", "SAME_UPPER");
    check_folded(g, 3, 3, 3, 3);
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13); /* channels */
    net_input(g, "x", NET_DIMS(1, 2, 6, 7));
    net_output(g, "y");
    net_longs(g, "pads", 8, 0, 1, 0, 0, 0, 0, 0, 0);
    net_node(g, TARE_OP_PAD, "pad", "x pads", "a");
    net_conv(g, "c", "a", "y", 3, 3, 3, true, &seed);
    check_kept(g);

    g = padded(1, 1, 1, 1, 3); /* read twice */
    net_node(g, TARE_OP_RELU, "relu", "a", "z");
    net_output(g, "z");
    check_kept(g);

    g = padded(-1, 0, 1, 0, 3); /* a crop */
    check_kept(g);

    g = padded(2, 0, 0, 0, 1); /* windows that touch nothing of the image */
    check_kept(g);

    g = net_create(13); /* the weights, not the image */
    net_input(g, "x", NET_DIMS(1, 2, 2, 2));
    net_input(g, "z", NET_DIMS(1, 2, 6, 6));
    net_output(g, "y");
    net_longs(g, "pads", 8, 0, 0, 1, 1, 0, 0, 0, 0);
    net_node(g, TARE_OP_PAD, "pad", "x pads", "a");
    net_node(g, TARE_OP_CONV, "c", "z a", "y");
    check_kept(g);
}

/* Beyond the naive run. */
static void test_other_values(void **state)
{
    (void)state;
    for (int edge = 0; edge < 2; edge++) {
        struct tare_graph *g = padded(1, 1, 1, 1, 3);
        struct tare_node *pad = net_maker(g, "a");
        if (edge) {
            net_string(pad, "mode", "edge");
        } else {
            const int32_t pads = pad->inputs[1], x = pad->inputs[0];
            net_scalar(g, "one", 1);
            const int32_t inputs[] = {x, pads, net_tensor(g, "one")};
            NET_TRY(tare_node_set_inputs(net_maker(g, "a"), inputs, 3, &err_));
        }
        bool changed = false;
        NET_TRY(pass_find("fold_pad")(net_infer(g), &changed, &err_));
        assert_false(changed);
        tare_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_to_pads),
        cmocka_unit_test(test_strides_and_dilation),
        cmocka_unit_test(test_auto_pad),
        cmocka_unit_test(test_what_must_stay),
        cmocka_unit_test(test_other_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
