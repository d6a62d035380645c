#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"

struct tare_const tare_tensor_content(const struct tare_tensor *tensor)
{
    return (struct tare_const){.dtype = tensor->dtype,
                               .dims = tensor->dims,
                               .data = tensor->data,
                               .n_bytes = tensor->n_bytes};
}

bool tare_tensor_is_const(const struct tare_tensor *tensor)
{
    return tensor->data != NULL;
}

void tare_tensor_clear_data(struct tare_tensor *tensor)
{
    const bool is_last =
        !tensor->n_owners || atomic_fetch_sub(tensor->n_owners, 1) == 1;
    if (is_last) {
        tare_free(tensor->data);
        tare_free(tensor->n_owners);
    }
    tensor->data = NULL;
    tensor->n_owners = NULL;
    tensor->n_bytes = 0;
}

bool tare_graph_is_output(const struct tare_graph *graph, int32_t tensor)
{
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i] == tensor) return true;
    return false;
}

/* Call the statement for every place where a live node or the graph reads a tensor. */
#define FOR_EACH_USE(graph, use, statement)                                            \
    do {                                                                               \
        for (size_t n_ = 0; n_ < (graph)->n_nodes; n_++)                               \
            for (size_t i_ = 0;                                                        \
                 !(graph)->nodes[n_].dead && i_ < (graph)->nodes[n_].n_inputs; i_++) { \
                int32_t *const use = &(graph)->nodes[n_].inputs[i_];                   \
                statement;                                                             \
            }                                                                          \
        for (size_t i_ = 0; i_ < (graph)->n_outputs; i_++) {                           \
            int32_t *const use = &(graph)->outputs[i_];                                \
            statement;                                                                 \
        }                                                                              \
    } while (0)

size_t tare_graph_n_uses(const struct tare_graph *graph, int32_t tensor)
{
    size_t n = 0;
    FOR_EACH_USE(graph, use, if (*use == tensor) n++);
    return n;
}

void tare_graph_count_uses(const struct tare_graph *graph, size_t *uses)
{
    memset(uses, 0, graph->n_tensors * sizeof *uses);
    FOR_EACH_USE(graph, use, if (*use >= 0) uses[*use]++);
}

void tare_graph_replace_uses(struct tare_graph *graph, int32_t from, int32_t to)
{
    FOR_EACH_USE(graph, use, if (*use == from) *use = to);
}

void tare_graph_remove_node(struct tare_graph *graph, int32_t node)
{
    struct tare_node *dead = &graph->nodes[node];
    dead->dead = true;
    for (size_t i = 0; i < dead->n_outputs; i++)
        if (dead->outputs[i] >= 0 && graph->tensors[dead->outputs[i]].producer == node)
            graph->tensors[dead->outputs[i]].producer = -1;
}

void tare_graph_set_output(struct tare_graph *graph, int32_t node, size_t index,
                           int32_t tensor)
{
    graph->tensors[graph->nodes[node].outputs[index]].producer = -1;
    graph->nodes[node].outputs[index] = tensor;
    graph->tensors[tensor].producer = node;
}

enum tare_status tare_graph_rename_tensor(struct tare_graph *graph, int32_t tensor,
                                          const char *name, struct tare_error *err)
{
    TARE_FAIL_IF(!name[0], err, TARE_E_FORMAT, "a tensor without a name");
    TARE_FAIL_IF(tare_graph_find_tensor(graph, name) >= 0, err, TARE_E_FORMAT,
                 "two tensors are named '%.80s'; names must be unique", name);
    char *copy = tare_strdup(name);
    if (!copy || !tare_names_reserve(&graph->tensor_names)) {
        tare_free(copy);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for tensor '%.80s'", name);
    }
    tare_free(graph->tensors[tensor].name);
    graph->tensors[tensor].name = copy;
    tare_names_add(&graph->tensor_names, tare_name_hash(copy), tensor);
    return TARE_OK;
}

enum tare_status tare_graph_rename_node(struct tare_graph *graph, int32_t node,
                                        const char *name, struct tare_error *err)
{
    TARE_FAIL_IF(!name[0], err, TARE_E_FORMAT, "a node without a name");
    TARE_FAIL_IF(tare_graph_find_node(graph, name) >= 0, err, TARE_E_FORMAT,
                 "two nodes are named '%.80s'; names must be unique", name);
    char *copy = tare_strdup(name);
    if (!copy || !tare_names_reserve(&graph->node_names)) {
        tare_free(copy);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for node '%.80s'", name);
    }
    tare_free(graph->nodes[node].name);
    graph->nodes[node].name = copy;
    tare_names_add(&graph->node_names, tare_name_hash(copy), node);
    return TARE_OK;
}

char *tare_graph_fresh_name(const struct tare_graph *graph, const char *base)
{
    for (int i = 1;; i++) {
        struct tare_text text = {0};
        tare_text_add(&text, "%s", base);
        if (i > 1) tare_text_add(&text, "_%d", i);
        if (text.failed) {
            tare_text_free(&text);
            return NULL;
        }
        if (tare_graph_find_tensor(graph, text.data) == TARE_NO_TENSOR)
            return text.data;
        tare_text_free(&text);
    }
}
