#include "graph/explicit.h"

#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* Scales outside are not those of values: products and quotients of three of them, and
 * of weights up to 1e9, stay normal floats. */
#define LEAST_SCALE 1e-14F
#define MOST_SCALE  1e7F

static bool is_byte(enum tare_dtype dtype)
{
    return dtype == TARE_U8 || dtype == TARE_S8;
}

static bool is_one_value(const struct tare_tensor *t)
{
    return tare_tensor_is_const(t) && t->dims.rank <= 1 &&
           tare_dims_count(&t->dims) == 1;
}

/* Scale and zero point (TARE_NO_TENSOR: 0) of levels of this type. */
static bool read_quant(const struct tare_graph *graph, int32_t scale, int32_t zero,
                       enum tare_dtype levels, struct tare_quant *quant)
{
    const struct tare_tensor *s = &graph->tensors[scale];
    if (!is_byte(levels) || s->dtype != TARE_F32 || !is_one_value(s)) return false;
    int64_t zero_point = 0;
    if (zero != TARE_NO_TENSOR) {
        const struct tare_tensor *z = &graph->tensors[zero];
        if (z->dtype != levels || !is_one_value(z)) return false;
        const struct tare_const value = tare_tensor_content(z);
        zero_point = tare_const_get_int(&value, 0);
    }
    *quant = (struct tare_quant){
        .held = true,
        .scale = *(const float *)s->data,
        .zero_point = (int32_t)zero_point + (levels == TARE_S8 ? 128 : 0),
    };
    return quant->scale >= LEAST_SCALE && quant->scale <= MOST_SCALE;
}

bool tare_node_quant(const struct tare_graph *graph, const struct tare_node *node,
                     struct tare_quant *quant)
{
    const bool quantizes = node->op == TARE_OP_QUANTIZE_LINEAR;
    if (!quantizes && node->op != TARE_OP_DEQUANTIZE_LINEAR) return false;
    const int32_t real = quantizes ? node->inputs[0] : node->outputs[0];
    const int32_t levels = quantizes ? node->outputs[0] : node->inputs[0];
    return graph->tensors[real].dtype == TARE_F32 &&
           tare_node_int(node, "block_size", 0) == 0 &&
           read_quant(graph, node->inputs[1], tare_node_input(node, 2),
                      graph->tensors[levels].dtype, quant);
}

bool tare_quant_equal(const struct tare_quant *a, const struct tare_quant *b)
{
    return a->scale == b->scale && a->zero_point == b->zero_point &&
           a->lowest == b->lowest;
}

/* Weights may be stored as floats in front of a QuantizeLinear. */
static bool is_quantized_constant(const struct tare_graph *graph, int32_t levels)
{
    const struct tare_tensor *t = &graph->tensors[levels];
    if (tare_tensor_is_const(t) || t->producer < 0) return tare_tensor_is_const(t);
    const struct tare_node *maker = &graph->nodes[t->producer];
    return maker->op == TARE_OP_QUANTIZE_LINEAR &&
           tare_tensor_is_const(&graph->tensors[maker->inputs[0]]);
}

bool tare_is_dequantized(const struct tare_graph *graph, int32_t tensor,
                         struct tare_quant *quant)
{
    const int32_t maker = tensor < 0 ? -1 : graph->tensors[tensor].producer;
    if (maker < 0) return false;
    const struct tare_node *node = &graph->nodes[maker];
    return node->op == TARE_OP_DEQUANTIZE_LINEAR &&
           !is_quantized_constant(graph, node->inputs[0]) &&
           tare_node_quant(graph, node, quant);
}

/* Nearest values of images, over two axes. */
static bool picks_nearest(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_resize resize;
    return tare_node_resize(graph, node, &resize, NULL) == TARE_OK &&
           resize.mode == TARE_RESIZE_NEAREST && resize.in.rank == 4 &&
           resize.coordinates != TARE_RESIZE_TF_CROP_AND_RESIZE &&
           resize.in.d[0] == resize.out.d[0] && resize.in.d[1] == resize.out.d[1];
}

/* Pads with what is there, or with zeros, which are a code of every scale. */
static bool pads_codes(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_pads pads;
    return tare_node_pads(graph, node, &pads, NULL) == TARE_OK &&
           pads.mode != TARE_PAD_WRAP &&
           (pads.mode != TARE_PAD_CONSTANT || pads.value == 0.0F);
}

