/* Bodies of If, Loop and Scan. What the importer made inputs of the body and of its
 * node is captured again: inside it goes by the name that it has outside. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "graph/ops/body.h"
#include "onnx/exporter.h"

void tare_export_free_bodies(struct tare_exporter *exporter)
{
    for (size_t i = 0; i < exporter->n_bodies; i++) {
        struct tare_export_body *body = exporter->bodies[i];
        tare_free(body->proto.node);
        tare_free(body->proto.initializer);
        tare_graph_destroy(body->graph);
        tare_free(body);
    }
    tare_free(exporter->bodies);
}

/** A copy of the graph, of whose names we may dispose. */
static enum tare_status add_body(struct tare_exporter *exporter,
                                 const struct tare_graph *graph,
                                 struct tare_export_body **out, struct tare_error *err)
{
    TARE_FAIL_IF(!tare_grow(&exporter->bodies, &exporter->cap_bodies,
                            exporter->n_bodies + 1, sizeof *exporter->bodies),
                 err, TARE_E_NOMEM, "no memory");
    struct tare_export_body *body = tare_alloc_array(1, sizeof *body);
    TARE_FAIL_IF(!body, err, TARE_E_NOMEM, "no memory");
    onnx__graph_proto__init(&body->proto);
    exporter->bodies[exporter->n_bodies++] = body;
    *out = body;
    return tare_graph_clone(graph, &body->graph, err);
}

/** Another name for a tensor of the body whose own is needed for a capture. */
static enum tare_status move_away(const struct tare_graph *outer,
                                  struct tare_graph *body, int32_t tensor,
                                  struct tare_error *err)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s", body->tensors[tensor].name);
    do
        tare_text_add(&text, "_");
    while (!text.failed && (tare_graph_find_tensor(body, text.data) >= 0 ||
                            tare_graph_find_tensor(outer, text.data) >= 0));
    const enum tare_status st =
        text.failed ? tare_error_set(err, TARE_E_NOMEM, "no memory")
                    : tare_graph_rename_tensor(body, tensor, text.data, err);
    tare_text_free(&text);
    return st;
}

/** Capture `at` of the body is tensor `name` outside. */
static enum tare_status name_capture(const struct tare_graph *outer,
                                     struct tare_graph *body, size_t at,
                                     const char *name, struct tare_error *err)
{
    const size_t first = body->n_inputs - body->n_captures;
    const int32_t id = body->inputs[first + at];
    const int32_t bearer = tare_graph_find_tensor(body, name);
    if (bearer == id) return TARE_OK;
    for (size_t i = 0; i < at; i++)
        if (body->inputs[first + i] == bearer) { /* captured twice by now */
            tare_graph_replace_uses(body, id, bearer);
            return TARE_OK;
        }
    const enum tare_status st =
        bearer >= 0 ? move_away(outer, body, bearer, err) : TARE_OK;
    return st == TARE_OK ? tare_graph_rename_tensor(body, id, name, err) : st;
}

static enum tare_status name_captures(const struct tare_graph *outer,
                                      const struct tare_node *node,
                                      const struct tare_attr *attr,
                                      struct tare_graph *body, struct tare_error *err)
{
    struct tare_graph *ignored;
    size_t first;
    enum tare_status st = tare_node_find_body(node, attr->name, &ignored, &first, err);
    for (size_t i = 0; st == TARE_OK && i < body->n_captures; i++) {
        const int32_t id = node->inputs[first + i];
        TARE_FAIL_IF(id == TARE_NO_TENSOR, err, TARE_E_FORMAT,
                     "graph '%.60s' captures nothing", attr->name);
        st = name_capture(outer, body, i, outer->tensors[id].name, err);
    }
    return st;
}

enum tare_status tare_export_body(struct tare_exporter *exporter,
                                  const struct tare_node *node,
                                  const struct tare_attr *attr, Onnx__GraphProto **out,
                                  struct tare_error *err)
{
    struct tare_export_body *body;
    enum tare_status st = add_body(exporter, attr->g, &body, err);
    if (st == TARE_OK)
        st = name_captures(exporter->graph, node, attr, body->graph, err);
    if (st != TARE_OK) return st;
    const struct tare_exporter around = *exporter;
    exporter->graph = body->graph;
    exporter->proto = *out = &body->proto;
    exporter->cap_nodes = exporter->cap_initializers = 0;
    exporter->is_body = true;
    body->proto.name = tare_export_text(exporter, "%s", attr->name);
    st = body->proto.name ? tare_export_values(exporter, err)
                          : tare_error_set(err, TARE_E_NOMEM, "no memory");
    if (st == TARE_OK) st = tare_export_nodes(exporter, err);
    exporter->graph = around.graph;
    exporter->proto = around.proto;
    exporter->cap_nodes = around.cap_nodes;
    exporter->cap_initializers = around.cap_initializers;
    exporter->is_body = around.is_body;
    return st;
}
