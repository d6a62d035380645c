/* Bodies of If, Loop and Scan. ONNX lets them read tensors of the graphs around them;
 * here those become inputs of the body and of its node. */
#include "base/mem.h"
#include "onnx/importer.h"

/* Bodies in bodies. */
#define MAX_DEPTH 16

/** Let the body read a tensor of a graph around it. */
static enum tare_status capture(struct tare_graph *graph, const char *name, int32_t *id,
                                struct tare_error *err)
{
    int32_t *inputs = tare_alloc_array(graph->n_inputs + 1, sizeof *inputs);
    TARE_FAIL_IF(!inputs, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = tare_graph_add_tensor(graph, name, id, err);
    for (size_t i = 0; i < graph->n_inputs; i++)
        inputs[i] = graph->inputs[i];
    inputs[graph->n_inputs] = *id;
    if (st == TARE_OK)
        st = tare_graph_set_inputs(graph, inputs, graph->n_inputs + 1, err);
    if (st == TARE_OK) graph->n_captures++;
    tare_free(inputs);
    return st;
}

enum tare_status tare_import_find(const struct tare_importer *importer,
                                  const char *name, int32_t *id, struct tare_error *err)
{
    *id = tare_graph_find_tensor(importer->graph, name);
    if (*id != TARE_NO_TENSOR || importer->depth == 0) return TARE_OK;
    return capture(importer->graph, name, id, err);
}

enum tare_status tare_import_body(const struct tare_importer *importer,
                                  Onnx__GraphProto *proto, struct tare_graph **body,
                                  struct tare_error *err)
{
    TARE_FAIL_IF(!proto, err, TARE_E_FORMAT, "the graph is missing");
    TARE_FAIL_IF(importer->depth >= MAX_DEPTH, err, TARE_E_UNSUPPORTED,
                 "more than %d graphs in graphs", MAX_DEPTH);
    struct tare_importer inner = *importer;
    inner.proto = proto;
    inner.depth++;
    inner.graph = NULL;
    inner.node_names = NULL;
    enum tare_status st = tare_graph_create(&inner.graph, err);
    if (st != TARE_OK) return st;
    inner.graph->opset = importer->graph->opset;
    st = tare_import_proto(&inner, err);
    if (st != TARE_OK) {
        tare_graph_destroy(inner.graph);
        return st;
    }
    *body = inner.graph;
    return TARE_OK;
}

enum tare_status tare_import_captures(const struct tare_importer *importer,
                                      struct tare_node *node, struct tare_error *err)
{
    size_t n = node->n_inputs;
    for (size_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].type == TARE_ATTR_GRAPH) n += node->attrs[i].g->n_captures;
    if (n == node->n_inputs) return TARE_OK;
    int32_t *ids = tare_alloc_array(n, sizeof *ids);
    TARE_FAIL_IF(!ids, err, TARE_E_NOMEM, "no memory");
    size_t at = 0;
    for (; at < node->n_inputs; at++)
        ids[at] = node->inputs[at];
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < node->n_attrs; i++) {
        const struct tare_graph *g = node->attrs[i].g;
        if (node->attrs[i].type != TARE_ATTR_GRAPH) continue;
        for (size_t k = g->n_inputs - g->n_captures; st == TARE_OK && k < g->n_inputs;
             k++) {
            const char *name = g->tensors[g->inputs[k]].name;
            st = tare_import_find(importer, name, &ids[at], err);
            if (st == TARE_OK && ids[at++] == TARE_NO_TENSOR)
                st = tare_error_set(
                    err, TARE_E_FORMAT,
                    "its graph '%.40s' reads '%.80s', which is made by no "
                    "node, input or initializer",
                    node->attrs[i].name, name);
        }
    }
    if (st == TARE_OK) st = tare_node_set_inputs(node, ids, n, err);
    tare_free(ids);
    return st;
}
