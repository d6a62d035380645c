/* Scales and zero points of held tensors. */
#include <assert.h>

#include "base/mem.h"
#include "precision/solve.h"

/* Who reads a root's bytes, other than nodes that keep its scale. */
enum { NOBODY = -1, SEVERAL = -2 };

static struct tare_quant quant_of(double amax, bool nonnegative)
{
    if (!(amax >= TARE_RANGE_LEAST)) amax = 1; /* all zeros: any scale says so */
    return (struct tare_quant){
        .held = true,
        .scale = (float)(amax / (nonnegative ? 255 : 127)),
        .zero_point = nonnegative ? 0 : 128,
        .lowest = nonnegative ? 0 : 1,
    };
}

static void find_readers(const struct tare_solution *s, int32_t *readers)
{
    const struct tare_graph *graph = s->graph;
    for (size_t t = 0; t < graph->n_tensors; t++)
        readers[t] = NOBODY;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct tare_node *node = &graph->nodes[n];
        if (!s->layers[n].int8 || s->layers[n].rule == TARE_RULE_SAME_SCALE) continue;
        for (size_t i = 0; i < tare_rule_n_data(graph, node); i++) {
            int32_t *reader = &readers[s->tensors[tare_rule_data(graph, node, i)].root];
            *reader = *reader == NOBODY || *reader == (int32_t)n ? (int32_t)n : SEVERAL;
        }
    }
}

/* Last Concat first: one that feeds another hands the other's scale on to its inputs.
 */
static void share_with_concat(struct tare_solution *s, const int32_t *readers)
{
    for (size_t n = s->graph->n_nodes; n > 0; n--) {
        const struct tare_node *node = &s->graph->nodes[n - 1];
        const struct tare_layer_choice *layer = &s->layers[n - 1];
        if (!layer->int8 || layer->rule != TARE_RULE_CONCAT) continue;
        for (size_t i = 0; i < node->n_inputs; i++) {
            const int32_t root = s->tensors[node->inputs[i]].root;
            if (readers[root] == (int32_t)(n - 1))
                s->tensors[root].quant = s->tensors[node->outputs[0]].quant;
        }
    }
}

/* What must be held signed, does not count as what cannot be negative. */
static void sign_matrices(const struct tare_solution *s, bool *nonnegative)
{
    for (size_t n = 0; n < s->graph->n_nodes; n++) {
        if (!s->layers[n].int8) continue;
        const int32_t matrix = tare_rule_signed(s->graph, &s->graph->nodes[n]);
        if (matrix != TARE_NO_TENSOR) nonnegative[s->tensors[matrix].root] = false;
    }
}

enum tare_status tare_solution_set_scales(struct tare_solution *s,
                                          struct tare_error *err)
{
    const size_t n = s->graph->n_tensors;
    if (s->n_given > 0) {
        for (size_t t = 0; t < n; t++)
            if (!s->tensors[t].held) s->tensors[t].quant = (struct tare_quant){0};
        return TARE_OK;
    }
    int32_t *readers = tare_alloc_array(n, sizeof *readers);
    bool *nonnegative = tare_alloc_array(n, sizeof *nonnegative);
    if (!readers || !nonnegative) {
        tare_free(readers);
        tare_free(nonnegative);
        return tare_error_set(err, TARE_E_NOMEM, "precision: no memory for %zu tensors",
                              n);
    }
    tare_graph_nonnegative(s->graph, nonnegative);
    sign_matrices(s, nonnegative);
    find_readers(s, readers);
    for (size_t t = 0; t < n; t++) {
        if (!s->tensors[t].held || s->tensors[t].root != (int32_t)t) continue;
        assert(s->tensors[t].has_range);
        s->tensors[t].quant = quant_of(s->tensors[t].amax, nonnegative[t]);
    }
    share_with_concat(s, readers);
    for (size_t t = 0; t < n; t++)
        if (s->tensors[t].held)
            s->tensors[t].quant = s->tensors[s->tensors[t].root].quant;
    tare_free(readers);
    tare_free(nonnegative);
    return TARE_OK;
}
