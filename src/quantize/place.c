/* Which activations get a pair, by the rules of each style, and with which scale. */
#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "graph/explicit.h"
#include "graph/params.h"
#include "precision/precision.h"
#include "quantize/quantize.h"

/* How many nodes that only move values to look through. */
enum { MAX_PATH = 64 };

/* ---- scales */

/* As TensorRT holds it: the same range on 127 steps, whatever its sign. */
static struct tare_quant symmetric(const struct tare_quantizing *q, int32_t tensor,
                                   struct tare_quant quant)
{
    const int steps = quant.zero_point == 0 ? 255 : 127;
    float amax;
    double range = (double)quant.scale * steps;
    /* The cache's own digits, unless the scale is another tensor's. */
    if (tare_cache_get(q->options->cache, q->graph->tensors[tensor].name, &amax) &&
        quant.scale == (float)((double)amax / steps))
        range = (double)amax;
    quant.scale = (float)(range / 127);
    quant.zero_point = 0;
    return quant;
}

/* The range of a tensor that the built graph does not hold as codes. What it has as
 * float is not clipped there, nor is it in onnxruntime, if that is known. */
static bool find_range(const struct tare_quantizing *q, int32_t tensor, float *amax)
{
    const char *name = q->graph->tensors[tensor].name;
    const bool is_float = !q->for_tensorrt && q->links[tensor] >= 0;
    return (is_float && q->options->seen &&
            tare_cache_get(q->options->seen, name, amax)) ||
           tare_cache_get(q->options->cache, name, amax);
}

static bool quant_of_range(const struct tare_quantizing *q, int32_t tensor,
                           struct tare_quant *quant)
{
    float amax;
    if (!find_range(q, tensor, &amax) || !((double)amax <= TARE_RANGE_MOST))
        return false;
    const double range = (double)amax >= TARE_RANGE_LEAST ? (double)amax : 1;
    const bool nonnegative = q->nonnegative[tensor];
    *quant = (struct tare_quant){.held = true,
                                 .scale = (float)(range / (nonnegative ? 255 : 127)),
                                 .zero_point = nonnegative ? 0 : 128};
    return true;
}

/* As the built graph holds the tensor, or the one whose values it has; else by its own
 * range. */
static bool find_quant(const struct tare_quantizing *q, int32_t tensor,
                       struct tare_quant *quant)
{
    int32_t at = tensor;
    for (int depth = 0; depth < MAX_PATH; depth++) {
        const int32_t link = q->links[at], maker = q->graph->tensors[at].producer;
        if (link >= 0 && q->built->tensors[link].quant.held) {
            *quant = q->built->tensors[link].quant;
            return true;
        }
        if (maker < 0 || !tare_node_moves_values(q->graph, &q->graph->nodes[maker]))
            break;
        at = q->graph->nodes[maker].inputs[0];
    }
    return quant_of_range(q, tensor, quant);
}

/* @retval false  it has no range */
static bool want(struct tare_quantizing *q, int32_t tensor)
{
    struct tare_quant quant;
    if (tensor < 0 || (size_t)tensor >= q->n_tensors) return false;
    if (q->quants[tensor].held) return true;
    if (tare_tensor_is_const(&q->graph->tensors[tensor])) return false;
    if (!find_quant(q, tensor, &quant)) return false;
    q->quants[tensor] = q->for_tensorrt ? symmetric(q, tensor, quant) : quant;
    return true;
}

/* The activations that a product reads. Without them it stays float. */
static void want_inputs(struct tare_quantizing *q, size_t b)
{
    const struct tare_node *node = &q->graph->nodes[q->products[b]];
    const bool by_constant = tare_tensor_is_const(&q->graph->tensors[node->inputs[1]]);
    if (want(q, node->inputs[0]) && (by_constant || want(q, node->inputs[1]))) return;
    q->products[b] = -1;
    q->lost[b] = "what it reads has no range";
}

/* ---- TensorRT */

/* Is it what a product makes, with nothing but BatchNormalization behind, for one
 * reader?
 */
