/* Nodes at the ends of a model that their users do without. */
#include <string.h>

#include "base/mem.h"
#include "surgeon/surgeon.h"

/* What is to go; `done` [n_names] tells which names have gone. */
struct wanted {
    const char *const *names;
    size_t n_names;
    const char *const *types;
    size_t n_types;
    bool *done;
};

static bool is_wanted(const struct wanted *wanted, const struct tare_node *node,
                      bool **done)
{
    *done = NULL;
    for (size_t i = 0; i < wanted->n_names; i++)
        if (strcmp(wanted->names[i], node->name) == 0) {
            *done = &wanted->done[i];
            return true;
        }
    for (size_t i = 0; i < wanted->n_types; i++)
        if (strcmp(wanted->types[i], tare_node_op_type(node)) == 0) return true;
    return false;
}

static bool is_activation(const struct tare_graph *graph, int32_t tensor)
{
    return tensor != TARE_NO_TENSOR && !tare_tensor_is_const(&graph->tensors[tensor]);
}

/* The node computes one tensor from one: its first input. */
static bool is_simple(const struct tare_graph *graph, const struct tare_node *node)
{
    if (node->n_outputs != 1 || node->n_inputs < 1) return false;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (is_activation(graph, node->inputs[i]) != (i == 0)) return false;
    return true;
}

/* The place of a tensor in a list, or n. */
static size_t place(const int32_t *ids, size_t n, int32_t id)
{
    size_t i = 0;
    while (i < n && ids[i] != id)
        i++;
    return i;
}

/* The model gives what the node reads instead of what it makes. */
static bool leave_out_last(struct tare_graph *graph, const struct tare_node *node)
{
    const int32_t made = node->outputs[0], read = node->inputs[0];
    const size_t i = place(graph->outputs, graph->n_outputs, made);
    if (i == graph->n_outputs || tare_graph_n_uses(graph, made) != 1 ||
        tare_graph_is_output(graph, read) || graph->tensors[read].producer < 0)
        return false;
    graph->outputs[i] = read;
    return true;
}

/* The model takes what the node makes instead of what it reads. */
static enum tare_status leave_out_first(struct tare_graph *graph,
                                        const struct tare_node *node, bool *changed,
                                        struct tare_error *err)
{
    const int32_t made = node->outputs[0], read = node->inputs[0];
    const size_t i = place(graph->inputs, graph->n_inputs, read);
    if (i == graph->n_inputs || tare_graph_n_uses(graph, read) != 1 ||
        tare_graph_is_output(graph, made) || !graph->tensors[made].has_dtype)
        return TARE_OK;
    graph->inputs[i] = made;
    *changed = true;
    return tare_surgeon_detach(graph, made, err);
}

static enum tare_status remove_once(const struct tare_surgery *surgery,
                                    const struct wanted *wanted, bool *changed,
                                    struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    enum tare_status st = TARE_OK;
    *changed = false;
    for (size_t n = 0; n < graph->n_nodes && !*changed && st == TARE_OK; n++) {
        const struct tare_node *node = &graph->nodes[n];
        bool *done;
        if (!is_wanted(wanted, node, &done) || !is_simple(graph, node)) continue;
        *changed = leave_out_last(graph, node);
        if (!*changed) st = leave_out_first(graph, node, changed, err);
        if (*changed && done) *done = true;
    }
    return st == TARE_OK && *changed ? tare_surgeon_end(surgery, err) : st;
}

static enum tare_status check_names(const struct wanted *wanted,
                                    const struct tare_graph *graph,
                                    struct tare_error *err)
{
    for (size_t i = 0; i < wanted->n_names; i++)
        TARE_FAIL_IF(
            !wanted->done[i], err, TARE_E_ARG,
            tare_graph_find_node(graph, wanted->names[i]) >= 0
                ? "node '%.80s' cannot be removed: it does not lie between one "
                  "input or output of the model and the rest of it"
                : "the model has no node '%.80s'",
            wanted->names[i]);
    return TARE_OK;
}

enum tare_status tare_surgeon_remove_ends(const struct tare_surgery *surgery,
                                          const char *const *names, size_t n_names,
                                          const char *const *types, size_t n_types,
                                          struct tare_error *err)
{
    struct wanted wanted = {names, n_names, types, n_types, NULL};
    bool changed = true;
    enum tare_status st = tare_surgeon_begin(surgery, err);
    if (st == TARE_OK) st = tare_surgeon_annotate(surgery->model->graph, err);
    if (st != TARE_OK) return st;
    wanted.done = tare_alloc_array(n_names + 1, sizeof *wanted.done);
    TARE_FAIL_IF(!wanted.done, err, TARE_E_NOMEM, "no memory");
    while (st == TARE_OK && changed)
        st = remove_once(surgery, &wanted, &changed, err);
    if (st == TARE_OK) st = check_names(&wanted, surgery->model->graph, err);
    tare_free(wanted.done);
    return st == TARE_OK ? tare_surgeon_annotate(surgery->model->graph, err) : st;
}
