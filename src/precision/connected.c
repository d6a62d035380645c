#include "precision/fastest.h"

static size_t root_of(size_t *group, size_t node)
{
    while (group[node] != node)
        node = group[node] = group[group[node]];
    return node;
}

static void join(size_t *group, size_t a, size_t b)
{
    a = root_of(group, a);
    b = root_of(group, b);
    if (a < b)
        group[b] = a;
    else
        group[a] = b;
}

void tare_connected(const struct tare_graph *g, const bool *in, size_t *group)
{
    for (size_t n = 0; n < g->n_nodes; n++)
        group[n] = n;
    for (size_t t = 0; t < g->n_tensors; t++) {
        const int32_t producer = g->tensors[t].producer;
        size_t first = producer >= 0 && in[producer] ? (size_t)producer : SIZE_MAX;
        if (tare_tensor_is_const(&g->tensors[t])) continue;
        for (size_t n = 0; n < g->n_nodes; n++)
            for (size_t i = 0; in[n] && i < g->nodes[n].n_inputs; i++) {
                if (g->nodes[n].inputs[i] != (int32_t)t) continue;
                if (first == SIZE_MAX) first = n;
                join(group, first, n);
            }
    }
    for (size_t n = 0; n < g->n_nodes; n++)
        group[n] = root_of(group, n);
}
