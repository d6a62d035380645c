/* Order and numbering: topological sort, and compaction. */
#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "graph/graph_storage.h"

static void index_nodes(struct tare_graph *graph)
{
    tare_names_clear(&graph->node_names);
    for (size_t i = 0; i < graph->n_nodes; i++)
        tare_names_add(&graph->node_names, tare_name_hash(graph->nodes[i].name),
                       (int32_t)i);
}

static void index_tensors(struct tare_graph *graph)
{
    tare_names_clear(&graph->tensor_names);
    for (size_t i = 0; i < graph->n_tensors; i++)
        tare_names_add(&graph->tensor_names, tare_name_hash(graph->tensors[i].name),
                       (int32_t)i);
}

static void set_producers(struct tare_graph *graph)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        graph->tensors[i].producer = -1;
    for (size_t i = 0; i < graph->n_nodes; i++)
        for (size_t j = 0; j < graph->nodes[i].n_outputs && !graph->nodes[i].dead; j++)
            graph->tensors[graph->nodes[i].outputs[j]].producer = (int32_t)i;
}

/* Graph inputs as flags; every tensor that is read must be one, a constant or made. */
static enum tare_status check_sources(const struct tare_graph *graph, bool *is_input,
                                      struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tare_tensor *tensor = &graph->tensors[graph->inputs[i]];
        TARE_FAIL_IF(tensor->producer >= 0, err, TARE_E_FORMAT,
                     "input '%.80s' of the graph is also made by node '%.80s'",
                     tensor->name, graph->nodes[tensor->producer].name);
        is_input[graph->inputs[i]] = true;
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        for (size_t j = 0; j < node->n_inputs && !node->dead; j++) {
            const int32_t id = node->inputs[j];
            if (id == TARE_NO_TENSOR || is_input[id]) continue;
            const struct tare_tensor *tensor = &graph->tensors[id];
            if (!tensor->data && tensor->producer < 0)
                TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                               "nothing makes its input '%.80s'", tensor->name);
        }
    }
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const struct tare_tensor *tensor = &graph->tensors[graph->outputs[i]];
        TARE_FAIL_IF(
            !is_input[graph->outputs[i]] && !tensor->data && tensor->producer < 0, err,
            TARE_E_FORMAT, "nothing makes output '%.80s' of the graph", tensor->name);
    }
    return TARE_OK;
}

enum visit { VISIT_NOT_YET, VISIT_OPEN, VISIT_DONE };

/** A depth-first walk without recursion: `stack` holds the open nodes, `next_input` how
 *  far each one's inputs have been followed, `order` the nodes that are done. */
struct walk {
    const struct tare_graph *graph;
    uint8_t *state;     /* [n_nodes] enum visit */
    int32_t *stack;     /* [n_nodes] */
    size_t *next_input; /* [n_nodes] */
    int32_t *order;     /* [n_nodes] */
    size_t n_ordered;
};

/* Put `root` into the order, behind everything that it needs. */
static enum tare_status visit(struct walk *walk, int32_t root, struct tare_error *err)
{
    size_t depth = 0;
    if (walk->state[root] != VISIT_NOT_YET) return TARE_OK;
    walk->stack[depth++] = root;
    walk->state[root] = VISIT_OPEN;
    while (depth) {
        const int32_t id = walk->stack[depth - 1];
        const struct tare_node *node = &walk->graph->nodes[id];
        if (node->dead || walk->next_input[id] == node->n_inputs) {
            walk->state[id] = VISIT_DONE;
            walk->order[walk->n_ordered++] = id;
            depth--;
            continue;
        }
        const int32_t input = node->inputs[walk->next_input[id]++];
        const int32_t from =
            input == TARE_NO_TENSOR ? -1 : walk->graph->tensors[input].producer;
        if (from < 0 || walk->state[from] == VISIT_DONE) continue;
        if (walk->state[from] == VISIT_OPEN)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "input '%.80s' depends on the node's own output: a cycle",
                           walk->graph->tensors[input].name);
        walk->state[from] = VISIT_OPEN;
        walk->stack[depth++] = from;
    }
    return TARE_OK;
}

