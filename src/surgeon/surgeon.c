#include "surgeon/surgeon.h"

#include "base/mem.h"
#include "onnx/import.h"
#include "optimizer/pass.h"

enum tare_status tare_surgeon_load(const char *path, struct tare_model **model,
                                   struct tare_error *err)
{
    return tare_surgeon_load_with_plugins(path, NULL, model, err);
}

enum tare_status tare_surgeon_load_with_plugins(const char *path,
                                                const struct tare_plugins *plugins,
                                                struct tare_model **model,
                                                struct tare_error *err)
{
    *model = NULL;
    struct tare_model *m = tare_alloc_array(1, sizeof *m);
    TARE_FAIL_IF(!m, err, TARE_E_NOMEM, "%s: no memory", path);
    const enum tare_status st = tare_onnx_import_any(path, plugins, &m->graph, err);
    m->plugins = plugins;
    if (st != TARE_OK) {
        tare_free(m);
        return st;
    }
    *model = m;
    return TARE_OK;
}

void tare_surgeon_tell(const struct tare_surgery *surgery, const char *action,
                       const char *kind, const char *name, const char *detail)
{
    const struct tare_change change = {action, kind, name, detail};
    if (surgery->report) surgery->report(surgery->ctx, &change);
}

void tare_surgeon_tell_node(const struct tare_surgery *surgery, const char *action,
                            const struct tare_node *node)
{
    tare_surgeon_tell(surgery, action, "node", node->name, tare_node_op_type(node));
}

enum tare_status tare_surgeon_begin(const struct tare_surgery *surgery,
                                    struct tare_error *err)
{
    TARE_FAIL_IF(surgery->model->is_bound, err, TARE_E_ARG,
                 "the model's shapes are bound; load it again to rewrite it");
    return TARE_OK;
}

enum tare_status tare_surgeon_end(const struct tare_surgery *surgery,
                                  struct tare_error *err)
{
    struct tare_graph *graph = surgery->model->graph;
    bool changed = false;
    bool *dead = tare_alloc_array(graph->n_nodes, sizeof *dead);
    TARE_FAIL_IF(!dead, err, TARE_E_NOMEM, "no memory");
    for (size_t i = 0; i < graph->n_nodes; i++)
        dead[i] = graph->nodes[i].dead;
    const enum tare_status st = tare_pass_dead(graph, &changed, err);
    for (size_t i = 0; i < graph->n_nodes && st == TARE_OK; i++)
        if (graph->nodes[i].dead && !dead[i])
            tare_surgeon_tell_node(surgery, "removed", &graph->nodes[i]);
    tare_free(dead);
    return st == TARE_OK ? tare_graph_compact(graph, err) : st;
}

enum tare_status tare_surgeon_detach(struct tare_graph *graph, int32_t tensor,
                                     struct tare_error *err)
{
    const int32_t maker = graph->tensors[tensor].producer;
    if (maker < 0) return TARE_OK;
    size_t slot = 0;
    while (graph->nodes[maker].outputs[slot] != tensor)
        slot++;
    int32_t unused;
    char *name = tare_graph_fresh_name(graph, graph->tensors[tensor].name);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    const enum tare_status st = tare_graph_add_tensor(graph, name, &unused, err);
    tare_free(name);
    if (st == TARE_OK) tare_graph_set_output(graph, maker, slot, unused);
    return st;
}
