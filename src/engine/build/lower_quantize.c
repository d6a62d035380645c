/* QuantizeLinear and DequantizeLinear of tensors that the precision pass holds as the
 * model says. Together they are a conversion to uint8, or nothing at all where what
 * makes the tensor writes those bytes itself; other ones are left to programs. */
#include "base/error.h"
#include "engine/build/lower.h"
#include "graph/explicit.h"

/* The QuantizeLinear that a DequantizeLinear undoes, or NULL. */
static const struct tare_node *quantizer_of(const struct tare_lower *l,
                                            const struct tare_node *dequantize)
{
    const struct tare_tensor *y = tare_lower_tensor(l, dequantize->outputs[0]);
    const int32_t maker = tare_lower_tensor(l, dequantize->inputs[0])->producer;
    struct tare_quant quant;
    if (!y->quant.held || maker < 0) return NULL;
    const struct tare_node *node = &l->graph->nodes[maker];
    return node->op == TARE_OP_QUANTIZE_LINEAR &&
                   tare_node_quant(l->graph, node, &quant) &&
                   tare_quant_equal(&quant, &y->quant)
               ? node
               : NULL;
}

static size_t count_undoing(const struct tare_lower *l, const struct tare_node *node)
{
    size_t count = 0;
    for (size_t n = 0; n < l->graph->n_nodes; n++) {
        const struct tare_node *reader = &l->graph->nodes[n];
        count += !reader->dead && reader->op == TARE_OP_DEQUANTIZE_LINEAR &&
                 reader->inputs[0] == node->outputs[0] &&
                 quantizer_of(l, reader) == node;
    }
    return count;
}

enum tare_status tare_lower_quantize(struct tare_lower *l, const struct tare_node *node,
                                     struct tare_error *err)
{
    if (count_undoing(l, node) == tare_graph_n_uses(l->graph, node->outputs[0]))
        return TARE_OK; /* nobody wants the levels as ONNX has them */
    TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "its levels are wanted");
}

enum tare_status tare_lower_dequantize(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err)
{
    const int32_t y = node->outputs[0];
    const struct tare_node *quantize = quantizer_of(l, node);
    if (!quantize)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "its levels have no real tensor behind them");
    const int32_t x = quantize->inputs[0];
    if (!tare_lower_tensor(l, x)->quant.held)
        return tare_lower_use_quantized(l, x, y, err);
    const enum tare_format format = tare_lower_format(l, x);
    return tare_lower_requantized(l, node, x, format, &tare_lower_tensor(l, y)->quant,
                                  &l->versions[y].id[format][true], err);
}
