/* Products of activations that read and write where values lie: what would only move
 * these in front of a product or behind it does not run. */
#include "engine/build/views.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/build/weighted.h"

/* Of what readers a tensor has, those that can do without it. */
struct uses {
    size_t n, n_products;
    int depth; /* most nodes between it and a product */
};

/* One element of an axis. @param[out] at  which. */
static bool takes_one(const struct tare_lower *l, const struct tare_node *node,
                      int32_t *axis, int64_t *at)
{
    const struct tare_dims *x = &tare_lower_tensor(l, node->inputs[0])->dims;
    const struct tare_tensor *index = tare_lower_tensor(l, node->inputs[1]);
    if (!tare_tensor_is_const(index) || index->dtype != TARE_S64 ||
        index->dims.rank != 0 ||
        tare_node_axis(node, 0, x->rank, axis, NULL) != TARE_OK)
        return false;
    *at = *(const int64_t *)index->data;
    if (*at < 0) *at += x->d[*axis];
    return *at >= 0 && *at < x->d[*axis];
}

/* Whether the node gives its values, as `form`, other places and nothing else. */
static bool moves(const struct tare_lower *l, const struct tare_node *node,
                  enum tare_form form)
{
    switch (node->op) {
    case TARE_OP_TRANSPOSE:
    case TARE_OP_SLICE:
    case TARE_OP_SPLIT:
    case TARE_OP_IDENTITY:
    case TARE_OP_RESHAPE:
    case TARE_OP_FLATTEN:
    case TARE_OP_SQUEEZE:
    case TARE_OP_UNSQUEEZE:
    case TARE_OP_GATHER: break;
    default: return false;
    }
    const struct tare_tensor *x = tare_lower_tensor(l, node->inputs[0]);
    bool ok = tare_lower_has_memory(x) && (form != TARE_FORM_U8 || x->quant.held);
    int32_t axis;
    int64_t at;
    if (ok && node->op == TARE_OP_GATHER) ok = takes_one(l, node, &axis, &at);
    for (size_t i = 0; ok && i < node->n_outputs; i++) {
        ok = node->outputs[i] != TARE_NO_TENSOR;
        if (!ok) break;
        const struct tare_tensor *y = tare_lower_tensor(l, node->outputs[i]);
        ok = tare_lower_has_memory(y) &&
             tare_lower_out_form(l, node, node->outputs[i]) == form &&
             (form != TARE_FORM_U8 || tare_same_quant(&x->quant, &y->quant));
    }
    return ok;
}

/* What is no view of memory as it is. */
static bool copies(const struct tare_node *node)
{
    return node->op == TARE_OP_TRANSPOSE || node->op == TARE_OP_SLICE ||
           node->op == TARE_OP_SPLIT || node->op == TARE_OP_GATHER;
}

static bool is_product(const struct tare_lower *l, const struct tare_node *node)
{
    return node->op == TARE_OP_MATMUL && node->precision == TARE_PRECISION_INT8 &&
           !tare_is_weighted(l->graph, node) &&
           tare_lower_tensor(l, node->inputs[0])->dims.rank >= 2 &&
           tare_lower_tensor(l, node->inputs[1])->dims.rank >= 2 &&
           tare_lower_form(l, node, node->inputs[0]) == TARE_FORM_U8 &&
           tare_lower_form(l, node, node->inputs[1]) == TARE_FORM_U8;
}

static bool leads_to_products(const struct uses *uses)
{
    return uses->n > 0 && uses->n_products == uses->n && uses->depth < TARE_MAX_MOVES;
}

static bool all_lead(const struct tare_node *node, const struct uses *uses, int *depth)
{
    *depth = 0;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const struct uses *of = &uses[node->outputs[i]];
        if (!leads_to_products(of)) return false;
        if (of->depth > *depth) *depth = of->depth;
    }
    return true;
}

/* Count the readers, from the last node to the first. A second operand is packed, once;
 * rows of the first one are read for every block of columns, and far apart they cost
 * more than a copy. */
