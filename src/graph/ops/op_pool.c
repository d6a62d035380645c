/* MaxPool, AveragePool, LpPool over one to three axes, and their global kin. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/window.h"

static enum tare_status check_norm(const struct tare_node *node, struct tare_error *err)
{
    const int64_t p = tare_node_int(node, "p", 2);
    if (p < 1) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "p is %lld", (long long)p);
    return TARE_OK;
}

enum tare_status tare_infer_pool(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    const bool is_max = node->op == TARE_OP_MAX_POOL;
    struct tare_spatial s;
    enum tare_status st = check_norm(node, err);
    if (st == TARE_OK)
        st = tare_op_want_dtype(graph, node, 0,
                                is_max ? TARE_IS_FLOAT | TARE_IS(TARE_U8) |
                                             TARE_IS(TARE_S8)
                                       : TARE_IS_FLOAT,
                                err);
    if (st == TARE_OK) st = tare_node_window_nd(graph, node, &s, err);
    if (st != TARE_OK) return st;
    const struct tare_dims out = tare_spatial_dims(&s);
    if (node->n_outputs > 1)
        st = tare_op_set_output(graph, node, 1, TARE_S64, &out, err);
    return st == TARE_OK
               ? tare_op_set_output(graph, node, 0,
                                    tare_op_input(graph, node, 0)->dtype, &out, err)
               : st;
}

/* The taps of one window along one axis that lie in the input: `n` of them, from input
 * index `first` on, `step` apart. `n_padded` more or fewer count for an average. */
struct taps {
    int64_t first, n, step, n_padded;
};

static struct taps find_taps(const struct tare_spatial *s, int axis, int64_t o)
{
    const int64_t step = s->dilation[axis], kernel = s->kernel[axis];
    const int64_t start = o * s->stride[axis] - s->pad_begin[axis];
    const int64_t skipped = start < 0 ? (-start + step - 1) / step : 0;
    const int64_t end = s->in[axis], padded_end = end + s->pad_end[axis];
    const int64_t in_front = start < end ? (end - start + step - 1) / step : 0;
    const int64_t counted =
        start < padded_end ? (padded_end - start + step - 1) / step : 0;
    const int64_t last = in_front < kernel ? in_front : kernel;
    return (struct taps){.first = start + skipped * step,
                         .n = last > skipped ? last - skipped : 0,
                         .step = step,
                         .n_padded = counted < kernel ? counted : kernel};
}

struct pool {
    struct tare_spatial s;
    enum tare_op op;
    bool counts_padding, column_major;
    int64_t p; /* of LpPool */
};

/* The largest value of a window, and where in its plane it is. */
static int64_t find_max(const struct pool *pool, const float *x,
                        const struct taps taps[TARE_MAX_SPATIAL])
{
    const int64_t *in = pool->s.in;
    int64_t best = -1;
    for (int64_t a = 0, i = taps[0].first; a < taps[0].n; a++, i += taps[0].step)
        for (int64_t b = 0, j = taps[1].first; b < taps[1].n; b++, j += taps[1].step)
            for (int64_t c = 0, k = taps[2].first; c < taps[2].n;
                 c++, k += taps[2].step) {
                const int64_t at = (i * in[1] + j) * in[2] + k;
                if (best < 0 || x[at] > x[best]) best = at;
            }
    return best;
}

static float pool_sum(const struct pool *pool, const float *x,
                      const struct taps taps[TARE_MAX_SPATIAL])
{
    const int64_t *in = pool->s.in;
    const bool is_norm = pool->op == TARE_OP_LP_POOL;
    double sum = 0.0;
    for (int64_t a = 0, i = taps[0].first; a < taps[0].n; a++, i += taps[0].step)
        for (int64_t b = 0, j = taps[1].first; b < taps[1].n; b++, j += taps[1].step) {
            const float *row = x + (i * in[1] + j) * in[2];
            for (int64_t c = 0, k = taps[2].first; c < taps[2].n;
                 c++, k += taps[2].step)
                sum += is_norm ? pow(fabs((double)row[k]), (double)pool->p)
                               : (double)row[k];
        }
    if (is_norm) return (float)pow(sum, 1.0 / (double)pool->p);
    double n = 1.0;
    for (int i = 0; i < TARE_MAX_SPATIAL; i++)
        n *= (double)(pool->counts_padding ? taps[i].n_padded : taps[i].n);
    return (float)(sum / n);
}

/* ONNX's index of a value: into the whole input, but with storage_order 1 counting a
 * plane's first axis fastest. */
static int64_t index_of(const struct pool *pool, int64_t plane, int64_t at)
{
    const int64_t *in = pool->s.in;
    const int64_t size = in[0] * in[1] * in[2];
    if (!pool->column_major) return plane * size + at;
    const int64_t k = at % in[2], j = at / in[2] % in[1], i = at / in[2] / in[1];
    return plane * size + i + (j + k * in[1]) * in[0];
}

