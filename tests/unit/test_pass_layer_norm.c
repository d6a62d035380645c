#include "passes.h"

/* How the division by the deviation is written, and the square: PLAIN is
 * d / sqrt(mean(d^2) + eps). */
enum spelling {
    PLAIN,
    SQUARED,    /* d * d */
    TURNED,     /* constants in front */
    RECIPROCAL, /* d * 1/sqrt */
    INVERTED,   /* d * sqrt(1/...) */
    ONE_OVER,   /* (1 / sqrt) * d */
    POWER,      /* d * ...^-0.5 */
    ROOT_POWER, /* d / ...^0.5 */
    N_SPELLINGS
};

/* The node "div": y = d over the root of e. */
static void divide(struct tare_graph *g, enum spelling spelling, const char *d,
                   const char *y)
{
    char inputs[2][32];
    (void)snprintf(inputs[0], sizeof inputs[0], "%s r", d);
    (void)snprintf(inputs[1], sizeof inputs[1], "r %s", d);
    const bool multiplies = spelling >= RECIPROCAL && spelling != ROOT_POWER;
    net_scalar(g, "half", spelling == POWER ? -0.5F : 0.5F);
    net_scalar(g, "one", 1);
    switch (spelling) {
    case RECIPROCAL:
        net_node(g, TARE_OP_SQRT, "root", "e", "s");
        net_node(g, TARE_OP_RECIPROCAL, "inverse", "s", "r");
        break;
    case INVERTED:
        net_node(g, TARE_OP_RECIPROCAL, "inverse", "e", "s");
        net_node(g, TARE_OP_SQRT, "root", "s", "r");
        break;
    case ONE_OVER:
        net_node(g, TARE_OP_SQRT, "root", "e", "s");
        net_node(g, TARE_OP_DIV, "inverse", "one s", "r");
        break;
    case POWER:
    case ROOT_POWER: net_node(g, TARE_OP_POW, "root", "e half", "r"); break;
    default: net_node(g, TARE_OP_SQRT, "root", "e", "r"); break;
    }
    net_node(g, multiplies ? TARE_OP_MUL : TARE_OP_DIV, "div",
             inputs[spelling == ONE_OVER], y);
}

/* e = mean(d * d) + eps, over the axes from `axis` on. */
static void deviate(struct tare_graph *g, enum spelling spelling, const char *d,
                    int axis)
{
    char inputs[32];
    net_scalar(g, "two", 2);
    net_scalar(g, "eps", 0.01F);
    (void)snprintf(inputs, sizeof inputs, "%s %s", d, spelling == SQUARED ? d : "two");
    net_node(g, spelling == SQUARED ? TARE_OP_MUL : TARE_OP_POW, "square", inputs,
             "dd");
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "mean2", "dd", "v"), "axes",
             (size_t)(3 - axis), axis, 2);
    net_node(g, TARE_OP_ADD, "add", spelling == TURNED ? "eps v" : "v eps", "e");
}

/* d = x - mean(x) */
static void centre(struct tare_graph *g, int axis)
{
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "mean", "x", "m"), "axes",
             (size_t)(3 - axis), axis, 2);
    net_node(g, TARE_OP_SUB, "sub", "x m", "d");
}

/* x to y, over the axes from `axis` on, as exporters spell it; the nodes "times" and
 * "plus" where there are constants "w" and "b". */
static void spell(struct tare_graph *g, enum spelling spelling, int axis)
{
    const bool w = tare_graph_find_tensor(g, "w") >= 0;
    const bool b = tare_graph_find_tensor(g, "b") >= 0;
    centre(g, axis);
    deviate(g, spelling, "d", axis);
    divide(g, spelling, "d", w ? "q" : b ? "t" : "y");
    if (w)
        net_node(g, TARE_OP_MUL, "times", spelling == TURNED ? "w q" : "q w",
                 b ? "t" : "y");
    if (b) net_node(g, TARE_OP_ADD, "plus", spelling == TURNED ? "b t" : "t b", "y");
}

