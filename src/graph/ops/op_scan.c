/* Scan (opset 9 on): a graph over the slices of tensors. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/body.h"
#include "graph/ops/ops.h"
#include "graph/run.h"

/* Inputs of the node: n_states values, n_scanned tensors, captures. Of the body: the
 * values, a slice of each tensor, captures. Its outputs: the values, then what is
 * stacked. */
struct scan {
    const struct tare_node *node;
    struct tare_graph *body;
    size_t first; /* capture among the node's inputs */
    size_t n_states, n_scanned, n_stacked;
    int64_t length;
    struct tare_const *inputs, *outputs; /* of the body */
    bool *is_ours;                       /* [body's inputs] memory is the scan's */
    struct tare_stack *stacks;
};

static enum tare_status open_scan(const struct tare_node *node, struct scan *scan,
                                  struct tare_error *err)
{
    *scan = (struct scan){.node = node};
    const enum tare_status st =
        tare_node_body(node, "body", &scan->body, &scan->first, err);
    if (st != TARE_OK) return st;
    const size_t n_own = tare_node_n_own(node);
    const int64_t n_scanned = tare_node_int(node, "num_scan_inputs", 0);
    if (n_scanned < 1 || (uint64_t)n_scanned > n_own)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "num_scan_inputs is %lld of %zu inputs", (long long)n_scanned,
                       n_own);
    scan->n_scanned = (size_t)n_scanned;
    scan->n_states = n_own - scan->n_scanned;
    if (scan->body->n_inputs - scan->body->n_captures != n_own ||
        scan->body->n_outputs < scan->n_states ||
        node->n_outputs > scan->body->n_outputs)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%zu inputs for a body of %zu inputs and %zu outputs", n_own,
                       scan->body->n_inputs - scan->body->n_captures,
                       scan->body->n_outputs);
    scan->n_stacked = scan->body->n_outputs - scan->n_states;
    return TARE_OK;
}

/* Element i of one of the lists of axes or directions; 0 where there is none. */
static int64_t entry(const struct tare_node *node, const char *name, size_t i)
{
    const struct tare_attr *attr = tare_node_attr(node, name);
    return attr && i < attr->n ? attr->ints[i] : 0;
}

static enum tare_status scan_axis(const struct scan *scan, size_t i,
                                  const struct tare_dims *dims, int32_t *axis,
                                  struct tare_error *err)
{
    int64_t at = entry(scan->node, "scan_input_axes", i);
    if (at < 0) at += dims->rank;
    if (at < 0 || at >= dims->rank)
        TARE_NODE_FAIL(scan->node, err, TARE_E_FORMAT,
                       "scan input %zu has rank %d and is scanned along axis %lld", i,
                       (int)dims->rank, (long long)at);
    *axis = (int32_t)at;
    return TARE_OK;
}

/* What comes out, eval tells. */
enum tare_status tare_infer_scan(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    struct scan scan;
    enum tare_status st = open_scan(node, &scan, err);
    int64_t length = -1;
    for (size_t i = 0; st == TARE_OK && i < scan.n_scanned; i++) {
        const struct tare_tensor *t = tare_op_input(graph, node, scan.n_states + i);
        int32_t axis;
        if (!t)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "scan input %zu is missing", i);
        st = scan_axis(&scan, i, &t->dims, &axis, err);
        if (st != TARE_OK) return st;
        if (length >= 0 && t->dims.d[axis] != length)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "scan input %zu has length %lld, the first %lld", i,
                           (long long)t->dims.d[axis], (long long)length);
        length = t->dims.d[axis];
    }
    return st;
}

static enum tare_status allocate(struct scan *scan, struct tare_error *err)
{
    scan->inputs = tare_alloc_array(scan->body->n_inputs, sizeof *scan->inputs);
    scan->outputs = tare_alloc_array(scan->body->n_outputs, sizeof *scan->outputs);
    scan->is_ours = tare_alloc_array(scan->body->n_inputs, sizeof *scan->is_ours);
    scan->stacks = tare_alloc_array(scan->n_stacked, sizeof *scan->stacks);
    if (!scan->inputs || !scan->outputs || !scan->is_ours || !scan->stacks)
        TARE_NODE_FAIL(scan->node, err, TARE_E_NOMEM, "%s", "no memory");
    return TARE_OK;
}

static void drop_input(struct scan *scan, size_t i)
{
    if (scan->is_ours[i]) tare_free(scan->inputs[i].data);
    scan->is_ours[i] = false;
}

