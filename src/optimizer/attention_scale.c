/* A factor in front of or behind a MatMul of two activations, such as the 1 / sqrt(d)
 * of attention, becomes the product's own: the attribute "alpha", as Gemm has it. */
#include <math.h>

#include "optimizer/pass.h"

/* Factors beyond are left where they are, far from where float32 ends. */
#define MOST_FACTOR 1e18

static bool is_product(const struct tare_graph *graph, const struct tare_node *node)
{
    if (node->dead || node->op != TARE_OP_MATMUL || !tare_fused_is_none(&node->fused) ||
        !tare_pass_has_shape(graph, node->outputs[0]))
        return false;
    for (size_t i = 0; i < 2; i++) {
        const struct tare_tensor *in = &graph->tensors[node->inputs[i]];
        if (tare_tensor_is_const(in) || in->dtype != TARE_F32) return false;
    }
    return true;
}

/* x of x * k, k * x or x / k, and the factor that `alpha` becomes with it; or -1. */
static int32_t read_factor(const struct tare_graph *graph, const struct tare_node *node,
                           double *alpha)
{
    int32_t x;
    double value;
    if ((node->op != TARE_OP_MUL && node->op != TARE_OP_DIV) ||
        !tare_pass_with_scalar(graph, node, &x, &value))
        return -1;
    const double product = node->op == TARE_OP_MUL ? *alpha * value : *alpha / value;
    if (!(fabs(product) <= MOST_FACTOR && fabs(product) >= 1 / MOST_FACTOR)) return -1;
    *alpha = product;
    return x;
}

static double alpha_of(const struct tare_node *node)
{
    return (double)tare_node_float(node, "alpha", 1.0F);
}

static enum tare_status set_alpha(struct tare_node *node, double alpha,
                                  struct tare_error *err)
{
    const struct tare_attr attr = {.type = TARE_ATTR_FLOAT, .f = (float)alpha};
    return tare_node_add_attr(node, "alpha", attr, err);
}

/* The factor in front of input `side`, whose tensor nobody else reads. */
static enum tare_status take_front(struct tare_graph *graph, int32_t product,
                                   size_t side, bool *changed, struct tare_error *err)
{
    struct tare_node *node = &graph->nodes[product];
    const int32_t maker = tare_pass_producer(graph, node->inputs[side]);
    if (maker < 0 || tare_pass_only_reader(graph, node->inputs[side]) != product)
        return TARE_OK;
    double alpha = alpha_of(node);
    const int32_t x = read_factor(graph, &graph->nodes[maker], &alpha);
    if (x < 0) return TARE_OK;
    *changed = true;
    const enum tare_status status = tare_node_absorb(node, &graph->nodes[maker], err);
    if (status != TARE_OK) return status;
    node->inputs[side] = x;
    tare_graph_remove_node(graph, maker);
    return set_alpha(node, alpha, err);
}

/* The factor behind, when it alone reads the product. */
static enum tare_status take_behind(struct tare_graph *graph, int32_t product,
                                    bool *changed, struct tare_error *err)
{
    const struct tare_node *node = &graph->nodes[product];
    const int32_t reader = tare_pass_only_reader(graph, node->outputs[0]);
    double alpha = alpha_of(node);
    if (reader < 0 ||
        read_factor(graph, &graph->nodes[reader], &alpha) != node->outputs[0])
        return TARE_OK;
    *changed = true;
    const enum tare_status status = tare_pass_merge(graph, product, reader, err);
    return status == TARE_OK ? set_alpha(&graph->nodes[reader], alpha, err) : status;
}

enum tare_status tare_pass_attention_scale(struct tare_graph *graph, bool *changed,
                                           struct tare_error *err)
{
    enum tare_status status = TARE_OK;
    for (size_t i = 0; i < graph->n_nodes && status == TARE_OK; i++) {
        const int32_t id = (int32_t)i;
        for (size_t side = 0; side < 2 && status == TARE_OK; side++)
            if (is_product(graph, &graph->nodes[i]))
                status = take_front(graph, id, side, changed, err);
        if (status == TARE_OK && is_product(graph, &graph->nodes[i]))
            status = take_behind(graph, id, changed, err);
    }
    return status;
}
