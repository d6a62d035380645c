#include "graph/params.h"

#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* A value in [-n, n) as one in [0, n). */
static bool resolve(int64_t value, int32_t n, int32_t *out)
{
    if (value < -n || value >= n) return false;
    *out = (int32_t)(value < 0 ? value + n : value);
    return true;
}

enum tare_status tare_node_axis(const struct tare_node *node, int64_t fallback,
                                int32_t rank, int32_t *axis, struct tare_error *err)
{
    const int64_t value = tare_node_int(node, "axis", fallback);
    if (!resolve(value, rank, axis))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld, but the input has rank %d",
                       (long long)value, (int)rank);
    return TARE_OK;
}

enum tare_status tare_node_axes(const struct tare_graph *graph,
                                const struct tare_node *node, int32_t rank,
                                bool axes[TARE_MAX_RANK], bool *named,
                                struct tare_error *err)
{
    int64_t list[TARE_MAX_RANK];
    size_t n;
    const enum tare_status st =
        tare_op_ints(graph, node, "axes", 1, TARE_MAX_RANK, list, &n, named, err);
    if (st != TARE_OK) return st;
    *named = n > 0;
    memset(axes, 0, TARE_MAX_RANK * sizeof *axes);
    for (size_t i = 0; i < n; i++) {
        int32_t axis;
        if (!resolve(list[i], rank, &axis))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld, but rank is %d",
                           (long long)list[i], (int)rank);
        if (axes[axis])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld is named twice",
                           (long long)list[i]);
        axes[axis] = true;
    }
    return TARE_OK;
}

enum tare_status tare_node_reduce_axes(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       bool reduced[TARE_MAX_RANK], bool *keepdims,
                                       struct tare_error *err)
{
    const int32_t rank = tare_op_input(graph, node, 0)->dims.rank;
    bool named;
    const enum tare_status st = tare_node_axes(graph, node, rank, reduced, &named, err);
    if (st != TARE_OK) return st;
    if (!named && !tare_node_int(node, "noop_with_empty_axes", 0))
        for (int32_t i = 0; i < rank; i++)
            reduced[i] = true;
    *keepdims = tare_node_int(node, "keepdims", 1) != 0;
    return TARE_OK;
}

enum tare_status tare_node_softmax_axes(const struct tare_graph *graph,
                                        const struct tare_node *node, int64_t *outer,
                                        int64_t *n, int64_t *inner,
                                        struct tare_error *err)
{
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    const bool joins_axes = graph->opset < 13;
    int32_t axis = 0;
    const enum tare_status st =
        tare_node_axis(node, joins_axes ? 1 : -1, dims->rank, &axis, err);
    if (st != TARE_OK) return st;
    const int32_t end = joins_axes ? dims->rank : axis + 1;
    if (!tare_axes_product(dims->d, axis, outer) ||
        !tare_axes_product(dims->d + axis, end - axis, n) ||
        !tare_axes_product(dims->d + end, dims->rank - end, inner))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    return TARE_OK;
}

enum tare_status tare_node_permutation(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       int32_t permutation[TARE_MAX_RANK],
                                       struct tare_error *err)
{
    const int32_t rank = tare_op_input(graph, node, 0)->dims.rank;
    const struct tare_attr *attr = tare_node_attr(node, "perm");
    bool seen[TARE_MAX_RANK] = {false};
    if (attr && attr->n != (size_t)rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "perm has %zu values, the input has rank %d", attr->n,
                       (int)rank);
    for (int32_t i = 0; i < rank; i++) {
        const int64_t axis = attr ? attr->ints[i] : rank - 1 - i;
        if (axis < 0 || axis >= rank || seen[axis])
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "perm is not a permutation of 0 to %d: value %lld at %d",
                           (int)rank - 1, (long long)axis, (int)i);
        seen[axis] = true;
        permutation[i] = (int32_t)axis;
    }
    return TARE_OK;
}

/* The axis that is -1 gets what the others leave of `count`. */
static bool fill_wildcard(struct tare_dims *out, int32_t wildcard, int64_t count)
{
    int64_t product;
    if (wildcard >= 0) out->d[wildcard] = 1;
    if (!tare_axes_product(out->d, out->rank, &product)) return false;
    if (wildcard < 0) return product == count;
    if (product == 0 || count % product != 0) return false;
    out->d[wildcard] = count / product;
    return true;
}

