/* FP16 and BF16 for what INT8 leaves: on request, or where the processor computes in
 * them; and what outputs are stored as. */
#include <math.h>
#include <stdio.h>

#include "base/cpu.h"
#include "graph/params.h"
#include "graph/plugin_instance.h"
#include "precision/half_rules.h"
#include "precision/solve.h"

/* The largest finite number of FP16. */
#define FP16_MOST 65504.0

static bool is_half(enum tare_precision precision)
{
    return precision == TARE_PRECISION_FP16 || precision == TARE_PRECISION_BF16;
}

bool tare_half_is_allowed(const struct tare_solution *s, enum tare_precision precision)
{
    return precision == TARE_PRECISION_FP16   ? s->options->allow_fp16
           : precision == TARE_PRECISION_BF16 ? s->options->allow_bf16
                                              : true;
}

enum tare_precision tare_half_fastest(const struct tare_precision_options *options)
{
    return options->allow_bf16 &&
                   options->isa & (TARE_CPU_AVX512BF16 | TARE_CPU_AMXBF16)
               ? TARE_PRECISION_BF16
               : TARE_PRECISION_FP32;
}

/* The largest magnitude of a float constant; NaN counts as infinite. */
static double most_of(const struct tare_tensor *t)
{
    const float *values = t->data;
    double most = 0.0;
    for (size_t i = 0; i < t->n_bytes / sizeof *values; i++) {
        const double v = fabs((double)values[i]);
        most = v <= most ? most : isnan(v) ? (double)INFINITY : v;
    }
    return most;
}

/* Whether FP16 cannot hold what a node reads or makes: constants that it rounds, and
 * activations as far as ranges are known. */
static bool overflows(const struct tare_solution *s, const struct tare_node *node,
                      enum tare_half_rule rule, char reason[TARE_REASON_BYTES])
{
    for (size_t i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const int32_t id =
            i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
        if (id == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = &s->graph->tensors[id];
        const bool is_const = tare_tensor_is_const(t) && t->dtype == TARE_F32;
        const bool is_rounded =
            rule == TARE_HALF_MOVE || (rule == TARE_HALF_PRODUCT && i < 2);
        const double most = is_const                   ? (is_rounded ? most_of(t) : 0.0)
                            : s->tensors[id].has_range ? s->tensors[id].amax
                                                       : 0.0;
        if (!(most > FP16_MOST)) continue;
        (void)snprintf(reason, TARE_REASON_BYTES,
                       "FP16 overflow: '%.80s' reaches %g, FP16 holds %g", t->name,
                       most, FP16_MOST);
        return true;
    }
    return false;
}

/* Pad's own value. */
static bool fill_overflows(const struct tare_graph *graph, const struct tare_node *node,
                           char reason[TARE_REASON_BYTES])
{
    struct tare_pads pads;
    if (node->op != TARE_OP_PAD ||
        tare_node_pads(graph, node, &pads, NULL) != TARE_OK ||
        pads.mode != TARE_PAD_CONSTANT || isinf(pads.value) ||
        !(fabs((double)pads.value) > FP16_MOST))
        return false;
    (void)snprintf(reason, TARE_REASON_BYTES,
                   "FP16 overflow: it pads with %g, FP16 holds %g", (double)pads.value,
                   FP16_MOST);
    return true;
}

static enum tare_half_rule find_rule(const struct tare_solution *s,
                                     const struct tare_node *node,
                                     char reason[TARE_REASON_BYTES])
{
    const int32_t out = node->n_outputs > 0 ? node->outputs[0] : TARE_NO_TENSOR;
    if (out == TARE_NO_TENSOR || !s->tensors[out].is_late)
        return tare_half_rule_find(s->graph, node, reason);
    (void)snprintf(reason, TARE_REASON_BYTES,
                   "it hangs on shapes that only a run knows");
    return TARE_HALF_NONE;
}

static bool plugin_lacks(const struct tare_node *node, enum tare_precision precision,
                         char reason[TARE_REASON_BYTES])
{
    if (node->op != TARE_OP_PLUGIN ||
        tare_plugin_offers(node->plugin, (enum tare_plugin_precision)precision))
        return false;
    (void)snprintf(reason, TARE_REASON_BYTES, "plugin '%.80s' does not compute in %s",
                   node->plugin->type->name, tare_precision_name(precision));
    return true;
}

/* Can the node compute in this 16-bit float? Else says why not. */
static bool can_compute(const struct tare_solution *s, const struct tare_node *node,
                        enum tare_precision precision, char reason[TARE_REASON_BYTES])
{
    if (!tare_half_is_allowed(s, precision)) {
        (void)snprintf(reason, TARE_REASON_BYTES, "%s is not allowed",
                       tare_precision_name(precision));
        return false;
    }
    if (plugin_lacks(node, precision, reason)) return false;
    const enum tare_half_rule rule = find_rule(s, node, reason);
    return rule != TARE_HALF_NONE && (precision != TARE_PRECISION_FP16 ||
                                      (!overflows(s, node, rule, reason) &&
                                       !fill_overflows(s->graph, node, reason)));
}

/* Whether the kernels that are faster are those of the node: dense products by
 * constants. */
static bool is_dense(const struct tare_graph *graph, const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_CONV:
        return tare_node_int(node, "group", 1) == 1 ||
               graph->tensors[node->inputs[1]].dims.d[1] > 1;
    case TARE_OP_GEMM:
    case TARE_OP_MATMUL: return tare_tensor_is_const(&graph->tensors[node->inputs[1]]);
    default: return false;
    }
}

