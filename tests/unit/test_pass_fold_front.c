#include "passes.h"

static uint64_t seed = 131;

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 4, 6, 5));
    net_output(g, "y");
    return g;
}

/* Conv "c" of tensor "a", padded or not. */
static struct tare_node *add_conv(struct tare_graph *g, int groups, int pad)
{
    struct tare_node *conv =
        net_conv(g, "c", "a", "y", 4 / groups, 6, 3, groups == 1, &seed);
    net_ints(conv, "pads", 4, pad, pad, pad, pad);
    net_int(conv, "group", groups);
    return conv;
}

static void check(struct tare_graph *g, bool folds)
{
    g = pass_run("fold_front", net_infer(g), folds);
    if (folds) {
        assert_int_equal(g->n_nodes, 1);
        assert_string_equal(g->nodes[0].name, "c");
        assert_string_equal(g->nodes[0].absorbed, "op");
        assert_string_equal(g->tensors[g->nodes[0].inputs[0]].name, "x");
    }
    tare_graph_destroy(g);
}

static void test_arithmetic(void **state)
{
    (void)state;
    static const enum tare_op ops[] = {TARE_OP_ADD, TARE_OP_SUB, TARE_OP_MUL,
                                       TARE_OP_DIV};
    for (size_t o = 0; o < 4; o++)
        for (int variant = 0; variant < 16; variant++) {
            const bool first = variant & 1, scalar = variant & 2;
            const int groups = variant & 4 ? 2 : 1, pad = variant & 8 ? 1 : 0;
            struct tare_graph *g = begin();
            net_weights(g, "k", scalar ? NET_DIMS(1) : NET_DIMS(4, 1, 1), 0.5F, 2,
                        &seed);
            net_node(g, ops[o], "op", first ? "k x" : "x k", "a");
            add_conv(g, groups, pad);
            const bool scales =
                ops[o] == TARE_OP_MUL || (ops[o] == TARE_OP_DIV && !first);
            check(g, scales || (pad == 0 && ops[o] != TARE_OP_DIV));
        }
}

static void test_batch_norm(void **state)
{
    (void)state;
    for (int pad = 0; pad < 2; pad++) {
        struct tare_graph *g = begin();
        net_weights(g, "ga", NET_DIMS(4), 0.5F, 2, &seed);
        net_weights(g, "be", NET_DIMS(4), -1, 1, &seed);
        net_weights(g, "mu", NET_DIMS(4), -1, 1, &seed);
        net_weights(g, "va", NET_DIMS(4), 0.5F, 2, &seed);
        net_node(g, TARE_OP_BATCH_NORMALIZATION, "op", "x ga be mu va", "a");
        add_conv(g, 1, pad);
        check(g, pad == 0);
    }
}

static void test_what_must_stay(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* differs from column to column */
    net_weights(g, "k", NET_DIMS(5), 0.5F, 2, &seed);
    net_node(g, TARE_OP_MUL, "op", "x k", "a");
    add_conv(g, 1, 0);
    check(g, false);

    g = begin(); /* wanted as it is */
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "x k", "a");
    net_output(g, "a");
    add_conv(g, 1, 0);
    check(g, false);

    g = begin(); /* an activation in between */
    net_scalar(g, "k", 3);
    net_node(g, TARE_OP_MUL, "op", "x k", "a")->fused.lower = 0;
    add_conv(g, 1, 0);
    check(g, false);

    g = begin(); /* division by zero */
    net_scalar(g, "k", 0);
    net_node(g, TARE_OP_DIV, "op", "x k", "a");
    add_conv(g, 1, 0);
    struct tare_graph *after = net_copy(net_infer(g));
    bool changed = false;
    NET_TRY(pass_find("fold_front")(after, &changed, &err_));
    assert_false(changed);
    tare_graph_destroy(after);
    tare_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
