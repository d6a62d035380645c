#include "optimizer/pass.h"

#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"

int32_t tare_pass_producer(const struct tare_graph *graph, int32_t tensor)
{
    return tensor < 0 ? -1 : graph->tensors[tensor].producer;
}

int32_t tare_pass_only_reader(const struct tare_graph *graph, int32_t tensor)
{
    if (tare_graph_n_uses(graph, tensor) != 1) return -1;
    for (size_t n = 0; n < graph->n_nodes; n++) {
        const struct tare_node *node = &graph->nodes[n];
        for (size_t i = 0; i < node->n_inputs && !node->dead; i++)
            if (node->inputs[i] == tensor) return (int32_t)n;
    }
    return -1; /* the use is a graph output */
}

static bool is_plain(const struct tare_graph *graph, int32_t node, enum tare_op op)
{
    return node >= 0 && graph->nodes[node].op == op &&
           tare_fused_is_none(&graph->nodes[node].fused);
}

int32_t tare_pass_made_by(const struct tare_graph *graph, int32_t tensor,
                          enum tare_op op, size_t n_uses)
{
    const int32_t maker = tare_pass_producer(graph, tensor);
    return is_plain(graph, maker, op) && !tare_graph_is_output(graph, tensor) &&
                   tare_graph_n_uses(graph, tensor) == n_uses
               ? maker
               : -1;
}

int32_t tare_pass_read_by(const struct tare_graph *graph, int32_t tensor,
                          enum tare_op op)
{
    const int32_t reader = tare_pass_only_reader(graph, tensor);
    return is_plain(graph, reader, op) ? reader : -1;
}

bool tare_pass_has_shape(const struct tare_graph *graph, int32_t tensor)
{
    if (tensor < 0 || !graph->tensors[tensor].has_dims) return false;
    const struct tare_dims *dims = &graph->tensors[tensor].dims;
    for (int32_t i = 0; i < dims->rank; i++)
        if (dims->d[i] < 1) return false;
    return true;
}

bool tare_pass_keeps_off(enum tare_status status, struct tare_error *err)
{
    if (status != TARE_E_DEFERRED && status != TARE_E_UNSUPPORTED) return false;
    if (err) *err = (struct tare_error){0};
    return true;
}

bool tare_pass_is_weighted(const struct tare_graph *graph, const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_CONV: /* only over two axes */
        return tare_pass_is_float_const(graph, node->inputs[1]) &&
               graph->tensors[node->inputs[1]].dims.rank == 4;
    case TARE_OP_GEMM: return tare_pass_is_float_const(graph, node->inputs[1]);
    case TARE_OP_MATMUL:
        return tare_pass_is_float_const(graph, node->inputs[1]) &&
               graph->tensors[node->inputs[1]].dims.rank == 2 &&
               tare_pass_has_shape(graph, node->inputs[0]) &&
               graph->tensors[node->inputs[0]].dims.rank >= 2;
    default: return false;
    }
}

bool tare_pass_scalar(const struct tare_graph *graph, int32_t tensor, double *value)
{
    if (!tare_pass_is_float_const(graph, tensor) ||
        graph->tensors[tensor].n_bytes != sizeof(float))
        return false;
    *value = tare_pass_const_at(&graph->tensors[tensor], 0);
    return isfinite(*value);
}

bool tare_pass_with_scalar(const struct tare_graph *graph, const struct tare_node *node,
                           int32_t *tensor, double *value)
{
    if (node->n_inputs != 2 || !tare_fused_is_none(&node->fused)) return false;
    const bool swaps = (node->op == TARE_OP_ADD || node->op == TARE_OP_MUL) &&
                       tare_pass_scalar(graph, node->inputs[0], value);
    *tensor = node->inputs[swaps ? 1 : 0];
    if (!swaps && !tare_pass_scalar(graph, node->inputs[1], value)) return false;
    return tare_pass_has_shape(graph, *tensor) &&
           tare_pass_has_shape(graph, node->outputs[0]) &&
           tare_dims_equal(&graph->tensors[*tensor].dims,
                           &graph->tensors[node->outputs[0]].dims);
}

bool tare_pass_is_close(double a, double b)
{
    return fabs(a - b) <= 1e-6 * fmax(1.0, fabs(b));
}

bool tare_pass_group_add(struct tare_pass_group *group, int32_t node)
{
    if (group->n == sizeof group->nodes / sizeof group->nodes[0]) return false;
    group->nodes[group->n++] = node;
    return true;
}

int32_t tare_pass_scaled(const struct tare_graph *graph, int32_t tensor, double *factor,
                         struct tare_pass_group *group)
{
    double v;
    int32_t x;
    int32_t id = tare_pass_made_by(graph, tensor, TARE_OP_MUL, 1);
    const bool divides = id < 0;
    if (divides) id = tare_pass_made_by(graph, tensor, TARE_OP_DIV, 1);
    if (id < 0 || !tare_pass_with_scalar(graph, &graph->nodes[id], &x, &v) || v == 0 ||
        !tare_pass_group_add(group, id))
        return -1;
    *factor = divides ? 1 / v : v;
    return x;
}

int32_t tare_pass_power_base(const struct tare_graph *graph, int32_t tensor,
                             int exponent, struct tare_pass_group *group)
{
    double v;
    int32_t base;
    const int32_t pow = tare_pass_made_by(graph, tensor, TARE_OP_POW, 1);
    if (pow >= 0)
        return tare_pass_with_scalar(graph, &graph->nodes[pow], &base, &v) &&
                       v == exponent && tare_pass_group_add(group, pow)
                   ? base
                   : -1;
    const int32_t mul = tare_pass_made_by(graph, tensor, TARE_OP_MUL, 1);
    if (mul < 0 || !tare_pass_group_add(group, mul)) return -1;
    const int32_t *in = graph->nodes[mul].inputs;
    if (exponent == 2) return in[0] == in[1] ? in[0] : -1;
    for (size_t i = 0; i < 2; i++) {
        struct tare_pass_group inner = *group;
        if (tare_pass_power_base(graph, in[i], exponent - 1, &inner) == in[1 - i]) {
            *group = inner;
            return in[1 - i];
        }
    }
    return -1;
}

