#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/blob.h"

/* Bodies of If and Loop in each other. */
#define MAX_DEPTH 16

struct reader {
    struct tare_blob_rest rest;
    const struct tare_blob_apart *apart; /* NULL: nothing lies apart */
    const struct tare_plugins *plugins;
    struct tare_error *err;
};

static enum tare_status damaged(const struct reader *r, const char *what)
{
    return tare_error_set(r->err, TARE_E_FORMAT, "the program is damaged (%s)", what);
}

/* Forward what base/blob.h says of a part. */
static enum tare_status check(const struct reader *r, enum tare_status st,
                              const char *what)
{
    if (st == TARE_E_FORMAT) return damaged(r, what);
    TARE_FAIL_IF(st != TARE_OK, r->err, st, "no memory for a program");
    return TARE_OK;
}

static enum tare_status get_text(struct reader *r, char **text)
{
    return check(r, tare_blob_get_text(&r->rest, text), "a text");
}

static enum tare_status get_array(struct reader *r, size_t elem_bytes, void **items,
                                  size_t *n)
{
    return check(r, tare_blob_get_array(&r->rest, elem_bytes, items, n), "a list");
}

static enum tare_status get_ids(struct reader *r, int32_t **ids, size_t *n)
{
    void *items;
    const enum tare_status st = get_array(r, sizeof **ids, &items, n);
    *ids = items;
    return st;
}

/* Shape and elements. */
static enum tare_status get_content(struct reader *r, uint32_t dtype,
                                    struct tare_const *content)
{
    size_t n_bytes;
    *content = (struct tare_const){0};
    if (dtype > TARE_U64 || !tare_blob_get_shape(&r->rest, &content->dims))
        return damaged(r, "a constant");
    content->dtype = (enum tare_dtype)dtype;
    if (!tare_dims_bytes(&content->dims, content->dtype, &n_bytes) ||
        n_bytes > r->rest.n_bytes)
        return damaged(r, "a constant");
    const enum tare_status st = tare_const_alloc(content, r->err);
    if (st == TARE_OK) (void)tare_blob_get(&r->rest, content->data, n_bytes);
    return st;
}

/* Shape, and elements that lie apart, where the tensor uses them. */
static enum tare_status get_apart(struct reader *r, struct tare_tensor *tensor)
{
    uint64_t at;
    size_t n_bytes;
    const struct tare_blob_apart *apart = r->apart;
    if (!apart || !tare_blob_get_shape(&r->rest, &tensor->dims) ||
        !tare_blob_get(&r->rest, &at, sizeof at) ||
        !tare_dims_bytes(&tensor->dims, tensor->dtype, &n_bytes) ||
        at % TARE_ALIGN != 0 || at > apart->n_bytes || n_bytes > apart->n_bytes - at)
        return damaged(r, "a constant");
    const uint8_t *data = apart->bytes + at;
    memcpy(&tensor->data, &data, sizeof data); /* nobody changes what has owners */
    tensor->n_bytes = n_bytes;
    tensor->n_owners = apart->n_owners;
    atomic_fetch_add(apart->n_owners, 1);
    tensor->has_dtype = true;
    tensor->has_dims = true;
    return TARE_OK;
}

/* The shape of an output, axes of which may be open. */
static enum tare_status get_declared(struct reader *r, struct tare_tensor *tensor)
{
    if (!tare_blob_get_shape(&r->rest, &tensor->dims)) return damaged(r, "a shape");
    for (int32_t i = 0; i < tensor->dims.rank; i++)
        if (tensor->dims.d[i] < -1) return damaged(r, "a shape");
    tensor->has_dims = true;
    return TARE_OK;
}

