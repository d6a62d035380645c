#include "passes.h"
#include "quantized.h"

/* x -> pair -> a. */
static struct tare_graph *begin(void)
{
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(1, 4, 6, 6));
    net_pair(g, "x", "a", 0.013F, TARE_U8, 90);
    return g;
}

/* Another pair from z to y, which Tanh reads, goes: Tanh reads z. */
static void check_gone(struct tare_graph *g)
{
    net_rounded(g, "z", "y", "a");
    net_node(g, TARE_OP_TANH, "reader", "y", "out");
    net_output(g, "out");
    g = pass_run("quantize_once", net_infer(g), true);
    assert_int_equal(net_maker(g, "out")->inputs[0], tare_graph_find_tensor(g, "z"));
    assert_null(net_maker(g, "y"));
    tare_graph_destroy(g);
}

static void test_goes(void **state)
{
    (void)state;
    struct tare_graph *g = begin();
    net_ints(net_node(g, TARE_OP_MAX_POOL, "m", "a", "b"), "kernel_shape", 2, 2, 2);
    net_node(g, TARE_OP_FLATTEN, "f", "b", "z");
    check_gone(g);

    g = begin();
    net_node(g, TARE_OP_RELU, "r", "a", "z");
    check_gone(g);

    g = begin();
    net_rounded(g, "x", "b", "a");
    net_int(net_node(g, TARE_OP_CONCAT, "join", "a b", "z"), "axis", 1);
    check_gone(g);
}

static void check_kept(struct tare_graph *g, const char *output)
{
    net_output(g, output);
    pass_keeps("quantize_once", net_infer(g));
}

static void test_stays(void **state)
{
    (void)state;
    struct tare_graph *g = begin(); /* other steps */
    net_node(g, TARE_OP_FLATTEN, "f", "a", "z");
    net_pair(g, "z", "y", 0.014F, TARE_U8, 90);
    net_node(g, TARE_OP_TANH, "reader", "y", "out");
    check_kept(g, "out");

    g = begin(); /* another zero point: other bounds */
    net_node(g, TARE_OP_FLATTEN, "f", "a", "z");
    net_pair(g, "z", "y", 0.013F, TARE_U8, 91);
    net_node(g, TARE_OP_TANH, "reader", "y", "out");
    check_kept(g, "out");

    g = begin(); /* new values */
    net_node(g, TARE_OP_TANH, "t", "a", "z");
    net_rounded(g, "z", "y", "a");
    net_node(g, TARE_OP_TANH, "reader", "y", "out");
    check_kept(g, "out");

    g = begin(); /* an output keeps its name */
    net_node(g, TARE_OP_FLATTEN, "f", "a", "z");
    net_rounded(g, "z", "y", "a");
    check_kept(g, "y");

    g = begin(); /* one of the joined is not rounded */
    net_int(net_node(g, TARE_OP_CONCAT, "join", "a x", "z"), "axis", 1);
    net_rounded(g, "z", "y", "a");
    net_node(g, TARE_OP_TANH, "reader", "y", "out");
    check_kept(g, "out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes),
        cmocka_unit_test(test_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
