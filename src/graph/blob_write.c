#include <string.h>

#include "base/mem.h"
#include "graph/blob.h"

static void put(struct tare_blob *b, const void *data, size_t n)
{
    size_t end;
    b->failed = b->failed || !tare_add_size(b->n_bytes, n, &end) ||
                !tare_grow(&b->data, &b->capacity, end, 1);
    if (b->failed || n == 0) return;
    memcpy(b->data + b->n_bytes, data, n);
    b->n_bytes = end;
}

static void put_u32(struct tare_blob *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

/* A count; one that does not fit is as good as no memory. */
static void put_n(struct tare_blob *b, size_t n)
{
    b->failed = b->failed || n > UINT32_MAX;
    put_u32(b, (uint32_t)n);
}

static void put_text(struct tare_blob *b, const char *text)
{
    const size_t n = text ? strlen(text) : 0;
    put_n(b, n);
    put(b, text, n);
}

static void put_ids(struct tare_blob *b, const int32_t *ids, size_t n)
{
    put_n(b, n);
    put(b, ids, n * sizeof *ids);
}

static void put_shape(struct tare_blob *b, const struct tare_dims *dims)
{
    put_n(b, (size_t)dims->rank);
    put(b, dims->d, (size_t)dims->rank * sizeof dims->d[0]);
}

static void put_graph(struct tare_blob *b, const struct tare_graph *graph);

static void put_attr(struct tare_blob *b, const struct tare_attr *attr)
{
    put_text(b, attr->name);
    put_u32(b, (uint32_t)attr->type);
    switch (attr->type) {
    case TARE_ATTR_INT: put(b, &attr->i, sizeof attr->i); break;
    case TARE_ATTR_FLOAT: put(b, &attr->f, sizeof attr->f); break;
    case TARE_ATTR_STRING: put_text(b, attr->s); break;
    case TARE_ATTR_STRINGS:
        put_n(b, attr->n);
        put_text(b, attr->s);
        break;
    case TARE_ATTR_INTS:
        put_n(b, attr->n);
        put(b, attr->ints, attr->n * sizeof *attr->ints);
        break;
    case TARE_ATTR_FLOATS:
        put_n(b, attr->n);
        put(b, attr->floats, attr->n * sizeof *attr->floats);
        break;
    case TARE_ATTR_TENSOR:
        put_u32(b, (uint32_t)attr->t.dtype);
        put_shape(b, &attr->t.dims);
        put(b, attr->t.data, attr->t.n_bytes);
        break;
    case TARE_ATTR_GRAPH: put_graph(b, attr->g); break;
    }
}

/* A Loop that never runs has the declared shapes of its body's outputs alone. */
static enum tare_blob_tensor kind_of(const struct tare_graph *graph, int32_t id)
{
    const struct tare_tensor *tensor = &graph->tensors[id];
    if (tensor->data && tensor->producer < 0) return TARE_BLOB_CONSTANT;
    return tensor->has_dims && tare_graph_is_output(graph, id) ? TARE_BLOB_SHAPED
                                                               : TARE_BLOB_OPEN;
}

static void put_tensor(struct tare_blob *b, const struct tare_graph *graph, int32_t id)
{
    const struct tare_tensor *tensor = &graph->tensors[id];
    const enum tare_blob_tensor kind = kind_of(graph, id);
    put_text(b, tensor->name);
    put_u32(b, (uint32_t)tensor->dtype);
    put_u32(b, (uint32_t)kind);
    if (kind != TARE_BLOB_OPEN) put_shape(b, &tensor->dims);
    if (kind == TARE_BLOB_CONSTANT) put(b, tensor->data, tensor->n_bytes);
}

static void put_plugin(struct tare_blob *b, const struct tare_plugin_instance *plugin)
{
    uint8_t *state;
    size_t n;
    if (tare_plugin_save(plugin, &state, &n, &b->error) != TARE_OK) return;
    put_text(b, plugin->type->domain);
    put_text(b, plugin->type->name);
    put_text(b, plugin->type->version);
    put_n(b, n);
    put(b, state, n);
    tare_free(state);
}

static void put_node(struct tare_blob *b, const struct tare_node *node)
{
    put_text(b, tare_op_name(node->op));
    if (node->plugin) put_plugin(b, node->plugin);
    put_text(b, node->name);
    put_ids(b, node->inputs, node->n_inputs);
    put_ids(b, node->outputs, node->n_outputs);
    put_u32(b, node->fused.has_residual);
    put(b, &node->fused.negative_slope, sizeof(float));
    put(b, &node->fused.lower, sizeof(float));
    put(b, &node->fused.upper, sizeof(float));
    const size_t n_attrs = node->plugin ? 0 : node->n_attrs; /* its state has them */
    put_n(b, n_attrs);
    for (size_t i = 0; i < n_attrs; i++)
        put_attr(b, &node->attrs[i]);
}

static void put_graph(struct tare_blob *b, const struct tare_graph *graph)
{
    put_text(b, graph->name);
    put_u32(b, (uint32_t)graph->opset);
    put_n(b, graph->n_tensors);
    for (size_t i = 0; i < graph->n_tensors; i++)
        put_tensor(b, graph, (int32_t)i);
    put_n(b, graph->n_nodes);
    for (size_t i = 0; i < graph->n_nodes; i++)
        put_node(b, &graph->nodes[i]);
    put_ids(b, graph->inputs, graph->n_inputs);
    put_n(b, graph->n_captures);
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
    put_graph(blob, graph);
    return finish(blob, err);
}

enum tare_status tare_blob_write_plugin(struct tare_blob *blob,
                                        const struct tare_plugin_instance *instance,
                                        struct tare_error *err)
{
    put_plugin(blob, instance);
    return finish(blob, err);
}