static void count_products(const struct tare_lower *l, struct uses *uses)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = g->n_nodes; i > 0; i--) {
        const struct tare_node *node = &g->nodes[i - 1];
        int depth;
        if (node->dead) continue;
        if (is_product(l, node)) {
            uses[node->inputs[1]].n_products++;
        } else if (moves(l, node, TARE_FORM_U8) && all_lead(node, uses, &depth)) {
            struct uses *of = &uses[node->inputs[0]];
            of->n_products++;
            if (depth + 1 > of->depth) of->depth = depth + 1;
        }
    }
}

/* A view of memory costs nothing: it stays where nothing is moved in front of it. */
static void settle(struct tare_lower *l, const struct uses *uses)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tare_node *node = &g->nodes[i];
        int depth;
        if (node->dead) continue;
        for (size_t k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != TARE_NO_TENSOR && uses[node->inputs[k]].n == 1)
                l->only_reader[node->inputs[k]] = (int32_t)i;
        if (!moves(l, node, TARE_FORM_U8) || !all_lead(node, uses, &depth)) continue;
        const int32_t before = g->tensors[node->inputs[0]].producer;
        if (copies(node) || (before >= 0 && l->fates[before] == TARE_FATE_LEFT_OUT))
            l->fates[i] = TARE_FATE_LEFT_OUT;
    }
}

enum tare_status tare_lower_plan_views(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = 0; i < g->n_tensors; i++)
        l->only_reader[i] = -1;
    if (!l->in_place) return TARE_OK;
    struct uses *uses = tare_alloc_array(g->n_tensors, sizeof *uses);
    size_t *counts = tare_alloc_array(g->n_tensors, sizeof *counts);
    enum tare_status st = TARE_OK;
    if (uses && counts) {
        tare_graph_count_uses(g, counts);
        for (size_t i = 0; i < g->n_tensors; i++)
            uses[i] = (struct uses){.n = counts[i]};
        count_products(l, uses);
        settle(l, uses);
    } else {
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    }
    tare_free(uses);
    tare_free(counts);
    return st;
}

static void view_dense(struct tare_view *view, const struct tare_dims *dims,
                       enum tare_format format)
{
    view->dims = *dims;
    view->offset = 0;
    tare_lower_strides(dims, format, 1, view->strides);
}

/* The same elements in the same order under other dims. From the last axis on, each
 * takes a part of those that follow each other at one distance. */
static bool view_reshape(struct tare_view *view, const struct tare_dims *dims)
{
    const struct tare_view from = *view;
    int axis = from.dims.rank;
    int64_t length = 1, stride = 1;
    view->dims = *dims;
    for (int i = dims->rank - 1; i >= 0; i--) {
        while (axis > 0 && (length == 1 || from.dims.d[axis - 1] == 1 ||
                            from.strides[axis - 1] == length * stride)) {
            axis--;
            if (from.dims.d[axis] == 1) continue;
            if (length == 1) stride = from.strides[axis];
            length *= from.dims.d[axis];
        }
        if (length % dims->d[i] != 0) return false;
        view->strides[i] = stride;
        stride *= dims->d[i];
        length /= dims->d[i];
    }
    return true;
}

static bool view_transpose(const struct tare_lower *l, const struct tare_node *node,
                           bool back, struct tare_view *view)
{
    const struct tare_view from = *view;
    int32_t permutation[TARE_MAX_RANK];
    if (tare_node_permutation(l->graph, node, permutation, NULL) != TARE_OK)
        return false;
    for (int i = 0; i < from.dims.rank; i++) {
        const int to = back ? permutation[i] : i, at = back ? i : permutation[i];
        view->dims.d[to] = from.dims.d[at];
        view->strides[to] = from.strides[at];
    }
    return true;
}

static bool view_slice(const struct tare_lower *l, const struct tare_node *node,
                       struct tare_view *view)
{
    struct tare_slice slice;
    if (tare_node_slice(l->graph, node, &slice, NULL) != TARE_OK) return false;
    for (int i = 0; i < view->dims.rank; i++) {
        if (slice.step[i] < 0) return false;
        view->offset += slice.start[i] * view->strides[i];
        view->strides[i] *= slice.step[i];
        view->dims.d[i] = slice.length[i];
    }
    return true;
}

