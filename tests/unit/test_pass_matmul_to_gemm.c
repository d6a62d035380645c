#include "passes.h"

static uint64_t seed = 31;

static void test_matrix_by_constant(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13);
    net_input(g, "x", NET_DIMS(2, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_weights(g, "t", NET_DIMS(4), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "mm", "x w", "a");
    net_node(g, TARE_OP_ADD, "add", "a t", "y");
    g = pass_run("matmul_to_gemm", net_infer(g), true);
    assert_int_equal(g->nodes[0].op, TARE_OP_GEMM);
    assert_string_equal(g->nodes[0].name, "mm");
    g = pass_run("fold_affine", g, true); /* the reason for it all */
    assert_int_equal(g->n_nodes, 1);
    tare_graph_destroy(g);
}

static void test_others_stay(void **state)
{
    (void)state;
    struct tare_graph *g = net_create(13); /* a batch of matrices */
    net_input(g, "x", NET_DIMS(2, 2, 3));
    net_output(g, "y");
    net_weights(g, "w", NET_DIMS(3, 4), -1, 1, &seed);
    net_node(g, TARE_OP_MATMUL, "mm", "x w", "y");
    pass_keeps("matmul_to_gemm", net_infer(g));

    g = net_create(13); /* two activations */
    net_input(g, "x", NET_DIMS(2, 3));
    net_input(g, "z", NET_DIMS(3, 4));
    net_output(g, "y");
    net_node(g, TARE_OP_MATMUL, "mm", "x z", "y");
    pass_keeps("matmul_to_gemm", net_infer(g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix_by_constant),
        cmocka_unit_test(test_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
