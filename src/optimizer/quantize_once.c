/* A QuantizeLinear and DequantizeLinear go where what they read has such values
 * already: it comes from a DequantizeLinear of the same scale and zero point, through
 * nodes that only move values. */
#include "graph/explicit.h"
#include "optimizer/pass.h"

/* The tensor that the node's output equals, or TARE_NO_TENSOR. */
static int32_t find_same(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_quant quant, from, before;
    const int32_t y = node->outputs[0];
    if (node->dead || node->op != TARE_OP_DEQUANTIZE_LINEAR ||
        tare_graph_is_output(graph, y) || !tare_is_dequantized(graph, y, &quant))
        return TARE_NO_TENSOR;
    const int32_t maker = tare_pass_producer(graph, node->inputs[0]);
    if (maker < 0 || graph->nodes[maker].op != TARE_OP_QUANTIZE_LINEAR ||
        !tare_node_quant(graph, &graph->nodes[maker], &from))
        return TARE_NO_TENSOR;
    const int32_t x = graph->nodes[maker].inputs[0];
    return tare_has_codes(graph, x, &before) && tare_quant_equal(&quant, &from) &&
                   tare_quant_equal(&quant, &before)
               ? x
               : TARE_NO_TENSOR;
}

enum tare_status tare_pass_quantize_once(struct tare_graph *graph, bool *changed,
                                         struct tare_error *err)
{
    (void)err;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        const int32_t same = find_same(graph, node);
        if (same == TARE_NO_TENSOR) continue;
        tare_graph_replace_uses(graph, node->outputs[0], same);
        tare_graph_remove_node(graph, (int32_t)i);
        *changed = true;
    }
    return TARE_OK;
}
