/* Nodes whose outputs nobody uses go, last first, so that whole branches go at once. */
#include "base/mem.h"
#include "optimizer/pass.h"

static bool is_used(const struct tare_node *node, const size_t *uses)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0 && uses[node->outputs[i]] > 0) return true;
    return false;
}

enum tare_status tare_pass_dead(struct tare_graph *graph, bool *changed,
                                struct tare_error *err)
{
    size_t *uses = tare_alloc_array(graph->n_tensors, sizeof *uses);
    TARE_FAIL_IF(!uses, err, TARE_E_NOMEM, "no memory for %zu tensors",
                 graph->n_tensors);
    tare_graph_count_uses(graph, uses);
    for (size_t i = graph->n_nodes; i > 0; i--) {
        const struct tare_node *node = &graph->nodes[i - 1];
        if (node->dead || is_used(node, uses)) continue;
        for (size_t k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] >= 0) uses[node->inputs[k]]--;
        tare_graph_remove_node(graph, (int32_t)(i - 1));
        *changed = true;
    }
    tare_free(uses);
    return TARE_OK;
}
