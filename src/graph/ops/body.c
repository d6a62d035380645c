#include "graph/ops/body.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

size_t tare_node_n_own(const struct tare_node *node)
{
    size_t n_captures = 0;
    for (size_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].type == TARE_ATTR_GRAPH)
            n_captures += node->attrs[i].g->n_captures;
    return n_captures <= node->n_inputs ? node->n_inputs - n_captures : 0;
}

enum tare_status tare_node_find_body(const struct tare_node *node, const char *name,
                                     struct tare_graph **body, size_t *first,
                                     struct tare_error *err)
{
    *body = NULL;
    *first = tare_node_n_own(node);
    for (size_t i = 0; i < node->n_attrs; i++) {
        const struct tare_attr *attr = &node->attrs[i];
        if (attr->type != TARE_ATTR_GRAPH) continue;
        *body = attr->g;
        if (strcmp(attr->name, name) == 0) break;
        *first += attr->g->n_captures;
        *body = NULL;
    }
    if (!*body) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "no graph '%s'", name);
    if ((*body)->n_captures > (*body)->n_inputs ||
        *first + (*body)->n_captures > node->n_inputs)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "graph '%s' captures %zu of %zu inputs", name,
                       (*body)->n_captures, node->n_inputs);
    return TARE_OK;
}

/* A node that tare does not know, in the body or in one inside it; or NULL. */
static const struct tare_node *find_opaque(const struct tare_graph *body)
{
    const struct tare_node *found = NULL;
    for (size_t i = 0; i < body->n_nodes && !found; i++) {
        const struct tare_node *node = &body->nodes[i];
        if (node->op == TARE_OP_OPAQUE) return node;
        for (size_t k = 0; k < node->n_attrs && !found; k++)
            if (node->attrs[k].type == TARE_ATTR_GRAPH)
                found = find_opaque(node->attrs[k].g);
    }
    return found;
}

enum tare_status tare_node_body(const struct tare_node *node, const char *name,
                                struct tare_graph **body, size_t *first,
                                struct tare_error *err)
{
    const enum tare_status st = tare_node_find_body(node, name, body, first, err);
    if (st != TARE_OK) return st;
    const struct tare_node *odd = find_opaque(*body);
    if (odd)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "graph '%s' has node '%.60s' (%.40s): %.60s", name, odd->name,
                       tare_node_op_type(odd), odd->opaque->reason);
    return TARE_OK;
}

enum tare_status tare_const_copy(const struct tare_const *value, struct tare_const *out,
                                 struct tare_error *err)
{
    out->dtype = value->dtype;
    out->dims = value->dims;
    const enum tare_status st = tare_const_alloc(out, err);
    if (st == TARE_OK && out->n_bytes) memcpy(out->data, value->data, out->n_bytes);
    return st;
}

enum tare_status tare_stack_push(struct tare_stack *stack, struct tare_const *value,
                                 struct tare_error *err)
{
    const struct tare_const *first = stack->n ? &stack->items[0] : value;
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    enum tare_status st = TARE_OK;
    if (!tare_dims_equal(&first->dims, &value->dims) || first->dtype != value->dtype)
        st = tare_error_set(
            err, TARE_E_FORMAT, "an output is %s in one run of the body, %s in another",
            tare_dims_print(&first->dims, want), tare_dims_print(&value->dims, have));
    else if (!tare_grow(&stack->items, &stack->capacity, stack->n + 1,
                        sizeof *stack->items))
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for the runs of a body");
    if (st == TARE_OK)
        stack->items[stack->n++] = *value;
    else
        tare_free(value->data);
    *value = (struct tare_const){0};
    return st;
}

enum tare_status tare_stack_join(const struct tare_stack *stack, int64_t axis,
                                 bool reverse, const struct tare_tensor *like,
                                 struct tare_const *out, struct tare_error *err)
{
    const struct tare_dims none = {.rank = 0};
    const struct tare_dims *item = stack->n         ? &stack->items[0].dims
                                   : like->has_dims ? &like->dims
                                                    : &none;
    if (axis < 0) axis += item->rank + 1;
    TARE_FAIL_IF(axis < 0 || axis > item->rank || item->rank >= TARE_MAX_RANK, err,
                 TARE_E_FORMAT, "the runs of a body cannot be joined along axis %lld",
                 (long long)axis);
    out->dtype = stack->n ? stack->items[0].dtype : like->dtype;
    out->dims = *item;
    tare_dims_insert(&out->dims, (int32_t)axis);
    out->dims.d[axis] = (int64_t)stack->n;
    for (int32_t i = 0; i < out->dims.rank; i++) /* open axes of what never ran */
        if (out->dims.d[i] < 0) out->dims.d[i] = 0;
    const enum tare_status st = tare_const_alloc(out, err);
    if (st != TARE_OK || out->n_bytes == 0) return st;

    struct tare_strided_copy copy = {
        .dims = *item, .elem_bytes = (size_t)tare_dtype_bytes(out->dtype)};
    int64_t dense[TARE_MAX_RANK];
    tare_dims_strides(&out->dims, dense);
    tare_dims_strides(item, copy.src_stride);
    for (int32_t i = 0; i < item->rank; i++)
        copy.dst_stride[i] = dense[i < axis ? i : i + 1];
    for (size_t i = 0; i < stack->n; i++) {
        const size_t at = reverse ? stack->n - 1 - i : i;
        copy.src = stack->items[i].data;
        copy.dst = (uint8_t *)out->data + at * (size_t)dense[axis] * copy.elem_bytes;
        tare_strided_copy_run(&copy);
    }
    return TARE_OK;
}

void tare_stack_release(struct tare_stack *stack)
{
    for (size_t i = 0; i < stack->n; i++)
        tare_free(stack->items[i].data);
    tare_free(stack->items);
    *stack = (struct tare_stack){0};
}
