/* QuantizeLinear and DequantizeLinear of tensors that the precision pass holds as the
 * model says. Together they are a conversion to uint8, or nothing at all where what
 * makes the tensor writes those bytes itself. Alone, at the network's inputs and
 * outputs of uint8, they are copies; other ones are left to programs. */
#include "base/error.h"
#include "base/mem.h"
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

/* The same bytes in another order. */
static enum tare_status copy_bytes(struct tare_lower *l, const struct tare_node *node,
                                   int32_t from, enum tare_format from_format,
                                   int32_t to, enum tare_format to_format,
                                   struct tare_error *err)
{
    const struct tare_dims dims = l->plan->tensors[to].dims;
    struct tare_pieces pieces = {0};
    int64_t src[TARE_MAX_RANK], dst[TARE_MAX_RANK];
    tare_lower_strides(&dims, from_format, 1, src);
    tare_lower_strides(&dims, to_format, 1, dst);
    enum tare_status st = tare_pieces_add(&pieces, 0, 1, &dims, 0, src, 0, dst, err);
    if (st == TARE_OK)
        st = tare_lower_copy(l, node, node->name, &pieces, NULL, &from, 1, to, err);
    tare_free(pieces.items);
    return st;
}

/* The levels of a tensor that is held as them. */
static enum tare_status show_levels(struct tare_lower *l, const struct tare_node *node,
                                    struct tare_error *err)
{
    const int32_t x = node->inputs[0];
    const enum tare_format format = tare_lower_format(l, x);
    int32_t from, to;
    enum tare_status st = tare_lower_use(l, x, format, TARE_FORM_U8, &from, err);
    if (st == TARE_OK)
        st = tare_lower_make(l, node->outputs[0], TARE_LINEAR, TARE_FORM_OWN, &to, err);
    return st == TARE_OK ? copy_bytes(l, node, from, format, to, TARE_LINEAR, err) : st;
}

/* A tensor that is held as the levels which the network is given. */
static enum tare_status take_levels(struct tare_lower *l, const struct tare_node *node,
                                    struct tare_error *err)
{
    const int32_t y = node->outputs[0];
    const bool is_image = tare_lower_tensor(l, y)->dims.rank == 4;
    const enum tare_format format = is_image ? TARE_HWC : TARE_LINEAR;
    const int32_t x = node->inputs[0], binding = l->versions[x].binding;
    int32_t from = binding, to;
    enum tare_format from_format = TARE_LINEAR;
    enum tare_status st = TARE_OK;
    if (binding < 0 || tare_lower_is_foreign(l, x))
        st = tare_lower_use(l, x, TARE_LINEAR, TARE_FORM_OWN, &from, err);
    else
        from_format = (enum tare_format)l->plan->tensors[binding].format;
    if (st == TARE_OK) st = tare_lower_make(l, y, format, TARE_FORM_U8, &to, err);
    return st == TARE_OK ? copy_bytes(l, node, from, from_format, to, format, err) : st;
}

enum tare_status tare_lower_quantize(struct tare_lower *l, const struct tare_node *node,
                                     struct tare_error *err)
{
    if (count_undoing(l, node) == tare_graph_n_uses(l->graph, node->outputs[0]))
        return TARE_OK; /* nobody wants the levels as ONNX has them */
    const struct tare_quant *held = &tare_lower_tensor(l, node->inputs[0])->quant;
    struct tare_quant quant;
    if (held->held && tare_lower_tensor(l, node->outputs[0])->dtype == TARE_U8 &&
        tare_node_quant(l->graph, node, &quant) && tare_quant_equal(held, &quant))
        return show_levels(l, node, err);
    TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "its levels are wanted");
}

enum tare_status tare_lower_dequantize(struct tare_lower *l,
                                       const struct tare_node *node,
                                       struct tare_error *err)
{
    const int32_t y = node->outputs[0];
    const struct tare_node *quantize = quantizer_of(l, node);
    if (!quantize && tare_lower_tensor(l, y)->quant.held &&
        tare_lower_tensor(l, node->inputs[0])->dtype == TARE_U8)
        return take_levels(l, node, err);
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
