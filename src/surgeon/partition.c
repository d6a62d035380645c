/* The supported parts of a graph. A node's depth is the largest number of unsupported
 * nodes on a way to it. Supported nodes of one depth that read each other form a part:
 * a way that leaves it through an unsupported node ends deeper, so none comes back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "surgeon/capability.h"

/** Parts as a forest over the nodes. */
struct parts {
    const struct tare_graph *graph;
    const struct tare_ability *abilities;
    int32_t *depth;  /* [n_nodes] */
    int32_t *parent; /* [n_nodes] towards the first node of a part */
    bool *is_seen;   /* [n_tensors] scratch */
};

static bool is_supported(const struct parts *parts, int32_t node)
{
    return parts->abilities[node].support != TARE_UNSUPPORTED;
}

static int32_t first_of(const struct parts *parts, int32_t node)
{
    while (parts->parent[node] != node) {
        parts->parent[node] = parts->parent[parts->parent[node]];
        node = parts->parent[node];
    }
    return node;
}

static void join(struct parts *parts, int32_t a, int32_t b)
{
    const int32_t x = first_of(parts, a), y = first_of(parts, b);
    parts->parent[x > y ? x : y] = x > y ? y : x;
}

/* Nodes are in topological order: those before `i` are done. */
static void place(struct parts *parts, int32_t i)
{
    const struct tare_node *node = &parts->graph->nodes[i];
    int32_t depth = 0;
    for (size_t k = 0; k < node->n_inputs; k++) {
        if (node->inputs[k] == TARE_NO_TENSOR) continue;
        const int32_t from = parts->graph->tensors[node->inputs[k]].producer;
        if (from >= 0 && parts->depth[from] > depth) depth = parts->depth[from];
    }
    parts->depth[i] = depth + (is_supported(parts, i) ? 0 : 1);
    for (size_t k = 0; k < node->n_inputs && is_supported(parts, i); k++) {
        if (node->inputs[k] == TARE_NO_TENSOR) continue;
        const int32_t from = parts->graph->tensors[node->inputs[k]].producer;
        if (from >= 0 && is_supported(parts, from) && parts->depth[from] == depth)
            join(parts, i, from);
    }
}

/* List what the nodes of a part read from outside and what is read outside. `names` has
 * room for all tensors. */
static size_t list_inputs(struct parts *parts, int32_t first, const char **names)
{
    const struct tare_graph *graph = parts->graph;
    size_t n = 0;
    memset(parts->is_seen, 0, graph->n_tensors * sizeof *parts->is_seen);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (!is_supported(parts, (int32_t)i) || first_of(parts, (int32_t)i) != first)
            continue;
        for (size_t k = 0; k < node->n_inputs; k++) {
            const int32_t id = node->inputs[k];
            if (id == TARE_NO_TENSOR || parts->is_seen[id]) continue;
            const struct tare_tensor *tensor = &graph->tensors[id];
            const int32_t from = tensor->producer;
            parts->is_seen[id] = true;
            if (from < 0 ? tensor->data != NULL : first_of(parts, from) == first)
                continue;
            names[n++] = tensor->name;
        }
    }
    return n;
}

static size_t list_outputs(struct parts *parts, int32_t first, const char **names)
{
    const struct tare_graph *graph = parts->graph;
    size_t n = 0;
    memset(parts->is_seen, 0, graph->n_tensors * sizeof *parts->is_seen);
    for (size_t i = 0; i < graph->n_outputs; i++)
        parts->is_seen[graph->outputs[i]] = true;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (first_of(parts, (int32_t)i) == first) continue;
        for (size_t k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] != TARE_NO_TENSOR)
                parts->is_seen[graph->nodes[i].inputs[k]] = true;
    }
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const int32_t from = graph->tensors[i].producer;
        if (from >= 0 && parts->is_seen[i] && is_supported(parts, from) &&
            first_of(parts, from) == first)
            names[n++] = graph->tensors[i].name;
    }
    return n;
}