static enum tare_status get_tensor(struct reader *r, struct tare_graph *graph)
{
    char *name;
    uint32_t dtype, kind;
    int32_t id = TARE_NO_TENSOR;
    enum tare_status st = get_text(r, &name);
    if (st != TARE_OK) return st;
    struct tare_const content = {0};
    if (!tare_blob_get_u32(&r->rest, &dtype) || !tare_blob_get_u32(&r->rest, &kind) ||
        dtype > TARE_U64 || kind > TARE_BLOB_APART)
        st = damaged(r, "a tensor");
    else if (kind != TARE_BLOB_CONSTANT)
        st = tare_graph_add_tensor(graph, name, &id, r->err);
    else if ((st = get_content(r, dtype, &content)) == TARE_OK)
        st = tare_graph_add_const(graph, name, &content, &id, r->err);
    tare_free(name);
    if (st != TARE_OK) return st;
    graph->tensors[id].dtype = (enum tare_dtype)dtype;
    if (kind == TARE_BLOB_APART) return get_apart(r, &graph->tensors[id]);
    return kind == TARE_BLOB_SHAPED ? get_declared(r, &graph->tensors[id]) : TARE_OK;
}

static enum tare_status get_graph(struct reader *r, int depth,
                                  struct tare_graph **graph);

/* Texts with a newline between two of them. */
static enum tare_status get_strings(struct reader *r, struct tare_attr *attr)
{
    size_t n_lines = 0;
    if (!tare_blob_get_n(&r->rest, 0, &attr->n)) return damaged(r, "texts");
    const enum tare_status st = get_text(r, &attr->s);
    if (st != TARE_OK) return st;
    for (const char *at = attr->s; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        n_lines++;
    }
    return attr->n <= n_lines ? TARE_OK : damaged(r, "texts");
}

static enum tare_status get_value(struct reader *r, int depth, struct tare_attr *attr)
{
    void *items;
    uint32_t dtype;
    enum tare_status st = TARE_OK;
    switch (attr->type) {
    case TARE_ATTR_INT:
        return tare_blob_get(&r->rest, &attr->i, sizeof attr->i)
                   ? TARE_OK
                   : damaged(r, "a number");
    case TARE_ATTR_FLOAT:
        return tare_blob_get(&r->rest, &attr->f, sizeof attr->f)
                   ? TARE_OK
                   : damaged(r, "a number");
    case TARE_ATTR_STRING: return get_text(r, &attr->s);
    case TARE_ATTR_STRINGS: return get_strings(r, attr);
    case TARE_ATTR_INTS:
        st = get_array(r, sizeof *attr->ints, &items, &attr->n);
        if (st == TARE_OK) attr->ints = items;
        return st;
    case TARE_ATTR_FLOATS:
        st = get_array(r, sizeof *attr->floats, &items, &attr->n);
        if (st == TARE_OK) attr->floats = items;
        return st;
    case TARE_ATTR_TENSOR:
        return tare_blob_get_u32(&r->rest, &dtype) ? get_content(r, dtype, &attr->t)
                                                   : damaged(r, "a constant");
    case TARE_ATTR_GRAPH: return get_graph(r, depth + 1, &attr->g);
    }
    return damaged(r, "an attribute's type");
}

static enum tare_status get_attr(struct reader *r, int depth, struct tare_node *node)
{
    char *name;
    uint32_t type;
    enum tare_status st = get_text(r, &name);
    if (st != TARE_OK) return st;
    struct tare_attr attr = {0};
    if (!tare_blob_get_u32(&r->rest, &type) || type > TARE_ATTR_STRINGS)
        st = damaged(r, "an attribute's type");
    else {
        attr.type = (enum tare_attr_type)type;
        st = get_value(r, depth, &attr);
    }
    if (st == TARE_OK)
        st = tare_node_add_attr(node, name, attr, r->err);
    else
        tare_attr_free(&attr);
    tare_free(name);
    return st;
}