static void release(struct scan *scan)
{
    for (size_t i = 0; scan->is_ours && scan->inputs && i < scan->body->n_inputs; i++)
        drop_input(scan, i);
    for (size_t i = 0; scan->stacks && i < scan->n_stacked; i++)
        tare_stack_release(&scan->stacks[i]);
    tare_free(scan->inputs);
    tare_free(scan->outputs);
    tare_free(scan->is_ours);
    tare_free(scan->stacks);
}

/* Slice `at` of scan input i. */
static enum tare_status cut(struct scan *scan, const struct tare_const *inputs,
                            size_t i, int64_t at, struct tare_error *err)
{
    const struct tare_const *x = &inputs[scan->n_states + i];
    const size_t to = scan->n_states + i;
    int32_t axis;
    int64_t stride[TARE_MAX_RANK];
    enum tare_status st = scan_axis(scan, i, &x->dims, &axis, err);
    if (st != TARE_OK) return st;
    drop_input(scan, to);
    struct tare_const *slice = &scan->inputs[to];
    *slice = (struct tare_const){.dtype = x->dtype, .dims = x->dims};
    tare_dims_remove(&slice->dims, axis);
    st = tare_const_alloc(slice, err);
    if (st != TARE_OK) return st;
    scan->is_ours[to] = true;
    if (entry(scan->node, "scan_input_directions", i)) at = scan->length - 1 - at;
    tare_dims_strides(&x->dims, stride);
    struct tare_strided_copy copy = {.dims = slice->dims,
                                     .elem_bytes = (size_t)tare_dtype_bytes(x->dtype),
                                     .dst = slice->data};
    copy.src = (const uint8_t *)x->data + (size_t)(at * stride[axis]) * copy.elem_bytes;
    tare_dims_strides(&slice->dims, copy.dst_stride);
    for (int32_t k = 0; k < slice->dims.rank; k++)
        copy.src_stride[k] = stride[k < axis ? k : k + 1];
    tare_strided_copy_run(&copy);
    return TARE_OK;
}

static enum tare_status step(struct scan *scan, const struct tare_const *inputs,
                             int64_t at, struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < scan->n_scanned; i++)
        st = cut(scan, inputs, i, at, err);
    if (st == TARE_OK)
        st = tare_graph_run(scan->body, scan->inputs, scan->outputs, err);
    if (st != TARE_OK) return st;
    for (size_t i = 0; i < scan->n_states; i++) {
        drop_input(scan, i);
        scan->inputs[i] = scan->outputs[i];
        scan->is_ours[i] = true;
        scan->outputs[i] = (struct tare_const){0};
    }
    for (size_t i = 0; i < scan->n_stacked; i++) {
        struct tare_const *value = &scan->outputs[scan->n_states + i];
        if (st == TARE_OK)
            st = tare_stack_push(&scan->stacks[i], value, err);
        else
            tare_free(value->data);
        *value = (struct tare_const){0};
    }
    return st;
}

static enum tare_status finish(struct scan *scan, struct tare_const *outputs,
                               struct tare_error *err)
{
    enum tare_status st = TARE_OK;
    const size_t n = scan->node->n_outputs;
    for (size_t i = 0; st == TARE_OK && i < scan->n_states && i < n; i++)
        st = tare_const_copy(&scan->inputs[i], &outputs[i], err);
    for (size_t i = 0; st == TARE_OK && i < scan->n_stacked; i++) {
        const size_t to = scan->n_states + i;
        if (to >= n) break;
        st = tare_stack_join(&scan->stacks[i], entry(scan->node, "scan_output_axes", i),
                             entry(scan->node, "scan_output_directions", i) != 0,
                             &scan->body->tensors[scan->body->outputs[to]],
                             &outputs[to], err);
    }
    return st;
}

enum tare_status tare_eval_scan(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct scan scan;
    int32_t axis = 0;
    (void)graph;
    enum tare_status st = open_scan(node, &scan, err);
    if (st != TARE_OK) return st;
    st = allocate(&scan, err);
    if (st == TARE_OK)
        st = scan_axis(&scan, 0, &inputs[scan.n_states].dims, &axis, err);
    if (st == TARE_OK) scan.length = inputs[scan.n_states].dims.d[axis];
    for (size_t i = 0; st == TARE_OK && i < scan.n_states; i++)
        scan.inputs[i] = inputs[i];
    for (size_t i = 0; st == TARE_OK && i < scan.body->n_captures; i++)
        scan.inputs[scan.n_states + scan.n_scanned + i] = inputs[scan.first + i];
    for (int64_t at = 0; st == TARE_OK && at < scan.length; at++)
        st = step(&scan, inputs, at, err);
    if (st == TARE_OK) st = finish(&scan, outputs, err);
    release(&scan);
    if (st != TARE_OK) tare_error_wrap(err, "node '%.80s' (Scan)", node->name);
    return st;
}
