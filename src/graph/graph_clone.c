#include <string.h>

#include "base/mem.h"
#include "graph/graph.h"
#include "graph/plugin_instance.h"

/* *to = a copy of n bytes; NULL stays NULL. */
static bool copy_bytes(void *to, const void *from, size_t n)
{
    void *copy = NULL;
    if (from) {
        copy = tare_alloc(n);
        if (!copy) return false;
        memcpy(copy, from, n);
    }
    memcpy(to, &copy, sizeof copy);
    return true;
}

static bool copy_text(char **to, const char *from)
{
    return copy_bytes(to, from, from ? strlen(from) + 1 : 0);
}

static bool copy_attr(struct tare_attr *to, const struct tare_attr *from)
{
    *to = *from;
    to->name = to->s = NULL;
    to->ints = NULL;
    to->floats = NULL;
    to->t.data = NULL;
    to->g = NULL;
    if (from->g && tare_graph_clone(from->g, &to->g, NULL) != TARE_OK) return false;
    return copy_text(&to->name, from->name) && copy_text(&to->s, from->s) &&
           copy_bytes(&to->ints, from->ints, from->n * sizeof *from->ints) &&
           copy_bytes(&to->floats, from->floats, from->n * sizeof *from->floats) &&
           copy_bytes(&to->t.data, from->t.data, from->t.n_bytes);
}

enum tare_status tare_attr_copy(const struct tare_attr *from, struct tare_attr *to,
                                struct tare_error *err)
{
    const bool ok = copy_attr(to, from);
    tare_free(to->name);
    to->name = NULL;
    if (ok) return TARE_OK;
    tare_attr_free(to);
    return tare_error_set(err, TARE_E_NOMEM, "no memory for attribute '%.40s'",
                          from->name);
}

static bool copy_tensor(struct tare_tensor *to, const struct tare_tensor *from)
{
    *to = *from;
    to->name = NULL;
    memset(to->symbols, 0, sizeof to->symbols);
    if (to->n_owners)
        atomic_fetch_add(to->n_owners, 1);
    else
        to->data = NULL;
    bool ok = to->n_owners || copy_bytes(&to->data, from->data, from->n_bytes);
    ok = ok && copy_text(&to->name, from->name);
    for (int i = 0; i < TARE_MAX_RANK && ok; i++)
        ok = copy_text(&to->symbols[i], from->symbols[i]);
    return ok;
}

static bool copy_opaque(struct tare_node *to, const struct tare_node *from)
{
    const struct tare_opaque *o = from->opaque;
    if (!o) return true;
    if (tare_node_set_opaque(to, o->op_type, o->domain, o->version, o->reason, NULL) !=
        TARE_OK)
        return false;
    to->op = from->op; /* a plugin's, perhaps */
    to->opaque->n_rest = o->n_rest;
    to->opaque->is_incomplete = o->is_incomplete;
    return copy_bytes(&to->opaque->rest, o->rest, o->n_rest);
}

static bool copy_plugin(struct tare_node *to, const struct tare_node *from,
                        struct tare_error *err)
{
    return !from->plugin || tare_plugin_copy(from->plugin, &to->plugin, err) == TARE_OK;
}

enum tare_status tare_node_copy_content(struct tare_node *to,
                                        const struct tare_node *from,
                                        struct tare_error *err)
{
    to->fused = from->fused;
    for (size_t i = 0; i < from->n_attrs; i++) {
        struct tare_attr copy;
        enum tare_status st = tare_attr_copy(&from->attrs[i], &copy, err);
        if (st == TARE_OK) st = tare_node_add_attr(to, from->attrs[i].name, copy, err);
        if (st != TARE_OK) return st;
    }
    if (!copy_opaque(to, from))
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a copy of a node");
    return from->plugin ? tare_plugin_copy(from->plugin, &to->plugin, err) : TARE_OK;
}

