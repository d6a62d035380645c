/* TopK: the greatest or least k elements along an axis, and where they are. Of equal
 * elements the first counts. */
#include <stdlib.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static enum tare_status read_k(const struct tare_graph *graph,
                               const struct tare_node *node, int64_t *k,
                               struct tare_error *err)
{
    *k = tare_node_int(node, "k", -1);
    if (graph->opset < 10) return TARE_OK;
    size_t n;
    bool given;
    const enum tare_status st =
        tare_op_ints(graph, node, "K", 1, 1, k, &n, &given, err);
    if (st == TARE_OK && n != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input 'K' has %zu values, want 1", n);
    return st;
}

enum tare_status tare_infer_topk(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims out = x->dims;
    const enum tare_dtype dtype = x->dtype;
    int32_t axis;
    int64_t k;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_node_axis(node, -1, out.rank, &axis, err);
    if (st == TARE_OK) st = read_k(graph, node, &k, err);
    if (st != TARE_OK) return st;
    if (k < 0 || k > out.d[axis])
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "k is %lld, axis %d has length %lld",
                       (long long)k, (int)axis, (long long)out.d[axis]);
    out.d[axis] = k;
    if (node->outputs[0] != TARE_NO_TENSOR)
        st = tare_op_set_output(graph, node, 0, dtype, &out, err);
    if (st == TARE_OK && node->n_outputs > 1 && node->outputs[1] != TARE_NO_TENSOR)
        st = tare_op_set_output(graph, node, 1, TARE_S64, &out, err);
    return st;
}

struct item {
    int64_t key, at;
};

/* The greater key first, then the lower index. */
static int compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Let the heap's item `i` sink: the last item in order is on top. */
static void sink(struct item *heap, int64_t n, int64_t i)
{
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(&heap[child + 1], &heap[child]) > 0) child++;
        if (compare(&heap[i], &heap[child]) >= 0) return;
        const struct item moved = heap[i];
        heap[i] = heap[child];
        heap[child] = moved;
    }
}

/* The first k items of a lane, in order: a heap keeps the k best so far. */
static void select_lane(const struct tare_const *x, int64_t at, int64_t n,
                        int64_t stride, bool largest, struct item *heap, int64_t k)
{
    int64_t keys[TARE_BLOCK];
    for (int64_t done = 0; done < n; done += TARE_BLOCK) {
        const int64_t m = tare_block(n - done);
        tare_const_read_keys(x, at + done * stride, stride, m, keys);
        for (int64_t i = 0; i < m; i++) {
            const struct item item = {largest ? keys[i] : ~keys[i], done + i};
            if (item.at < k) {
                heap[item.at] = item;
                for (int64_t j = k / 2 - 1; item.at == k - 1 && j >= 0; j--)
                    sink(heap, k, j);
            } else if (compare(&item, &heap[0]) < 0) {
                heap[0] = item;
                sink(heap, k, 0);
            }
        }
    }
    qsort(heap, (size_t)k, sizeof *heap, compare);
}

static void write_lane(const struct tare_const *x, const struct item *heap,
                       const struct tare_lanes *split, int64_t o, int64_t i, int64_t k,
                       struct tare_const *values, struct tare_const *indices)
{
    const int64_t from = o * split->n * split->inner + i;
    for (int64_t j = 0; j < k; j++) {
        const int64_t to = (o * k + j) * split->inner + i;
        const int64_t at = from + heap[j].at * split->inner;
        if (values && x->dtype == TARE_F32)
            ((float *)values->data)[to] = ((const float *)x->data)[at];
        else if (values)
            tare_const_set_int(values, to, tare_const_get_int(x, at));
        if (indices) ((int64_t *)indices->data)[to] = heap[j].at;
    }
}

enum tare_status tare_eval_topk(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_const *wanted[2] = {NULL, NULL};
    int32_t axis;
    int64_t k = 0;
    enum tare_status st = tare_node_axis(node, -1, inputs[0].dims.rank, &axis, err);
    for (size_t i = 0; st == TARE_OK && i < node->n_outputs && i < 2; i++) {
        if (node->outputs[i] == TARE_NO_TENSOR) continue;
        wanted[i] = &outputs[i];
        k = outputs[i].dims.d[axis];
        st = tare_const_alloc(&outputs[i], err);
    }
    if (st != TARE_OK || k == 0 || tare_dims_count(&inputs[0].dims) == 0) return st;
    const struct tare_lanes split = tare_dims_lanes(&inputs[0].dims, axis);
    const bool largest = tare_node_int(node, "largest", 1) != 0;
    struct item *heap = tare_alloc_array((size_t)k, sizeof *heap);
    TARE_FAIL_IF(!heap, err, TARE_E_NOMEM, "no memory for %lld elements", (long long)k);
    for (int64_t o = 0; o < split.outer; o++)
        for (int64_t i = 0; i < split.inner; i++) {
            select_lane(&inputs[0], o * split.n * split.inner + i, split.n, split.inner,
                        largest, heap, k);
            write_lane(&inputs[0], heap, &split, o, i, k, wanted[0], wanted[1]);
        }
    tare_free(heap);
    return TARE_OK;
}