static bool gathers_known(const struct tare_graph *graph, const struct tare_node *node)
{
    const struct tare_tensor *indices = &graph->tensors[node->inputs[1]];
    return tare_tensor_is_const(indices) && indices->dtype == TARE_S64;
}

/* The operators, and cases of them, that rules.c of the precision pass has for moving.
 */
bool tare_node_moves_values(const struct tare_graph *graph,
                            const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_IDENTITY:
    case TARE_OP_MAX_POOL:
    case TARE_OP_GLOBAL_MAX_POOL:
    case TARE_OP_RESHAPE:
    case TARE_OP_FLATTEN:
    case TARE_OP_SQUEEZE:
    case TARE_OP_UNSQUEEZE:
    case TARE_OP_TRANSPOSE:
    case TARE_OP_SLICE:
    case TARE_OP_SPLIT:
    case TARE_OP_EXPAND:
    case TARE_OP_DEPTH_TO_SPACE:
    case TARE_OP_SPACE_TO_DEPTH: return true;
    case TARE_OP_GATHER: return gathers_known(graph, node);
    case TARE_OP_RESIZE:
    case TARE_OP_UPSAMPLE: return picks_nearest(graph, node);
    case TARE_OP_PAD: return pads_codes(graph, node);
    default: return false;
    }
}

/* How many nodes of a path to look at: beyond, the answer is no. */
enum { MAX_PATH = 64 };

static bool has_codes(const struct tare_graph *graph, int32_t tensor, int depth,
                      struct tare_quant *quant)
{
    if (tare_is_dequantized(graph, tensor, quant)) return true;
    const int32_t maker = tensor < 0 ? -1 : graph->tensors[tensor].producer;
    if (maker < 0 || depth == MAX_PATH) return false;
    const struct tare_node *node = &graph->nodes[maker];
    const bool joins = node->op == TARE_OP_CONCAT;
    if (!joins && node->op != TARE_OP_RELU && !tare_node_moves_values(graph, node))
        return false;
    if (!has_codes(graph, node->inputs[0], depth + 1, quant)) return false;
    for (size_t i = 1; joins && i < node->n_inputs; i++) {
        struct tare_quant other;
        if (!tare_is_dequantized(graph, node->inputs[i], &other) ||
            !tare_quant_equal(quant, &other))
            return false;
    }
    return true;
}

bool tare_has_codes(const struct tare_graph *graph, int32_t tensor,
                    struct tare_quant *quant)
{
    return has_codes(graph, tensor, 0, quant);
}

/* Constant, as all but the levels that flow through the network are. */
static bool is_const(const struct tare_graph *graph, const struct tare_node *node,
                     size_t i)
{
    const int32_t id = tare_node_input(node, i);
    return id == TARE_NO_TENSOR || tare_tensor_is_const(&graph->tensors[id]);
}

bool tare_node_is_qlinear(const struct tare_graph *graph, const struct tare_node *node)
{
    enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO, BIAS };
    if (node->op != TARE_OP_QLINEAR_CONV && node->op != TARE_OP_QLINEAR_MATMUL)
        return false;
    const struct tare_tensor *t = graph->tensors;
    struct tare_quant quant;
    for (size_t i = A_SCALE; i <= BIAS; i++)
        if (i != B && !is_const(graph, node, i)) return false;
    const enum tare_dtype b_levels = t[node->inputs[B]].dtype;
    return !is_const(graph, node, A) &&
           read_quant(graph, node->inputs[A_SCALE], node->inputs[A_ZERO],
                      t[node->inputs[A]].dtype, &quant) &&
           read_quant(graph, node->inputs[Y_SCALE], node->inputs[Y_ZERO],
                      t[node->inputs[Y_ZERO]].dtype, &quant) &&
           (is_const(graph, node, B)
                ? is_byte(b_levels)
                : node->op == TARE_OP_QLINEAR_MATMUL &&
                      read_quant(graph, node->inputs[B_SCALE], node->inputs[B_ZERO],
                                 b_levels, &quant));
}

bool tare_graph_is_explicit(const struct tare_graph *graph)
{
    struct tare_quant quant;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct tare_node *node = &graph->nodes[n];
        if (!node->dead && (tare_is_dequantized(graph, node->outputs[0], &quant) ||
                            tare_node_is_qlinear(graph, node)))
            return true;
    }
    return false;
}