enum tare_status tare_pass_replace(struct tare_graph *graph, int32_t last,
                                   const struct tare_pass_group *group, enum tare_op op,
                                   const int32_t *inputs, size_t n_inputs,
                                   struct tare_error *err)
{
    struct tare_node *node = &graph->nodes[last];
    for (size_t i = 0; i < group->n; i++) {
        if (group->nodes[i] == last || graph->nodes[group->nodes[i]].dead) continue;
        const enum tare_status status =
            tare_node_absorb(node, &graph->nodes[group->nodes[i]], err);
        if (status != TARE_OK) return status;
        tare_graph_remove_node(graph, group->nodes[i]);
    }
    for (size_t i = 0; i < node->n_attrs; i++)
        tare_attr_free(&node->attrs[i]);
    node->n_attrs = 0;
    node->op = op;
    return tare_node_set_inputs(node, inputs, n_inputs, err);
}

bool tare_pass_is_float_const(const struct tare_graph *graph, int32_t tensor)
{
    return tensor >= 0 && tare_tensor_is_const(&graph->tensors[tensor]) &&
           graph->tensors[tensor].dtype == TARE_F32;
}

double tare_pass_const_at(const struct tare_tensor *tensor, int64_t i)
{
    return (double)((const float *)tensor->data)[i];
}

/* A name that no tensor has: "<origin>.<suffix>", with a number if need be. */
static bool fresh_name(const struct tare_graph *graph, int32_t origin,
                       const char *suffix, struct tare_text *name)
{
    for (int i = 1;; i++) {
        name->length = 0;
        tare_text_add(name, "%s.%s", graph->tensors[origin].name, suffix);
        if (i > 1) tare_text_add(name, "%d", i);
        if (name->failed) return false;
        if (tare_graph_find_tensor(graph, name->data) == TARE_NO_TENSOR) return true;
    }
}

static enum tare_status add_const(struct tare_graph *graph, int32_t origin,
                                  const char *suffix, struct tare_const *content,
                                  int32_t *id, struct tare_error *err)
{
    struct tare_text name = {0};
    enum tare_status status;
    if (fresh_name(graph, origin, suffix, &name)) {
        status = tare_graph_add_const(graph, name.data, content, id, err);
    } else {
        tare_free(content->data);
        status = tare_error_set(err, TARE_E_NOMEM, "optimizer: no memory");
    }
    tare_text_free(&name);
    return status;
}

enum tare_status tare_pass_add_tensor(struct tare_graph *graph, int32_t origin,
                                      const char *suffix, enum tare_dtype dtype,
                                      const struct tare_dims *dims, int32_t *id,
                                      struct tare_error *err)
{
    struct tare_text name = {0};
    const enum tare_status status =
        fresh_name(graph, origin, suffix, &name)
            ? tare_graph_add_tensor(graph, name.data, id, err)
            : tare_error_set(err, TARE_E_NOMEM, "optimizer: no memory");
    tare_text_free(&name);
    if (status != TARE_OK) return status;
    graph->tensors[*id].dtype = dtype;
    graph->tensors[*id].dims = *dims;
    graph->tensors[*id].has_dims = true;
    return TARE_OK;
}

enum tare_status tare_pass_add_const(struct tare_graph *graph, int32_t origin,
                                     const struct tare_dims *dims, const double *values,
                                     int32_t *id, struct tare_error *err)
{
    struct tare_const content = {.dtype = TARE_F32, .dims = *dims};
    const enum tare_status status = tare_const_alloc(&content, err);
    if (status != TARE_OK) return status;
    const int64_t n = tare_dims_count(dims);
    for (int64_t i = 0; i < n; i++)
        ((float *)content.data)[i] = (float)values[i];
    return add_const(graph, origin, "folded", &content, id, err);
}

enum tare_status tare_pass_add_shape(struct tare_graph *graph, int32_t tensor,
                                     int32_t *id, struct tare_error *err)
{
    const struct tare_dims dims = graph->tensors[tensor].dims;
    struct tare_const content = {.dtype = TARE_S64,
                                 .dims = {.rank = 1, .d = {dims.rank}}};
    const enum tare_status status = tare_const_alloc(&content, err);
    if (status != TARE_OK) return status;
    for (int32_t i = 0; i < dims.rank; i++)
        ((int64_t *)content.data)[i] = dims.d[i];
    return add_const(graph, tensor, "shape", &content, id, err);
}

enum tare_status tare_pass_merge(struct tare_graph *graph, int32_t maker, int32_t last,
                                 struct tare_error *err)
{
    struct tare_node *goes = &graph->nodes[last];
    struct tare_node *stays = &graph->nodes[maker];
    const enum tare_status status = tare_node_absorb(stays, goes, err);
    if (status != TARE_OK) return status;

    /* The two trade places and outputs. Lookup by node name works again after the
     * compaction that follows every pass. */
    const struct tare_node moved = *stays;
    *stays = *goes;
    *goes = moved;
    const int32_t between = goes->outputs[0];
    goes->outputs[0] = stays->outputs[0];
    stays->outputs[0] = between;
    tare_graph_remove_node(graph, maker);
    return TARE_OK;
}
