#include "tools/subgraph.h"

/* While the roles are found: made by a kept node, and read by one. */
enum { MADE = SUBGRAPH_OUTPUT + 1, MADE_AND_READ };

static void mark_inside(const struct subgraph *graph, const bool *keep, int *roles)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct subgraph_node *node = &graph->nodes[i];
        if (!keep[i]) continue;
        for (size_t k = 0; k < node->n_inputs; k++) {
            int *role = &roles[node->inputs[k]];
            if (*role == MADE)
                *role = MADE_AND_READ;
            else if (*role == SUBGRAPH_NONE)
                *role = SUBGRAPH_INPUT;
        }
        for (size_t k = 0; k < node->n_outputs; k++)
            roles[node->outputs[k]] = MADE;
    }
}

static bool is_made(int role)
{
    return role == MADE || role == MADE_AND_READ;
}

/* What is made, and read by other nodes, or an output of the network. */
static bool mark_outputs(const struct subgraph *graph, const bool *keep, int *roles)
{
    bool any = false;
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t k = 0; !keep[i] && k < graph->nodes[i].n_inputs; k++) {
            int *role = &roles[graph->nodes[i].inputs[k]];
            any = any || is_made(*role);
            if (is_made(*role)) *role = SUBGRAPH_OUTPUT;
        }
    for (size_t t = 0; t < graph->n_tensors; t++)
        if (graph->is_output[t] && is_made(roles[t])) {
            roles[t] = SUBGRAPH_OUTPUT;
            any = true;
        }
    return any;
}

bool subgraph_cut(const struct subgraph *graph, const bool *keep, int *roles)
{
    for (size_t t = 0; t < graph->n_tensors; t++)
        roles[t] = SUBGRAPH_NONE;
    mark_inside(graph, keep, roles);
    const bool has_outputs = mark_outputs(graph, keep, roles);
    bool any = has_outputs;
    for (size_t t = 0; t < graph->n_tensors; t++) {
        const bool is_loose = !has_outputs && roles[t] == MADE;
        any = any || is_loose;
        if (is_made(roles[t])) roles[t] = is_loose ? SUBGRAPH_OUTPUT : SUBGRAPH_NONE;
    }
    return any;
}
