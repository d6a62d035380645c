/* Concat and Split. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static enum tare_status concat_axis(const struct tare_graph *graph,
                                    const struct tare_node *node, int32_t *axis,
                                    struct tare_error *err)
{
    if (!tare_node_attr(node, "axis"))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "attribute 'axis' is missing");
    return tare_node_axis(node, 0, tare_op_input(graph, node, 0)->dims.rank, axis, err);
}

/* Input `i` has input 0's dtype, rank and lengths, but for `axis`. */
static enum tare_status check_part(const struct tare_graph *graph,
                                   const struct tare_node *node, size_t i, int32_t axis,
                                   struct tare_error *err)
{
    const struct tare_tensor *first = tare_op_input(graph, node, 0);
    const struct tare_tensor *part = tare_op_input(graph, node, i);
    if (!part) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %zu is left out", i);
    if (part->dtype != first->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %zu is %s, input 0 is %s", i,
                       tare_dtype_name(part->dtype), tare_dtype_name(first->dtype));
    struct tare_dims expected = part->dims;
    if (part->dims.rank == first->dims.rank) expected.d[axis] = first->dims.d[axis];
    char text[TARE_DIMS_TEXT], text_first[TARE_DIMS_TEXT];
    if (!tare_dims_equal(&expected, &first->dims))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input %zu is %.60s, input 0 is %.60s; only axis %d may differ",
                       i, tare_dims_print(&part->dims, text),
                       tare_dims_print(&first->dims, text_first), (int)axis);
    return TARE_OK;
}

enum tare_status tare_infer_concat(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    int32_t axis;
    enum tare_status st = concat_axis(graph, node, &axis, err);
    if (st != TARE_OK) return st;
    const struct tare_tensor *first = tare_op_input(graph, node, 0);
    struct tare_dims out = first->dims;
    for (size_t i = 1; i < node->n_inputs; i++) {
        st = check_part(graph, node, i, axis, err);
        if (st != TARE_OK) return st;
        if (__builtin_add_overflow(
                out.d[axis], tare_op_input(graph, node, i)->dims.d[axis], &out.d[axis]))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                           "the output is too large");
    }
    return tare_op_set_output(graph, node, 0, first->dtype, &out, err);
}

/* Copy a part to or from its place at `at` along `axis` of a whole. */
static void copy_part(const struct tare_const *src, int64_t src_at,
                      struct tare_const *dst, int64_t dst_at,
                      const struct tare_dims *part, int32_t axis)
{
    struct tare_strided_copy copy = {.dims = *part,
                                     .elem_bytes = (size_t)tare_dtype_bytes(dst->dtype),
                                     .src = src->data,
                                     .dst = dst->data};
    const int64_t elem = (int64_t)copy.elem_bytes;
    tare_dims_strides(&src->dims, copy.src_stride);
    tare_dims_strides(&dst->dims, copy.dst_stride);
    if (tare_dims_count(part) == 0) return;
    copy.src += src_at * copy.src_stride[axis] * elem;
    copy.dst += dst_at * copy.dst_stride[axis] * elem;
    tare_strided_copy_run(&copy);
}

enum tare_status tare_eval_concat(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    int32_t axis;
    enum tare_status st = concat_axis(graph, node, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    int64_t at = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        copy_part(&inputs[i], 0, &outputs[0], at, &inputs[i].dims, axis);
        at += inputs[i].dims.d[axis];
    }
    return TARE_OK;
}

enum tare_status tare_infer_split(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    int32_t axis;
    int64_t *lengths = tare_alloc_array(node->n_outputs, sizeof *lengths);
    if (!lengths)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "no memory for %zu outputs",
                       node->n_outputs);
    enum tare_status st = tare_node_split(graph, node, &axis, lengths, err);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        struct tare_dims out = x->dims;
        out.d[axis] = lengths[i];
        st = tare_op_set_output(graph, node, i, x->dtype, &out, err);
    }
    tare_free(lengths);
    return st;
}

enum tare_status tare_eval_split(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, 0, inputs[0].dims.rank, &axis, err);
    int64_t at = 0;
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs; i++) {
        st = tare_const_alloc(&outputs[i], err);
        if (st != TARE_OK) break;
        copy_part(&inputs[0], at, &outputs[i], 0, &outputs[i].dims, axis);
        at += outputs[i].dims.d[axis];
    }
    return st;
}