static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 4, 5));
    net_output(g, "y");
    return g;
}

/* The pass leaves one node of this name, the last one. */
static struct tare_graph *check_op(struct tare_graph *g, enum tare_op op,
                                   const char *name, size_t n_inputs)
{
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 1);
    assert_int_equal(g->nodes[0].op, op);
    assert_int_equal(g->nodes[0].n_inputs, n_inputs);
    assert_string_equal(g->nodes[0].name, name);
    assert_non_null(strstr(g->nodes[0].absorbed, "mean2"));
    assert_true(tare_node_float(&g->nodes[0], "epsilon", 0) == 0.01F);
    return g;
}

static struct tare_graph *check(struct tare_graph *g, const char *name, size_t n_inputs)
{
    return check_op(g, TARE_OP_LAYER_NORMALIZATION, name, n_inputs);
}

static void test_spellings(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < N_SPELLINGS; i++) {
        struct tare_graph *g = begin();
        net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
        net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
        spell(g, (enum spelling)i, 2);
        g = check(g, "plus", 3);
        assert_int_equal(tare_node_int(&g->nodes[0], "axis", -1), 2);
        tare_graph_destroy(g);
    }
}

static void test_without_constants(void **state)
{
    (void)state;
    uint64_t seed = 2;
    struct tare_graph *g = begin();
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "div", 2));

    g = begin();
    net_weights(g, "w", NET_DIMS(1, 5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "times", 2));

    g = begin();
    net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
    spell(g, PLAIN, 2);
    tare_graph_destroy(check(g, "plus", 3));
}

static void test_two_axes(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct tare_graph *g = begin();
    net_weights(g, "w", NET_DIMS(1, 4, 5), 0.5F, 2, &seed);
    net_weights(g, "b", NET_DIMS(4, 5), -1, 1, &seed);
    spell(g, PLAIN, 1);
    g = check(g, "plus", 3);
    assert_int_equal(tare_node_int(&g->nodes[0], "axis", -1), 1);
    assert_int_equal(g->tensors[g->nodes[0].inputs[1]].dims.rank, 2);
    tare_graph_destroy(g);
}

/* What is behind stays where it is no constant a row. */
static void test_other_factors(void **state)
{
    (void)state;
    uint64_t seed = 4;
    struct tare_graph *g = begin();
    net_weights(g, "w", NET_DIMS(4, 1), 0.5F, 2, &seed); /* one a row */
    spell(g, PLAIN, 2);
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);

    g = begin(); /* makes the tensor longer */
    net_weights(g, "b", NET_DIMS(3, 1, 1, 5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);

    g = begin(); /* the normalized values are an output */
    net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
    spell(g, PLAIN, 2);
    net_output(g, "q");
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    tare_graph_destroy(g);
}

/* Without a mean; x is read by others, too. */
static void test_rms(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < N_SPELLINGS; i++) {
        struct tare_graph *g = begin();
        net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
        deviate(g, (enum spelling)i, "x", 2);
        divide(g, (enum spelling)i, "x", "q");
        net_node(g, TARE_OP_MUL, "times", i == TURNED ? "w q" : "q w", "y");
        g = check_op(g, TARE_OP_RMS_NORMALIZATION, "times", 2);
        tare_graph_destroy(g);
    }
    struct tare_graph *g = begin(); /* a term is no part of it */
    net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
    deviate(g, PLAIN, "x", 1);
    divide(g, PLAIN, "x", "q");
    net_node(g, TARE_OP_ADD, "plus", "q b", "y");
    g = pass_run("layer_norm", net_infer(g), true);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(g->nodes[0].op, TARE_OP_RMS_NORMALIZATION);
    tare_graph_destroy(g);
}

