/* Unique: the different slices along an axis, or elements, of a tensor. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/ops/stable_sort.h"
#include "graph/params.h"

/* The input is [outer, n, inner]; the parts that are compared are its n slices, without
 * `axis` its elements. Slices are known by their index along the axis. */
struct unique {
    const struct tare_const *x;
    bool flat;
    int32_t axis;
    int64_t outer, n, inner;
    int64_t n_unique;
    int64_t *first;   /* [n_unique] where each different slice is seen first */
    int64_t *inverse; /* [n] which of the different ones a slice is */
    int64_t *counts;  /* [n_unique] */
    int64_t *order, *same, *storage;
};

static int compare_elements(const struct tare_const *x, int64_t a, int64_t b)
{
    if (x->dtype == TARE_F32) {
        const float *values = x->data;
        const float left = values[a], right = values[b];
        if (isnan(left) || isnan(right)) return !!isnan(left) - !!isnan(right);
        return (left > right) - (left < right);
    }
    const int64_t left = tare_const_get_int(x, a), right = tare_const_get_int(x, b);
    if (x->dtype == TARE_U64)
        return ((uint64_t)left > (uint64_t)right) - ((uint64_t)left < (uint64_t)right);
    return (left > right) - (left < right);
}

/* Slices are ordered by their first element that differs; NaN is the largest. */
static int compare_slices(const void *context, int64_t a, int64_t b)
{
    const struct unique *u = context;
    for (int64_t o = 0; o < u->outer; o++)
        for (int64_t i = 0; i < u->inner; i++) {
            const int64_t at = o * u->n * u->inner + i;
            const int result =
                compare_elements(u->x, at + a * u->inner, at + b * u->inner);
            if (result != 0) return result;
        }
    return 0;
}

static void number_slices(struct unique *u, bool sorted)
{
    for (int64_t i = 0; i < u->n; i++) {
        const int64_t at = u->order[i];
        const bool is_new = i == 0 || compare_slices(u, u->order[i - 1], at) != 0;
        u->same[at] = is_new ? at : u->same[u->order[i - 1]];
    }
    u->n_unique = 0;
    for (int64_t i = 0; i < u->n; i++) {
        const int64_t at = sorted ? u->order[i] : i;
        if (u->same[at] != at) continue;
        u->first[u->n_unique] = at;
        u->inverse[at] = u->n_unique++;
    }
    for (int64_t i = 0; i < u->n; i++) {
        u->inverse[i] = u->inverse[u->same[i]];
        u->counts[u->inverse[i]]++;
    }
}

/* @param[out] u  release u->storage. */
static enum tare_status find_unique(const struct tare_node *node,
                                    const struct tare_const *x, struct unique *u,
                                    struct tare_error *err)
{
    const struct tare_dims *dims = &x->dims;
    *u = (struct unique){.x = x, .flat = !tare_node_attr(node, "axis")};
    u->outer = u->inner = 1;
    u->n = u->flat ? tare_dims_count(dims) : 0;
    if (!u->flat) {
        const enum tare_status st = tare_node_axis(node, 0, dims->rank, &u->axis, err);
        if (st != TARE_OK) return st;
        u->n = dims->d[u->axis];
        if (!tare_axes_product(dims->d, u->axis, &u->outer) ||
            !tare_axes_product(dims->d + u->axis + 1, dims->rank - u->axis - 1,
                               &u->inner))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                           "the input is too large");
    }
    if (u->n > INT32_MAX)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%lld slices are too many",
                       (long long)u->n);
    u->storage = tare_alloc_array(5 * (size_t)u->n, sizeof *u->storage);
    if (!u->storage)
        TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "no memory to compare %lld slices",
                       (long long)u->n);
    u->first = u->storage;
    u->inverse = u->first + u->n;
    u->counts = u->inverse + u->n;
    u->order = u->counts + u->n;
    u->same = u->order + u->n;
    for (int64_t i = 0; i < u->n; i++)
        u->order[i] = i;
    tare_stable_sort(u->order, u->same, u->n, compare_slices, u);
    number_slices(u, tare_node_int(node, "sorted", 1) != 0);
    return TARE_OK;
}

enum tare_status tare_infer_unique(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    struct tare_const x;
    struct unique u;
    enum tare_status st = tare_op_value(graph, node, "X", 0, &x, err);
    if (st == TARE_OK) st = find_unique(node, &x, &u, err);
    if (st != TARE_OK) return st;
    tare_free(u.storage);
    struct tare_dims out = {.rank = 1};
    if (!u.flat) out = x.dims;
    out.d[u.axis] = u.n_unique;
    if (tare_op_has_output(node, 0))
        st = tare_op_set_output(graph, node, 0, x.dtype, &out, err);
    for (size_t i = 1; i < 4 && st == TARE_OK; i++) {
        const struct tare_dims list = {.rank = 1, .d = {i == 2 ? u.n : u.n_unique}};
        if (tare_op_has_output(node, i))
            st = tare_op_set_output(graph, node, i, TARE_S64, &list, err);
    }
    return st;
}

static void copy_slices(const struct unique *u, struct tare_const *y)
{
    const size_t block = (size_t)u->inner * (size_t)tare_dtype_bytes(y->dtype);
    const uint8_t *src = u->x->data;
    uint8_t *dst = y->data;
    if (y->n_bytes == 0) return;
    for (int64_t o = 0; o < u->outer; o++)
        for (int64_t i = 0; i < u->n_unique; i++, dst += block)
            memcpy(dst, src + (size_t)(o * u->n + u->first[i]) * block, block);
}

enum tare_status tare_eval_unique(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct unique u;
    enum tare_status st = find_unique(node, &inputs[0], &u, err);
    if (st != TARE_OK) return st;
    const int64_t *const lists[] = {NULL, u.first, u.inverse, u.counts};
    for (size_t i = 0; i < 4 && st == TARE_OK; i++) {
        if (!tare_op_has_output(node, i)) continue;
        st = tare_const_alloc(&outputs[i], err);
        if (st != TARE_OK) break;
        if (i == 0)
            copy_slices(&u, &outputs[0]);
        else
            memcpy(outputs[i].data, lists[i], outputs[i].n_bytes);
    }
    tare_free(u.storage);
    return st;
}
