#include <string.h>

#include "base/mem.h"
#include "graph/blob.h"

static void put_ids(struct tare_blob *b, const int32_t *ids, size_t n)
{
    tare_blob_put_n(b, n);
    tare_blob_put(b, ids, n * sizeof *ids);
}

/* Smaller constants are as well read and copied. */
#define APART_BYTES ((size_t)1024)

/* @param n_apart  bytes of what lies apart so far; NULL: all in one */
static void put_graph(struct tare_blob *b, const struct tare_graph *graph,
                      size_t *n_apart);

static void put_attr(struct tare_blob *b, const struct tare_attr *attr)
{
    tare_blob_put_text(b, attr->name);
    tare_blob_put_u32(b, (uint32_t)attr->type);
    switch (attr->type) {
    case TARE_ATTR_INT: tare_blob_put(b, &attr->i, sizeof attr->i); break;
    case TARE_ATTR_FLOAT: tare_blob_put(b, &attr->f, sizeof attr->f); break;
    case TARE_ATTR_STRING: tare_blob_put_text(b, attr->s); break;
    case TARE_ATTR_STRINGS:
        tare_blob_put_n(b, attr->n);
        tare_blob_put_text(b, attr->s);
        break;
    case TARE_ATTR_INTS:
        tare_blob_put_n(b, attr->n);
        tare_blob_put(b, attr->ints, attr->n * sizeof *attr->ints);
        break;
    case TARE_ATTR_FLOATS:
        tare_blob_put_n(b, attr->n);
        tare_blob_put(b, attr->floats, attr->n * sizeof *attr->floats);
        break;
    case TARE_ATTR_TENSOR:
        tare_blob_put_u32(b, (uint32_t)attr->t.dtype);
        tare_blob_put_shape(b, &attr->t.dims);
        tare_blob_put(b, attr->t.data, attr->t.n_bytes);
        break;
    case TARE_ATTR_GRAPH: put_graph(b, attr->g, NULL); break;
    }
}

static bool is_large(const struct tare_tensor *tensor)
{
    return tensor->data && tensor->producer < 0 && tensor->n_bytes >= APART_BYTES;
}

/* A Loop that never runs has the declared shapes of its body's outputs alone. */
static enum tare_blob_tensor kind_of(const struct tare_graph *graph, int32_t id,
                                     bool is_split)
{
    const struct tare_tensor *tensor = &graph->tensors[id];
    if (is_split && is_large(tensor)) return TARE_BLOB_APART;
    if (tensor->data && tensor->producer < 0) return TARE_BLOB_CONSTANT;
    return tensor->has_dims && tare_graph_is_output(graph, id) ? TARE_BLOB_SHAPED
                                                               : TARE_BLOB_OPEN;
}

/* Where the next constant begins behind one that lies `at`. */
static bool end_apart(const struct tare_tensor *tensor, size_t at, size_t *end)
{
    return tare_add_size(at, tensor->n_bytes, end) && tare_align_size(*end, end);
}

static void put_tensor(struct tare_blob *b, const struct tare_graph *graph, int32_t id,
                       size_t *n_apart)
{
    const struct tare_tensor *tensor = &graph->tensors[id];
    const enum tare_blob_tensor kind = kind_of(graph, id, n_apart != NULL);
    tare_blob_put_text(b, tensor->name);
    tare_blob_put_u32(b, (uint32_t)tensor->dtype);
    tare_blob_put_u32(b, (uint32_t)kind);
    if (kind != TARE_BLOB_OPEN) tare_blob_put_shape(b, &tensor->dims);
    if (kind == TARE_BLOB_CONSTANT) tare_blob_put(b, tensor->data, tensor->n_bytes);
    if (kind != TARE_BLOB_APART) return;
    const uint64_t at = *n_apart;
    tare_blob_put(b, &at, sizeof at);
    b->failed = b->failed || !end_apart(tensor, *n_apart, n_apart);
}

void tare_blob_write_apart(const struct tare_graph *graph, uint8_t *apart)
{
    size_t at = 0;
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const struct tare_tensor *tensor = &graph->tensors[i];
        if (!is_large(tensor)) continue;
        memcpy(apart + at, tensor->data, tensor->n_bytes);
        (void)end_apart(tensor, at, &at); /* put_tensor() has seen it fit */
    }
}

static void put_plugin(struct tare_blob *b, const struct tare_plugin_instance *plugin)
{
    uint8_t *state;
    size_t n;
    if (tare_plugin_save(plugin, &state, &n, &b->error) != TARE_OK) return;
    tare_blob_put_text(b, plugin->type->domain);
    tare_blob_put_text(b, plugin->type->name);
    tare_blob_put_text(b, plugin->type->version);
    tare_blob_put_n(b, n);
    tare_blob_put(b, state, n);
    tare_free(state);
}

static void put_node(struct tare_blob *b, const struct tare_node *node)
{
    tare_blob_put_text(b, tare_op_name(node->op));
    if (node->plugin) put_plugin(b, node->plugin);
    tare_blob_put_text(b, node->name);
    put_ids(b, node->inputs, node->n_inputs);
    put_ids(b, node->outputs, node->n_outputs);
    tare_blob_put_u32(b, node->fused.has_residual);
    tare_blob_put(b, &node->fused.negative_slope, sizeof(float));
    tare_blob_put(b, &node->fused.lower, sizeof(float));
    tare_blob_put(b, &node->fused.upper, sizeof(float));
    const size_t n_attrs = node->plugin ? 0 : node->n_attrs; /* its state has them */
    tare_blob_put_n(b, n_attrs);
    for (size_t i = 0; i < n_attrs; i++)
        put_attr(b, &node->attrs[i]);
}

static void put_graph(struct tare_blob *b, const struct tare_graph *graph,
                      size_t *n_apart)
{
    tare_blob_put_text(b, graph->name);
    tare_blob_put_u32(b, (uint32_t)graph->opset);
    tare_blob_put_n(b, graph->n_tensors);
    for (size_t i = 0; i < graph->n_tensors; i++)
        put_tensor(b, graph, (int32_t)i, n_apart);
    tare_blob_put_n(b, graph->n_nodes);
    for (size_t i = 0; i < graph->n_nodes; i++)
        put_node(b, &graph->nodes[i]);
    put_ids(b, graph->inputs, graph->n_inputs);
    tare_blob_put_n(b, graph->n_captures);
    put_ids(b, graph->outputs, graph->n_outputs);
}

static enum tare_status finish(const struct tare_blob *blob, struct tare_error *err)
{
    TARE_FAIL_IF(blob->error.code != TARE_OK, err, blob->error.code, "%s",
                 blob->error.text);
    TARE_FAIL_IF(blob->failed, err, TARE_E_NOMEM, "no memory to write a graph");
    return TARE_OK;
}

enum tare_status tare_blob_write_graph(struct tare_blob *blob,
                                       const struct tare_graph *graph,
                                       struct tare_error *err)
{
    put_graph(blob, graph, NULL);
    return finish(blob, err);
}

enum tare_status tare_blob_write_graph_apart(struct tare_blob *blob,
                                             const struct tare_graph *graph,
                                             size_t *n_apart, struct tare_error *err)
{
    *n_apart = 0;
    put_graph(blob, graph, n_apart);
    return finish(blob, err);
}

enum tare_status tare_blob_write_plugin(struct tare_blob *blob,
                                        const struct tare_plugin_instance *instance,
                                        struct tare_error *err)
{
    put_plugin(blob, instance);
    return finish(blob, err);
}