/* One plane. `indices` is NULL unless wanted. */
static void pool_plane(const struct pool *pool, int64_t plane, const float *x, float *y,
                       int64_t *indices)
{
    const struct tare_spatial *s = &pool->s;
    struct taps taps[TARE_MAX_SPATIAL];
    for (int64_t o0 = 0; o0 < s->out[0]; o0++) {
        taps[0] = find_taps(s, 0, o0);
        for (int64_t o1 = 0; o1 < s->out[1]; o1++) {
            taps[1] = find_taps(s, 1, o1);
            for (int64_t o2 = 0; o2 < s->out[2]; o2++) {
                taps[2] = find_taps(s, 2, o2);
                if (pool->op != TARE_OP_MAX_POOL) {
                    *y++ = pool_sum(pool, x, taps);
                    continue;
                }
                const int64_t best = find_max(pool, x, taps);
                *y++ = x[best];
                if (indices) *indices++ = index_of(pool, plane, best);
            }
        }
    }
}

static enum tare_status pool_planes(const struct pool *pool, const float *x, float *y,
                                    struct tare_const *indices, struct tare_error *err)
{
    const int64_t n_in = pool->s.in[0] * pool->s.in[1] * pool->s.in[2];
    const int64_t n_out = pool->s.out[0] * pool->s.out[1] * pool->s.out[2];
    if (indices) {
        const enum tare_status st = tare_const_alloc(indices, err);
        if (st != TARE_OK) return st;
    }
    for (int64_t i = 0; i < pool->s.batch * pool->s.in_c; i++)
        pool_plane(pool, i, x + i * n_in, y + i * n_out,
                   indices ? (int64_t *)indices->data + i * n_out : NULL);
    return TARE_OK;
}

/* Pool bytes as floats, which hold them exactly. */
static enum tare_status pool_bytes(const struct pool *pool, const struct tare_const *x,
                                   struct tare_const *y, struct tare_const *indices,
                                   struct tare_error *err)
{
    const int64_t n_in = tare_dims_count(&x->dims), n_out = tare_dims_count(&y->dims);
    float *from = tare_alloc_array((size_t)n_in, sizeof *from);
    float *to = tare_alloc_array((size_t)n_out, sizeof *to);
    enum tare_status st = TARE_OK;
    if (!from || !to) {
        st = tare_error_set(err, TARE_E_NOMEM, "no memory for %lld values",
                            (long long)(n_in + n_out));
    } else {
        for (int64_t i = 0; i < n_in; i++)
            from[i] = (float)tare_const_get_int(x, i);
        st = pool_planes(pool, from, to, indices, err);
        for (int64_t i = 0; i < n_out && st == TARE_OK; i++)
            tare_const_set_int(y, i, (int64_t)to[i]);
    }
    tare_free(from);
    tare_free(to);
    return st;
}

enum tare_status tare_eval_pool(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    struct pool pool = {.op = node->op,
                        .counts_padding = tare_node_int(node, "count_include_pad", 0),
                        .column_major = tare_node_int(node, "storage_order", 0),
                        .p = tare_node_int(node, "p", 2)};
    enum tare_status st = tare_node_window_nd(graph, node, &pool.s, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    pool.s = tare_spatial_widen(&pool.s);
    struct tare_const *indices = node->n_outputs > 1 ? &outputs[1] : NULL;
    if (inputs[0].dtype != TARE_F32)
        return pool_bytes(&pool, &inputs[0], &outputs[0], indices, err);
    return pool_planes(&pool, inputs[0].data, outputs[0].data, indices, err);
}

enum tare_status tare_infer_global_pool(struct tare_graph *graph,
                                        struct tare_node *node, struct tare_error *err)
{
    struct tare_dims dims = tare_op_input(graph, node, 0)->dims;
    enum tare_status st = check_norm(node, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    char text[TARE_DIMS_TEXT];
    if (st != TARE_OK) return st;
    for (int i = 2; i < dims.rank; i++)
        if (dims.d[i] == 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s: empty planes",
                           tare_dims_print(&dims, text));
    if (dims.rank < 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 2 or more",
                       tare_dims_print(&dims, text));
    for (int i = 2; i < dims.rank; i++)
        dims.d[i] = 1;
    return tare_op_set_output(graph, node, 0, TARE_F32, &dims, err);
}

static double global_norm(const float *x, int64_t n, double p)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += pow(fabs((double)x[i]), p);
    return pow(sum, 1.0 / p);
}

static double global_mean(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static double global_max(const float *x, int64_t n)
{
    float most = x[0];
    for (int64_t i = 1; i < n; i++)
        if (x[i] > most) most = x[i];
    return (double)most;
}

enum tare_status tare_eval_global_pool(const struct tare_graph *graph,
                                       const struct tare_node *node,
                                       const struct tare_const *inputs,
                                       struct tare_const *outputs,
                                       struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    const int64_t n_planes = tare_dims_count(&outputs[0].dims);
    if (st != TARE_OK || n_planes == 0) return st;
    const int64_t n = tare_dims_count(&inputs[0].dims) / n_planes;
    const double p = (double)tare_node_int(node, "p", 2);
    const float *x = inputs[0].data;
    float *y = outputs[0].data;
    for (int64_t i = 0; i < n_planes; i++, x += n)
        y[i] = (float)(node->op == TARE_OP_GLOBAL_LP_POOL    ? global_norm(x, n, p)
                       : node->op == TARE_OP_GLOBAL_MAX_POOL ? global_max(x, n)
                                                             : global_mean(x, n));
    return TARE_OK;
}