static bool is_weighted_output(const struct tare_quantizing *q, int32_t tensor)
{
    const struct tare_graph *graph = q->graph;
    int32_t maker = graph->tensors[tensor].producer;
    if (tare_graph_n_uses(graph, tensor) != 1) return false;
    while (maker >= 0 && graph->nodes[maker].op == TARE_OP_BATCH_NORMALIZATION)
        maker = graph->tensors[graph->nodes[maker].inputs[0]].producer;
    const struct tare_node *owner =
        maker < 0 ? NULL : tare_quantize_owner(q, (size_t)maker);
    return owner && q->products[q->owners[maker]] == maker;
}

/* The operand of a residual Add that TensorRT does not fuse into the convolution: it is
 * added as int8. The other one is the convolution's sum, which stays as it is. */
static void want_residual(struct tare_quantizing *q, size_t b)
{
    const struct tare_node *built = &q->built->nodes[b];
    if (!built->fused.has_residual) return;
    const int32_t residual = tare_graph_find_tensor(
        q->graph, q->built->tensors[built->inputs[built->n_inputs - 1]].name);
    (void)want(q, residual);
}

/* Nodes without weights that TensorRT computes in int8 only with int8 on both sides. */
static bool wants_both_sides(const struct tare_quantizing *q,
                             const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_AVERAGE_POOL:
    case TARE_OP_GLOBAL_AVERAGE_POOL:
    case TARE_OP_REDUCE_MEAN: return true;
    case TARE_OP_RESIZE: return !tare_node_moves_values(q->graph, node);
    default: return false;
    }
}

static void want_both_sides(struct tare_quantizing *q, const struct tare_node *node)
{
    const bool is_sum = node->op == TARE_OP_ADD || node->op == TARE_OP_SUB;
    const bool has_convolution = is_sum && (is_weighted_output(q, node->inputs[0]) ||
                                            is_weighted_output(q, node->inputs[1]));
    bool left_out = !has_convolution;
    for (size_t i = 0; i < (is_sum ? 2 : 1); i++) {
        const bool fuses = !left_out && is_weighted_output(q, node->inputs[i]);
        left_out |= fuses;
        if (!fuses) (void)want(q, node->inputs[i]);
    }
}

/* Is it read as int8, be it through nodes that a QuantizeLinear can be moved in front
 * of?
 */
static bool is_demanded(const bool *demanded, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0 && demanded[node->outputs[i]]) return true;
    return false;
}

static enum tare_status place_for_tensorrt(struct tare_quantizing *q,
                                           struct tare_error *err)
{
    const struct tare_graph *graph = q->graph;
    bool *demanded = tare_alloc_array(q->n_tensors, sizeof *demanded);
    TARE_FAIL_IF(!demanded, err, TARE_E_NOMEM, "quantize: no memory");
    for (size_t b = 0; b < q->built->n_nodes; b++)
        if (q->products[b] >= 0) want_residual(q, b);
    for (size_t i = q->n_nodes; i > 0; i--) {
        const struct tare_node *node = &graph->nodes[i - 1];
        const struct tare_node *owner = tare_quantize_owner(q, i - 1);
        for (size_t k = 0; k < node->n_outputs; k++)
            if (node->outputs[k] >= 0)
                demanded[node->outputs[k]] |= q->quants[node->outputs[k]].held;
        if (!is_demanded(demanded, node)) continue;
        const bool passes_on =
            node->op == TARE_OP_CONCAT || tare_node_moves_values(graph, node);
        const size_t n = node->op == TARE_OP_CONCAT ? node->n_inputs : 1;
        for (size_t k = 0; passes_on && k < n; k++)
            demanded[node->inputs[k]] = true;
        if (owner && q->products[q->owners[i - 1]] < 0 && wants_both_sides(q, node))
            want_both_sides(q, node);
    }
    tare_free(demanded);
    return TARE_OK;
}

/* ---- onnxruntime */