static enum tare_status keep(const char *const *names, size_t n,
                             const char *const **list, size_t *n_list,
                             struct tare_error *err)
{
    const char **copy = tare_alloc_array(n, sizeof *copy);
    TARE_FAIL_IF(!copy, err, TARE_E_NOMEM, "no memory");
    if (n) memcpy(copy, names, n * sizeof *copy);
    *list = copy;
    *n_list = n;
    return TARE_OK;
}

static enum tare_status describe(struct parts *parts, int32_t first, const char **names,
                                 struct tare_partition *out, struct tare_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < parts->graph->n_nodes; i++)
        if (is_supported(parts, (int32_t)i) && first_of(parts, (int32_t)i) == first)
            names[n++] = parts->graph->nodes[i].name;
    enum tare_status st = keep(names, n, &out->nodes, &out->n_nodes, err);
    if (st == TARE_OK)
        st = keep(names, list_inputs(parts, first, names), &out->inputs, &out->n_inputs,
                  err);
    if (st == TARE_OK)
        st = keep(names, list_outputs(parts, first, names), &out->outputs,
                  &out->n_outputs, err);
    return st;
}

/* The largest first; of equal ones the earlier. */
static int by_size(const void *a, const void *b)
{
    const struct tare_partition *x = a, *y = b;
    return (x->n_nodes < y->n_nodes) - (x->n_nodes > y->n_nodes);
}

static enum tare_status find_parts(struct parts *parts, struct tare_capability *c,
                                   struct tare_error *err)
{
    const size_t n = parts->graph->n_nodes;
    const size_t n_names = n > parts->graph->n_tensors ? n : parts->graph->n_tensors;
    const char **names = tare_alloc_array(n_names, sizeof *names);
    c->partitions = tare_alloc_array(n, sizeof *c->partitions);
    enum tare_status st = TARE_OK;
    if (!names || !c->partitions) st = tare_error_set(err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        parts->parent[i] = (int32_t)i;
        place(parts, (int32_t)i);
    }
    for (size_t i = 0; i < n && st == TARE_OK; i++)
        if (is_supported(parts, (int32_t)i) && parts->parent[i] == (int32_t)i)
            st = describe(parts, (int32_t)i, names, &c->partitions[c->n_partitions++],
                          err);
    if (c->n_partitions > 1)
        qsort(c->partitions, c->n_partitions, sizeof *c->partitions, by_size);
    tare_free(names);
    return st;
}

enum tare_status tare_capability_partition_graph(struct tare_capability *capability,
                                                 struct tare_error *err)
{
    const struct tare_graph *graph = capability->model->graph;
    struct parts parts = {
        .graph = graph,
        .abilities = capability->abilities,
        .depth = tare_alloc_array(graph->n_nodes, sizeof *parts.depth),
        .parent = tare_alloc_array(graph->n_nodes, sizeof *parts.parent),
        .is_seen = tare_alloc_array(graph->n_tensors, sizeof *parts.is_seen)};
    const enum tare_status st = parts.depth && parts.parent && parts.is_seen
                                    ? find_parts(&parts, capability, err)
                                    : tare_error_set(err, TARE_E_NOMEM, "no memory");
    tare_free(parts.depth);
    tare_free(parts.parent);
    tare_free(parts.is_seen);
    return st;
}

static void free_list(const char *const *list)
{
    void *block;
    memcpy(&block, &list,
           sizeof block); /* the names are the graph's, the list is ours */
    tare_free(block);
}

void tare_capability_free_partitions(struct tare_capability *capability)
{
    for (size_t i = 0; i < capability->n_partitions; i++) {
        free_list(capability->partitions[i].nodes);
        free_list(capability->partitions[i].inputs);
        free_list(capability->partitions[i].outputs);
    }
    tare_free(capability->partitions);
}
