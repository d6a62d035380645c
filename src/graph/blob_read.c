#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/blob.h"

/* Bodies of If and Loop in each other. */
#define MAX_DEPTH 16

struct reader {
    const uint8_t *at;
    size_t left;
    const struct tare_plugins *plugins;
    struct tare_error *err;
};

static enum tare_status damaged(const struct reader *r, const char *what)
{
    return tare_error_set(r->err, TARE_E_FORMAT, "the program is damaged (%s)", what);
}

static bool get(struct reader *r, void *to, size_t n)
{
    if (n > r->left) return false;
    if (n) memcpy(to, r->at, n);
    r->at += n;
    r->left -= n;
    return true;
}

static bool get_u32(struct reader *r, uint32_t *value)
{
    return get(r, value, sizeof *value);
}

/* The number of things that take `least` bytes each or more; 0: nobody knows. */
static bool get_n(struct reader *r, size_t least, size_t *n)
{
    uint32_t value;
    if (!get_u32(r, &value) || (least > 0 && value > r->left / least)) return false;
    *n = value;
    return true;
}

/* A text, NUL-terminated; tare_free() it. */
static enum tare_status get_text(struct reader *r, char **text)
{
    size_t n;
    if (!get_n(r, 1, &n)) return damaged(r, "a text");
    *text = tare_alloc(n + 1);
    TARE_FAIL_IF(!*text, r->err, TARE_E_NOMEM, "no memory for a program");
    (void)get(r, *text, n);
    (*text)[n] = '\0';
    if (strlen(*text) == n) return TARE_OK;
    tare_free(*text);
    *text = NULL;
    return damaged(r, "a text");
}

/* An array of `elem_bytes` each; tare_free() it. */
static enum tare_status get_array(struct reader *r, size_t elem_bytes, void **items,
                                  size_t *n)
{
    if (!get_n(r, elem_bytes, n)) return damaged(r, "a list");
    *items = tare_alloc_array(*n, elem_bytes);
    TARE_FAIL_IF(!*items, r->err, TARE_E_NOMEM, "no memory for a program");
    (void)get(r, *items, *n * elem_bytes);
    return TARE_OK;
}

static enum tare_status get_ids(struct reader *r, int32_t **ids, size_t *n)
{
    void *items;
    const enum tare_status st = get_array(r, sizeof **ids, &items, n);
    *ids = st == TARE_OK ? items : NULL;
    return st;
}

static bool get_shape(struct reader *r, struct tare_dims *dims)
{
    size_t rank;
    if (!get_n(r, sizeof(int64_t), &rank) || rank > TARE_MAX_RANK) return false;
    dims->rank = (int32_t)rank;
    return get(r, dims->d, rank * sizeof dims->d[0]);
}

/* Shape and elements. */
static enum tare_status get_content(struct reader *r, uint32_t dtype,
                                    struct tare_const *content)
{
    size_t n_bytes;
    *content = (struct tare_const){0};
    if (dtype > TARE_U64 || !get_shape(r, &content->dims))
        return damaged(r, "a constant");
    content->dtype = (enum tare_dtype)dtype;
    if (!tare_dims_bytes(&content->dims, content->dtype, &n_bytes) || n_bytes > r->left)
        return damaged(r, "a constant");
    const enum tare_status st = tare_const_alloc(content, r->err);
    if (st == TARE_OK) (void)get(r, content->data, n_bytes);
    return st;
}

/* The shape of an output, axes of which may be open. */
static enum tare_status get_declared(struct reader *r, struct tare_tensor *tensor)
{
    if (!get_shape(r, &tensor->dims)) return damaged(r, "a shape");
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
    if (!get_u32(r, &dtype) || !get_u32(r, &kind) || dtype > TARE_U64 ||
        kind > TARE_BLOB_SHAPED)
        st = damaged(r, "a tensor");
    else if (kind != TARE_BLOB_CONSTANT)
        st = tare_graph_add_tensor(graph, name, &id, r->err);
    else if ((st = get_content(r, dtype, &content)) == TARE_OK)
        st = tare_graph_add_const(graph, name, &content, &id, r->err);
    tare_free(name);
    if (st != TARE_OK) return st;
    graph->tensors[id].dtype = (enum tare_dtype)dtype;
    return kind == TARE_BLOB_SHAPED ? get_declared(r, &graph->tensors[id]) : TARE_OK;
}

static enum tare_status get_graph(struct reader *r, int depth,
                                  struct tare_graph **graph);

/* Texts with a newline between two of them. */
static enum tare_status get_strings(struct reader *r, struct tare_attr *attr)
{
    size_t n_lines = 0;
    if (!get_n(r, 0, &attr->n)) return damaged(r, "texts");
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
        return get(r, &attr->i, sizeof attr->i) ? TARE_OK : damaged(r, "a number");
    case TARE_ATTR_FLOAT:
        return get(r, &attr->f, sizeof attr->f) ? TARE_OK : damaged(r, "a number");
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
        return get_u32(r, &dtype) ? get_content(r, dtype, &attr->t)
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
    if (!get_u32(r, &type) || type > TARE_ATTR_STRINGS)
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
    if (!get_u32(r, &has_residual) ||
        !get(r, &node->fused.negative_slope, sizeof(float)) ||
        !get(r, &node->fused.lower, sizeof(float)) ||
        !get(r, &node->fused.upper, sizeof(float)) ||
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
    if (st == TARE_OK && !get_n(r, 8, &n_attrs)) st = damaged(r, "attributes");
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
    if (!get_u32(r, &opset) || opset < TARE_OPSET_MIN || opset > TARE_OPSET_MAX)
        return damaged(r, "the opset");
    graph->opset = (int)opset;
    if (!get_n(r, 12, &n)) return damaged(r, "the tensors");
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = get_tensor(r, graph);
    if (st != TARE_OK) return st;
    if (!get_n(r, 36, &n)) return damaged(r, "the nodes");
    for (size_t i = 0; st == TARE_OK && i < n; i++)
        st = get_node(r, depth, graph);
    if (st == TARE_OK) st = get_bindings(r, graph, tare_graph_set_inputs);
    if (st == TARE_OK &&
        (!get_n(r, 0, &graph->n_captures) || graph->n_captures > graph->n_inputs))
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
    struct reader r = {bytes, n_bytes, plugins, err};
    const enum tare_status st = get_plugin(&r, instance);
    if (st != TARE_OK || r.left == 0) return st;
    tare_plugin_free(*instance);
    *instance = NULL;
    return damaged(&r, "its end");
}

enum tare_status tare_blob_read_graph(const void *bytes, size_t n_bytes,
                                      const struct tare_plugins *plugins,
                                      struct tare_graph **graph, struct tare_error *err)
{
    struct reader r = {bytes, n_bytes, plugins, err};
    const enum tare_status st = get_graph(&r, 0, graph);
    if (st != TARE_OK || r.left == 0) return st;
    tare_graph_destroy(*graph);
    *graph = NULL;
    return damaged(&r, "its end");
}
