/* A chain of operators becomes one node, wherever it is. */
#include <string.h>

#include "base/mem.h"
#include "optimizer/pass.h"
#include "surgeon/surgeon.h"

enum { MAX_CHAIN = 32 };

struct chain {
    int32_t nodes[MAX_CHAIN];
    size_t n;
};

/* Is the node one of the operator [op, op + length)? */
static bool is_op(const struct tare_node *node, const char *op, size_t length)
{
    const char *type = tare_node_op_type(node);
    return !node->dead && strlen(type) == length && strncmp(type, op, length) == 0;
}

/* The node that alone reads what the node makes, which is one tensor; or -1. */
static int32_t next_node(const struct tare_graph *graph, const struct tare_node *node)
{
    return node->n_outputs == 1 ? tare_pass_only_reader(graph, node->outputs[0]) : -1;
}

/* The chain that begins at a node. */
static bool match(const struct tare_graph *graph, const char *pattern, int32_t first,
                  struct chain *chain)
{
    int32_t at = first;
    chain->n = 0;
    for (const char *op = pattern;;) {
        const size_t length = strcspn(op, ",");
        if (at < 0 || chain->n == MAX_CHAIN || !is_op(&graph->nodes[at], op, length))
            return false;
        chain->nodes[chain->n++] = at;
        if (!op[length]) return true;
        op += length + 1;
        at = next_node(graph, &graph->nodes[at]);
    }
}

static bool is_made_within(const struct tare_graph *graph, const struct chain *chain,
                           int32_t tensor)
{
    for (size_t i = 0; i < chain->n; i++)
        if (graph->tensors[tensor].producer == chain->nodes[i]) return true;
    return false;
}

/* What the chain's nodes read from outside. @param[out] ids  tare_free() it. */
static enum tare_status collect_inputs(const struct tare_graph *graph,
                                       const struct chain *chain, int32_t **ids,
                                       size_t *n_ids, struct tare_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < chain->n; i++)
        most += graph->nodes[chain->nodes[i]].n_inputs;
    *ids = tare_alloc_array(most, sizeof **ids);
    *n_ids = 0;
    TARE_FAIL_IF(!*ids, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < chain->n; i++) {
        const struct tare_node *node = &graph->nodes[chain->nodes[i]];
        for (size_t k = 0; k < node->n_inputs; k++) {
            const int32_t id = node->inputs[k];
            const bool left_out = id == TARE_NO_TENSOR;
            if (left_out ? i > 0 : is_made_within(graph, chain, id)) continue;
            (*ids)[(*n_ids)++] = id;
        }
    }
    return TARE_OK;
}

/* Move attributes of the chain's nodes, which are dead, to the new node. */
static enum tare_status take_attrs(struct tare_graph *graph, const struct chain *chain,
                                   struct tare_node *to, struct tare_error *err)
{
    for (size_t i = 0; i < chain->n; i++) {
        struct tare_node *from = &graph->nodes[chain->nodes[i]];
        for (size_t k = 0; k < from->n_attrs; k++) {
            struct tare_attr *attr = &from->attrs[k];
            if (tare_node_attr(to, attr->name)) continue;
            const struct tare_attr moved = *attr;
            *attr = (struct tare_attr){.name = moved.name, .type = TARE_ATTR_INT};
            const enum tare_status st = tare_node_add_attr(to, moved.name, moved, err);
            if (st != TARE_OK) return st;
        }
    }
    return TARE_OK;
}

static enum tare_status replace(const struct tare_surgery *surgery,
                                const struct chain *chain,
                                const struct tare_new_node *made,
                                struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    const struct tare_node *last = &graph->nodes[chain->nodes[chain->n - 1]];
    int32_t *inputs, id;
    size_t n_inputs;
    enum tare_status st = collect_inputs(graph, chain, &inputs, &n_inputs, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < chain->n; i++) {
        tare_surgeon_tell_node(surgery, "removed", &graph->nodes[chain->nodes[i]]);
        tare_graph_remove_node(graph, chain->nodes[i]);
    }
    st = tare_surgeon_add_node(graph, made, inputs, n_inputs, last->outputs,
                               last->n_outputs, &id, err);
    tare_free(inputs);
    if (st != TARE_OK) return st;
    tare_surgeon_tell_node(surgery, "inserted", &graph->nodes[id]);
    if (graph->nodes[id].op != TARE_OP_OPAQUE) return TARE_OK;
    return take_attrs(graph, chain, &graph->nodes[id], err);
}

enum tare_status tare_surgeon_replace(const struct tare_surgery *surgery,
                                      const char *pattern,
                                      const struct tare_new_node *made,
                                      struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    struct chain chain;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st == TARE_OK) st = tare_surgeon_annotate(graph, err);
    const size_t n = graph->n_nodes;
    size_t n_found = 0;
    for (size_t i = 0; i < n && st == TARE_OK; i++) {
        if (!match(graph, pattern, (int32_t)i, &chain)) continue;
        n_found++;
        st = replace(surgery, &chain, made, err);
    }
    if (st != TARE_OK) return st;
    TARE_FAIL_IF(n_found == 0, err, TARE_E_ARG,
                 "the model has no chain of %.120s, each read by the next alone",
                 pattern);
    st = tare_graph_sort(graph, err);
    if (st == TARE_OK) st = tare_surgeon_end(surgery, err);
    return st == TARE_OK ? tare_surgeon_annotate(graph, err) : st;
}
