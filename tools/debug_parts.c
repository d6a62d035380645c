#include "tools/debug_parts.h"

#include <stdlib.h>

#include "tools/plugins.h"
#include "tools/report.h"

static enum tare_status no_memory(struct tare_error *err)
{
    return report_error(err, TARE_E_NOMEM, "no memory for the parts of the model");
}

/* Tensors of a node that are computed: from input or output `first` on, `n` of them. */
static size_t list_tensors(struct debug_parts *parts, size_t node, size_t first,
                           size_t n, size_t *to)
{
    size_t n_listed = 0;
    for (size_t k = first; k < first + n; k++) {
        struct tare_surgeon_tensor tensor;
        tare_surgeon_get_tensor(parts->model, node, k, &tensor);
        if (!tensor.name || tensor.is_constant) continue;
        to[n_listed++] = tensor.id;
        parts->names[tensor.id] = tensor.name;
        parts->is_output[tensor.id] = tensor.is_output;
    }
    return n_listed;
}

static size_t count_ends(const struct debug_parts *parts)
{
    size_t n = 0;
    for (size_t i = 0; i < parts->graph.n_nodes; i++) {
        struct tare_surgeon_node node;
        tare_surgeon_get_node(parts->model, i, &node);
        n += node.n_inputs + node.n_outputs;
    }
    return n;
}

enum tare_status debug_parts_open(const char *path, struct debug_parts *parts,
                                  struct tare_error *err)
{
    *parts = (struct debug_parts){.path = path};
    const enum tare_status st = plugins_load_surgery(path, &parts->model, err);
    if (st != TARE_OK) return st;
    const size_t n_nodes = tare_surgeon_n_nodes(parts->model);
    const size_t n_tensors = tare_surgeon_n_tensors(parts->model);
    parts->graph.n_nodes = n_nodes;
    parts->nodes = calloc(n_nodes + 1, sizeof *parts->nodes);
    parts->tensors = calloc(count_ends(parts) + 1, sizeof *parts->tensors);
    parts->is_output = calloc(n_tensors + 1, sizeof *parts->is_output);
    parts->names = calloc(n_tensors + 1, sizeof *parts->names);
    parts->roles = calloc(n_tensors + 1, sizeof *parts->roles);
    if (!parts->nodes || !parts->tensors || !parts->is_output || !parts->names ||
        !parts->roles)
        return no_memory(err);
    size_t *at = parts->tensors;
    for (size_t i = 0; i < n_nodes; i++) {
        struct tare_surgeon_node node;
        struct subgraph_node *n = &parts->nodes[i];
        tare_surgeon_get_node(parts->model, i, &node);
        n->inputs = at;
        at += n->n_inputs = list_tensors(parts, i, 0, node.n_inputs, at);
        n->outputs = at;
        at += n->n_outputs = list_tensors(parts, i, node.n_inputs, node.n_outputs, at);
    }
    parts->graph =
        (struct subgraph){parts->nodes, n_nodes, n_tensors, parts->is_output};
    return TARE_OK;
}

void debug_parts_close(struct debug_parts *parts)
{
    free(parts->nodes);
    free(parts->tensors);
    free(parts->is_output);
    free(parts->names);
    free(parts->roles);
    tare_model_destroy(parts->model);
}

/* The ends of the part by name. */
static enum tare_status name_ends(struct debug_parts *parts, const bool *keep,
                                  struct words *inputs, struct words *outputs,
                                  struct tare_error *err)
{
    if (!subgraph_cut(&parts->graph, keep, parts->roles))
        return report_error(err, TARE_E_ARG, "the part has no output");
    for (size_t t = 0; t < parts->graph.n_tensors; t++) {
        if (parts->roles[t] == SUBGRAPH_INPUT)
            words_add(inputs, "%s", parts->names[t]);
        else if (parts->roles[t] == SUBGRAPH_OUTPUT)
            words_add(outputs, "%s", parts->names[t]);
    }
    return inputs->failed || outputs->failed ? no_memory(err) : TARE_OK;
}

enum tare_status debug_parts_write(struct debug_parts *parts, const bool *keep,
                                   const char *path, struct words *inputs,
                                   struct tare_error *err)
{
    struct words own = {0}, outputs = {0};
    struct words *in = inputs ? inputs : &own;
    struct tare_model *model = NULL;
    enum tare_status st = name_ends(parts, keep, in, &outputs, err);
    if (st == TARE_OK) st = plugins_load_surgery(parts->path, &model, err);
    const struct tare_surgery surgery = {.model = model};
    if (st == TARE_OK)
        st = tare_surgeon_extract(&surgery, (const char *const *)in->items, in->n,
                                  (const char *const *)outputs.items, outputs.n, err);
    if (st == TARE_OK) st = tare_model_save(model, path, false, err);
    tare_model_destroy(model);
    words_free(&own);
    words_free(&outputs);
    return st;
}