static bool view_split(const struct tare_lower *l, const struct tare_node *node,
                       int32_t output, struct tare_view *view)
{
    int32_t axis;
    if (tare_node_axis(node, 0, view->dims.rank, &axis, NULL) != TARE_OK) return false;
    for (size_t i = 0; node->outputs[i] != output; i++)
        view->offset +=
            tare_lower_tensor(l, node->outputs[i])->dims.d[axis] * view->strides[axis];
    view->dims = tare_lower_tensor(l, output)->dims;
    return true;
}

static bool view_gather(const struct tare_lower *l, const struct tare_node *node,
                        struct tare_view *view)
{
    int32_t axis;
    int64_t at;
    if (!takes_one(l, node, &axis, &at)) return false;
    view->offset += at * view->strides[axis];
    view->dims.rank--;
    for (int i = axis; i < view->dims.rank; i++) {
        view->dims.d[i] = view->dims.d[i + 1];
        view->strides[i] = view->strides[i + 1];
    }
    return true;
}

/* From the view of what the node reads to that of one of its outputs. */
static bool view_forth(const struct tare_lower *l, const struct tare_node *node,
                       int32_t output, struct tare_view *view)
{
    switch (node->op) {
    case TARE_OP_TRANSPOSE: return view_transpose(l, node, false, view);
    case TARE_OP_SLICE: return view_slice(l, node, view);
    case TARE_OP_SPLIT: return view_split(l, node, output, view);
    case TARE_OP_GATHER: return view_gather(l, node, view);
    default: return view_reshape(view, &tare_lower_tensor(l, output)->dims);
    }
}

/* From the view of the node's output to that of what it reads. */
static bool view_back(const struct tare_lower *l, const struct tare_node *node,
                      struct tare_view *view)
{
    return node->op == TARE_OP_TRANSPOSE
               ? view_transpose(l, node, true, view)
               : view_reshape(view, &tare_lower_tensor(l, node->inputs[0])->dims);
}

/* Rows at such a distance share the same few sets of a cache, and drive each other out
 * of it. */
#define BAD_DISTANCE 4096

/* Of a matrix of more than one row. */
static bool is_bad_distance(int64_t n_rows, int64_t stride, int64_t elem_bytes)
{
    return n_rows > 1 && stride * elem_bytes % BAD_DISTANCE == 0;
}

/* The length of an axis counted from the last one, and the distance along it; 1 of what
 * has fewer axes. */
static struct tare_view_axis last_axis(const struct tare_view *view, int i)
{
    const int axis = view->dims.rank - 1 - i;
    return axis < 0 ? (struct tare_view_axis){1, 1}
                    : (struct tare_view_axis){view->dims.d[axis], view->strides[axis]};
}

struct tare_view_matrix tare_view_matrix(const struct tare_view *view)
{
    struct tare_view_matrix m = {.rows = last_axis(view, 1),
                                 .columns = last_axis(view, 0)};
    /* what is never stepped along is as if it lay dense */
    if (m.columns.length == 1) m.columns.stride = 1;
    if (m.rows.length == 1)
        m.rows.stride = m.columns.stride == 1 ? m.columns.length : 1;
    return m;
}

/* Rows that are contiguous and do not overlap; of a second operand, columns too. */
static bool is_matrix(const struct tare_view *view, bool second, int64_t elem_bytes)
{
    const struct tare_view_matrix m = tare_view_matrix(view);
    if (second && m.rows.stride == 1 && m.columns.stride >= m.rows.length)
        return !is_bad_distance(m.columns.length, m.columns.stride, elem_bytes);
    return m.columns.stride == 1 && m.rows.stride >= m.columns.length &&
           !is_bad_distance(m.rows.length, m.rows.stride, elem_bytes);
}

/* The operand as it lies in the tensor that nodes[n - 1] reads, all n of them left out.
 */