static enum tare_status get_fused(struct reader *r, struct tare_node *node)
{
    uint32_t has_residual;
    if (!tare_blob_get_u32(&r->rest, &has_residual) ||
        !tare_blob_get(&r->rest, &node->fused.negative_slope, sizeof(float)) ||
        !tare_blob_get(&r->rest, &node->fused.lower, sizeof(float)) ||
        !tare_blob_get(&r->rest, &node->fused.upper, sizeof(float)) ||
        (has_residual &&
         (node->n_inputs == 0 || node->inputs[node->n_inputs - 1] == TARE_NO_TENSOR)))
        return damaged(r, "a fusion");
    node->fused.has_residual = has_residual != 0;
    return TARE_OK;
}

/* A plugin that is not there cannot be made up for. */
static enum tare_status missing(const struct reader *r, const char *domain,
                                const char *name, const char *version)
{
    const struct tare_plugin *other = tare_plugins_find(r->plugins, domain, name, NULL);
    return tare_error_set(r->err, TARE_E_UNSUPPORTED,
                          "it wants plugin '%.60s%s%.60s' of version '%.20s', "
                          "%s%.20s%s: give its library "
                          "with --plugin=FILE.so",
                          domain, *domain ? "::" : "", name, version,
                          other ? "and that of version '" : "which is not loaded",
                          other ? other->version : "", other ? "' is loaded" : "");
}

static enum tare_status find_plugin(struct reader *r, const struct tare_plugin **type)
{
    char *texts[3] = {NULL}; /* domain, name, version */
    enum tare_status st = TARE_OK;
    for (int i = 0; st == TARE_OK && i < 3; i++)
        st = get_text(r, &texts[i]);
    if (st == TARE_OK) {
        *type = tare_plugins_find(r->plugins, texts[0], texts[1], texts[2]);
        if (!*type) st = missing(r, texts[0], texts[1], texts[2]);
    }
    for (int i = 0; i < 3; i++)
        tare_free(texts[i]);
    return st;
}

static enum tare_status get_plugin(struct reader *r,
                                   struct tare_plugin_instance **instance)
{
    const struct tare_plugin *type = NULL;
    void *state;
    size_t n;
    *instance = NULL;
    enum tare_status st = find_plugin(r, &type);
    if (st == TARE_OK) st = get_array(r, 1, &state, &n);
    if (st != TARE_OK) return st;
    st = tare_plugin_restore(type, state, n, instance, r->err);
    tare_free(state);
    return st;
}

static enum tare_status get_edges(struct reader *r, struct tare_graph *graph,
                                  enum tare_op op, const char *name)
{
    int32_t *inputs = NULL, *outputs = NULL;
    size_t n_inputs, n_outputs;
    enum tare_status st = op == TARE_OP_COUNT ? damaged(r, "an operator")
                                              : get_ids(r, &inputs, &n_inputs);
    if (st == TARE_OK) st = get_ids(r, &outputs, &n_outputs);
    if (st == TARE_OK)
        st = tare_graph_add_node(graph, op, name, inputs, n_inputs, outputs, n_outputs,
                                 NULL, r->err);
    tare_free(inputs);
    tare_free(outputs);
    return st;
}

static enum tare_status get_node(struct reader *r, int depth, struct tare_graph *graph)
{
    char *op, *name;
    size_t n_attrs;
    struct tare_plugin_instance *plugin = NULL;
    enum tare_status st = get_text(r, &op);
    if (st != TARE_OK) return st;
    if (!*op) st = get_plugin(r, &plugin);
    const enum tare_op kind = plugin ? TARE_OP_PLUGIN : tare_op_find(op);
    tare_free(op);
    if (st == TARE_OK) st = get_text(r, &name);
    if (st == TARE_OK) {
        st = get_edges(r, graph, kind, name);
        tare_free(name);
    }
    if (st != TARE_OK) {
        tare_plugin_free(plugin);
        return st;
    }
    struct tare_node *node = &graph->nodes[graph->n_nodes - 1];
    node->plugin = plugin;
    st = get_fused(r, node);
    if (st == TARE_OK && !tare_blob_get_n(&r->rest, 8, &n_attrs))
        st = damaged(r, "attributes");
    for (size_t i = 0; st == TARE_OK && i < n_attrs; i++)
        st = get_attr(r, depth, node);
    return st == TARE_OK ? tare_node_check(graph, node, r->err) : st;
}