/* Without a request: dense products, and what reads their outputs, so that there are
 * few conversions. */
static void choose_by_speed(struct tare_solution *s, const struct tare_node *node,
                            struct tare_layer_choice *layer)
{
    const enum tare_precision fastest = tare_half_fastest(s->options);
    char reason[TARE_REASON_BYTES];
    if (fastest == TARE_PRECISION_FP32) return;
    bool wanted = is_dense(s->graph, node);
    for (size_t i = 0; i < node->n_inputs; i++)
        wanted = wanted || (node->inputs[i] != TARE_NO_TENSOR &&
                            s->tensors[node->inputs[i]].stored == fastest);
    if (wanted && can_compute(s, node, fastest, reason)) layer->half = fastest;
}

static void choose(struct tare_solution *s, const struct tare_node *node,
                   struct tare_layer_choice *layer)
{
    char reason[TARE_REASON_BYTES];
    const bool is_open = !layer->requested && !layer->timed;
    if (layer->int8) return;
    if (is_open) choose_by_speed(s, node, layer);
    if (is_open || !is_half(layer->request)) return;
    if (can_compute(s, node, layer->request, reason)) {
        layer->half = layer->request;
        if (layer->timed) return;
        (void)snprintf(reason, sizeof reason, "%s was requested",
                       tare_precision_name(layer->request));
    }
    (void)snprintf(layer->reason, sizeof layer->reason, "%s", reason);
}

bool tare_half_stores(const struct tare_solution *s, const struct tare_node *node,
                      int32_t tensor, enum tare_precision type,
                      char reason[TARE_REASON_BYTES])
{
    const struct tare_tensor_choice *choice = &s->tensors[tensor];
    const enum tare_precision own = s->layers[node - s->graph->nodes].half;
    reason[0] = '\0';
    if (choice->is_given)
        (void)snprintf(reason, TARE_REASON_BYTES, "the model quantizes it");
    else if (!tare_half_is_allowed(s, type))
        (void)snprintf(reason, TARE_REASON_BYTES, "%s is not allowed",
                       tare_precision_name(type));
    else if (is_half(own) && own != type)
        (void)snprintf(reason, TARE_REASON_BYTES, "the layer computes in %s",
                       tare_precision_name(own));
    else if (node->op == TARE_OP_PLUGIN && own != type)
        (void)snprintf(reason, TARE_REASON_BYTES,
                       "a plugin's outputs are of the type that it computes in");
    else if (type == TARE_PRECISION_FP16 && choice->has_range &&
             choice->amax > FP16_MOST)
        (void)snprintf(reason, TARE_REASON_BYTES,
                       "FP16 overflow: it reaches %g, FP16 holds %g", choice->amax,
                       FP16_MOST);
    else
        return find_rule(s, node, reason) != TARE_HALF_NONE;
    return false;
}

/* What its node computes in, unless an output type says otherwise. */
static void store(struct tare_solution *s, const struct tare_node *node, int32_t tensor)
{
    struct tare_tensor_choice *choice = &s->tensors[tensor];
    const struct tare_layer_choice *layer = &s->layers[node - s->graph->nodes];
    char reason[TARE_REASON_BYTES];
    choice->stored = layer->half;
    if (!choice->typed || choice->type == TARE_PRECISION_INT8) return;
    if (choice->type == TARE_PRECISION_FP32 ||
        tare_half_stores(s, node, tensor, choice->type, reason))
        choice->stored = choice->type;
}

/* What a node makes from what is late, or without a shape, is late. */
static void find_late(struct tare_solution *s, const struct tare_node *node)
{
    bool late = false;
    for (size_t i = 0; i < node->n_inputs; i++)
        late = late || (node->inputs[i] != TARE_NO_TENSOR &&
                        s->tensors[node->inputs[i]].is_late);
    for (size_t i = 0; i < node->n_outputs; i++)
        late = late || (node->outputs[i] != TARE_NO_TENSOR &&
                        !tare_half_is_settled(&s->graph->tensors[node->outputs[i]]));
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != TARE_NO_TENSOR)
            s->tensors[node->outputs[i]].is_late = late;
}

void tare_solution_choose_halves(struct tare_solution *s)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        if (node->dead) continue;
        find_late(s, node);
        choose(s, node, &s->layers[n]);
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] != TARE_NO_TENSOR) store(s, node, node->outputs[i]);
    }
}
