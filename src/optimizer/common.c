/* Of nodes that compute the same from the same, the first stays: the others' readers
 * read its outputs. Tensors that are outputs keep their makers, for their names. */
#include <string.h>

#include "base/dims.h"
#include "optimizer/pass.h"

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool same_tensor(const struct tare_graph *graph, int32_t a, int32_t b)
{
    if (a == b) return true;
    if (a < 0 || b < 0) return false;
    const struct tare_tensor *x = &graph->tensors[a], *y = &graph->tensors[b];
    return tare_tensor_is_const(x) && tare_tensor_is_const(y) && x->dtype == y->dtype &&
           x->n_bytes == y->n_bytes && tare_dims_equal(&x->dims, &y->dims) &&
           same_bytes(x->data, y->data, x->n_bytes);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Bodies of If, Loop and Scan are not compared: they count as different. */
static bool same_attr(const struct tare_attr *a, const struct tare_attr *b)
{
    return !a->g && !b->g && a->type == b->type && a->i == b->i &&
           same_bytes(&a->f, &b->f, sizeof a->f) && same_text(a->s, b->s) &&
           a->n == b->n && !a->ints == !b->ints && !a->floats == !b->floats &&
           same_bytes(a->ints, b->ints, a->ints ? a->n * sizeof *a->ints : 0) &&
           same_bytes(a->floats, b->floats, a->floats ? a->n * sizeof *a->floats : 0) &&
           a->t.dtype == b->t.dtype && a->t.n_bytes == b->t.n_bytes &&
           tare_dims_equal(&a->t.dims, &b->t.dims) &&
           same_bytes(a->t.data, b->t.data, a->t.n_bytes);
}

static bool same_attrs(const struct tare_node *a, const struct tare_node *b)
{
    if (a->n_attrs != b->n_attrs) return false;
    for (size_t i = 0; i < a->n_attrs; i++) {
        const struct tare_attr *other = tare_node_attr(b, a->attrs[i].name);
        if (!other || !same_attr(&a->attrs[i], other)) return false;
    }
    return true;
}

static bool same_work(const struct tare_graph *graph, const struct tare_node *a,
                      const struct tare_node *b)
{
    if (a->dead || a->op != b->op || a->n_inputs != b->n_inputs ||
        a->n_outputs != b->n_outputs ||
        a->fused.has_residual != b->fused.has_residual ||
        a->fused.negative_slope != b->fused.negative_slope ||
        a->fused.lower != b->fused.lower || a->fused.upper != b->fused.upper)
        return false;
    for (size_t i = 0; i < a->n_inputs; i++)
        if (!same_tensor(graph, a->inputs[i], b->inputs[i])) return false;
    for (size_t i = 0; i < a->n_outputs; i++)
        if ((a->outputs[i] < 0) != (b->outputs[i] < 0)) return false;
    return same_attrs(a, b);
}

/* Readers of the outputs can read others. */
static bool can_go(const struct tare_graph *graph, const struct tare_node *node)
{
    if (node->dead || node->n_inputs == 0 || node->op == TARE_OP_OPAQUE ||
        node->op == TARE_OP_PLUGIN)
        return false;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const int32_t id = node->outputs[i];
        if (id >= 0 && (tare_graph_is_output(graph, id) ||
                        tare_tensor_is_const(&graph->tensors[id])))
            return false;
    }
    return true;
}

static enum tare_status merge(struct tare_graph *graph, int32_t stays, int32_t goes,
                              struct tare_error *err)
{
    struct tare_node *first = &graph->nodes[stays], *second = &graph->nodes[goes];
    const enum tare_status status = tare_node_absorb(first, second, err);
    if (status != TARE_OK) return status;
    for (size_t i = 0; i < first->n_outputs; i++)
        if (first->outputs[i] >= 0)
            tare_graph_replace_uses(graph, second->outputs[i], first->outputs[i]);
    tare_graph_remove_node(graph, goes);
    return TARE_OK;
}

enum tare_status tare_pass_common(struct tare_graph *graph, bool *changed,
                                  struct tare_error *err)
{
    for (size_t i = 1; i < graph->n_nodes; i++) {
        if (!can_go(graph, &graph->nodes[i])) continue;
        size_t twin = 0;
        while (twin < i && !same_work(graph, &graph->nodes[twin], &graph->nodes[i]))
            twin++;
        if (twin == i) continue;
        const enum tare_status status = merge(graph, (int32_t)twin, (int32_t)i, err);
        if (status != TARE_OK) return status;
        *changed = true;
    }
    return TARE_OK;
}