static bool copy_node(struct tare_node *to, const struct tare_node *from,
                      struct tare_error *err)
{
    *to = *from;
    to->name = to->absorbed = NULL;
    to->opaque = NULL;
    to->plugin = NULL;
    to->inputs = to->outputs = NULL;
    to->n_attrs = 0;
    to->attrs = tare_alloc_array(from->n_attrs, sizeof *to->attrs);
    if (!to->attrs) return false;
    while (to->n_attrs < from->n_attrs) {
        const size_t i = to->n_attrs++;
        if (!copy_attr(&to->attrs[i], &from->attrs[i])) return false;
    }
    return copy_opaque(to, from) && copy_plugin(to, from, err) &&
           copy_text(&to->name, from->name) &&
           copy_text(&to->absorbed, from->absorbed) &&
           copy_bytes(&to->inputs, from->inputs, from->n_inputs * sizeof *to->inputs) &&
           copy_bytes(&to->outputs, from->outputs,
                      from->n_outputs * sizeof *to->outputs);
}

static bool copy_tensors(struct tare_graph *to, const struct tare_graph *from)
{
    if (!tare_grow(&to->tensors, &to->cap_tensors, from->n_tensors,
                   sizeof *to->tensors))
        return false;
    while (to->n_tensors < from->n_tensors) {
        const size_t i = to->n_tensors++;
        if (!copy_tensor(&to->tensors[i], &from->tensors[i]) ||
            !tare_names_reserve(&to->tensor_names))
            return false;
        tare_names_add(&to->tensor_names, tare_name_hash(to->tensors[i].name),
                       (int32_t)i);
    }
    return true;
}

static bool copy_nodes(struct tare_graph *to, const struct tare_graph *from,
                       struct tare_error *err)
{
    if (!tare_grow(&to->nodes, &to->cap_nodes, from->n_nodes, sizeof *to->nodes))
        return false;
    while (to->n_nodes < from->n_nodes) {
        const size_t i = to->n_nodes++;
        if (!copy_node(&to->nodes[i], &from->nodes[i], err) ||
            !tare_names_reserve(&to->node_names))
            return false;
        tare_names_add(&to->node_names, tare_name_hash(to->nodes[i].name), (int32_t)i);
    }
    return true;
}

static bool copy_properties(struct tare_graph *to, const struct tare_graph *from)
{
    for (size_t i = 0; i < from->n_properties; i++)
        if (tare_graph_add_property(to, from->properties[i].key,
                                    from->properties[i].value, NULL) != TARE_OK)
            return false;
    return true;
}

enum tare_status tare_graph_clone(const struct tare_graph *graph,
                                  struct tare_graph **copy, struct tare_error *err)
{
    *copy = NULL;
    struct tare_error why = {0}; /* a plugin's */
    struct tare_graph *made = tare_alloc_array(1, sizeof *made);
    bool ok = made && copy_properties(made, graph) &&
              copy_text(&made->name, graph->name) && copy_tensors(made, graph) &&
              copy_nodes(made, graph, &why) &&
              copy_bytes(&made->functions, graph->functions, graph->functions_bytes) &&
              copy_bytes(&made->inputs, graph->inputs,
                         graph->n_inputs * sizeof *made->inputs) &&
              copy_bytes(&made->outputs, graph->outputs,
                         graph->n_outputs * sizeof *made->outputs);
    if (!ok) {
        tare_graph_destroy(made);
        if (why.code != TARE_OK) return tare_error_set(err, why.code, "%s", why.text);
        return tare_error_set(err, TARE_E_NOMEM, "no memory for a copy of the graph");
    }
    made->opset = graph->opset;
    made->functions_bytes = graph->functions_bytes;
    made->n_inputs = graph->n_inputs;
    made->n_captures = graph->n_captures;
    made->n_outputs = graph->n_outputs;
    made->n_made_names = graph->n_made_names;
    *copy = made;
    return TARE_OK;
}
