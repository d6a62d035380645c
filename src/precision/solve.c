/* Which tensors are held: INT8 products ask for their inputs, and nodes between
 * that can work on bytes pass the wish on to theirs. One sweep forward finds what could
 * be held at all, one sweep backward what is. */
#include "precision/solve.h"

#include <stdio.h>

#include "base/mem.h"

enum tare_status tare_solution_create(const struct tare_graph *graph,
                                      const struct tare_precision_options *options,
                                      struct tare_solution *solution,
                                      struct tare_error *err)
{
    *solution = (struct tare_solution){.graph = graph, .options = options};
    solution->layers = tare_alloc_array(graph->n_nodes, sizeof solution->layers[0]);
    solution->tensors = tare_alloc_array(graph->n_tensors, sizeof solution->tensors[0]);
    TARE_FAIL_IF(!solution->layers || !solution->tensors, err, TARE_E_NOMEM,
                 "precision: no memory for %zu layers", graph->n_nodes);
    for (size_t t = 0; t < graph->n_tensors; t++)
        solution->tensors[t].root = (int32_t)t;
    for (size_t n = 0; n < graph->n_nodes; n++)
        if (!graph->nodes[n].dead)
            solution->layers[n].rule =
                tare_rule_find(graph, &graph->nodes[n], solution->layers[n].reason);
    tare_solution_find_explicit(solution);
    return TARE_OK;
}

void tare_solution_free(struct tare_solution *solution)
{
    tare_free(solution->layers);
    tare_free(solution->tensors);
    tare_text_free(&solution->warnings);
    tare_text_free(&solution->violations);
}

/* A node that only moves values hands its input's scale on: to all outputs or, if it
 * must compute in float because one of them stays so, to none. */
static void hand_on(struct tare_solution *s, const struct tare_node *node)
{
    bool all = s->tensors[node->inputs[0]].can_hold;
    for (size_t i = 0; i < node->n_outputs; i++)
        all = all && !s->tensors[node->outputs[i]].keep_float;
    for (size_t i = 0; i < node->n_outputs && all; i++)
        s->tensors[node->outputs[i]].can_hold = true;
}

static void find_holdable(struct tare_solution *s)
{
    const struct tare_graph *graph = s->graph;
    for (size_t t = 0; t < graph->n_tensors; t++) {
        struct tare_tensor_choice *tensor = &s->tensors[t];
        tensor->can_hold = tensor->has_range && tensor->amax <= TARE_RANGE_MOST &&
                           graph->tensors[t].dtype == TARE_F32 && !tensor->keep_float;
    }
    for (size_t n = 0; n < graph->n_nodes; n++)
        if (!graph->nodes[n].dead && s->layers[n].may_int8 &&
            s->layers[n].rule == TARE_RULE_SAME_SCALE)
            hand_on(s, &graph->nodes[n]);
}

/* Can the tensor be held for this layer? Else notes why not. */
static bool can_hold(const struct tare_solution *s, int32_t tensor,
                     struct tare_layer_choice *layer)
{
    const struct tare_tensor_choice *choice = &s->tensors[tensor];
    const char *name = s->graph->tensors[tensor].name;
    if (choice->can_hold) return true;
    if (s->n_given > 0 && !choice->keep_float)
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "the model does not quantize tensor '%.80s'", name);
    else if (choice->keep_float)
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "tensor '%.80s' is float, as its layer output type says", name);
    else if (choice->has_range)
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "tensor '%.80s' has the range %g, INT8 wants at most %g", name,
                       choice->amax, TARE_RANGE_MOST);
    else
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "tensor '%.80s' has no range", name);
    layer->lacks_range = s->n_given == 0 && !choice->keep_float;
    return false;
}

static bool is_wanted(const struct tare_solution *s, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (s->tensors[node->outputs[i]].held ||
            s->tensors[node->outputs[i]].is_quantized)
            return true;
    return false;
}

/* The i-th tensor that an INT8 node needs held: its inputs and, unless it multiplies
 * and can write floats, its outputs. @retval false: there is none. */
static bool next_needed(const struct tare_graph *graph, const struct tare_node *node,
                        bool product, size_t i, int32_t *tensor)
{
    const size_t n_data = tare_rule_n_data(graph, node);
    if (i >= n_data + (product ? 0 : node->n_outputs)) return false;
    *tensor = i < n_data ? tare_rule_data(graph, node, i) : node->outputs[i - n_data];
    return true;
}

/* Does the second matrix, or what stands for it, have an int8 form as it is given? */
static bool explicit_matrix_fits(const struct tare_solution *s,
                                 const struct tare_node *node,
                                 char reason[TARE_REASON_BYTES])
{
    const int32_t matrix = tare_rule_signed(s->graph, node);
    if (matrix == TARE_NO_TENSOR) return tare_explicit_weights(s->graph, node, reason);
    if (s->tensors[matrix].quant.zero_point == 128) return true;
    (void)snprintf(
        reason, TARE_REASON_BYTES,
        "its second matrix '%.80s' is quantized with another zero point than "
        "int8's 0",
        s->graph->tensors[matrix].name);
    return false;
}

static void choose(struct tare_solution *s, size_t n)
{
    const struct tare_graph *graph = s->graph;
    const struct tare_node *node = &graph->nodes[n];
    struct tare_layer_choice *layer = &s->layers[n];
    const bool product = layer->rule == TARE_RULE_PRODUCT;
    if (!layer->may_int8) return;
    /* A request that leaves INT8 possible is a request for INT8. */
    if (!product && !layer->requested && !is_wanted(s, node)) {
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "nothing that computes in INT8 reads its output");
        return;
    }
    if (layer->rule == TARE_RULE_POLE && !layer->requested) {
        (void)snprintf(layer->reason, sizeof layer->reason,
                       "its function has a pole: INT8 on request alone");
        return;
    }
    int32_t tensor;
    for (size_t i = 0; next_needed(graph, node, product, i, &tensor); i++)
        if (!can_hold(s, tensor, layer)) return;
    if (product && s->n_given > 0 && !explicit_matrix_fits(s, node, layer->reason))
        return;
    for (size_t i = 0; next_needed(graph, node, product, i, &tensor); i++)
        s->tensors[tensor].held = true;
    struct tare_tensor_choice *out = &s->tensors[node->outputs[0]];
    if (product && out->is_target && out->can_hold) out->held = true;
    layer->int8 = true;
}

/* Nodes are in topological order, so an input's root is final when its reader comes. */
static void find_roots(struct tare_solution *s)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        const struct tare_node *node = &s->graph->nodes[n];
        if (!s->layers[n].int8 || s->layers[n].rule != TARE_RULE_SAME_SCALE) continue;
        for (size_t i = 0; i < node->n_outputs; i++)
            s->tensors[node->outputs[i]].root = s->tensors[node->inputs[0]].root;
    }
}

void tare_solution_solve(struct tare_solution *s)
{
    if (s->n_given > 0)
        tare_solution_spread_explicit(s);
    else
        find_holdable(s);
    for (size_t t = 0; t < s->graph->n_tensors; t++) {
        struct tare_tensor_choice *tensor = &s->tensors[t];
        tensor->held =
            tensor->is_given || (s->n_given == 0 && tensor->can_hold && tensor->typed &&
                                 tensor->type == TARE_PRECISION_INT8 &&
                                 !tare_graph_is_output(s->graph, (int32_t)t));
    }
    for (size_t n = s->graph->n_nodes; n > 0; n--)
        if (!s->graph->nodes[n - 1].dead) choose(s, n - 1);
    find_roots(s);
}
