#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/plugin_instance.h"
#include "refit/weights.h"

#define REBUILD "it is another network, build an engine of it with `tare build`"

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool same_content(const struct tare_const *a, const struct tare_const *b)
{
    return a->dtype == b->dtype && tare_dims_equal(&a->dims, &b->dims) &&
           a->n_bytes == b->n_bytes && same_bytes(a->data, b->data, a->n_bytes);
}

static enum tare_status compare(const struct tare_graph *a, const struct tare_graph *b,
                                bool is_body, struct tare_error *err);

static bool same_attr(const struct tare_attr *a, const struct tare_attr *b)
{
    if (!b || a->type != b->type || a->n != b->n) return false;
    switch (a->type) {
    case TARE_ATTR_INT: return a->i == b->i;
    case TARE_ATTR_FLOAT: return same_bytes(&a->f, &b->f, sizeof a->f);
    case TARE_ATTR_STRING:
    case TARE_ATTR_STRINGS: return same_text(a->s, b->s);
    case TARE_ATTR_INTS: return same_bytes(a->ints, b->ints, a->n * sizeof *a->ints);
    case TARE_ATTR_FLOATS:
        return same_bytes(a->floats, b->floats, a->n * sizeof *a->floats);
    case TARE_ATTR_TENSOR: return same_content(&a->t, &b->t);
    case TARE_ATTR_GRAPH: return compare(a->g, b->g, true, NULL) == TARE_OK;
    }
    return false;
}

/* The tensors have the same names. */
static bool same_names(const struct tare_graph *a, const int32_t *ids, size_t n,
                       const struct tare_graph *b, const int32_t *others, size_t m)
{
    if (n != m) return false;
    for (size_t i = 0; i < n; i++) {
        const bool none = ids[i] == TARE_NO_TENSOR;
        if (none != (others[i] == TARE_NO_TENSOR)) return false;
        if (!none && strcmp(a->tensors[ids[i]].name, b->tensors[others[i]].name) != 0)
            return false;
    }
    return true;
}

static enum tare_status differs(struct tare_error *err, const struct tare_node *node,
                                const char *what)
{
    return tare_error_set(err, TARE_E_ARG,
                          "node '%.80s' (%s) has other %s in the model: " REBUILD,
                          node->name, tare_node_op_type(node), what);
}

/* The attributes of plugins are in their states. */
static enum tare_status compare_plugin(const struct tare_node *x,
                                       const struct tare_node *y,
                                       struct tare_error *err)
{
    uint8_t *a = NULL, *b = NULL;
    size_t n_a, n_b;
    TARE_FAIL_IF(
        strcmp(x->plugin->type->version, y->plugin->type->version) != 0, err,
        TARE_E_ARG,
        "node '%.80s' (%s) is of plugin version '%.20s' in the engine, '%.20s' "
        "in the model: " REBUILD,
        x->name, tare_node_op_type(x), x->plugin->type->version,
        y->plugin->type->version);
    enum tare_status st = tare_plugin_save(x->plugin, &a, &n_a, err);
    if (st == TARE_OK) st = tare_plugin_save(y->plugin, &b, &n_b, err);
    if (st == TARE_OK && (n_a != n_b || !same_bytes(a, b, n_a)))
        st = differs(err, x, "attributes");
    tare_free(a);
    tare_free(b);
    return st;
}

/* Of plugins, domain and name count. */
static bool same_op(const struct tare_node *x, const struct tare_node *y)
{
    if (x->op != y->op) return false;
    return !x->plugin ||
           (strcmp(x->plugin->type->domain, y->plugin->type->domain) == 0 &&
            strcmp(x->plugin->type->name, y->plugin->type->name) == 0);
}