static bool view_from(const struct tare_lower *l, const struct tare_node *const *nodes,
                      int n, int32_t operand, struct tare_view *view)
{
    const int32_t root = nodes[n - 1]->inputs[0];
    *view = (struct tare_view){.tensor = root, .format = tare_lower_format(l, root)};
    view_dense(view, &tare_lower_tensor(l, root)->dims, view->format);
    for (int i = n - 1; i >= 0; i--) {
        const int32_t output = i > 0 ? nodes[i - 1]->inputs[0] : operand;
        if (!view_forth(l, nodes[i], output, view)) return false;
        view->nodes[view->n_nodes++] = nodes[i];
    }
    return is_matrix(view, true, 1);
}

void tare_lower_view_operand(const struct tare_lower *l, int32_t operand,
                             struct tare_view *view)
{
    const struct tare_graph *g = l->graph;
    const struct tare_node *nodes[TARE_MAX_MOVES];
    int n = 0;
    for (int32_t t = operand; n < TARE_MAX_MOVES; t = nodes[n++]->inputs[0]) {
        const int32_t producer = g->tensors[t].producer;
        if (producer < 0 || l->fates[producer] != TARE_FATE_LEFT_OUT) break;
        nodes[n] = &g->nodes[producer];
    }
    for (; n > 0; n--)
        if (view_from(l, nodes, n, operand, view)) return;
    *view = (struct tare_view){.tensor = operand, .format = TARE_LINEAR};
    view_dense(view, &tare_lower_tensor(l, operand)->dims, TARE_LINEAR);
}

/* The result as it lies in what nodes[n - 1] makes. */
static bool view_to(const struct tare_lower *l, const struct tare_node *const *nodes,
                    int n, int64_t elem_bytes, struct tare_view *view)
{
    const int32_t made = nodes[n - 1]->outputs[0];
    *view = (struct tare_view){.tensor = made, .format = TARE_LINEAR};
    view_dense(view, &tare_lower_tensor(l, made)->dims, TARE_LINEAR);
    for (int i = n - 1; i >= 0; i--) {
        if (!view_back(l, nodes[i], view)) return false;
        view->nodes[view->n_nodes++] = nodes[i];
    }
    return is_matrix(view, false, elem_bytes);
}

void tare_lower_view_result(struct tare_lower *l, const struct tare_node *product,
                            struct tare_view *view)
{
    const struct tare_graph *g = l->graph;
    const int32_t result = product->outputs[0];
    const enum tare_form form = tare_lower_out_form(l, product, result);
    const enum tare_dtype dtype = tare_form_dtype(form, tare_lower_tensor(l, result));
    const struct tare_node *nodes[TARE_MAX_MOVES];
    int n = 0;
    for (int32_t t = result; is_product(l, product) && n < TARE_MAX_MOVES;
         t = nodes[n++]->outputs[0]) {
        const int32_t reader = l->only_reader[t];
        if (reader < 0 || l->fates[reader] != TARE_FATE_RUNS) break;
        nodes[n] = &g->nodes[reader];
        if (nodes[n]->n_outputs != 1 || nodes[n]->inputs[0] != t ||
            !moves(l, nodes[n], form) ||
            (copies(nodes[n]) && nodes[n]->op != TARE_OP_TRANSPOSE))
            break;
    }
    for (; n > 0; n--) {
        if (nodes[n - 1]->op != TARE_OP_TRANSPOSE ||
            !view_to(l, nodes, n, tare_dtype_bytes(dtype), view))
            continue;
        for (int i = 0; i < n; i++)
            l->fates[nodes[i] - g->nodes] = TARE_FATE_PRODUCT;
        return;
    }
    *view = (struct tare_view){.tensor = result, .format = TARE_LINEAR};
    view_dense(view, &tare_lower_tensor(l, result)->dims, TARE_LINEAR);
}

size_t tare_lower_n_left_out(const struct tare_lower *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->graph->n_nodes; i++)
        n += l->fates[i] != TARE_FATE_RUNS;
    return n;
}
