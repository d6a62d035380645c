/* Explicit quantization: which tensors the model itself holds as bytes, and what
 * follows for others. */
#include "graph/explicit.h"

#include <stdio.h>

#include "graph/params.h"
#include "graph/weight_grid.h"
#include "precision/solve.h"

/* In the words of the report. Zero points are as held: int8's are 128 higher. */
static void explain(struct tare_layer_choice *layer, const struct tare_quant *quant)
{
    (void)snprintf(layer->reason, sizeof layer->reason,
                   "explicit quantization: scale %g, zero point %d of uint8",
                   (double)quant->scale, (int)quant->zero_point);
}

void tare_solution_find_explicit(struct tare_solution *s)
{
    const struct tare_graph *graph = s->graph;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct tare_node *node = &graph->nodes[n];
        if (node->dead || node->op != TARE_OP_DEQUANTIZE_LINEAR) continue;
        struct tare_tensor_choice *out = &s->tensors[node->outputs[0]];
        out->is_given = tare_is_dequantized(graph, node->outputs[0], &out->quant);
        s->n_given += out->is_given;
        if (out->is_given) explain(&s->layers[n], &out->quant);
    }
    for (size_t n = 0; n < graph->n_nodes && s->n_given > 0; n++) {
        const struct tare_node *node = &graph->nodes[n];
        struct tare_quant quant;
        if (node->dead || node->op != TARE_OP_QUANTIZE_LINEAR ||
            !tare_node_quant(graph, node, &quant))
            continue;
        explain(&s->layers[n], &quant);
        struct tare_tensor_choice *in = &s->tensors[node->inputs[0]];
        in->is_quantized = true;
        in->is_target = !in->is_given && tare_graph_n_uses(graph, node->inputs[0]) == 1;
        if (in->is_target) in->quant = quant;
    }
}

/* Do all inputs hold the same codes for the same values? */
static bool inputs_agree(const struct tare_solution *s, const struct tare_node *node)
{
    const struct tare_tensor_choice *first = &s->tensors[node->inputs[0]];
    for (size_t i = 0; i < node->n_inputs; i++) {
        const struct tare_tensor_choice *in = &s->tensors[node->inputs[i]];
        if (!in->can_hold || !tare_quant_equal(&in->quant, &first->quant)) return false;
    }
    return true;
}

/* Does the node hand its input's codes on? A Concat of equal quantizations does, and so
 * does Relu, since the zero point is a code; unless the model quantizes the result. */
static bool keeps_codes(const struct tare_solution *s, const struct tare_node *node,
                        enum tare_rule rule)
{
    if (rule == TARE_RULE_SAME_SCALE) return s->tensors[node->inputs[0]].can_hold;
    if (s->tensors[node->outputs[0]].is_target) return false;
    return (rule == TARE_RULE_CONCAT || node->op == TARE_OP_RELU) &&
           inputs_agree(s, node);
}

static void hand_on(struct tare_solution *s, const struct tare_node *node,
                    struct tare_layer_choice *layer)
{
    const bool keeps = layer->may_int8 && keeps_codes(s, node, layer->rule);
    if (!keeps && layer->rule != TARE_RULE_SAME_SCALE) return;
    bool all = keeps;
    for (size_t i = 0; i < node->n_outputs; i++)
        all = all && !s->tensors[node->outputs[i]].keep_float;
    for (size_t i = 0; i < node->n_outputs; i++) {
        struct tare_tensor_choice *out = &s->tensors[node->outputs[i]];
        out->is_target = false; /* it has no other scale than its input */
        out->can_hold = all;
        if (all) out->quant = s->tensors[node->inputs[0]].quant;
    }
    if (keeps) layer->rule = TARE_RULE_SAME_SCALE;
}

void tare_solution_spread_explicit(struct tare_solution *s)
{
    for (size_t t = 0; t < s->graph->n_tensors; t++) {
        struct tare_tensor_choice *tensor = &s->tensors[t];
        tensor->can_hold =
            tensor->is_given || (tensor->is_target && !tensor->keep_float);
    }
    for (size_t n = 0; n < s->graph->n_nodes; n++)
        if (!s->graph->nodes[n].dead && s->layers[n].rule != TARE_RULE_FLOAT)
            hand_on(s, &s->graph->nodes[n], &s->layers[n]);
}

/* How the output channels of a weighted node lie in its weights: each is n weights, in
 * runs as tare_weight_grid() has them; where each starts. */
struct channels {
    size_t count, n, run, stride;
    size_t step, per_group,
        group_step; /* from channel to channel, and group to group */
};

/* [in, out / groups, kernel...] */
static struct channels transposed_channels(const struct tare_node *node,
                                           const struct tare_dims *dims, size_t columns)
{
    const size_t groups = (size_t)tare_node_int(node, "group", 1);
    const size_t per_group = (size_t)dims->d[1], in = (size_t)dims->d[0] / groups;
    const size_t run = columns / per_group;
    return (struct channels){.count = per_group * groups,
                             .n = in * run,
                             .run = run,
                             .stride = columns,
                             .step = run,
                             .per_group = per_group,
                             .group_step = in * columns};
}

static bool find_channels(const struct tare_graph *graph, const struct tare_node *node,
                          struct channels *out)
{
    const struct tare_tensor *weights = &graph->tensors[node->inputs[1]];
    const size_t rows = (size_t)weights->dims.d[0];
    const size_t columns = weights->n_bytes / sizeof(float) / rows;
    bool by_row = node->op == TARE_OP_CONV;
    if (node->op == TARE_OP_CONV_TRANSPOSE) {
        *out = transposed_channels(node, &weights->dims, columns);
        return true;
    }
    if (node->op == TARE_OP_GEMM) {
        struct tare_gemm gemm;
        if (tare_node_gemm(graph, node, &gemm, NULL) != TARE_OK) return false;
        by_row = gemm.trans_b;
    }
    *out = by_row ? (struct channels){rows, columns, columns, 0, columns, rows, 0}
                  : (struct channels){columns, rows, 1, columns, 1, columns, 0};
    return true;
}

bool tare_explicit_weights(const struct tare_graph *graph, const struct tare_node *node,
                           char reason[TARE_REASON_BYTES])
{
    const struct tare_tensor *weights = &graph->tensors[node->inputs[1]];
    struct channels channels;
    double scale;
    if (!find_channels(graph, node, &channels)) return false;
    for (size_t c = 0; c < channels.count; c++) {
        const float *w = (const float *)weights->data +
                         c / channels.per_group * channels.group_step +
                         c % channels.per_group * channels.step;
        if (tare_weight_grid(w, channels.n, channels.run, channels.stride, &scale))
            continue;
        (void)snprintf(reason, TARE_REASON_BYTES,
                       "the model does not quantize its weights '%.80s' to int8 around "
                       "0 in output channel %zu",
                       weights->name, c);
        return false;
    }
    return true;
}