typedef enum tare_status set_fn(struct tare_graph *graph, const int32_t *ids, size_t n,
                                struct tare_error *err);

static enum tare_status get_bindings(struct reader *r, struct tare_graph *graph,
                                     set_fn *set)
{
    int32_t *ids;
    size_t n;
    enum tare_status st = get_ids(r, &ids, &n);
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= graph->n_tensors)
            st = damaged(r, "an input or output");
    if (st == TARE_OK) st = set(graph, ids, n, r->err);
    tare_free(ids);
    return st;
}

static enum tare_status get_parts(struct reader *r, int depth, struct tare_graph *graph)
{
    uint32_t opset;
    size_t n;
    enum tare_status st = get_text(r, &graph->name);
    if (st != TARE_OK) return st;
    if (!tare_blob_get_u32(&r->rest, &opset) || opset < TARE_OPSET_MIN ||
        opset > TARE_OPSET_MAX)
        return damaged(r, "the opset");
    graph->opset = (int)opset;
    if (!tare_blob_get_n(&r->rest, 12, &n)) return damaged(r, "the tensors");
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = get_tensor(r, graph);
    if (st != TARE_OK) return st;
    if (!tare_blob_get_n(&r->rest, 36, &n)) return damaged(r, "the nodes");
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = get_node(r, depth, graph);
    if (st == TARE_OK) st = get_bindings(r, graph, tare_graph_set_inputs);
    if (st == TARE_OK && (!tare_blob_get_n(&r->rest, 0, &graph->n_captures) ||
                          graph->n_captures > graph->n_inputs))
        st = damaged(r, "the captures");
    if (st == TARE_OK) st = get_bindings(r, graph, tare_graph_set_outputs);
    return st == TARE_OK ? tare_graph_sort(graph, r->err) : st;
}

static enum tare_status get_graph(struct reader *r, int depth,
                                  struct tare_graph **graph)
{
    *graph = NULL;
    if (depth > MAX_DEPTH) return damaged(r, "graphs in graphs");
    enum tare_status st = tare_graph_create(graph, r->err);
    if (st != TARE_OK) return st;
    tare_free((*graph)->name);
    (*graph)->name = NULL;
    st = get_parts(r, depth, *graph);
    if (st == TARE_OK) return TARE_OK;
    tare_graph_destroy(*graph);
    *graph = NULL;
    return st;
}

enum tare_status tare_blob_read_plugin(const void *bytes, size_t n_bytes,
                                       const struct tare_plugins *plugins,
                                       struct tare_plugin_instance **instance,
                                       struct tare_error *err)
{
    struct reader r = {{bytes, n_bytes}, NULL, plugins, err};
    const enum tare_status st = get_plugin(&r, instance);
    if (st != TARE_OK || r.rest.n_bytes == 0) return st;
    tare_plugin_free(*instance);
    *instance = NULL;
    return damaged(&r, "its end");
}

enum tare_status tare_blob_read_graph_apart(const void *bytes, size_t n_bytes,
                                            const struct tare_blob_apart *apart,
                                            const struct tare_plugins *plugins,
                                            struct tare_graph **graph,
                                            struct tare_error *err)
{
    struct reader r = {{bytes, n_bytes}, apart, plugins, err};
    const enum tare_status st = get_graph(&r, 0, graph);
    if (st != TARE_OK || r.rest.n_bytes == 0) return st;
    tare_graph_destroy(*graph);
    *graph = NULL;
    return damaged(&r, "its end");
}

enum tare_status tare_blob_read_graph(const void *bytes, size_t n_bytes,
                                      const struct tare_plugins *plugins,
                                      struct tare_graph **graph, struct tare_error *err)
{
    return tare_blob_read_graph_apart(bytes, n_bytes, NULL, plugins, graph, err);
}