enum tare_status tare_node_reshape_dims(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        struct tare_dims *out, struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    const bool zero_copies = tare_node_int(node, "allowzero", 0) == 0;
    size_t n;
    bool given;
    const enum tare_status st =
        tare_op_ints(graph, node, "shape", 1, TARE_MAX_RANK, out->d, &n, &given, err);
    if (st != TARE_OK) return st;
    out->rank = (int32_t)n;

    const struct tare_dims wanted = *out;
    int32_t wildcard = -1;
    for (int32_t i = 0; i < out->rank; i++) {
        if (out->d[i] < -1 || (out->d[i] == -1 && wildcard >= 0))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "shape has %lld at %d, want lengths and at most one -1",
                           (long long)out->d[i], (int)i);
        if (out->d[i] == -1) wildcard = i;
        if (out->d[i] == 0 && zero_copies) {
            if (i >= in->rank)
                TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                               "shape copies axis %d, but the input has rank %d",
                               (int)i, (int)in->rank);
            out->d[i] = in->d[i];
        }
    }
    char from[TARE_DIMS_TEXT], to[TARE_DIMS_TEXT];
    if (!fill_wildcard(out, wildcard, tare_dims_count(in)))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not reshape to %.80s",
                       tare_dims_print(in, from), tare_dims_print(&wanted, to));
    return TARE_OK;
}

bool tare_node_cast_rounds(const struct tare_node *node)
{
    const int64_t to = tare_node_int(node, "to", 0);
    return node->op == TARE_OP_CAST &&
           (to == TARE_ONNX_FLOAT16 || to == TARE_ONNX_BFLOAT16);
}

bool tare_node_clip_is_fixed(const struct tare_graph *graph,
                             const struct tare_node *node)
{
    const struct tare_tensor *lower = tare_op_input(graph, node, 1);
    const struct tare_tensor *upper = tare_op_input(graph, node, 2);
    return tare_op_input(graph, node, 0)->dtype == TARE_F32 &&
           (!lower || lower->data) && (!upper || upper->data);
}

enum tare_status tare_node_clip_bounds(const struct tare_graph *graph,
                                       const struct tare_node *node, float *lower,
                                       float *upper, struct tare_error *err)
{
    enum tare_status st = tare_op_float(graph, node, "min", 1, -INFINITY, lower, err);
    if (st == TARE_OK) st = tare_op_float(graph, node, "max", 2, INFINITY, upper, err);
    if (st != TARE_OK) return st;
    if (isnan(*lower) || isnan(*upper))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is NaN",
                       isnan(*lower) ? "min" : "max");
    return TARE_OK;
}

enum tare_status tare_node_gemm(const struct tare_graph *graph,
                                const struct tare_node *node, struct tare_gemm *out,
                                struct tare_error *err)
{
    const struct tare_dims *a = &tare_op_input(graph, node, 0)->dims;
    const struct tare_dims *b = &tare_op_input(graph, node, 1)->dims;
    char text[TARE_DIMS_TEXT];
    if (a->rank != 2 || b->rank != 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %s is %.80s, want rank 2",
                       a->rank != 2 ? "A" : "B",
                       tare_dims_print(a->rank != 2 ? a : b, text));
    out->trans_a = tare_node_int(node, "transA", 0) != 0;
    out->trans_b = tare_node_int(node, "transB", 0) != 0;
    out->alpha = tare_node_float(node, "alpha", 1.0F);
    out->beta = tare_node_float(node, "beta", 1.0F);
    out->m = a->d[out->trans_a ? 1 : 0];
    out->k = a->d[out->trans_a ? 0 : 1];
    out->n = b->d[out->trans_b ? 0 : 1];
    const int64_t b_k = b->d[out->trans_b ? 1 : 0];
    if (b_k != out->k)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "A has %lld columns, B has %lld rows",
                       (long long)out->k, (long long)b_k);
    return TARE_OK;
}

bool tare_dims_broadcast(const struct tare_dims *a, const struct tare_dims *b,
                         struct tare_dims *out)
{
    struct tare_dims made = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int32_t i = 0; i < made.rank; i++) {
        const int32_t from_a = i - (made.rank - a->rank);
        const int32_t from_b = i - (made.rank - b->rank);
        const int64_t n_a = from_a < 0 ? 1 : a->d[from_a];
        const int64_t n_b = from_b < 0 ? 1 : b->d[from_b];
        if (n_a != n_b && n_a != 1 && n_b != 1) return false;
        made.d[i] = n_a == 1 ? n_b : n_a;
    }
    *out = made;
    return true;
}