static enum tare_status compare_node(const struct tare_graph *a,
                                     const struct tare_node *x,
                                     const struct tare_graph *b,
                                     const struct tare_node *y, struct tare_error *err)
{
    if (!same_op(x, y) || strcmp(x->name, y->name) != 0)
        return tare_error_set(err, TARE_E_ARG,
                              "where the engine has node '%.80s' (%s), the model has "
                              "'%.80s' (%s): " REBUILD,
                              x->name, tare_node_op_type(x), y->name,
                              tare_node_op_type(y));
    if (!same_names(a, x->inputs, x->n_inputs, b, y->inputs, y->n_inputs))
        return differs(err, x, "inputs");
    if (!same_names(a, x->outputs, x->n_outputs, b, y->outputs, y->n_outputs))
        return differs(err, x, "outputs");
    if (x->plugin) return compare_plugin(x, y, err);
    if (x->n_attrs != y->n_attrs) return differs(err, x, "attributes");
    for (size_t i = 0; i < x->n_attrs; i++)
        if (!same_attr(&x->attrs[i], tare_node_attr(y, x->attrs[i].name)))
            return differs(err, x, "attributes");
    return TARE_OK;
}

/* Weights are of the same type and shape, other constants are equal. */
static enum tare_status compare_constant(const struct tare_tensor *t, bool is_weight,
                                         const struct tare_graph *b,
                                         struct tare_error *err)
{
    const int32_t id = tare_graph_find_tensor(b, t->name);
    if (id == TARE_NO_TENSOR) return TARE_OK; /* no node reads it, or that differs */
    const struct tare_const x = tare_tensor_content(t);
    const struct tare_const y = tare_tensor_content(&b->tensors[id]);
    const bool fits = b->tensors[id].data && x.dtype == y.dtype &&
                      tare_dims_equal(&x.dims, &y.dims) &&
                      (is_weight || same_content(&x, &y));
    TARE_FAIL_IF(!fits, err, TARE_E_ARG,
                 "constant '%.80s' is another in the model: " REBUILD, t->name);
    return TARE_OK;
}

/* @param is_weight  [n_tensors], or NULL: all are to be equal */
static enum tare_status compare_constants(const struct tare_graph *a,
                                          const bool *is_weight,
                                          const struct tare_graph *b,
                                          struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < a->n_tensors; i++) {
        const struct tare_tensor *t = &a->tensors[i];
        if (t->data && t->producer < 0)
            st = compare_constant(t, is_weight && is_weight[i], b, err);
    }
    return st;
}

/* The values of a body's own constants count: refitting does not reach them. */
static enum tare_status compare(const struct tare_graph *a, const struct tare_graph *b,
                                bool is_body, struct tare_error *err)
{
    TARE_FAIL_IF(
        a->n_nodes != b->n_nodes || a->opset != b->opset, err, TARE_E_ARG,
        "the model has %zu nodes of opset %d, the engine %zu of opset %d: " REBUILD,
        b->n_nodes, b->opset, a->n_nodes, a->opset);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const enum tare_status st = compare_node(a, &a->nodes[i], b, &b->nodes[i], err);
        if (st != TARE_OK) return st;
    }
    TARE_FAIL_IF(
        !same_names(a, a->inputs, a->n_inputs, b, b->inputs, b->n_inputs) ||
            !same_names(a, a->outputs, a->n_outputs, b, b->outputs, b->n_outputs),
        err, TARE_E_ARG,
        "the model has other inputs or outputs than the engine: " REBUILD);
    if (is_body) return compare_constants(a, NULL, b, err);
    bool *is_weight = tare_alloc_array(a->n_tensors, sizeof *is_weight);
    TARE_FAIL_IF(!is_weight, err, TARE_E_NOMEM, "refit: no memory");
    tare_find_weights(a, is_weight);
    const enum tare_status st = compare_constants(a, is_weight, b, err);
    tare_free(is_weight);
    return st;
}

enum tare_status tare_same_network(const struct tare_graph *graph,
                                   const struct tare_graph *other,
                                   struct tare_error *err)
{
    return compare(graph, other, false, err);
}