/* A mean that is used elsewhere, or over other axes, is subtracted in front. */
static void test_rms_of_differences(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tare_graph *g = begin();
        spell(g, PLAIN, 2);
        if (i < 2)
            net_output(g, i ? "d" : "m");
        else
            g->nodes[0].attrs[0].ints[0] = 1;
        g = pass_run("layer_norm", net_infer(g), true);
        assert_int_equal(g->n_nodes, 3);
        assert_int_equal(net_maker(g, "y")->op, TARE_OP_RMS_NORMALIZATION);
        tare_graph_destroy(g);
    }
}

/* TensorFlow's: x * r + (b - m * r), r = w / sqrt(...). */
static struct tare_graph *spread(bool has_scale, bool turned)
{
    uint64_t seed = 6;
    struct tare_graph *g = begin();
    net_weights(g, "w", NET_DIMS(5), 0.5F, 2, &seed);
    net_weights(g, "b", NET_DIMS(5), -1, 1, &seed);
    centre(g, 2);
    deviate(g, turned ? SQUARED : PLAIN, "d", 2);
    net_node(g, TARE_OP_SQRT, "root", "e", "s");
    net_node(g, TARE_OP_RECIPROCAL, "inverse", "s", has_scale ? "i" : "r");
    if (has_scale) net_node(g, TARE_OP_MUL, "times", turned ? "w i" : "i w", "r");
    net_node(g, TARE_OP_MUL, "a", turned ? "r x" : "x r", "xr");
    net_node(g, TARE_OP_MUL, "b", turned ? "r m" : "m r", "mr");
    net_node(g, TARE_OP_SUB, "rest", "b mr", "br");
    net_node(g, TARE_OP_ADD, "sum", turned ? "br xr" : "xr br", "y");
    return g;
}

static void test_spread(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        tare_graph_destroy(check(spread(i & 1, i & 2), "sum", 3));
    static const char *const read[] = {"m", "d", "r", "i", "xr", "mr", "br"};
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        struct tare_graph *g = spread(true, false);
        net_output(g, read[i]);
        pass_keeps("layer_norm", net_infer(g));
    }
    struct tare_graph *g = spread(true, false); /* another mean is taken back */
    net_ints(net_node(g, TARE_OP_REDUCE_MEAN, "other", "x", "m2"), "axes", 1, 1);
    net_output(g, "m2");
    const int32_t inputs[] = {net_tensor(g, "m2"), net_tensor(g, "r")};
    NET_TRY(tare_node_set_inputs(net_maker(g, "mr"), inputs, 2, &err_));
    NET_TRY(tare_graph_sort(g, &err_));
    pass_keeps("layer_norm", net_infer(g));
}

static void test_what_must_stay(void **state)
{
    (void)state;
    static const char *const read[] = {"dd", "v", "e", "r"};
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        struct tare_graph *g = begin();
        spell(g, PLAIN, 2);
        net_output(g, read[i]);
        pass_keeps("layer_norm", net_infer(g));
    }

    static const struct {
        enum spelling spelling;
        const char *constant;
        float value;
    } wrong[] = {{PLAIN, "two", 4},
                 {POWER, "half", 0.5F},
                 {ROOT_POWER, "half", -0.5F},
                 {ONE_OVER, "one", 2},
                 {PLAIN, "eps", -1e-9F}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tare_graph *g = begin();
        spell(g, wrong[i].spelling, 2);
        *(float *)g->tensors[net_tensor(g, wrong[i].constant)].data = wrong[i].value;
        pass_keeps("layer_norm", net_infer(g));
    }

    struct tare_graph *g = begin(); /* not over the last axis */
    spell(g, PLAIN, 2);
    g->nodes[0].attrs[0].ints[0] = 1;
    g->nodes[3].attrs[0].ints[0] = 1;
    pass_keeps("layer_norm", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings), cmocka_unit_test(test_without_constants),
        cmocka_unit_test(test_two_axes),  cmocka_unit_test(test_other_factors),
        cmocka_unit_test(test_rms),       cmocka_unit_test(test_rms_of_differences),
        cmocka_unit_test(test_spread),    cmocka_unit_test(test_what_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