/* A Relu or Clip in INT8 whose bounds are the first and the last code of its output, or
 * beyond: rounding to codes then does all that it does. */
static bool is_in_codes(const struct tare_quantizing *q, size_t i)
{
    const struct tare_node *node = &q->graph->nodes[i];
    float lower = 0.0F, upper = INFINITY;
    if (!tare_quantize_owner(q, i)) return false;
    if (node->op == TARE_OP_CLIP &&
        (!tare_node_clip_is_fixed(q->graph, node) ||
         tare_node_clip_bounds(q->graph, node, &lower, &upper, NULL) != TARE_OK))
        return false;
    const struct tare_quant *quant = &q->quants[node->outputs[0]];
    const double scale = (double)quant->scale;
    return quant->held && rint((double)lower / scale) + quant->zero_point <= 0 &&
           rint((double)upper / scale) + quant->zero_point >= 255;
}

/* What makes its input makes its output instead. */
static void absorb(struct tare_quantizing *q, size_t i)
{
    const struct tare_node *node = &q->graph->nodes[i];
    if (node->op != TARE_OP_RELU && node->op != TARE_OP_CLIP) return;
    const int32_t input = node->inputs[0], output = node->outputs[0];
    const int32_t maker = q->graph->tensors[input].producer;
    if (maker < 0 || q->quants[input].held || tare_graph_n_uses(q->graph, input) != 1 ||
        q->graph->nodes[maker].n_outputs != 1 || !is_in_codes(q, i))
        return;
    tare_graph_remove_node(q->graph, (int32_t)i);
    tare_graph_set_output(q->graph, maker, 0, output);
}

/* A Relu or Clip that alone reads what a Conv makes, and that its output's codes can
 * take over, though nothing in INT8 comes behind. */
static void want_activation(struct tare_quantizing *q, size_t b)
{
    const struct tare_graph *graph = q->graph;
    const struct tare_node *conv = &graph->nodes[q->products[b]];
    const int32_t output = conv->outputs[0];
    if (conv->op != TARE_OP_CONV || tare_graph_n_uses(graph, output) != 1) return;
    for (size_t i = 0; i < q->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || q->owners[i] != (int32_t)b ||
            tare_node_input(node, 0) != output)
            continue;
        if (node->op != TARE_OP_RELU && node->op != TARE_OP_CLIP) return;
        struct tare_quant *quant = &q->quants[node->outputs[0]];
        if (!quant->held && want(q, node->outputs[0]) && !is_in_codes(q, i))
            quant->held = false;
        return;
    }
}

/* Behind a Conv, so that it becomes QLinearConv, whatever comes next. */
static void want_output(struct tare_quantizing *q, size_t b)
{
    const struct tare_node *node = &q->graph->nodes[q->products[b]];
    if (node->op != TARE_OP_CONV || want(q, node->outputs[0])) return;
    tare_log(TARE_LOG_WARN,
             "tensor '%s' has no range: onnxruntime will compute '%s' in float",
             q->graph->tensors[node->outputs[0]].name, node->name);
}

static void place_for_onnxruntime(struct tare_quantizing *q)
{
    for (size_t t = 0; t < q->n_tensors; t++)
        if (q->links[t] >= 0 && q->built->tensors[q->links[t]].quant.held)
            (void)want(q, (int32_t)t);
    for (size_t b = 0; b < q->built->n_nodes; b++)
        if (q->products[b] >= 0) want_activation(q, b);
    for (size_t i = 0; i < q->n_nodes; i++)
        if (!q->graph->nodes[i].dead) absorb(q, i);
    for (size_t b = 0; b < q->built->n_nodes; b++)
        if (q->products[b] >= 0) want_output(q, b);
}

enum tare_status tare_quantize_place(struct tare_quantizing *q, struct tare_error *err)
{
    for (size_t b = 0; b < q->built->n_nodes; b++)
        if (q->products[b] >= 0) want_inputs(q, b);
    if (q->for_tensorrt) return place_for_tensorrt(q, err);
    place_for_onnxruntime(q);
    return TARE_OK;
}
