/* A QuantizeLinear and DequantizeLinear behind a node that moves, picks or joins values
 * go in front of it, as in TensorRT: rounding first and moving then gives the same, and
 * what makes the values, a convolution say, can write bytes. */
#include "base/mem.h"
#include "graph/explicit.h"
#include "optimizer/pass.h"

/* QuantizeLinear and the DequantizeLinear that undoes it, and alone reads it. */
struct pair {
    int32_t quantize, dequantize; /* nodes */
    struct tare_quant quant;
};

static bool find_pair(const struct tare_graph *graph, int32_t id, struct pair *pair)
{
    const struct tare_node *node = &graph->nodes[id];
    struct tare_quant back;
    if (node->dead || node->op != TARE_OP_QUANTIZE_LINEAR ||
        !tare_node_quant(graph, node, &pair->quant))
        return false;
    pair->quantize = id;
    pair->dequantize =
        tare_pass_read_by(graph, node->outputs[0], TARE_OP_DEQUANTIZE_LINEAR);
    return pair->dequantize >= 0 &&
           tare_node_quant(graph, &graph->nodes[pair->dequantize], &back) &&
           tare_quant_equal(&pair->quant, &back);
}

/* x -> move -> z -> Q -> DQ -> y becomes x -> Q -> DQ -> new -> move -> y. */
static enum tare_status swap(struct tare_graph *graph, const struct pair *pair,
                             int32_t move, struct tare_error *err)
{
    const int32_t x = graph->nodes[move].inputs[0];
    const int32_t y = graph->nodes[pair->dequantize].outputs[0];
    const int32_t levels = graph->nodes[pair->quantize].outputs[0];
    const struct tare_dims dims = graph->tensors[x].dims;
    int32_t rounded;
    const enum tare_status status =
        tare_pass_add_tensor(graph, x, "rounded", TARE_F32, &dims, &rounded, err);
    if (status != TARE_OK) return status;
    graph->tensors[levels].dims = dims;
    graph->nodes[pair->quantize].inputs[0] = x;
    tare_graph_set_output(graph, pair->dequantize, 0, rounded);
    graph->nodes[move].inputs[0] = rounded;
    tare_graph_set_output(graph, move, 0, y);
    return TARE_OK;
}

/* One node moves all values, and only for this pair. */
static bool can_swap(const struct tare_graph *graph, int32_t move)
{
    const struct tare_node *node = &graph->nodes[move];
    const int32_t x = node->inputs[0];
    struct tare_quant quant;
    return tare_node_moves_values(graph, node) && node->n_outputs == 1 &&
           tare_pass_only_reader(graph, x) == move && tare_pass_has_shape(graph, x) &&
           !tare_tensor_is_const(&graph->tensors[x]) &&
           !tare_has_codes(graph, x, &quant);
}

/* A copy of the pair behind x. @param[out] rounded  what it makes */
static enum tare_status copy_pair(struct tare_graph *graph, const struct pair *pair,
                                  int32_t x, int32_t *rounded, struct tare_error *err)
{
    const struct tare_dims dims = graph->tensors[x].dims;
    const struct tare_node *node = &graph->nodes[pair->quantize];
    const int32_t scale = node->inputs[1], zero = tare_node_input(node, 2);
    const enum tare_dtype dtype = graph->tensors[node->outputs[0]].dtype;
    const size_t n = zero == TARE_NO_TENSOR ? 2 : 3;
    int32_t levels;
    enum tare_status status =
        tare_pass_add_tensor(graph, x, "levels", dtype, &dims, &levels, err);
    if (status == TARE_OK)
        status =
            tare_pass_add_tensor(graph, x, "rounded", TARE_F32, &dims, rounded, err);
    if (status != TARE_OK) return status;
    const int32_t in[] = {x, scale, zero}, back[] = {levels, scale, zero};
    status =
        tare_graph_add_node(graph, TARE_OP_QUANTIZE_LINEAR, graph->tensors[levels].name,
                            in, n, &levels, 1, NULL, err);
    return status == TARE_OK ? tare_graph_add_node(graph, TARE_OP_DEQUANTIZE_LINEAR,
                                                   graph->tensors[*rounded].name, back,
                                                   n, rounded, 1, NULL, err)
                             : status;
}

/* A Concat of activations, not all of them codes already. */
static bool can_spread(const struct tare_graph *graph, int32_t concat)
{
    const struct tare_node *node = &graph->nodes[concat];
    struct tare_quant quant;
    bool all_codes = true;
    if (node->op != TARE_OP_CONCAT) return false;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t x = node->inputs[i];
        if (tare_tensor_is_const(&graph->tensors[x]) || !tare_pass_has_shape(graph, x))
            return false;
        all_codes = all_codes && tare_has_codes(graph, x, &quant);
    }
    return !all_codes;
}

/* Every input of the Concat gets the pair, and the Concat makes y. */
static enum tare_status spread(struct tare_graph *graph, const struct pair *pair,
                               int32_t concat, struct tare_error *err)
{
    const int32_t y = graph->nodes[pair->dequantize].outputs[0];
    for (size_t i = 0; i < graph->nodes[concat].n_inputs; i++) {
        int32_t rounded;
        const enum tare_status status =
            copy_pair(graph, pair, graph->nodes[concat].inputs[i], &rounded, err);
        if (status != TARE_OK) return status;
        graph->nodes[concat].inputs[i] = rounded;
    }
    tare_graph_remove_node(graph, pair->quantize);
    tare_graph_remove_node(graph, pair->dequantize);
    tare_graph_set_output(graph, concat, 0, y);
    return TARE_OK;
}

enum tare_status tare_pass_quantize_earlier(struct tare_graph *graph, bool *changed,
                                            struct tare_error *err)
{
    const size_t n_nodes = graph->n_nodes;
    bool any = false;
    enum tare_status status = TARE_OK;
    for (size_t i = 0; i < n_nodes && status == TARE_OK; i++) {
        struct pair pair;
        if (!find_pair(graph, (int32_t)i, &pair)) continue;
        const int32_t z = graph->nodes[i].inputs[0];
        const int32_t maker = tare_pass_producer(graph, z);
        if (maker < 0 || tare_pass_only_reader(graph, z) != (int32_t)i ||
            !tare_fused_is_none(&graph->nodes[maker].fused) ||
            !tare_pass_has_shape(graph, z))
            continue;
        if (can_swap(graph, maker))
            status = swap(graph, &pair, maker, err);
        else if (can_spread(graph, maker))
            status = spread(graph, &pair, maker, err);
        else
            continue;
        any = true;
    }
    if (any) *changed = true;
    return status == TARE_OK && any ? tare_graph_sort(graph, err) : status;
}