static enum tare_status find_order(struct walk *walk, struct tare_error *err)
{
    for (size_t i = 0; i < walk->graph->n_nodes; i++) {
        const enum tare_status st = visit(walk, (int32_t)i, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

enum tare_status tare_graph_sort(struct tare_graph *graph, struct tare_error *err)
{
    const size_t n = graph->n_nodes;
    struct walk walk = {.graph = graph,
                        .state = tare_alloc_array(n, sizeof *walk.state),
                        .stack = tare_alloc_array(n, sizeof *walk.stack),
                        .next_input = tare_alloc_array(n, sizeof *walk.next_input),
                        .order = tare_alloc_array(n, sizeof *walk.order)};
    struct tare_node *sorted = tare_alloc_array(n, sizeof *sorted);
    bool *is_input = tare_alloc_array(graph->n_tensors, sizeof *is_input);

    enum tare_status st = TARE_OK;
    if (!walk.state || !walk.stack || !walk.next_input || !walk.order || !sorted ||
        !is_input)
        st = tare_error_set(err, TARE_E_NOMEM, "no memory to sort %zu nodes", n);
    if (st == TARE_OK) st = check_sources(graph, is_input, err);
    if (st == TARE_OK) st = find_order(&walk, err);
    if (st == TARE_OK) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = graph->nodes[walk.order[i]];
        tare_free(graph->nodes);
        graph->nodes = sorted;
        graph->cap_nodes = n;
        sorted = NULL;
        set_producers(graph);
        index_nodes(graph);
    }
    tare_free(walk.state);
    tare_free(walk.stack);
    tare_free(walk.next_input);
    tare_free(walk.order);
    tare_free(sorted);
    tare_free(is_input);
    return st;
}

/* ids[i] = ids[i]'s new number; the tensor of every id is kept. */
static void renumber(int32_t *ids, size_t n, const int32_t *new_id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] != TARE_NO_TENSOR) ids[i] = new_id[ids[i]];
}

static void mark(const int32_t *ids, size_t n, int32_t *used)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] != TARE_NO_TENSOR) used[ids[i]] = 1;
}

/* Turn the marks into new numbers, -1 for what goes, and close the gaps. */
static void drop_tensors(struct tare_graph *graph, int32_t *used)
{
    size_t kept = 0;
    for (size_t i = 0; i < graph->n_tensors; i++) {
        if (!used[i]) {
            tare_tensor_release(&graph->tensors[i]);
            used[i] = -1;
            continue;
        }
        used[i] = (int32_t)kept;
        graph->tensors[kept++] = graph->tensors[i];
    }
    graph->n_tensors = kept;
}

static void drop_nodes(struct tare_graph *graph)
{
    size_t kept = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].dead)
            tare_node_release(&graph->nodes[i]);
        else
            graph->nodes[kept++] = graph->nodes[i];
    }
    graph->n_nodes = kept;
}

enum tare_status tare_graph_compact(struct tare_graph *graph, struct tare_error *err)
{
    int32_t *ids = tare_alloc_array(graph->n_tensors, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory to compact %zu tensors",
                 graph->n_tensors);
    drop_nodes(graph);
    mark(graph->inputs, graph->n_inputs, ids);
    mark(graph->outputs, graph->n_outputs, ids);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        mark(graph->nodes[i].inputs, graph->nodes[i].n_inputs, ids);
        mark(graph->nodes[i].outputs, graph->nodes[i].n_outputs, ids);
    }
    drop_tensors(graph, ids);
    renumber(graph->inputs, graph->n_inputs, ids);
    renumber(graph->outputs, graph->n_outputs, ids);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        renumber(graph->nodes[i].inputs, graph->nodes[i].n_inputs, ids);
        renumber(graph->nodes[i].outputs, graph->nodes[i].n_outputs, ids);
    }
    tare_free(ids);
    set_producers(graph);
    index_nodes(graph);
    index_tensors(graph);
    return TARE_OK;
}
