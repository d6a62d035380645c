/* MatMul of a matrix by a constant matrix becomes Gemm, which takes a bias and an
 * activation. */
#include "optimizer/pass.h"

static bool is_matrix_product(const struct tare_graph *graph,
                              const struct tare_node *node)
{
    if (node->dead || node->op != TARE_OP_MATMUL) return false;
    const struct tare_tensor *a = &graph->tensors[node->inputs[0]];
    const struct tare_tensor *b = &graph->tensors[node->inputs[1]];
    return a->has_dims && a->dims.rank == 2 && b->dims.rank == 2 &&
           tare_pass_is_float_const(graph, node->inputs[1]);
}

enum tare_status tare_pass_matmul_to_gemm(struct tare_graph *graph, bool *changed,
                                          struct tare_error *err)
{
    (void)err;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (!is_matrix_product(graph, &graph->nodes[i])) continue;
        graph->nodes[i].op = TARE_OP_GEMM; /* its defaults: no transposes, alpha 1 */
        *changed = true;
    }
    return TARE_OK;
}
